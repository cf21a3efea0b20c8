import hashlib
from pathlib import Path
from typing import Any

import yaml

from safelight_local import binaries, install, paths, shell, up
from safelight_local.cluster import Cluster
from safelight_local.install import Installation, Storage


def _installation(state: Path, programs: Path) -> Installation:
    return Installation(
        cluster=Cluster(state / "kubeconfig", "", "", None, programs / "kubectl"),
        helm=programs / "helm",
        namespace="safelight",
        storage=Storage("http://198.18.0.1:7070", "photos", "us-east-1", "key", "secret"),
        images=up.image_values({"api": "a1", "operator": "o1", "processor": "p1"}),
        api=up.API,
        state=state,
    )


def test_the_chart_accepts_the_values_and_uses_them(tmp_path: Path, local_binaries: Path) -> None:
    installation = _installation(tmp_path, local_binaries)
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(installation.values()))
    version = f"--kube-version={binaries.KUBERNETES_VERSION}"
    rendered = shell.run(
        installation.helm, "template", "safelight", paths.CHART, "--values", values, version
    )
    documents: list[dict[str, Any]] = [d for d in yaml.safe_load_all(rendered) if d]
    images = {
        container["image"]
        for document in documents
        if document["kind"] == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"localhost/safelight-api:a1", "localhost/safelight-operator:o1"}
    assert "localhost/safelight-processor:p1" in rendered
    (service,) = [document for document in documents if document["kind"] == "Service"]
    assert service["spec"]["type"] == "NodePort"
    assert [port["nodePort"] for port in service["spec"]["ports"]] == [up.NODE_PORT]


def test_secrets_hold_the_hash_of_a_token_that_stays(tmp_path: Path) -> None:
    installation = _installation(tmp_path, tmp_path)
    token = installation.token()
    assert _installation(tmp_path, tmp_path).token() == token
    tokens, storage = installation.secrets()
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert tokens["stringData"] == {"local": digest}
    assert storage["stringData"] == {"access-key-id": "key", "secret-access-key": "secret"}
    assert token not in str(tokens)


def test_nothing_secret_is_shown() -> None:
    storage = Storage("http://s3", "photos", "us-east-1", "the-key", "the-secret")
    assert "the-key" not in repr(storage)
    assert "the-secret" not in repr(storage)


def test_the_namespace_enforces_the_restricted_standard() -> None:
    labels = install.namespace("safelight")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_merging_keeps_what_only_one_has() -> None:
    first = {"api": {"image": {"tag": "1"}, "replicas": 1}, "a": 1}
    second = {"api": {"image": {"tag": "2"}}, "b": {"c": 1}}
    assert install.merged(first, second) == {
        "api": {"image": {"tag": "2"}, "replicas": 1},
        "a": 1,
        "b": {"c": 1},
    }

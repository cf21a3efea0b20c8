"""`make up KUBE_CONTEXT=name S3_ENDPOINT=…`: the chart in a cluster that somebody else runs."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from safelight_local import (
    binaries,
    cache,
    control_plane,
    install,
    object_storage,
    paths,
    processes,
)
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError
from safelight_local.install import Installation, Storage
from safelight_local.processes import Daemon
from safelight_local.progress import Progress
from safelight_local.up import finish, wait_for_api

SETTINGS: Final = {
    "KUBE_CONTEXT": "a context of your kubeconfig",
    "S3_ENDPOINT": "URL of the S3 server, as nodes and pods reach it",
    "S3_BUCKET": "a bucket that exists",
    "S3_ACCESS_KEY_ID": "whose rights API and operator have in it",
    "S3_SECRET_ACCESS_KEY": "its secret",
    "S3_REGION": "us-east-1 if it is not given",
    "IMAGE_REGISTRY": "where the images safelight-api, -operator, -processor were pushed to",
    "IMAGE_TAG": "their tag; the chart's version if it is not given",
    "NAMESPACE": "safelight if it is not given",
}
_NEEDED: Final = (
    "S3_ENDPOINT",
    "S3_BUCKET",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "IMAGE_REGISTRY",
)


def up(variables: Mapping[str, str], progress: Progress, photo: Path | None) -> dict[str, str]:
    """Install the chart into an existing cluster, and send a photo through it.

    Args:
        variables: the `SETTINGS`.
        progress: is told each step.
        photo: what to send; None: nothing.

    Raises:
        LocalError: a setting is missing, or something failed.
    """
    missing = [name for name in _NEEDED if not variables.get(name)]
    if missing:
        table = "\n".join(f"  {name:<22}{text}" for name, text in SETTINGS.items())
        raise LocalError(f"set {', '.join(missing)} as well:\n{table}")
    installation = describe(variables, progress)
    installation.install(progress)
    url = _forward(installation)
    kubeconfig = installation.state / "kubeconfig"
    cache.write_atomically(
        kubeconfig,
        installation.cluster.kubectl("config", "view", "--raw", "--minify", "--flatten"),
        mode=0o600,
    )
    wait_for_api(installation, url, progress)
    return finish(installation, url, kubeconfig, photo, progress)


def down(variables: Mapping[str, str], progress: Progress) -> None:
    """Uninstall the chart; custom resource definitions, images and the namespace stay.

    Raises:
        LocalError: Helm failed.
    """
    installation = describe(variables, progress)
    with progress.step(f"Uninstall the chart from namespace {installation.namespace}"):
        for process in list(processes.find(installation.state)):
            processes.stop(process)
        installation.uninstall()


def describe(variables: Mapping[str, str], progress: Progress) -> Installation:
    """Return the installation that the settings speak of.

    Raises:
        LocalError: kubectl or Helm is missing and could not be built.
    """
    context = variables["KUBE_CONTEXT"]
    kubectl, helm = (_program(name, progress) for name in ("kubectl", "helm"))
    tag = {"tag": variables["IMAGE_TAG"]} if variables.get("IMAGE_TAG") else {}
    image: dict[str, Any] = {"registry": variables.get("IMAGE_REGISTRY", ""), **tag}
    home = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    return Installation(
        cluster=Cluster(home, "", "", None, kubectl, context),
        helm=helm,
        namespace=variables.get("NAMESPACE") or install.NAMESPACE,
        storage=Storage(
            endpoint=variables.get("S3_ENDPOINT", ""),
            bucket=variables.get("S3_BUCKET", ""),
            region=variables.get("S3_REGION") or object_storage.REGION,
            access_key_id=variables.get("S3_ACCESS_KEY_ID", ""),
            secret_access_key=variables.get("S3_SECRET_ACCESS_KEY", ""),
        ),
        images={"image": image},
        api={},
        state=paths.STATE / "contexts" / context.replace("/", "_"),
    )


def _program(name: str, progress: Progress) -> Path:
    found = shutil.which(name)
    return Path(found) if found else binaries.ensure(progress) / name


def _forward(installation: Installation) -> str:
    """Have kubectl lead a port of 127.0.0.1 to the Service; return its URL."""
    port_file = installation.state / "port"
    if not port_file.is_file():
        cache.write_atomically(port_file, str(control_plane.free_ports(1)[0]))
    cluster = installation.cluster
    port = port_file.read_text()
    daemon = Daemon(
        name="port-forward",
        command=(
            str(cluster.kubectl_program),
            f"--kubeconfig={cluster.kubeconfig}",
            f"--context={cluster.context}",
            f"--namespace={installation.namespace}",
            "port-forward",
            f"service/{install.RELEASE}-api",
            f"{port}:80",
        ),
        owner=installation.state,
        log=installation.state / "logs" / "port-forward.log",
    )
    # One from an earlier run leads to a pod that may be gone.
    processes.stop_daemon(daemon)
    processes.ensure(daemon)
    return f"http://127.0.0.1:{port}"

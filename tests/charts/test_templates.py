"""What the chart renders, with its toggles on and off."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight_api.server import NOTICE_SECONDS
from safelight_contract.recipe import (
    Animation,
    ColourSpace,
    Credits,
    Engine,
    Fit,
    Profile,
    Recipe,
    Rendition,
)
from safelight_local import paths
from tests.support.chart import REQUIRED, Helm, Rendered
from tests.support.settings import UNITS, variables

DIGEST = "sha256:" + "a" * 64
DEPLOYMENTS = ("safelight-api", "safelight-operator")


@pytest.fixture(scope="module")
def rendered(helm: Helm) -> Rendered:
    """The chart with its defaults."""
    return helm.template()


def test_the_defaults_install_these_objects(rendered: Rendered) -> None:
    assert sorted((manifest.kind, manifest.name) for manifest in rendered) == [
        ("CustomResourceDefinition", "availableimages.safelight.dev"),
        ("CustomResourceDefinition", "imageuploads.safelight.dev"),
        ("Deployment", "safelight-api"),
        ("Deployment", "safelight-operator"),
        ("NetworkPolicy", "safelight-api"),
        ("NetworkPolicy", "safelight-operator"),
        ("NetworkPolicy", "safelight-processor"),
        ("Role", "safelight-api"),
        ("Role", "safelight-operator"),
        ("RoleBinding", "safelight-api"),
        ("RoleBinding", "safelight-operator"),
        ("Service", "safelight-api"),
        ("ServiceAccount", "safelight-api"),
        ("ServiceAccount", "safelight-operator"),
        ("ServiceAccount", "safelight-processor"),
        ("ValidatingAdmissionPolicy", "safelight-safelight-jobs"),
        ("ValidatingAdmissionPolicyBinding", "safelight-safelight-jobs"),
    ]


@pytest.mark.parametrize(
    ("toggle", "kinds"),
    [
        ("crds.enabled", {"CustomResourceDefinition"}),
        ("networkPolicy.enabled", {"NetworkPolicy"}),
        (
            "admissionPolicy.enabled",
            {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
        ),
    ],
)
def test_what_is_switched_off_is_not_there(
    helm: Helm,
    rendered: Rendered,
    toggle: str,
    kinds: set[str],
) -> None:
    assert rendered.kinds() - helm.template({toggle: False}).kinds() == kinds


def test_all_names_come_from_the_release(helm: Helm) -> None:
    """Cluster-scoped ones from the namespace too: two installations do not share them."""
    for manifest in helm.template(release="photos", namespace="team"):
        if manifest.kind.startswith("ValidatingAdmissionPolicy"):
            assert manifest.name == "team-photos-jobs"
        elif manifest.kind != "CustomResourceDefinition":
            assert manifest.name.startswith("photos-")
            assert manifest.content["metadata"]["namespace"] == "team"


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_gets_settings_that_it_accepts(
    rendered: Rendered,
    unit: str,
    tmp_path: Path,
) -> None:
    """All variables of the chart are read, and the unit starts with them."""
    environment = rendered.one("Deployment", f"safelight-{unit}").environment
    taken = {
        "SAFELIGHT_TOKENS_DIRECTORY": str(tmp_path),
        "SAFELIGHT_NAMESPACE": "safelight",
        "SAFELIGHT_POD_NAME": "safelight-operator-0",
        "SAFELIGHT_POD_IP": "198.51.100.8",
        "SAFELIGHT_S3_ACCESS_KEY_ID": "key",
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": "secret",
    }
    given = {name: value or taken[name] for name, value in environment.items()}
    read = variables(unit, {**given, **taken})
    assert set(environment) <= set(read)
    assert set(read) - set(environment) <= {"SAFELIGHT_HOST"}


@pytest.mark.parametrize("unit", UNITS)
def test_the_defaults_of_chart_and_unit_agree(rendered: Rendered, unit: str) -> None:
    chosen_by_the_chart = {
        "SAFELIGHT_DRAIN_SECONDS",  # as long as an upload may take
        "SAFELIGHT_TEMPORARY_DIRECTORY",  # the root of the container is read-only
        "SAFELIGHT_MAX_TEMPORARY_BYTES",  # 50 uploads of the largest size
        "SAFELIGHT_RECIPE",  # all of it is written out: see the next test
    }
    environment = rendered.one("Deployment", f"safelight-{unit}").environment
    for name, variable in variables(unit).items():
        if variable.default is not None and name in environment.keys() - chosen_by_the_chart:
            assert environment[name] == variable.default, name


def test_the_default_recipe_of_chart_and_contract_agree(rendered: Rendered) -> None:
    text = rendered.one("Deployment", "safelight-operator").environment["SAFELIGHT_RECIPE"]
    assert text is not None
    assert Recipe.decode(text) == Recipe()
    assert set(json.loads(text)) == set(Recipe().to_dict())


def test_a_recipe_and_the_accepted_formats_reach_both_units(helm: Helm) -> None:
    rendered = helm.template(
        {
            "formats.accepted": ["heic", "jpeg"],
            "processor.recipe.format": "webp",
            "processor.recipe.quality": 70,
            "processor.recipe.animation": "refuse",
            "processor.recipe.colour": "display-p3",
            "processor.recipe.credits": "keep",
            "processor.recipe.profile": "small",
            "processor.recipe.engine": "pillow",
            "processor.recipe.variants": [
                {"name": "square", "width": 240, "height": 240, "fit": "cover", "quality": 60},
                {"name": "print", "width": 3000, "formats": ["same", "jpeg"]},
            ],
        },
    )
    text = rendered.one("Deployment", "safelight-operator").environment["SAFELIGHT_RECIPE"]
    assert text is not None
    assert Recipe.decode(text) == Recipe(
        accepted=("heic", "jpeg"),
        format="webp",
        quality=70,
        variants=(
            Rendition("square", 240, 240, Fit.COVER, quality=60),
            Rendition("print", 3000, formats=("same", "jpeg")),
        ),
        animation=Animation.REFUSE,
        colour=ColourSpace.DISPLAY_P3,
        credits=Credits.KEEP,
        profile=Profile.SMALL,
        engine=Engine.PILLOW,
    )
    api = rendered.one("Deployment", "safelight-api").environment
    assert api["SAFELIGHT_ACCEPTED_FORMATS"] == "heic,jpeg"


def test_an_empty_list_of_variants_means_none(helm: Helm) -> None:
    rendered = helm.template({"processor.recipe.variants": []})
    text = rendered.one("Deployment", "safelight-operator").environment["SAFELIGHT_RECIPE"]
    assert text is not None
    assert Recipe.decode(text) == Recipe(variants=())


def test_values_reach_the_units(helm: Helm) -> None:
    rendered = helm.template(
        {
            "logLevel": "debug",
            "limits.maxUploadBytes": 10_485_760,
            "limits.concurrentUploads": 100,
            "limits.uploadIdleSeconds": 7.5,
            "limits.uploadTotalSeconds": 60,
            "limits.maxPending": 1_000_000,
            "limits.maxPendingPerToken": 500_000,
            "limits.maxConcurrentJobs": 7,
            "limits.jobsPerSecond": 0.5,
            "limits.failedRetentionSeconds": 31_536_000,
            "api.s3Connections": 8,
            "operator.resyncSeconds": 100,
            "operator.stalledAfterSeconds": 30,
            "operator.sweep": "delete",
            "operator.sweepSeconds": 600,
            "processor.memory": "1Gi",
            "processor.cpuRequest": "1",
            "processor.cpuLimit": "4",
            "processor.deadlineSeconds": 300,
        },
    )
    api = rendered.one("Deployment", "safelight-api").environment
    operator = rendered.one("Deployment", "safelight-operator").environment
    expected = {
        "LOG_LEVEL": "debug",
        "MAX_UPLOAD_BYTES": "10485760",
        "MAX_TEMPORARY_BYTES": "1048576000",
        "UPLOAD_IDLE_SECONDS": "7.5",
        "UPLOAD_TOTAL_SECONDS": "60",
        "DRAIN_SECONDS": "65",
        "MAX_PENDING": "1000000",
        "MAX_PENDING_PER_TOKEN": "500000",
        "S3_CONNECTIONS": "8",
    }
    assert {f"SAFELIGHT_{name}": value for name, value in expected.items()}.items() <= api.items()
    expected = {
        "LOG_LEVEL": "debug",
        "MAX_CONCURRENT_JOBS": "7",
        "JOBS_PER_SECOND": "0.5",
        "FAILED_RETENTION_SECONDS": "31536000",
        "RESYNC_SECONDS": "100",
        "STALLED_AFTER_SECONDS": "30",
        "SWEEP": "delete",
        "SWEEP_SECONDS": "600",
        "PROCESSOR_MEMORY": "1Gi",
        "PROCESSOR_CPU_REQUEST": "1",
        "PROCESSOR_CPU_LIMIT": "4",
        "JOB_DEADLINE_SECONDS": "300",
    }
    ours = {f"SAFELIGHT_{name}": value for name, value in expected.items()}
    assert ours.items() <= operator.items()


def test_a_pod_outlives_the_uploads_that_it_is_receiving(helm: Helm) -> None:
    api = helm.template({"limits.uploadTotalSeconds": 300}).one("Deployment", "safelight-api")
    (container,) = api.pod["containers"]
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(api.environment["SAFELIGHT_DRAIN_SECONDS"] or 0)
    assert drain > 300
    assert api.pod["terminationGracePeriodSeconds"] > sleep + NOTICE_SECONDS + drain
    assert api.content["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_api_refuses_uploads_before_its_pod_is_evicted(rendered: Rendered) -> None:
    api = rendered.one("Deployment", "safelight-api")
    (volume,) = (v for v in api.pod["volumes"] if "emptyDir" in v)
    limit = int(api.environment["SAFELIGHT_MAX_TEMPORARY_BYTES"] or 0)
    assert limit < volume["emptyDir"]["sizeLimit"] <= limit + 2**26


@pytest.mark.parametrize(
    ("changes", "api", "processor"),
    [
        ({}, "safelight-api:0.1.0", "safelight-processor:0.1.0"),
        ({"image.tag": "main"}, "safelight-api:main", "safelight-processor:main"),
        (
            {"image.tag": "main", "api.image.tag": "fix", "processor.image.repository": "p"},
            "safelight-api:fix",
            "p:main",
        ),
        (
            {"image.tag": "main", "processor.image.tag": "fix", "processor.image.digest": DIGEST},
            "safelight-api:main",
            f"safelight-processor@{DIGEST}",
        ),
    ],
)
def test_the_digest_wins_over_the_tag(
    helm: Helm,
    changes: dict[str, object],
    api: str,
    processor: str,
) -> None:
    rendered = helm.template(changes)
    registry = REQUIRED["image.registry"]
    (container,) = rendered.one("Deployment", "safelight-api").pod["containers"]
    assert container["image"] == f"{registry}/{api}"
    operator = rendered.one("Deployment", "safelight-operator").environment
    assert operator["SAFELIGHT_PROCESSOR_IMAGE"] == f"{registry}/{processor}"
    policy = rendered.one("ValidatingAdmissionPolicy", "safelight-safelight-jobs")
    assert f"image == '{registry}/{processor}'" in json.dumps(policy.content)


def test_scheduling_reaches_the_pods(helm: Helm) -> None:
    common: dict[str, Any] = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
    }
    values = {f"{u}.{k}": v for u in (*UNITS, "processor") for k, v in common.items()}
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    rendered = helm.template(
        values
        | {
            "processor.runtimeClassName": "gvisor",
            "image.pullSecrets": ["registry"],
            "api.topologySpreadConstraints": spread,
            "api.podLabels": {"team": "photos"},
            "api.podAnnotations": {"note": "x"},
        },
    )
    for name in DEPLOYMENTS:
        pod = rendered.one("Deployment", name).pod
        assert common.items() <= pod.items()
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
    api = rendered.one("Deployment", "safelight-api").content["spec"]["template"]
    assert api["spec"]["topologySpreadConstraints"] == spread
    assert api["metadata"]["labels"]["team"] == "photos"
    assert api["metadata"]["annotations"] == {"note": "x"}
    operator = rendered.one("Deployment", "safelight-operator").environment
    assert json.loads(operator["SAFELIGHT_PROCESSOR_POD"] or "") == common | {
        "runtimeClassName": "gvisor",
        "imagePullSecrets": [{"name": "registry"}],
    }
    policy = json.dumps(
        rendered.one("ValidatingAdmissionPolicy", "safelight-safelight-jobs").content
    )
    assert "== 'gvisor'" in policy
    assert "== 'high'" in policy


def test_only_the_units_that_call_the_api_server_have_a_token(rendered: Rendered) -> None:
    for unit in (*UNITS, "processor"):
        account = rendered.one("ServiceAccount", f"safelight-{unit}")
        assert account.content["automountServiceAccountToken"] is False
    for name in DEPLOYMENTS:
        pod = rendered.one("Deployment", name).pod
        assert pod["automountServiceAccountToken"] is True
        assert pod["serviceAccountName"] == name
        assert pod["enableServiceLinks"] is False


def test_roles_name_every_verb_and_nothing_cluster_wide(rendered: Rendered) -> None:
    assert not rendered.kinds() & {"ClusterRole", "ClusterRoleBinding"}
    for manifest in rendered:
        if manifest.kind == "Role":
            for rule in manifest.content["rules"]:
                assert "*" not in json.dumps(rule)
                assert "secrets" not in rule["resources"]


def test_one_replica_needs_no_budget_and_two_have_one(helm: Helm, rendered: Rendered) -> None:
    assert "PodDisruptionBudget" not in rendered.kinds()
    budget = helm.template({"api.replicas": 2}).one("PodDisruptionBudget", "safelight-api")
    assert budget.content["spec"]["maxUnavailable"] == 1


def test_the_service_has_the_type_and_port_of_the_values(helm: Helm) -> None:
    values = {"api.service.type": "NodePort", "api.service.nodePort": 30080}
    spec = helm.template(values).one("Service", "safelight-api").content["spec"]
    assert spec["type"] == "NodePort"
    assert spec["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080},
    ]


def test_the_ingress_leads_to_the_api_alone(helm: Helm, rendered: Rendered) -> None:
    assert "Ingress" not in rendered.kinds()
    values = {"api.ingress.enabled": True, "api.ingress.host": "photos.example.com"}
    tls = {"api.ingress.tlsSecret": "certificate", "api.ingress.className": "nginx"}
    spec = helm.template(values | tls).one("Ingress", "safelight-api").content["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["photos.example.com"], "secretName": "certificate"}]
    (rule,) = spec["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/api"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_probes_ask_a_port_that_the_container_has(rendered: Rendered, name: str) -> None:
    (container,) = rendered.one("Deployment", name).pod["containers"]
    ports = {port["name"] for port in container["ports"]}
    probes = {
        probe: container[f"{probe}Probe"]["httpGet"]
        for probe in ("startup", "liveness", "readiness")
    }
    assert {get["port"] for get in probes.values()} <= ports
    assert {probe: get["path"] for probe, get in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }


@pytest.mark.parametrize("folder", ["api", "operator", "processor_image"])
def test_images_have_a_numeric_user(folder: str) -> None:
    """The kubelet cannot tell whether a named user is root, and refuses the pod."""
    lines = (paths.ROOT / folder / "Dockerfile").read_text().splitlines()
    (user,) = (line.split()[1] for line in lines if line.startswith("USER "))
    assert int(user.partition(":")[0]) > 0


def test_the_definitions_are_those_of_the_repository(rendered: Rendered) -> None:
    ours = {m.name: m.content for m in rendered if m.kind == "CustomResourceDefinition"}
    theirs = [yaml.safe_load(path.read_text()) for path in sorted(paths.CRDS.glob("*.yaml"))]
    assert ours == {crd["metadata"]["name"]: crd for crd in theirs}

"""What the operator's account may start: its own Job, and none of the changed ones."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest

from safelight_contract.job import JobRequest, SignedPut
from safelight_contract.resources import ImageUploadSpec
from safelight_local.cluster import Cluster
from safelight_operator import manifest
from safelight_operator.conditions import Status
from safelight_operator.settings import Settings
from safelight_operator.world import Upload
from tests.charts.conftest import Release
from tests.support.chart import RELEASE, REQUIRED, Helm, Rendered
from tests.support.settings import REQUIRED as REQUIRED_SETTINGS
from tests.support.waiting import eventually

Change = Callable[[dict[str, Any]], object]
Create = Callable[..., httpx.Response]
REFUSED = httpx.codes.UNPROCESSABLE_ENTITY
ID = "550e8400-e29b-41d4-a716-446655440000"
UID = "8ecdf378-7c62-45c4-b90b-e26d453bdfe9"
CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}
CSI = {"csi": {"driver": "secrets-store.csi.k8s.io"}}
PROJECTED = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


def own_job(rendered: Rendered) -> dict[str, Any]:
    """Return the Job that the operator makes with the chart's settings."""
    given = rendered.one("Deployment", f"{RELEASE}-operator").environment
    settings = Settings.read(REQUIRED_SETTINGS | {k: v for k, v in given.items() if v is not None})
    upload = Upload(
        id=ID,
        uid=UID,
        resource_version="1",
        generation=1,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        deleting=False,
        spec=ImageUploadSpec("holiday.jpg", "image/jpeg", 1, "0" * 64),
        status=Status(),
    )
    storage = REQUIRED["objectStorage.endpoint"]
    request = JobRequest(
        upload_id=ID,
        upload_uid=UID,
        attempt=1,
        file_name="holiday.jpg",
        media_type="image/jpeg",
        size=1,
        sha256="0" * 64,
        source_url=f"{storage}/photos/original",
        image=SignedPut(f"{storage}/photos/image", {}),
        manifest=SignedPut(f"{storage}/photos/manifest", {}),
        hint_url=None,
    )
    return manifest.job(upload, request, settings.processor)


def create_job(
    api_server: httpx.Client,
    namespace: str,
    job: dict[str, Any],
    unit: str = "operator",
) -> httpx.Response:
    """Try to create a Job as the ServiceAccount of a unit; nothing is kept."""
    return api_server.post(
        f"/apis/batch/v1/namespaces/{namespace}/jobs",
        params={"dryRun": "All", "fieldValidation": "Strict"},
        headers={
            "Impersonate-User": f"system:serviceaccount:{namespace}:{RELEASE}-{unit}",
            "Impersonate-Group": "system:authenticated",
        },
        json=job,
    )


def wait_for_policy(create: Create, job: dict[str, Any]) -> None:
    """Wait until a new policy is enforced, which takes the API server a moment."""
    eventually(lambda: create(changed(job, set_image)).status_code, lambda code: code == REFUSED)


@pytest.fixture(scope="module")
def job(helm: Helm, release: Release) -> dict[str, Any]:
    """The operator's own Job in the release."""
    return own_job(helm.template({"crds.enabled": False}, namespace=release.namespace))


@pytest.fixture(scope="module")
def create(api_server: httpx.Client, release: Release, job: dict[str, Any]) -> Create:
    """Try to create a Job in the release, where the policy is enforced."""
    attempt = partial(create_job, api_server, release.namespace)
    wait_for_policy(attempt, job)
    return attempt


def changed(job: dict[str, Any], change: Change) -> dict[str, Any]:
    """Return a copy of the Job with one change."""
    result = copy.deepcopy(job)
    change(result)
    return result


def pod(job: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of the Job's pod."""
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def container(job: dict[str, Any]) -> dict[str, Any]:
    """Return the Job's one container."""
    only: dict[str, Any] = pod(job)["containers"][0]
    return only


def security(job: dict[str, Any]) -> dict[str, Any]:
    """Return the security context of the Job's container."""
    context: dict[str, Any] = container(job)["securityContext"]
    return context


def set_image(job: dict[str, Any]) -> None:
    """Run another image."""
    container(job)["image"] = "docker.io/library/busybox"


def pod_with(**fields: object) -> Change:
    """Set fields of the pod's spec."""
    return lambda job: pod(job).update(fields)


def container_with(**fields: object) -> Change:
    """Set fields of the container."""
    return lambda job: container(job).update(fields)


def security_with(**fields: object) -> Change:
    """Set fields of the container's security context."""
    return lambda job: security(job).update(fields)


def job_with(**fields: object) -> Change:
    """Set fields of the Job's spec."""
    return lambda job: job["spec"].update(fields)


def with_volume(source: dict[str, Any]) -> Change:
    """Add a volume."""
    return lambda job: pod(job)["volumes"].append({"name": "extra", **source})


def with_environment(entry: dict[str, Any]) -> Change:
    """Add a variable."""
    return lambda job: container(job)["env"].append(entry)


def without(place: Callable[[dict[str, Any]], dict[str, Any]], field: str) -> Change:
    """Remove a field."""
    return lambda job: place(job).pop(field)


def second_container(field: str) -> Change:
    """Add a second container."""

    def add(job: dict[str, Any]) -> None:
        pod(job).setdefault(field, []).append(container(job) | {"name": "second"})

    return add


CASES = [
    ("another image", set_image, "the processor's image"),
    ("a tag of it", lambda j: container(j).update(image=container(j)["image"] + "x"), "image"),
    ("a command", container_with(command=["sh"]), "its image's own program"),
    ("arguments", container_with(args=["-c", "x"]), "its image's own program"),
    (
        "a hook",
        container_with(lifecycle={"preStop": {"exec": {"command": ["sh"]}}}),
        "its image's own program",
    ),
    ("a second container", second_container("containers"), "exactly one container"),
    ("an init container", second_container("initContainers"), "exactly one container"),
    ("another account", pod_with(serviceAccountName="safelight-operator"), "ServiceAccount"),
    ("no account", without(pod, "serviceAccountName"), "ServiceAccount"),
    ("a token", pod_with(automountServiceAccountToken=True), "no ServiceAccount token"),
    ("a token by default", without(pod, "automountServiceAccountToken"), "no ServiceAccount token"),
    ("a Secret", with_volume({"secret": {"secretName": "storage"}}), "no volumes but emptyDir"),
    ("a ConfigMap", with_volume({"configMap": {"name": "x"}}), "no volumes but emptyDir"),
    ("a host path", with_volume({"hostPath": {"path": "/"}}), "no volumes but emptyDir"),
    ("a projected token", with_volume(PROJECTED), "no volumes but emptyDir"),
    ("a claim", with_volume(CLAIM), "no volumes but emptyDir"),
    ("a CSI volume", with_volume(CSI), "no volumes but emptyDir"),
    ("an unbounded volume", with_volume({"emptyDir": {}}), "emptyDir with a size limit"),
    (
        "a Secret in the environment",
        container_with(envFrom=[{"secretRef": {"name": "storage"}}]),
        "nothing in its environment but its request",
    ),
    (
        "a Secret as its request",
        container_with(
            env=[
                {
                    "name": "SAFELIGHT_JOB_REQUEST",
                    "valueFrom": {"secretKeyRef": {"name": "storage", "key": "access-key-id"}},
                },
            ],
        ),
        "nothing in its environment but its request",
    ),
    (
        "a variable that loads code",
        with_environment({"name": "LD_PRELOAD", "value": "/tmp/x.so"}),  # noqa: S108 - an attack
        "nothing in its environment but its request",
    ),
    (
        "no limit of memory",
        without(lambda j: container(j)["resources"]["limits"], "memory"),
        "limits",
    ),
    ("no limit of CPU", without(lambda j: container(j)["resources"]["limits"], "cpu"), "limits"),
    ("no resources", without(container, "resources"), "limits of memory and CPU"),
    (
        "no deadline",
        without(lambda j: j["spec"], "activeDeadlineSeconds"),
        "a deadline of at most 120",
    ),
    ("a late deadline", job_with(activeDeadlineSeconds=121), "a deadline of at most 120"),
    ("many pods", job_with(parallelism=50, completions=50), "runs one pod, once"),
    ("retries", job_with(backoffLimit=6), "runs one pod, once"),
    (
        "endless restarts",
        lambda j: (pod(j).update(restartPolicy="OnFailure"), j["spec"].pop("podFailurePolicy")),
        "runs one pod, once",
    ),
    ("root", pod_with(securityContext={"seccompProfile": {"type": "RuntimeDefault"}}), "as root"),
    ("root in the container", security_with(runAsUser=0), "as root"),
    ("perhaps root", security_with(runAsNonRoot=False), "as root"),
    ("escalation", security_with(allowPrivilegeEscalation=True), "no privileges"),
    ("privileges", security_with(privileged=True, allowPrivilegeEscalation=True), "no privileges"),
    (
        "a capability",
        security_with(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
        "privileges",
    ),
    ("all capabilities", without(security, "capabilities"), "no privileges"),
    ("a writable root", without(security, "readOnlyRootFilesystem"), "a read-only root"),
    ("no seccomp", security_with(seccompProfile={"type": "Unconfined"}), "seccomp profile"),
    ("the host's network", pod_with(hostNetwork=True), "shares nothing with its node"),
    ("the host's processes", pod_with(hostPID=True), "shares nothing with its node"),
    ("the host's IPC", pod_with(hostIPC=True), "shares nothing with its node"),
    (
        "a host port",
        container_with(ports=[{"containerPort": 80, "hostPort": 80}]),
        "shares nothing with its node",
    ),
    ("a chosen node", pod_with(nodeName="control-plane"), "and no node"),
    ("a high priority", pod_with(priorityClassName="system-node-critical"), "priority class"),
    ("another runtime", pod_with(runtimeClassName="privileged"), "runtime class"),
    (
        "labels that escape the network policy",
        lambda j: j["spec"]["template"]["metadata"]["labels"].pop("app.kubernetes.io/component"),
        "carries the processor's labels",
    ),
]


def test_the_operators_own_job_is_accepted(
    job: dict[str, Any],
    create: Create,
) -> None:
    answer = create(job)
    assert answer.status_code == httpx.codes.CREATED, answer.text


@pytest.mark.parametrize(
    ("change", "message"),
    [pytest.param(change, message, id=name) for name, change, message in CASES],
)
def test_a_changed_job_is_refused(
    job: dict[str, Any],
    create: Create,
    change: Change,
    message: str,
) -> None:
    answer = create(changed(job, change))
    assert answer.status_code == REFUSED, answer.text
    assert "denied request: a Job of the operator" in answer.json()["message"]
    assert message in answer.json()["message"]


def test_others_are_not_bound_by_the_policy(
    job: dict[str, Any],
    api_server: httpx.Client,
    release: Release,
) -> None:
    """An administrator may start any Job, here and elsewhere."""
    other = api_server.post(
        "/apis/batch/v1/namespaces/default/jobs",
        params={"dryRun": "All"},
        json=changed(job, set_image),
    )
    assert other.status_code == httpx.codes.CREATED, other.text
    here = api_server.post(
        f"/apis/batch/v1/namespaces/{release.namespace}/jobs",
        params={"dryRun": "All"},
        json=changed(job, set_image),
    )
    assert here.status_code == httpx.codes.CREATED, here.text


def test_the_other_accounts_start_no_jobs(job: dict[str, Any], create: Create) -> None:
    for unit in ("api", "processor"):
        assert create(job, unit).status_code == httpx.codes.FORBIDDEN


def test_its_pod_is_restricted(
    job: dict[str, Any],
    api_server: httpx.Client,
    release: Release,
) -> None:
    """Pod Security refuses pods, not Jobs: a Job whose pods are refused would just wait."""
    template = job["spec"]["template"]
    answer = api_server.post(
        f"/api/v1/namespaces/{release.namespace}/pods",
        params={"dryRun": "All", "fieldValidation": "Strict"},
        json={
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": template["metadata"] | {"name": "processor"},
            "spec": template["spec"],
        },
    )
    assert answer.status_code == httpx.codes.CREATED, answer.text


def test_the_policy_follows_the_values(
    kubernetes: Cluster,
    namespace: str,
    helm: Helm,
    api_server: httpx.Client,
) -> None:
    values = {
        **REQUIRED,
        "crds.enabled": False,
        "image.pullSecrets": ["registry"],
        "processor.image.digest": "sha256:" + "a" * 64,
        "processor.deadlineSeconds": 300,
        "processor.nodeSelector": {"disk": "fast"},
        "processor.tolerations": [{"key": "spot", "operator": "Exists"}],
        "processor.affinity": {"nodeAffinity": {}},
        "processor.runtimeClassName": "gvisor",
        "processor.priorityClassName": "low",
    }
    where = (f"--namespace={namespace}", f"--kubeconfig={kubernetes.kubeconfig}")
    job = own_job(helm.template(values, namespace=namespace))
    create = partial(create_job, api_server, namespace)
    helm("install", RELEASE, str(helm.chart), *where, values=values)
    try:
        wait_for_policy(create, job)
        assert create(job).status_code == httpx.codes.CREATED
        assert create(changed(job, without(pod, "runtimeClassName"))).status_code == REFUSED
        assert create(changed(job, job_with(activeDeadlineSeconds=301))).status_code == REFUSED
    finally:
        helm("uninstall", RELEASE, *where)

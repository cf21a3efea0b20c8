"""What the operator's account may start: its own Job, and none of the changed ones."""

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from safelight_local.cluster import Cluster
from tests.charts.conftest import Release
from tests.charts.jobs import (
    Change,
    changed,
    container,
    container_with,
    job_with,
    own_job,
    pod,
    pod_with,
    second_container,
    security,
    security_with,
    set_image,
    with_environment,
    with_volume,
    without,
)
from tests.support.chart import RELEASE, REQUIRED, Helm
from tests.support.waiting import eventually

Create = Callable[..., httpx.Response]
REFUSED = httpx.codes.UNPROCESSABLE_ENTITY
CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}
CSI = {"csi": {"driver": "secrets-store.csi.k8s.io"}}
PROJECTED = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


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
    ("a Secret", with_volume({"secret": {"secretName": "storage"}}), "has no volumes"),
    ("a ConfigMap", with_volume({"configMap": {"name": "x"}}), "has no volumes"),
    ("a host path", with_volume({"hostPath": {"path": "/"}}), "has no volumes"),
    ("a projected token", with_volume(PROJECTED), "has no volumes"),
    ("a claim", with_volume(CLAIM), "has no volumes"),
    ("a CSI volume", with_volume(CSI), "has no volumes"),
    ("an empty folder", with_volume({"emptyDir": {}}), "has no volumes"),
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
        "a deadline of at most 600",
    ),
    ("a late deadline", job_with(activeDeadlineSeconds=601), "a deadline of at most 600"),
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

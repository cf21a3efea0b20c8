"""The operator as its own account: with the rights that the chart gives it, and no others."""

import asyncio
import copy
import json
from pathlib import Path

import pytest

from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD
from safelight_local.cluster import Cluster, write_kubeconfig
from safelight_operator.lease import Lease
from tests.operator.conftest import Started
from tests.operator.playing import Stage, condition, eventually
from tests.support.chart import RELEASE, Helm

ACCOUNT = f"{RELEASE}-operator"
KINDS = ("ServiceAccount", "Role", "RoleBinding")


@pytest.fixture
def own_account(
    kubernetes: Cluster,
    namespace: str,
    local_binaries: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Make the operator use the account that the chart makes for it."""
    rendered = Helm(local_binaries / "helm", tmp_path).template(namespace=namespace)
    kubernetes.apply(*(rendered.one(kind, ACCOUNT).content for kind in KINDS))
    token = kubernetes.kubectl("create", "token", ACCOUNT, "--namespace", namespace).strip()
    assert kubernetes.ca_file is not None
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, kubernetes.url, kubernetes.ca_file, token)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))


@pytest.mark.usefixtures("settings", "own_account")
async def test_the_charts_rights_are_enough(stage: Stage, started: Started) -> None:
    """For an image, its deletion, a failure with its retention, a stall, and the Lease."""
    async with started(failed_retention_seconds=1, stalled_after_seconds=1) as operator:
        lease = Lease(operator.cluster, ACCOUNT, "operator-0")
        for _ in range(2):
            await lease.acquire(asyncio.Event())
        await lease.release()

        good, bad = await stage.post(), await stage.post()
        await stage.process(good)
        await stage.until(good, "processed")
        await stage.kubernetes.delete(AVAILABLE_IMAGE.plural, good)
        await stage.until_settled(good, [])
        await stage.end(bad, code=11)
        await stage.until_settled(bad, [])

        stalled = await stage.post()
        pod = await stage.pod(stalled)
        await stage.set_pod(pod, "Pending", {"waiting": {"reason": "ErrImagePull"}})

        async def stall() -> str:
            upload = await stage.kubernetes.upload(stalled)
            assert upload is not None
            return str(condition(upload, "Stalled").get("reason"))

        await eventually(stall, lambda reason: reason == "ImagePullFailed")
        await stage.kubernetes.delete(IMAGE_UPLOAD.plural, stalled)
        await stage.until_settled(stalled, [])

        assert "CorruptImage" in {e["reason"] for e in await stage.kubernetes.list("events")}


@pytest.mark.usefixtures("settings", "own_account")
async def test_a_missing_right_is_told(
    kubernetes: Cluster, namespace: str, stage: Stage, started: Started
) -> None:
    """And once it is given, the upload goes on by itself."""
    role = json.loads(kubernetes.kubectl("get", "role", ACCOUNT, "-n", namespace, "-o", "json"))
    del role["metadata"]["resourceVersion"]
    poor = copy.deepcopy(role)
    (jobs,) = [rule for rule in poor["rules"] if rule["resources"] == ["jobs"]]
    jobs["verbs"].remove("create")
    kubernetes.apply(poor)
    async with started():
        upload_id = await stage.post()

        async def stall() -> str:
            upload = await stage.kubernetes.upload(upload_id)
            return str(condition(upload or {}, "Stalled").get("reason"))

        await eventually(stall, lambda reason: reason == "JobRefused")
        kubernetes.apply(role)
        await stage.process(upload_id)
        await stage.until(upload_id, "processed")
        events = await stage.kubernetes.list("events")
        (event,) = [event for event in events if event["reason"] == "JobRefused"]
        assert "cannot create resource" in event["message"]

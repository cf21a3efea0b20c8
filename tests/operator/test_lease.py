import asyncio

import pytest

from safelight_operator.cluster import Cluster
from safelight_operator.lease import DURATION, Lease, LostError
from safelight_operator.settings import Settings
from tests.operator.playing import Stage, eventually
from tests.support.proxying import Proxy


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def candidate(cluster: Cluster, identity: str, clock: Clock | None = None) -> Lease:
    return Lease(cluster, "safelight-operator", identity, clock or Clock())


async def try_once(lease: Lease) -> bool:
    """Whether a candidate leads after one try."""
    try:
        await asyncio.wait_for(lease.acquire(asyncio.Event()), 0.5)
    except TimeoutError:
        return False
    return True


@pytest.fixture(autouse=True)
def _short_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safelight_operator.lease.RETRY_PERIOD", 0.02)


async def test_one_of_two_leads(cluster: Cluster, stage: Stage) -> None:
    a, b = candidate(cluster, "a"), candidate(cluster, "b")
    led = await asyncio.gather(try_once(a), try_once(b))
    assert sorted(led) == [False, True]
    lease = await stage.kubernetes.get("leases", "safelight-operator")
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == ("a" if led[0] else "b")
    assert lease["spec"]["leaseDurationSeconds"] == 15
    assert lease["spec"]["renewTime"].endswith("Z")


async def test_a_released_lease_is_taken_at_once(cluster: Cluster, stage: Stage) -> None:
    a, b = candidate(cluster, "a"), candidate(cluster, "b")
    assert await try_once(a)
    await a.release()
    assert await try_once(b)
    lease = await stage.kubernetes.get("leases", "safelight-operator")
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 2


async def test_a_dead_leader_is_followed_after_its_time(cluster: Cluster) -> None:
    """Measured by the candidate's own clock, since the leader's may be wrong."""
    assert await try_once(candidate(cluster, "a"))
    clock = Clock()
    b = candidate(cluster, "b", clock)
    assert not await try_once(b)
    clock.now += DURATION - 1
    assert not await try_once(b)
    clock.now += 2
    assert await try_once(b)


async def test_a_living_leader_is_not_followed(cluster: Cluster) -> None:
    clock = Clock()
    a, b = candidate(cluster, "a"), candidate(cluster, "b", clock)
    assert await try_once(a)
    holding = asyncio.create_task(a.hold())
    for _ in range(3):
        clock.now += DURATION - 1
        assert not await try_once(b)
    holding.cancel()
    assert not holding.done()


async def test_a_container_that_restarts_in_its_pod_leads_at_once(cluster: Cluster) -> None:
    assert await try_once(candidate(cluster, "a"))
    assert await try_once(candidate(cluster, "a"))


async def test_who_loses_it_ends(cluster: Cluster, stage: Stage) -> None:
    a = candidate(cluster, "a")
    assert await try_once(a)
    await stage.kubernetes.patch(
        "leases",
        "safelight-operator",
        {"spec": {"holderIdentity": "b"}},
    )
    with pytest.raises(LostError, match="b leads"):
        await asyncio.wait_for(a.hold(), 5)


async def test_who_cannot_renew_it_ends(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    a = candidate(cluster, "a", clock)
    assert await try_once(a)
    monkeypatch.setattr(cluster._transport._client.configuration, "host", "https://127.0.0.1:1")  # noqa: SLF001 - the network fails
    holding = asyncio.create_task(a.hold())
    await asyncio.sleep(0.1)
    assert not holding.done()
    clock.now += 11
    with pytest.raises(LostError):
        await asyncio.wait_for(holding, 5)


async def test_only_the_holder_releases_it(cluster: Cluster, stage: Stage) -> None:
    assert await try_once(candidate(cluster, "a"))
    await candidate(cluster, "b").release()

    async def holder() -> str:
        lease = await stage.kubernetes.get("leases", "safelight-operator")
        assert lease is not None
        return str(lease["spec"]["holderIdentity"])

    await eventually(holder, lambda name: name == "a")


async def test_a_server_that_is_a_black_hole_ends_it_in_time(
    proxy: Proxy, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer, no error: the leader gives up before another one may lead."""
    monkeypatch.setattr("safelight_operator.lease.RENEW_DEADLINE", 1.0)
    cluster = await Cluster.connect(settings.namespace)
    lease = Lease(cluster, "safelight-operator", "a")
    assert await lease.acquire(asyncio.Event())
    proxy.silence()
    with pytest.raises(LostError):
        await asyncio.wait_for(lease.hold(), 5)
    assert 1.0 <= lease.age < 3
    monkeypatch.setattr("safelight_operator.lease.RELEASE_SECONDS", 0.2)
    await asyncio.wait_for(lease.release(), 1)
    proxy.restore()
    await cluster.close()


async def test_a_candidate_can_be_told_to_stop(cluster: Cluster) -> None:
    assert await try_once(candidate(cluster, "a"))
    stop = asyncio.Event()
    waiting = asyncio.create_task(candidate(cluster, "b").acquire(stop))
    await asyncio.sleep(0.1)
    stop.set()
    assert await asyncio.wait_for(waiting, 5) is False

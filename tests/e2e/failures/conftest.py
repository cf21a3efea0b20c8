"""Releases of the chart whose values lead to failures, and all causes at work in them at once."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import pytest

from safelight_local import install
from tests.e2e.conftest import Cluster
from tests.e2e.releases import Release, installed
from tests.support.bucket import Bucket

ORDINARY: Final = "ordinary"
TIGHT: Final = "tight"
NO_IMAGE: Final = "no-image"
NO_NODE: Final = "no-node"
BESIEGED: Final = "besieged"
"""For outages: one after the other, and nothing else at the same time."""
STALLED_AFTER: Final = 5
"""Seconds; the default would only make the tests slower."""

_VALUES: Final[Mapping[str, Mapping[str, Any]]] = {
    ORDINARY: {},
    BESIEGED: {},
    TIGHT: {"processor": {"memory": "96Mi", "deadlineSeconds": 60}},
    NO_IMAGE: {"processor": {"image": {"tag": "absent"}, "deadlineSeconds": 30}},
    NO_NODE: {"processor": {"nodeSelector": {"disk": "none-such"}, "deadlineSeconds": 30}},
}


@pytest.fixture(scope="session")
def releases(cluster: Cluster, bucket: Bucket) -> Iterator[Mapping[str, Release]]:
    """One release for each set of values, by its name."""
    common = {"operator": {"stalledAfterSeconds": STALLED_AFTER}}
    contexts = [installed(cluster, bucket, install.merged(common, v)) for v in _VALUES.values()]
    with ThreadPoolExecutor(len(contexts)) as pool, ExitStack() as stack:
        entered = [pool.submit(context.__enter__) for context in contexts]
        for context, future in zip(contexts, entered, strict=True):
            if future.exception() is None:
                stack.push(context)
        yield {name: future.result() for name, future in zip(_VALUES, entered, strict=True)}


@pytest.fixture(scope="session")
def ordinary(releases: Mapping[str, Release]) -> Release:
    """A release with the chart's own values."""
    return releases[ORDINARY]


@pytest.fixture(scope="session")
def besieged(releases: Mapping[str, Release]) -> Release:
    """Another one, for a test that takes something away from all of it."""
    return releases[BESIEGED]


@dataclass(frozen=True)
class Case:
    """A row of a table: a cause, and where it is brought about."""

    cause: Callable[[Release], str]
    release: str

    def __str__(self) -> str:
        where = "" if self.release == ORDINARY else f"-{self.release}"
        return f"{self.cause.__name__}{where}"


@pytest.fixture(scope="session")
def begun(
    request: pytest.FixtureRequest, releases: Mapping[str, Release]
) -> Iterator[Mapping[Case, Future[str]]]:
    """The ids of all cases of this run, begun at once, since most of them only take time."""
    items = (item for item in request.session.items if isinstance(item, pytest.Function))
    values = [
        v for item in items if hasattr(item, "callspec") for v in item.callspec.params.values()
    ]
    cases = [value for value in values if isinstance(value, Case)]
    with ThreadPoolExecutor(len(cases)) as pool:
        yield {case: pool.submit(case.cause, releases[case.release]) for case in cases}

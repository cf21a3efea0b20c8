import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from safelight_operator.errors import (
    AlreadyExistsError,
    BusyError,
    ClusterError,
    ConflictError,
    ExpiredError,
    GoneError,
    QuotaExceededError,
    RefusedError,
    UnavailableError,
    from_answer,
)

if TYPE_CHECKING:
    import aiohttp


@dataclass
class Answer:
    """The part of an HTTP answer that is looked at."""

    status: int
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def error(
    code: int,
    body: bytes | dict[str, Any] = b"",
    headers: dict[str, str] | None = None,
) -> ClusterError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = cast("aiohttp.ClientResponse", Answer(code, headers=headers or {}))
    return from_answer(answer, data)


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (400, {}, RefusedError),
        (401, {}, UnavailableError),
        (403, {"message": "jobs is forbidden"}, RefusedError),
        (403, {"message": 'jobs "x" is forbidden: exceeded quota: jobs'}, QuotaExceededError),
        (404, {}, GoneError),
        (405, {}, RefusedError),
        (409, {"reason": "Conflict"}, ConflictError),
        (409, {"reason": "AlreadyExists"}, AlreadyExistsError),
        (410, {"reason": "Expired"}, ExpiredError),
        (422, {"reason": "Invalid"}, RefusedError),
        (429, {}, BusyError),
        (500, {}, UnavailableError),
        (503, b"<html>", UnavailableError),
        (504, b"[]", UnavailableError),
    ],
)
def test_what_an_answer_means(code: int, body: bytes | dict[str, Any], kind: type) -> None:
    assert type(error(code, body)) is kind


def test_the_servers_wish_is_kept() -> None:
    busy = error(429, {}, {"Retry-After": "3"})
    assert isinstance(busy, UnavailableError)
    assert busy.retry_after == 3
    vague = error(503, {}, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})
    assert isinstance(vague, UnavailableError)
    assert vague.retry_after is None

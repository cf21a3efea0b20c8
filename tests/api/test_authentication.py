import logging
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from safelight_api.authentication import Authentication, Tokens
from safelight_api.tokens import hash_of, new_token


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_added_tokens_count_and_removed_ones_are_refused_within_a_second(
    tmp_path: Path, clock: Clock
) -> None:
    first, second = new_token(), new_token()
    (tmp_path / "first").write_text(hash_of(first) + "\n")
    tokens = Tokens(tmp_path, clock)
    assert tokens.name_of(first) == "first"
    assert tokens.name_of(second) is None
    (tmp_path / "second").write_text(hash_of(second).upper())
    (tmp_path / "first").unlink()
    assert tokens.name_of(second) is None
    clock.now += 1
    assert tokens.name_of(second) == "second"
    assert tokens.name_of(first) is None


def test_what_was_seen_of_a_token_is_forgotten_with_it(tmp_path: Path, clock: Clock) -> None:
    token = new_token()
    (tmp_path / "first").write_text(hash_of(token))
    tokens = Tokens(tmp_path, clock)
    headers = [(b"authorization", b"Bearer " + token.encode())]
    assert [tokens.client_of(headers) for _ in range(2)] == ["first"] * 2
    (tmp_path / "first").rename(tmp_path / "second")
    clock.now += 1
    assert [tokens.client_of(headers) for _ in range(2)] == ["second"] * 2
    (tmp_path / "second").unlink()
    clock.now += 1
    assert tokens.client_of(headers) is None


def test_a_secret_as_the_kubelet_mounts_it(tmp_path: Path, clock: Clock) -> None:
    """Files are links into a directory that is swapped as a whole."""
    old, new = new_token(), new_token()
    for version, token in (("..1", old), ("..2", new)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "client").write_text(hash_of(token))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "client").symlink_to("..data/client")
    tokens = Tokens(tmp_path, clock)
    assert (tokens.name_of(old), tokens.name_of(new), len(tokens)) == ("client", None, 1)
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    clock.now += 1
    assert (tokens.name_of(old), tokens.name_of(new)) == (None, "client")


@pytest.mark.parametrize("content", ["", "abc", "g" * 64, "0" * 63, "0" * 65, "0" * 5000])
def test_what_is_no_hash_is_ignored_and_named_in_the_log(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = new_token()
    (tmp_path / "bad").write_text(content)
    (tmp_path / "good").write_text(hash_of(good))
    with caplog.at_level(logging.WARNING):
        tokens = Tokens(tmp_path)
    assert tokens.name_of(good) == "good"
    assert len(tokens) == 1
    assert [record.__dict__["token"] for record in caplog.records] == ["bad"]


def test_a_directory_that_cannot_be_read_leaves_the_tokens_as_they_were(
    tmp_path: Path, clock: Clock
) -> None:
    token = new_token()
    directory = tmp_path / "tokens"
    directory.mkdir()
    (directory / "a").write_text(hash_of(token))
    tokens = Tokens(directory, clock)
    directory.rename(tmp_path / "elsewhere")
    clock.now += 1
    assert tokens.name_of(token) == "a"


TOKEN = "safelight_test"  # noqa: S105 - opens nothing but the application below


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"Bearer wrong")],
        [(b"authorization", b"Basic " + TOKEN.encode())],
        [(b"authorization", TOKEN.encode())],
        [(b"authorization", b"Bearer " + TOKEN.encode() + b" x")],
        [(b"authorization", b"Bearer " + b"x" * 100_000)],
        [(b"authorization", b"Bearer \xff\xfe")],
        [(b"authorization", b"Bearer " + hash_of(TOKEN).encode())],
        [(b"authorization", b"Bearer " + TOKEN.encode())] * 2,
    ],
)
async def test_refused_before_a_byte_of_the_body_is_read(
    headers: list[tuple[bytes, bytes]], tmp_path: Path
) -> None:
    status, calls = await _call(tmp_path, "/api/image-upload", headers)
    assert (status, calls) == (401, [])


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
async def test_a_known_token_passes(scheme: bytes, tmp_path: Path) -> None:
    status, calls = await _call(
        tmp_path, "/anything", [(b"authorization", scheme + b" " + TOKEN.encode())]
    )
    assert (status, calls) == (204, ["client"])


async def test_open_paths_need_no_token(tmp_path: Path) -> None:
    assert await _call(tmp_path, "/open", []) == (204, [None])
    assert (await _call(tmp_path, "/open/", []))[0] == 401


async def _call(
    directory: Path, path: str, headers: list[tuple[bytes, bytes]]
) -> tuple[int, list[str | None]]:
    """Return the status, and the token's name for each call that has passed."""
    (directory / "client").write_text(hash_of(TOKEN))
    calls: list[str | None] = []
    sent: list[Message] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        calls.append(scope.get("client_name"))
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = Authentication(app, Tokens(directory), {"/open"})
    scope = {"type": "http", "path": path, "method": "POST", "headers": headers}
    await guarded(scope, receive, send)
    return sent[0]["status"], calls

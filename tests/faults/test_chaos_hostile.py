"""The hostile client's parts, against a server that does nothing but listen and answer."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from tests.faults.chaos import hostile
from tests.faults.chaos.hostile import Attacking
from tests.support.attacks import ATTACKS, Target, carry_out
from tests.support.scripted_server import closed_port
from tests.support.waiting import eventually

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"


class Server:
    """Takes connections, drops what they send, and answers each piece."""

    def __init__(self) -> None:
        self.open = 0
        self.connections = 0
        self.received = b""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.open += 1
        self.connections += 1
        try:
            while data := await reader.read(65_536):
                self.received = (self.received + data)[:100_000]
                writer.write(ANSWER)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self.open -= 1


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_begins_and_leaves_nothing_open(name: str) -> None:
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    async with listening:
        port: int = listening.sockets[0].getsockname()[1]
        (attack,) = hostile.mild({name: ATTACKS[name]})
        token = "the-token" if attack.has_token else None
        seen = asyncio.Event()

        def is_seen() -> bool:
            has_sent = bool(server.received) or name == "new connections"
            if server.connections and has_sent:
                seen.set()
            return seen.is_set()

        did = await carry_out(attack, Target("127.0.0.1", port, token), 30, is_seen)
        assert seen.is_set()
        assert did.connections >= 1
        async with asyncio.timeout(30):
            while server.open:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)
        says_token = b"Authorization: Bearer the-token\r\n" in server.received
        assert says_token is attack.has_token


async def test_nobody_who_listens_is_counted_and_ends_in_time() -> None:
    began = time.monotonic()
    attack = ATTACKS["new connections"]
    did = await carry_out(attack, Target("127.0.0.1", closed_port()), 0.2)
    assert did.connections == 0
    assert did.refused >= 1
    assert time.monotonic() - began < 30


def test_other_machines_are_no_target() -> None:
    with pytest.raises(ValueError, match="no loopback address"):
        Target("198.51.100.7", 80)


@contextmanager
def served() -> Iterator[tuple[Server, int]]:
    """Run the server in a thread of its own."""
    server, ports, stopped = Server(), list[int](), Event()

    async def serve() -> None:
        async with await asyncio.start_server(server.handle, "127.0.0.1", 0) as listening:
            ports.append(listening.sockets[0].getsockname()[1])
            while not stopped.is_set() or server.open:  # noqa: ASYNC110 - told by another thread
                await asyncio.sleep(0.01)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        eventually(lambda: ports, bool)
        yield server, ports[0]
    finally:
        stopped.set()
        thread.join()


def test_all_attacks_at_once_end_when_told() -> None:
    with served() as (server, port):
        stopped = Event()
        attacking = Attacking(f"http://127.0.0.1:{port}", "the-token", 60, stopped)
        thread = Thread(target=attacking.run)
        thread.start()
        eventually(lambda: server.connections, lambda seen: seen >= len(ATTACKS))
        stopped.set()
        thread.join(30)
        assert not thread.is_alive()
    assert server.open == 0
    assert len(attacking.did) == len(ATTACKS)
    assert sum(did.connections for did in attacking.did) >= len(ATTACKS)


def test_what_it_uploads_whole_is_bad_and_the_same_for_the_same_seed() -> None:
    files = hostile.uploads(3, 100)
    assert files == hostile.uploads(3, 100)
    assert {file.expected for _, file in files} == {"fail"}
    assert all(0 <= at <= 100 for at, _ in files)
    assert len({file.data for _, file in files}) > 2


@pytest.mark.parametrize(("text", "wanted"), [("1", True), ("0", False), ("", False)])
def test_it_takes_part_when_it_is_asked_for(text: str, wanted: bool) -> None:  # noqa: FBT001 - a row
    assert hostile.is_wanted({"SAFELIGHT_HOSTILE": text}) is wanted
    assert not hostile.is_wanted({})

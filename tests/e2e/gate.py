"""A gate in front of the S3 server: a test closes it, for the Jobs of one upload or for everybody.

It passes bytes on and reads no more of them than the first line of a connection, which is enough:
a Job signs its URLs and serves one upload, so its connections are told from all others.
"""

import re
import select
import socket
import struct
import threading
from contextlib import closing, suppress
from enum import Enum, auto
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Final, Self

from safelight_contract import keys
from safelight_local import network

_CHUNK: Final = 64 * 1024
_ID: Final = re.compile(keys.ID_PATTERN.encode())
_SIGNATURE: Final = b"X-Amz-Signature="
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""Linger for no time: closing is a reset, as of a server that has gone."""


class Way(Enum):
    """What becomes of a connection."""

    CUT = auto()
    HELD = auto()
    """A black hole: taken, and never answered."""
    SPOILT = auto()
    """Passed on with another signature: the server refuses it, as it refuses an expired one."""


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class Gate:
    """Stands open until told otherwise.

    Args:
        target: host and port of the S3 server.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._ways: dict[str, Way] = {}
        self._is_closed = False
        self._changed = threading.Condition()
        self._met: set[str] = set()
        self._open: set[socket.socket] = set()
        gate = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                gate._pass(self.request)

        self._server = _Server((network.ADDRESS, 0), Handler)

    @property
    def endpoint(self) -> str:
        """The URL for the programs behind it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._server.shutdown()
        self._server.server_close()

    def close(self) -> None:
        """Cut all connections, and those to come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def open(self, upload_id: str | None = None) -> None:
        """Let everybody pass again, or the Jobs of one upload."""
        with self._changed:
            if upload_id is None:
                self._is_closed = False
            else:
                self._ways.pop(upload_id, None)
            self._changed.notify_all()

    def stop(self, upload_id: str, way: Way) -> None:
        """Stop the Jobs of one upload, and nobody else."""
        with self._changed:
            self._ways[upload_id] = way
            self._changed.notify_all()

    def wait_met(self, upload_id: str, seconds: float) -> None:
        """Wait until a Job of this upload has been stopped: its container runs."""
        with self._changed:
            met = self._changed.wait_for(lambda: upload_id in self._met, seconds)
        assert met, f"no Job of {upload_id} has come within {seconds} s"

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), closing(client):
            head = client.recv(_CHUNK)
            way = self._way_of(head)
            if way in {Way.CUT, Way.HELD}:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                return
            if way is Way.SPOILT:
                head = head.replace(_SIGNATURE, _SIGNATURE + b"0")
            with socket.create_connection(self._target) as server:
                server.sendall(head)
                self._exchange(client, server)

    def _way_of(self, head: bytes) -> Way | None:
        """Return what becomes of a connection; one that is held is told when that is over."""
        line = head.partition(b"\r\n")[0]
        found = _ID.search(line)
        upload_id = found[0].decode() if found and _SIGNATURE in line else ""
        with self._changed:
            if self._is_closed:
                return Way.CUT
            way = self._ways.get(upload_id)
            if way is not None:
                self._met.add(upload_id)
                self._changed.notify_all()
            if way is Way.HELD:
                self._changed.wait_for(
                    lambda: self._is_closed or self._ways.get(upload_id) is not Way.HELD
                )
            return way

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with self._changed:
            self._open |= set(other)
        try:
            while True:
                for one in select.select(list(other), [], [])[0]:
                    data = one.recv(_CHUNK)
                    if not data:
                        return
                    other[one].sendall(data)
        finally:
            with self._changed:
                self._open -= set(other)

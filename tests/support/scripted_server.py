"""An HTTP server that answers as a script says: for the faults that a good server never shows."""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: bytes = b""
    cut_after: int | None = None
    """Send this many bytes of the body, then close the connection."""
    before_reading: bool = False
    """Answer and close without having read the request's body."""
    is_lost: bool = False
    """Read the request, and close without an answer."""
    closes_later: bool = False
    """Answer well, then close without having said so: a keep-alive that ran out."""
    is_silent: bool = False
    """Never answer."""


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]
    """The client's address: the same for requests on the same connection."""


@dataclass
class Script:
    """A running server: where it is, and what it has received."""

    url: str
    received: list[Received] = field(default_factory=list)


@contextmanager
def serving(answers: Sequence[Answer], tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """Serve the answers in order, the last one for ever."""
    script = Script(url="")
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            answer = answers[min(len(script.received), len(answers) - 1)]
            length = int(self.headers.get("Content-Length", "0"))
            body = b"" if answer.before_reading else self.rfile.read(length)
            script.received.append(
                Received(
                    method=self.command,
                    path=self.path,
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                    connection=self.client_address,
                ),
            )
            if answer.is_silent:
                stopping.wait()
            if answer.is_lost or answer.is_silent:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut_after])
            self.close_connection = (
                answer.closes_later or answer.before_reading or answer.cut_after is not None
            )

        do_GET = do_PUT = do_POST = respond  # noqa: N815 - http.server looks for these names

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """Stay silent: clients that give up are part of the script."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    script.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""A web site that shows images, as an application has it, and a browser that looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import httpx
from playwright.sync_api import Browser, sync_playwright

_BROWSER_ARGUMENTS: Final = (
    "--no-sandbox",  # it runs as root, and sees nothing but our own page
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PASSED_ON: Final = ("Accept", "Range", "If-None-Match", "If-Range", "Authorization")
_NOT_PASSED_BACK: Final = frozenset({"connection", "date", "server", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A request for something of the API."""

    path: str
    accept: str
    status: int
    media_type: str


@dataclass
class Site:
    """One page at `/`; what is under `/api/` is passed on to Safelight, with the token.

    Args:
        url: of Safelight.
        token: for it.
    """

    url: str
    token: str
    page: str = ""
    """HTML."""
    seen: list[Seen] = field(default_factory=list)
    address: str = ""
    """Where it is, once it is open."""

    @contextmanager
    def opened(self) -> Iterator["Site"]:
        """Serve it on a free port of this machine."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as upstream:
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, upstream))
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            self.address = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                server.server_close()
                thread.join()


def _handler(site: Site, upstream: httpx.Client) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        def do_GET(self) -> None:
            """Send the page, or what the API answers."""
            if not self.path.startswith("/api/"):
                found = self.path == "/"
                body = site.page.encode() if found else b""
                self._answer(200 if found else 404, {"Content-Type": "text/html"}, body)
                return
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            headers = {"Authorization": f"Bearer {site.token}", **headers}
            answer = upstream.get(self.path, headers=headers)
            site.seen.append(
                Seen(
                    path=self.path,
                    accept=headers.get("Accept", ""),
                    status=answer.status_code,
                    media_type=answer.headers.get("content-type", ""),
                )
            )
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name not in _NOT_PASSED_BACK and name != "content-length"
            }
            self._answer(answer.status_code, kept, answer.content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: `seen` has it."""

    return Handler


@contextmanager
def browser(program: Path) -> Iterator[Browser]:
    """Run a browser without a window.

    Args:
        program: Chromium.
    """
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(_BROWSER_ARGUMENTS))
        try:
            yield started
        finally:
            started.close()

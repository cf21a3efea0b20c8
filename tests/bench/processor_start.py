"""The processor's own start: CPU time from the start of the process to the first byte read.

The program runs as a Job does, against an HTTP server of this module, and tells the time itself.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from safelight_contract.job import REQUEST_VARIABLE, JobRequest, SignedPut
from safelight_contract.recipe import Recipe
from tests.support import photos

_UPLOAD_ID: Final = "00000000-0000-4000-8000-000000000000"


class _Storage(BaseHTTPRequestHandler):
    """Hands out the original and takes what comes."""

    protocol_version = "HTTP/1.1"
    original = b""

    def do_GET(self) -> None:
        self._answer(self.original)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(original: bytes) -> Iterator[str]:
    _Storage.original = original
    with ThreadingHTTPServer(("127.0.0.1", 0), _Storage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def measure(count: int, python: str = sys.executable) -> list[float]:
    """Return milliseconds of CPU time (user and system) of so many Jobs.

    Args:
        count: of Jobs.
        python: the interpreter of the environment that has the processor.
    """
    photo = photos.photo(640, 480)
    with _served(photo) as url:
        request = JobRequest(
            upload_id=_UPLOAD_ID,
            upload_uid=_UPLOAD_ID,
            attempt=1,
            file_name="photo.jpg",
            media_type="image/jpeg",
            size=len(photo),
            sha256=hashlib.sha256(photo).hexdigest(),
            source_url=f"{url}/original",
            recipe=Recipe(variants=()),
            outputs={"image.jpg": SignedPut(f"{url}/image", {})},
            manifest=SignedPut(f"{url}/manifest", {}),
            hint_url=None,
        )
        return [_first_byte(request, python) for _ in range(count)]


def _first_byte(request: JobRequest, python: str) -> float:
    done = subprocess.run(
        [python, "-m", "safelight_processor"],
        env={**os.environ, REQUEST_VARIABLE: request.encode()},
        capture_output=True,
        text=True,
        check=True,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    key = "cpu_ms_before_first_byte"
    return next(float(event[key]) for event in events if key in event)


def lines(milliseconds: list[float]) -> Iterator[str]:
    """Yield what to print."""
    yield (
        f"{'CPU until the first byte is read':<32} p50 {statistics.median(milliseconds):5.0f} ms"
        f"  min {min(milliseconds):5.0f}   max {max(milliseconds):5.0f}   of {len(milliseconds)}"
    )

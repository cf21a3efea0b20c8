"""Sends a photo through the REST API, step by step, and shows each step as a curl command."""

import json
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safelight_local import paths
from safelight_local.errors import LocalError
from safelight_local.progress import Progress, duration

PHOTO: Final = paths.LOCAL / "sample.jpg"
_TIMEOUT: Final = 30.0
_PROCESSED_WITHIN: Final = 120.0
_POLL_INTERVAL: Final = 0.5
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Api:
    """The REST API, for somebody with a token."""

    url: str
    token: str = field(repr=False)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> tuple[int, bytes]:
        """Send a request and return the answer's status and body, whatever the status.

        Raises:
            LocalError: there is no answer.
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        if content_type:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(  # noqa: S310 - the URL is the installation's own
            self.url + path,
            body,
            headers,
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError as error:
            raise LocalError(f"the API does not answer at {self.url}: {error}") from error

    def wait_ready(self, timeout: float, steady: float = 0.0) -> None:
        """Wait until the API is ready to serve.

        Args:
            timeout: seconds.
            steady: for how many seconds it must have been ready without a break.

        Raises:
            LocalError: it is not in time.
        """
        end = time.monotonic() + timeout
        since: float | None = None
        while True:
            try:
                status, body = self.call("GET", "/readyz")
                reason = f"status {status} {body.decode(errors='replace')[:_SHOWN]}"
            except LocalError as error:
                status, reason = 0, str(error)
            now = time.monotonic()
            since = (since or now) if status == 200 else None  # noqa: PLR2004 - HTTP's OK
            if since is not None and now - since >= steady:
                return
            if now > end:
                raise LocalError(f"the API is not ready after {duration(timeout)}: {reason}")
            time.sleep(0.1)


def process(api: Api, photo: Path, result_folder: Path, progress: Progress) -> Path:
    """Upload a photo, wait until it is processed, and save the result.

    Args:
        api: where to.
        photo: the file.
        result_folder: where the result goes, under the id of the image.
        progress: is told each step.

    Returns:
        The saved file.

    Raises:
        LocalError: an answer is not the expected one, or the photo cannot become an image.
    """
    begin = time.monotonic()
    upload_path = "/api/image-upload"
    body, content_type = form(photo.name, photo.read_bytes(), secrets.token_hex(16))
    _show(progress, f"-F file=@{photo}", upload_path)
    upload = _answer(progress, 201, *api.call("POST", upload_path, body, content_type))["data"]

    status_path = f"{upload_path}/{upload['id']}/status"
    _show(progress, "", status_path)
    status = _poll(api, status_path, progress)
    if status["status"] != "processed":
        raise LocalError(f"the photo ended as {status['status']}: {json.dumps(status)}")

    path = f"/api/available-image/{upload['id']}/download"
    target = result_folder / f"{upload['id']}{photo.suffix}"
    _show(progress, f"-o {target}", path)
    code, image = api.call("GET", path)
    if code != 200:  # noqa: PLR2004 - HTTP's OK
        raise LocalError(f"the download failed: status {code}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(image)
    progress.say(
        f"  200 {len(image):,} bytes, {duration(time.monotonic() - begin)} after the start"
    )
    return target


def form(name: str, content: bytes, boundary: str) -> tuple[bytes, str]:
    """Return a form with one file, and its content type."""
    quoted = name.replace("\\", "\\\\").replace('"', "%22")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _poll(api: Api, path: str, progress: Progress) -> dict[str, Any]:
    end = time.monotonic() + _PROCESSED_WITHIN
    seen = None
    while True:
        answer: dict[str, Any] = json.loads(api.call("GET", path)[1])
        if answer.get("status") != seen:
            seen = answer.get("status")
            progress.say(f"  {json.dumps(answer)[:_SHOWN]}")
        if seen != "processing":
            return answer
        if time.monotonic() > end:
            raise LocalError(f"still processing after {duration(_PROCESSED_WITHIN)}")
        time.sleep(_POLL_INTERVAL)


def _show(progress: Progress, arguments: str, path: str) -> None:
    words = ("curl", '-H "Authorization: Bearer $SAFELIGHT_TOKEN"', arguments)
    progress.say(f'$ {" ".join(word for word in words if word)} "$SAFELIGHT_URL{path}"')


def _answer(progress: Progress, wanted: int, status: int, body: bytes) -> dict[str, Any]:
    text = body.decode(errors="replace").strip()
    progress.say(f"  {status} {text[:_SHOWN]}")
    if status != wanted:
        raise LocalError(f"the API answered {status} instead of {wanted}: {text[:_SHOWN]}")
    content: dict[str, Any] = json.loads(body)
    return content

"""The S3 server (versitygw) that keeps its objects as plain files in a folder."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from safelight_local import processes
from safelight_local.errors import LocalError
from safelight_local.processes import Daemon

REGION: Final = "us-east-1"
_READY_WITHIN: Final = 30.0
_HEALTH: Final = "/health"


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """An S3 server on one address, with one account."""

    directory: Path
    """`data` below it has a folder for each bucket."""
    binaries: Path
    address: str
    port: int
    log: Path
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    bound: bool = False
    """See `Daemon.bound`."""

    @property
    def endpoint(self) -> str:
        """The URL that clients and presigned URLs use."""
        return f"http://{self.address}:{self.port}"

    def daemon(self) -> Daemon:
        """Return the process."""
        return Daemon(
            name="versitygw",
            command=(
                str(self.binaries / "versitygw"),
                *("--port", f"{self.address}:{self.port}", "--region", REGION, "--quiet"),
                *("--health", _HEALTH, "posix", str(self.directory / "data")),
            ),
            owner=self.directory,
            log=self.log,
            environment={
                "ROOT_ACCESS_KEY": self.access_key_id,
                "ROOT_SECRET_KEY": self.secret_access_key,
            },
            bound=self.bound,
        )

    def start(self) -> None:
        """Have the server run and answer.

        Raises:
            LocalError: it did not start or does not answer in time.
        """
        (self.directory / "data").mkdir(parents=True, exist_ok=True)
        processes.ensure(self.daemon())
        processes.wait_ready(self.daemon(), self._answers, _READY_WITHIN)

    def stop(self) -> None:
        """End the server."""
        processes.stop_daemon(self.daemon())

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket; it may exist.

        Raises:
            LocalError: the server refused it.
        """
        path = f"/{bucket}"
        headers = signed_headers(self, "PUT", path, datetime.now(UTC))
        status = self._request("PUT", path, headers)
        if status not in (HTTPStatus.OK, HTTPStatus.CONFLICT):
            raise LocalError(f"the S3 server did not create bucket {bucket}: status {status}")

    def _answers(self) -> bool:
        try:
            return self._request("GET", _HEALTH, {}) == HTTPStatus.OK
        except (OSError, HTTPException):
            return False

    def _request(self, method: str, path: str, headers: dict[str, str]) -> int:
        connection = HTTPConnection(self.address, self.port, timeout=5)
        try:
            connection.request(method, path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()


def signed_headers(
    server: ObjectStorage,
    method: str,
    path: str,
    now: datetime,
) -> dict[str, str]:
    """Return the headers that sign a request without query and body (AWS Signature Version 4).

    Args:
        server: whom it is for, and whose account signs it.
        method: the HTTP method.
        path: made of characters that need no escape.
        now: the time; the server refuses one that is more than 15 minutes off.
    """
    body = hashlib.sha256(b"").hexdigest()
    time = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{REGION}/s3/aws4_request"
    host = f"{server.address}:{server.port}"
    signed = {"host": host, "x-amz-content-sha256": body, "x-amz-date": time}
    names = ";".join(signed)
    lines = (f"{name}:{value}" for name, value in signed.items())
    request = "\n".join((method, path, "", *lines, "", names, body))
    text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{server.secret_access_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={server.access_key_id}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
    return signed | {"authorization": authorization}

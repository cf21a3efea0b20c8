"""The store of a Job: object storage through presigned URLs, over plain HTTP calls.

The URLs carry all rights, so they are never logged and never part of an error.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

from safelight_contract.job import ExitCode, JobRequest, SignedPut
from safelight_processor.errors import ImageRejected, StorageFailed
from safelight_processor.original import Original

_CHUNK: Final = 64 * 1024
_SOCKET_SECONDS: Final = 10.0
"""The longest that a connection may stay silent."""
_BODY_SECONDS: Final = 60.0
"""The longest that the original may take to arrive, however steadily it drips."""
_HINT_SECONDS: Final = 1.0
_DELAYS: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try: most faults of a storage are over at once."""
_RETRY_SECONDS: Final = 20.0
"""No further try starts later than this after the first one."""
_TRANSIENT: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,  # S3: another conditional write of this key is under way
        HTTPStatus.TOO_MANY_REQUESTS,
    },
)
_ERROR_BODY_BYTES: Final = 4096
_UNKNOWN_ACCESS_KEY: Final = b"XAdminUserNotFound"
"""VersityGW's word for it, with a 404; others say 403."""
_CONNECTION_ERRORS: Final = (OSError, HTTPException)


class _TryAgain(Exception):  # noqa: N818 - it never leaves this module
    """A call failed in a way that the next one may not."""


class Connections:
    """Keeps one connection to each host open from one call to the next.

    Args:
        timeout: seconds of silence after which a connection is given up.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._open: dict[tuple[str, str], HTTPConnection] = {}

    def call(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes = b"",
    ) -> HTTPResponse:
        """Send a request with exactly these headers (beside Host and Content-Length).

        Args:
            method: of HTTP.
            url: absolute, http or https; certificates are verified.
            headers: as they were signed.
            body: all of it.

        Raises:
            OSError: there is no connection, or it broke.
            HTTPException: what came back is not HTTP.
        """
        target = urlsplit(url)
        connection = self._connection(target)
        path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if method != "GET" and "content-length" not in {name.lower() for name in headers}:
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body or None)
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse before it has read all; then its answer is still to be had, and
            # says more than the broken pipe.
            return connection.getresponse()
        return connection.getresponse()

    def drop(self, url: str) -> None:
        """Close the connection that a call to this URL would use."""
        target = urlsplit(url)
        connection = self._open.pop((target.scheme, target.netloc), None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        while self._open:
            self._open.popitem()[1].close()

    def _connection(self, target: SplitResult) -> HTTPConnection:
        key = (target.scheme, target.netloc)
        if key not in self._open:
            if target.scheme == "https":
                import ssl  # noqa: PLC0415 - most Jobs talk to a storage inside the cluster

                self._open[key] = HTTPSConnection(
                    target.netloc,
                    timeout=self._timeout,
                    context=ssl.create_default_context(),
                )
            else:
                self._open[key] = HTTPConnection(target.netloc, timeout=self._timeout)
        return self._open[key]


class SignedObjects:
    """Fetches and stores through the URLs of one request.

    Args:
        request: has the URLs.
        clock: seconds, from any start.
        sleep: waits for seconds.
        silence_seconds: how long a storage may say nothing before the connection is given up.
    """

    def __init__(
        self,
        request: JobRequest,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        silence_seconds: float = _SOCKET_SECONDS,
    ) -> None:
        self._request = request
        self._clock = clock
        self._sleep = sleep
        self._connections = Connections(silence_seconds)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def fetch(self, original: Original) -> None:
        """Stream the original into `original`.

        Raises:
            ImageRejected: it is gone, or longer than what was uploaded.
            StorageFailed: the storage refused, or could not be reached for about 20 s.
        """
        url = self._request.source_url

        def attempt() -> None:
            original.restart()
            response = self._connections.call("GET", url, {})
            if response.status != HTTPStatus.OK:
                self._fail("the original", url, response)
            self._receive(response, original)

        self._retrying("the original", url, attempt)

    def store_image(self, file_name: str, data: bytes) -> None:
        """Put the image or one of its variants.

        Raises:
            StorageFailed: the storage refused, or could not be reached for about 20 s.
        """
        self._put(file_name, self._request.outputs[file_name], data)

    def store_manifest(self, data: bytes) -> None:
        """Put the manifest.

        Raises:
            StorageFailed: the storage refused, or could not be reached for about 20 s.
        """
        self._put("the manifest", self._request.manifest, data)

    def hint(self) -> bool:
        """Tell the operator to look now, once and without insisting; say whether it took note."""
        url = self._request.hint_url
        if url is None:
            return False
        connections = Connections(_HINT_SECONDS)
        try:
            response = connections.call("POST", url, {})
            response.read(_ERROR_BODY_BYTES)
        except _CONNECTION_ERRORS:
            return False
        finally:
            connections.drop(url)
        return response.status == HTTPStatus.NO_CONTENT

    def _receive(self, response: HTTPResponse, original: Original) -> None:
        deadline = self._clock() + _BODY_SECONDS
        # read1 returns what has arrived: read would wait for a whole chunk past the deadline.
        while chunk := response.read1(_CHUNK):
            original.write(chunk)
            if self._clock() > deadline:
                raise _TryAgain("took too long")
        if response.length:
            raise _TryAgain("was cut short")
        # read1 alone never notices the end, and the connection would stay occupied.
        response.read()

    def _put(self, what: str, put: SignedPut, data: bytes) -> None:
        def attempt() -> None:
            response = self._connections.call("PUT", put.url, put.headers, data)
            if response.status == HTTPStatus.PRECONDITION_FAILED:
                # It is there already: from an earlier pod of this attempt, or from a call of ours
                # whose answer was lost. Both wrote these very bytes, and the operator checks them.
                self._connections.drop(put.url)
            elif response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
                self._fail(what, put.url, response)
            else:
                response.read()

        self._retrying(what, put.url, attempt)

    def _retrying(self, what: str, url: str, attempt: Callable[[], None]) -> None:
        """Call `attempt` until it succeeds, fails for good, or the time is up."""
        start = self._clock()
        for delay in (*_DELAYS, None):
            try:
                attempt()
            except (*_CONNECTION_ERRORS, _TryAgain) as error:
                # After a fault nobody knows what is still in the pipe.
                self._connections.drop(url)
                cause = str(error) if isinstance(error, _TryAgain) else type(error).__name__
                if delay is None or self._clock() + delay - start > _RETRY_SECONDS:
                    raise StorageFailed(
                        ExitCode.STORAGE_UNAVAILABLE,
                        f"the storage did not take or give {what}; at last: {cause}",
                    ) from error
                self._sleep(delay)
            else:
                return

    def _fail(self, what: str, url: str, response: HTTPResponse) -> None:
        """Turn an answer that is no success into the exception that says what to do next."""
        body = response.read(_ERROR_BODY_BYTES)
        self._connections.drop(url)
        status = response.status
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT:
            raise _TryAgain(f"status {status}")
        if status == HTTPStatus.FORBIDDEN or _UNKNOWN_ACCESS_KEY in body:
            raise StorageFailed(
                ExitCode.STORAGE_FORBIDDEN,
                f"the storage refused the signed URL of {what}; it may have expired",
            )
        if (
            status == HTTPStatus.NOT_FOUND
            and url == self._request.source_url
            and b"NoSuchBucket" not in body
        ):
            raise ImageRejected(ExitCode.SOURCE_MISSING, f"{what} is not in the storage")
        raise StorageFailed(
            ExitCode.STORAGE_UNAVAILABLE,
            f"the storage answered {status} for {what}",
        )

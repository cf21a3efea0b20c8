"""Adapter: the object storage. It decides nothing.

boto3 blocks, so it runs in threads of its own, as many as it has connections.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from threading import Event
from typing import IO, TYPE_CHECKING, Any, Final, Self, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.response import StreamingBody

from safelight_api import caller
from safelight_api.conditions import ByteRange
from safelight_api.gate import Gate
from safelight_api.metrics import Metrics
from safelight_api.shares import ShareError, Shares
from safelight_contract.env import ObjectStoreSettings

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

logger = logging.getLogger(__name__)

READ_BYTES: Final = 256 * 1024
"""How much of an object is held in memory at a time."""
SHA256_METADATA: Final = "sha256"
_TAKEN: Final = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT)
_DELETE_BATCH: Final = 1000
"""The most keys that one DeleteObjects request takes."""
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 20
_ATTEMPTS: Final = 3
_WAIT_SECONDS: Final = 30
"""For a thread."""
STREAMS_PER_CONNECTION: Final = 8
"""Objects that are read at a time, mostly waiting for their clients."""

R = TypeVar("R")


class StorageError(Exception):
    """The object storage did not do it; the message is its reason, for the log."""


class StorageUnavailableError(StorageError):
    """It cannot be reached, or cannot answer at the moment."""


class ObjectMissingError(StorageError):
    """There is no such object."""


class ObjectChangedError(StorageError):
    """The object holds other bytes than expected."""


class ObjectStream:
    """The bytes of an object, read piece by piece. Iterate once, then close."""

    def __init__(self, objects: "Objects", body: Any, on_closed: Callable[[], None]) -> None:  # noqa: ANN401 - botocore's StreamingBody has no types
        self._objects = objects
        self._body = body
        self._on_closed: Callable[[], None] | None = on_closed

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the bytes.

        Raises:
            StorageError: the storage broke off.
        """
        while chunk := await self._objects.run("read", lambda: self._body.read(READ_BYTES)):
            yield chunk

    def close(self) -> None:
        """Give the connection back, or drop it if not everything was read."""
        self._body.close()
        if self._on_closed is not None:
            self._on_closed()
            self._on_closed = None


class Objects:
    """The objects of one bucket.

    Args:
        settings: where the bucket is.
        connections: how many requests may run at a time; `STREAMS_PER_CONNECTION` times as many
            objects may be open.
        metrics: counts the requests.
    """

    def __init__(
        self, settings: ObjectStoreSettings, *, connections: int, metrics: Metrics
    ) -> None:
        self._bucket = settings.bucket
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="object-storage")
        self._gate = Gate(Shares("storage", connections, metrics.refused), seconds=_WAIT_SECONDS)
        self._streams = Shares("streams", STREAMS_PER_CONNECTION * connections, metrics.refused)
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=connections,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def put(
        self, key: str, file: IO[bytes], *, size: int, sha256: str, media_type: str
    ) -> None:
        """Store a file under a key that is not taken; the storage verifies its checksum.

        A key that holds the very same bytes is success: an earlier try was done, but its answer
        got lost. If the storage says that the key is taken, or being written, and it holds
        nothing, the write is tried once more, as Amazon's guide to conditional writes advises.

        Raises:
            ObjectChangedError: the key is taken by other bytes.
            StorageUnavailableError: it may have been done or not.
        """

        def write() -> None:
            file.seek(0)
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=file,
                ContentLength=size,
                ContentType=media_type,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                Metadata={SHA256_METADATA: sha256},
                IfNoneMatch="*",
            )

        def put() -> None:
            try:
                write()
            except ClientError as error:
                if _code(error) not in _TAKEN:
                    raise
                found = self._sha256_of(key)
                if found is None:
                    write()
                elif found != sha256:
                    raise ObjectChangedError("the key is taken") from error

        await self.run("put", put)

    def _sha256_of(self, key: str) -> str | None:
        """Return what an object was stored with ("" for nothing); None: there is no object."""
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) != HTTPStatus.NOT_FOUND:
                raise
            return None
        return head["Metadata"].get(SHA256_METADATA, "")

    async def open(self, key: str, etag: str, part: ByteRange | None) -> ObjectStream:
        """Open an object, or a part of it, for reading; close it afterwards.

        Args:
            key: of the object.
            etag: without quotes; other bytes are refused.
            part: None for the whole.

        Raises:
            ObjectMissingError: there is no such object.
            ObjectChangedError: it has another etag.
            StorageUnavailableError: there is no answer.
            ShareError: too many are open.
        """
        client = caller.current()
        if not self._streams.take(client):
            raise self._streams.refusal(client)

        def closed() -> None:
            self._streams.give_back(client)

        arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": key, "IfMatch": f'"{etag}"'}
        if part is not None:
            arguments["Range"] = f"bytes={part.first}-{part.last}"
        bodies: list[StreamingBody] = []
        is_given_up = Event()

        def close() -> None:
            with suppress(IndexError):
                bodies.pop().close()

        def get() -> StreamingBody:
            body = self._client.get_object(**arguments)["Body"]
            bodies.append(body)
            if is_given_up.is_set():
                close()
            return body

        try:
            body = await self.run("get", get)
        except BaseException:
            # The thread goes on. Whoever of the two is later closes what nobody will read.
            is_given_up.set()
            close()
            closed()
            raise
        return ObjectStream(self, body, closed)

    async def delete(self, *keys: str) -> None:
        """Delete objects; absent ones are fine.

        Raises:
            StorageError: not all were deleted.
        """

        def delete() -> None:
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
            if answer.get("Errors"):
                raise StorageError(answer["Errors"][0].get("Code", ""))

        await self.run("delete", delete)

    async def delete_prefix(self, prefix: str) -> None:
        """Delete all objects whose keys start so.

        Raises:
            StorageError: not all were deleted.
        """

        def keys() -> list[str]:
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, MaxKeys=_DELETE_BATCH
            )
            return [entry["Key"] for entry in answer.get("Contents", [])]

        while found := await self.run("list", keys):
            await self.delete(*found)

    async def run(self, operation: str, call: Callable[[], R]) -> R:
        """Run a blocking call in one of the threads; its failures become ours."""

        def counted() -> R:
            code = 0
            try:
                with _ours():
                    result = call()
                code = int(HTTPStatus.OK)
            except StorageError as error:
                if isinstance(error.__cause__, ClientError):
                    code = _code(error.__cause__)
                raise
            finally:
                self._metrics.storage_requests.labels(operation, str(code)).inc()
            return result

        try:
            async with self._gate.place():
                return await asyncio.get_running_loop().run_in_executor(self._threads, counted)
        except ShareError as error:
            raise StorageError(str(error)) from error


def _code(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def _ours() -> Iterator[None]:
    """Convert the client's failures into ours."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        text = f"{code} {error.response.get('Error', {}).get('Code', '')}"
        if code == HTTPStatus.PRECONDITION_FAILED:
            raise ObjectChangedError(text) from error
        if code == HTTPStatus.NOT_FOUND and "NoSuchBucket" not in text:
            raise ObjectMissingError(text) from error
        raise StorageUnavailableError(text) from error
    except (BotoCoreError, HTTPClientError, OSError) as error:
        raise StorageUnavailableError(type(error).__name__) from error

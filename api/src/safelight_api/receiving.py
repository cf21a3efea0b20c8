"""Receiving an upload: from the network into a temporary file, counted and hashed on the way.

However many uploads arrive, each holds at most `_BATCH_BYTES` in memory; writing and hashing happen
in threads, so that a slow disk does not stop the polls. The temporary file has no name, so that
nothing is left behind even by SIGKILL.

Clients share the threads and the room for temporary files. Room is reserved by what an upload says
of its length, else taken as it comes, and an upload that arrives may lose it to another client.
"""

import asyncio
import hashlib
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from safelight_api import caller, errors, names
from safelight_api.gate import Gate
from safelight_api.multipart import FIELD, UploadForm
from safelight_api.room import Hold, Room
from safelight_api.shares import ShareError, Shares
from safelight_contract import policy

logger = logging.getLogger(__name__)

_BATCH_BYTES: Final = 256 * 1024
_THREADS: Final = 4
_WAIT_SECONDS: Final = 60
"""For a thread: longer than a disk that works ever takes."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has arrived whole."""

    file: IO[bytes]
    name: str
    """Cleaned."""
    format: policy.Format
    size: int
    sha256: str


class Receiver:
    """Receives uploads.

    Args:
        directory: where temporary files go; None: the system's choice.
        accepted: the formats that are taken in.
        max_file_bytes: the largest file.
        max_held_bytes: what all files that are arriving may hold together.
        on_refused: is told of the bound that a client is refused for.
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        accepted: Sequence[policy.Format],
        max_file_bytes: int,
        max_held_bytes: int,
        on_refused: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._directory = directory
        self._accepted = accepted
        self._max_file_bytes = max_file_bytes
        self._room = Room(Shares("room", max_held_bytes, on_refused), time.monotonic)
        self._gate = Gate(Shares("threads", _THREADS, on_refused), seconds=_WAIT_SECONDS)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="receiving")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def held_bytes(self) -> int:
        """What the files that are arriving hold together, with what is reserved for them."""
        return self._room.held

    @asynccontextmanager
    async def receive(
        self, content_type: str | None, chunks: AsyncIterator[bytes], length: int | None = None
    ) -> AsyncIterator[Received]:
        """Receive one form; the temporary file lives as long as the block.

        Args:
            content_type: of the request.
            chunks: the body, bounded.
            length: of the body, if the client has told it.

        Raises:
            ApiError: 413, 415, 422; 503 when it cannot be written.
            ShareError: there is no room for it, or no thread.
        """
        arriving = _Arriving(self._accepted, self._max_file_bytes)
        form = UploadForm(content_type, arriving.take)
        reserved = min(length or 0, self._max_file_bytes)
        with self._temporary_file() as file, self._held(reserved) as (hold, arrival):

            async def write() -> None:
                data = arriving.batch()
                await self._in_thread(lambda: arriving.write(data, file))

            async with arrival:
                async for chunk in chunks:
                    form.feed(chunk)
                    hold.fit(arriving.size)
                    if arriving.is_batch_full:
                        await write()
                name = form.finish()
                image_format = arriving.format()
                await write()
            hold.settle(arriving.size)
            yield Received(
                file=file,
                name=names.clean(name),
                format=image_format,
                size=arriving.size,
                sha256=arriving.digest.hexdigest(),
            )

    @contextmanager
    def _held(self, size: int) -> Iterator[tuple[Hold, asyncio.Timeout]]:
        """Hold room, for as long as the block lasts; the time-out ends what has lost it."""
        arrival = asyncio.timeout(None)
        hold = self._room.hold(
            caller.current(), size, lambda: arrival.reschedule(asyncio.get_running_loop().time())
        )
        try:
            yield hold, arrival
        except TimeoutError:
            if not hold.is_revoked:
                raise
            logger.info("an upload made room for another client's")
            raise ShareError(self._room.name, is_over=True) from None
        finally:
            hold.close()

    async def _in_thread(self, write: Callable[[], None]) -> None:
        async with self._gate.place():
            writing = asyncio.get_running_loop().run_in_executor(self._threads, write)
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                # Closed under the thread, the file's descriptor could be another file's by then.
                await asyncio.wait([writing])
                raise
            except OSError as error:
                logger.warning("cannot write an upload", extra={"error": repr(error)})
                raise errors.unavailable() from error

    @contextmanager
    def _temporary_file(self) -> Iterator[IO[bytes]]:
        try:
            file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115 - closed below; only opening may fail here
        except OSError as error:
            logger.warning("cannot keep an upload", extra={"error": repr(error)})
            raise errors.unavailable() from error
        with file:
            yield file


class _Arriving:
    """What is known of a file while it arrives."""

    def __init__(self, accepted: Sequence[policy.Format], max_bytes: int) -> None:
        self._accepted = accepted
        self._max_bytes = max_bytes
        self._batch = bytearray()
        self._head = b""
        self.size = 0
        self.digest = hashlib.sha256()

    def take(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            ApiError: 413, these are too many; 422, the first ones are of no accepted format.
        """
        self.size += len(data)
        if self.size > self._max_bytes:
            raise errors.too_large(self._max_bytes)
        if len(self._head) < policy.SNIFF_BYTES:
            self._head = (self._head + data)[: policy.SNIFF_BYTES]
            if len(self._head) == policy.SNIFF_BYTES:
                self.format()
        self._batch += data

    def format(self) -> policy.Format:
        """Tell the format from the first bytes.

        Raises:
            ApiError: 422, the file is empty or of no accepted format.
        """
        if not self._head:
            raise errors.invalid(FIELD, "The file is empty.")
        image_format = policy.sniff(self._head)
        if image_format is None or image_format not in self._accepted:
            raise errors.not_accepted(FIELD, self._accepted)
        return image_format

    @property
    def is_batch_full(self) -> bool:
        """Whether it is time to write."""
        return len(self._batch) >= _BATCH_BYTES

    def batch(self) -> bytes:
        """Hand over what has not been written yet."""
        data = bytes(self._batch)
        self._batch.clear()
        return data

    def write(self, data: bytes, file: IO[bytes]) -> None:
        """Hash and write; blocks."""
        self.digest.update(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]

"""Receiving an upload: from the network into a temporary file, counted and hashed on the way.

However many uploads arrive, each holds at most `_BATCH_BYTES` in memory; writing and hashing happen
in threads, so that a slow disk does not stop the polls. The temporary file has no name, so that
nothing is left behind even by SIGKILL.
"""

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from safelight_api import errors, names
from safelight_api.multipart import FIELD, UploadForm
from safelight_contract import policy

logger = logging.getLogger(__name__)

_BATCH_BYTES: Final = 256 * 1024
_THREADS: Final = 4


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
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        accepted: Sequence[policy.Format],
        max_file_bytes: int,
        max_held_bytes: int,
    ) -> None:
        self._directory = directory
        self._accepted = accepted
        self._max_file_bytes = max_file_bytes
        self._max_held_bytes = max_held_bytes
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="receiving")
        self.held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def receive(
        self, content_type: str | None, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[Received]:
        """Receive one form; the temporary file lives as long as the block.

        Args:
            content_type: of the request.
            chunks: the body, bounded.

        Raises:
            ApiError: 413, 415, 422; 503 when there is no room for it.
        """
        arriving = _Arriving(self._accepted, self._max_file_bytes)
        form = UploadForm(content_type, arriving.take)
        held = 0
        try:
            with self._temporary_file() as file:

                async def write() -> None:
                    data = arriving.batch()
                    await self._in_thread(lambda: arriving.write(data, file))

                async for chunk in chunks:
                    form.feed(chunk)
                    self._hold(arriving.size - held)
                    held = arriving.size
                    if arriving.is_batch_full:
                        await write()
                name = form.finish()
                image_format = arriving.format()
                await write()
                yield Received(
                    file=file,
                    name=names.clean(name),
                    format=image_format,
                    size=arriving.size,
                    sha256=arriving.digest.hexdigest(),
                )
        finally:
            self.held_bytes -= held

    def _hold(self, size: int) -> None:
        """Count bytes in, and refuse those that there is no room for."""
        if self.held_bytes + size > self._max_held_bytes:
            logger.warning("no room for an upload", extra={"held_bytes": self.held_bytes})
            raise errors.unavailable()
        self.held_bytes += size

    async def _in_thread(self, write: Callable[[], None]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, write)
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

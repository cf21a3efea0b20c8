"""Sends a row, byte for byte, and gathers what comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from tests.edge import judge
from tests.edge.judge import Answers
from tests.edge.proxies import DIRECT, Way
from tests.edge.rows.row import WAIT, Row

WITHIN: Final = 30.0
"""Seconds; of nothing here is the duration asserted, so this is how long a busy machine gets."""
_GLANCE: Final = 0.1
"""How long is waited for an answer through a proxy, which may rightly wait for more bytes."""
_PAUSE: Final = 0.01
"""Between two pieces, so that they mostly arrive apart; nothing depends on it."""
_FEW: Final = 3


class Attack:
    """One connection, on which one row is sent."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, row: Row
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._is_direct = way.name == DIRECT
        self._row = row
        self._raw = b""
        self._has_news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def opened(cls, way: Way, row: Row) -> AsyncIterator[Self]:
        """Open a connection; it is closed after the block."""
        reader, writer = await asyncio.open_connection(way.host, way.port)
        attack = cls(reader, writer, way, row)
        try:
            yield attack
        finally:
            attack._reading.cancel()
            await asyncio.gather(attack._reading, return_exceptions=True)
            writer.transport.abort()

    async def _read(self) -> None:
        try:
            while more := await self._reader.read(65536):
                self._raw += more
                self._has_news.set()
        except ConnectionError:
            pass  # it ends like this where the server has not read all; what came counts
        finally:
            self._has_news.set()

    @property
    def has_ended(self) -> bool:
        """Whether the other side has closed the connection."""
        return self._reading.done()

    async def send(self) -> None:
        """Send all pieces; the other side may stop listening."""
        is_first = True
        for piece in self._row.pieces:
            if piece == WAIT:
                await self.answered(WITHIN if self._is_direct else _GLANCE)
                continue
            self._has_news.clear()
            if not is_first:
                await asyncio.sleep(_PAUSE if len(self._row.pieces) <= _FEW else 0)
            is_first = False
            try:
                self._writer.write(piece)
                await self._writer.drain()
            except ConnectionError:
                return

    async def answered(self, seconds: float = _GLANCE) -> None:
        """Wait until something has come since the last piece, or the end, but not for long."""
        if self.has_ended:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_news.wait()

    async def ended(self) -> None:
        """Wait until the other side closes the connection.

        Raises:
            TimeoutError: it does not.
        """
        async with asyncio.timeout(WITHIN):
            await asyncio.shield(self._reading)

    def stop(self) -> None:
        """Say that nothing more comes."""
        if not self.has_ended and self._writer.can_write_eof():
            with contextlib.suppress(OSError):  # the connection is gone already
                self._writer.write_eof()

    def answers(self) -> Answers:
        """Return what has come so far."""
        return judge.read(self._raw, self._row.methods, ended=self.has_ended)

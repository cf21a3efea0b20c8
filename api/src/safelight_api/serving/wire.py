"""The half of a connection that is about its transport: what is sent, what waits, how it ends."""

import asyncio
from collections.abc import Iterable
from typing import cast

from uvicorn.protocols.utils import get_local_addr, get_remote_addr

from safelight_api.serving.dispatch import Dispatcher
from safelight_api.serving.hub import Hub

_HIGH_WATER = 16 * 1024
"""Bytes of answers in the transport from which on a client counts as slow."""


class Wire(asyncio.BufferedProtocol):
    """A connection without what is said over it.

    Args:
        hub: what all connections share; the connection takes a place of it.
        dispatcher: knows the server.
    """

    def __init__(self, hub: Hub, dispatcher: Dispatcher) -> None:
        self.held_bytes = 0
        """Of heads, as counted by the hub."""
        self.is_write_paused = False
        self.is_leaving = hub.is_leaving
        """Whether the next answer is the last one, and says so."""
        self._hub = hub
        self._dispatcher = dispatcher
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._is_over = False
        """Whether nothing of it counts any more."""
        self._is_read_paused = False
        self._writable: asyncio.Event | None = None
        self._unsent = 0
        """Bytes of an answer that wait outside the transport."""
        self._client: str | None = None
        self._local: tuple[str, int | None] | None = None
        self._remote: tuple[str, int] | None = None
        hub.places.enter(self, self._loop.time())

    def ended(self) -> None:
        """Give back what the connection held, and end its request."""
        raise NotImplementedError

    def writable(self) -> None:
        """Go on after the client has taken what waited."""
        raise NotImplementedError

    def drop_queue(self) -> None:
        """Drop what is pipelined behind the request that is being answered."""
        raise NotImplementedError

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self._transport = transport = cast("asyncio.Transport", transport)
        if self._is_over:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._local, self._remote = get_local_addr(transport), get_remote_addr(transport)
        self._dispatcher.state.connections.add(self)  # type: ignore[arg-type]  # uvicorn's own

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell the application that nobody is there."""
        self._dispatcher.state.connections.discard(self)
        self._end()

    def eof_received(self) -> None:
        """Close: a client that has closed its half waits for nothing."""

    def pause_writing(self) -> None:
        """Count what the client does not take."""
        self.is_write_paused = True
        self._count_unsent()

    def resume_writing(self) -> None:
        """Go on."""
        self.is_write_paused = False
        self._unsent = 0
        self._hub.flow_on(self)
        if self._writable is not None:
            self._writable.set()
        if not self._is_over:
            self.writable()

    # What the hub and the server call.

    @property
    def is_deaf(self) -> bool:
        """Whether it is we who do not read."""
        return self._is_read_paused

    @property
    def waiting_bytes(self) -> int:
        """Bytes of answers that the client has not taken."""
        if self._transport is None:
            return 0
        return self._transport.get_write_buffer_size() + self._unsent

    def leave(self) -> None:
        """Close the connection after the next answer, which says so."""
        self.is_leaving = True

    def evict(self, reason: str) -> None:
        """Close at once, and say why in the metrics."""
        self._hub.on_closed(reason)
        self.abort()

    def close_idle(self) -> None:
        """Close; nothing is on its way. Again: at once, unless the client still takes something."""
        if self._transport is None or not self._transport.is_closing():
            self.close()
        elif self.is_write_paused:
            self._hub.places.drop(self, self._loop.time())
        else:
            self.abort()

    # What the request under way calls.

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._is_over:
            self._transport.write(data)
            if self.is_write_paused:
                self._count_unsent()

    async def drain(self, waiting: int) -> None:
        """Wait until the client has taken what was sent; so many bytes wait besides."""
        self._unsent = waiting
        self._count_unsent()
        if self._writable is None:
            self._writable = asyncio.Event()
        while self.is_write_paused and not self._is_over:
            self._writable.clear()
            await self._writable.wait()

    async def wait_for_room(self, client: str | None) -> bool:
        """Wait until a client may begin a large answer; False: it may not."""
        return await self._hub.wait_for_answer_room(client)

    def may_go_on(self, client: str | None) -> bool:
        """Charge the place to a client; False: it holds too many, and this is one of them."""
        if client == self._client:
            return True
        self._client = client
        one = self._hub.places.charge(self, client, self._loop.time())
        if one is None:
            return True
        if one is not self:
            one.evict("share")
            return True
        self.is_leaving = True
        self._hub.on_closed("share")
        return False

    def default_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that every answer has."""
        return self._dispatcher.state.default_headers

    def close(self) -> None:
        """Close when everything is sent."""
        if self._transport is not None and not self._is_over:
            self._hub.places.drop(self, self._loop.time())
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._end()
        if self._transport is not None:
            self._transport.abort()

    # The parts of all that.

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self.ended()
            if self._writable is not None:
                self._writable.set()
            self._hub.leave(self)

    def _count_unsent(self) -> None:
        if not self._is_over:
            self._hub.stall(self, self._loop.time())

    def _finish_writing(self) -> None:
        """Tell the client that no answer follows; what it still sends can be read."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def _pause_reading(self) -> None:
        if not self._is_read_paused and self._transport is not None:
            self._is_read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_read_paused and self._transport is not None and not self._is_over:
            self._is_read_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

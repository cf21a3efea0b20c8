"""One connection: bytes in, requests one after the other, answers out.

The next head is pulled when the answer before it is complete. What arrives until then is read once,
and then no more, so pipelined requests wait in the client's own memory. Until then reading goes on:
it is how a server hears that a client has gone.
"""

import asyncio
import urllib.parse
from collections.abc import Iterable
from typing import cast

from uvicorn.protocols.utils import get_local_addr, get_remote_addr

from safelight_api import errors
from safelight_api.serving import messages
from safelight_api.serving.cycle import Cycle
from safelight_api.serving.dispatch import Dispatcher
from safelight_api.serving.events import END, NEED_DATA, Body, Head, Refusal
from safelight_api.serving.framing import RequestReader
from safelight_api.serving.hub import Hub
from safelight_api.serving.inflow import Inflow, Linger

MAX_HEAD_BYTES = 64 * 1024
"""Of one request: its head, chunk extensions and trailers together."""
_HIGH_WATER = 16 * 1024
"""Bytes of answers in the transport from which on a client counts as slow."""
_SMALL_HEAD = 4 * 1024
"""Bytes; a head that is larger is counted for as long as its request is answered."""
_HEADER_BYTES = 128
"""What a header takes in memory besides its bytes."""


class Connection(asyncio.BufferedProtocol):
    """One connection of a client.

    Args:
        hub: what all connections share.
        dispatcher: starts the application.
    """

    def __init__(self, hub: Hub, dispatcher: Dispatcher) -> None:
        self.held_bytes = 0
        self.is_write_paused = False
        self.is_leaving = hub.is_leaving
        self._hub = hub
        self._dispatcher = dispatcher
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = RequestReader(MAX_HEAD_BYTES)
        self._inflow = Inflow(hub)
        self._cycle: Cycle | None = None
        self._linger: Linger | None = None
        self._client: str | None = None
        self._head_cost = 0
        self._waiting = 0
        self._is_read_paused = False
        self._has_more = False
        self._writable: asyncio.Event | None = None
        self._local: tuple[str, int | None] | None = None
        self._remote: tuple[str, int] | None = None
        self._is_over = False
        hub.places.enter(self, self._loop.time())

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self._transport = transport = cast("asyncio.Transport", transport)
        if self._is_over:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._local, self._remote = get_local_addr(transport), get_remote_addr(transport)
        self._dispatcher.state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell the application that nobody is there."""
        self._dispatcher.state.connections.discard(self)
        self._end()

    def get_buffer(self, sizehint: int) -> memoryview:  # type: ignore[override]  # noqa: ARG002 - asyncio's signature; typeshed forgets memoryview
        """Return where the next bytes go."""
        cycle = self._cycle
        return self._hub.buffer(
            is_body=self._linger is not None or (cycle is not None and not cycle.is_body_complete)
        )

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has arrived."""
        linger = self._linger
        if linger is not None:
            if not linger.take(nbytes):
                self.abort()
            return
        if self._is_over:
            return
        self._reader.feed(self._hub.arrived(nbytes))
        cycle = self._cycle
        if self.is_write_paused if cycle is None else cycle.is_body_complete:
            self._has_more = True
            self._pause_reading()
            self._hold_head()
            return
        self._pull(has_arrived=True)

    def eof_received(self) -> None:
        """Close: a client that has closed its half waits for nothing."""

    def pause_writing(self) -> None:
        """Count what the client does not take."""
        self.is_write_paused = True
        self._count_waiting()

    def resume_writing(self) -> None:
        """Go on."""
        self.is_write_paused = False
        self._waiting = 0
        self._hub.flow_on(self)
        if self._writable is not None:
            self._writable.set()
        if self.is_idle and not self._is_over:
            self._go_on()

    # What the hub and the server call.

    @property
    def is_idle(self) -> bool:
        """Whether a request may be on its way, but none has arrived."""
        return self._cycle is None and self._linger is None

    @property
    def is_deaf(self) -> bool:
        """Whether it is we who do not read."""
        return self._is_read_paused

    @property
    def waiting_bytes(self) -> int:
        """Bytes of answers that the client has not taken."""
        if self._transport is None:
            return 0
        return self._transport.get_write_buffer_size() + self._waiting

    def leave(self) -> None:
        """Close the connection after the next answer, which says so."""
        self.is_leaving = True

    def shutdown(self) -> None:
        """Close the connection, after the answer that is under way if there is one (uvicorn)."""
        self.leave()
        if self.is_idle:
            self.close()

    def evict(self, reason: str) -> None:
        """Close at once, and say why in the metrics."""
        self._hub.on_closed(reason)
        self.abort()

    def close_idle(self) -> None:
        """Close; nothing is on its way."""
        if self._transport is None or not self._transport.is_closing():
            self.close()
        elif self.is_write_paused:  # as long as its client takes something
            self._hub.places.drop(self, self._loop.time())
        else:
            self.abort()

    def drop_queue(self) -> None:
        """Drop what is pipelined, and close after the answer that is under way."""
        cycle = self._cycle
        if cycle is not None and cycle.is_body_complete:
            cycle.keep_alive = False
            self._reader = RequestReader(MAX_HEAD_BYTES)
            self._hub.hold_head(self, self._head_cost)
            self._hub.on_closed("head_bytes")

    # What the request under way calls.

    def write(self, data: bytes) -> None:
        """Send bytes."""
        transport = self._transport
        if transport is None or self._is_over:
            return
        transport.write(data)
        if self.is_write_paused:
            self._count_waiting()

    async def drain(self, waiting: int) -> None:
        """Wait until the client has taken what was sent; so many bytes wait besides."""
        self._waiting = waiting
        self._count_waiting()
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

    def has_body(self) -> bool:
        """Say whether some of the body waits."""
        return bool(self._inflow)

    def read_body(self) -> bytes:
        """Return what has arrived of the body, and go on to read."""
        data = self._inflow.get()
        if self._is_read_paused and not self._has_more:
            self._resume_reading()
        return data

    def default_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that every answer has."""
        return self._dispatcher.state.default_headers

    def answered(self) -> None:
        """Go on after a complete answer."""
        cycle = self._cycle
        if cycle is None or self._is_over:
            return
        self._dispatcher.state.total_requests += 1
        self._inflow.clear()
        if not cycle.is_body_complete:
            self._drop_rest(self._hub.limits.linger_bytes)
            return
        self._cycle = None
        if not cycle.keep_alive or self.is_leaving:
            if self._has_more:
                self._drop_rest(self._hub.limits.garbage_bytes)
            else:
                self.close()
            return
        if self._head_cost:
            self._head_cost = 0
            self._hold_head()
        self._go_on()

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

    def _go_on(self) -> None:
        """Take the next request, of which some may have arrived; nothing is being answered."""
        if not self._has_more or self.is_write_paused:
            self._hub.places.rest(self, self._loop.time())
            return
        self._has_more = False
        self._pull(has_arrived=False)
        if not self._has_more and not self._inflow.is_full:
            self._resume_reading()

    def _pull(self, *, has_arrived: bool) -> None:
        """Take from the reader what it can tell by now."""
        reader = self._reader
        while True:
            event = reader.next_event()
            if event is END:
                cycle = self._cycle
                if cycle is not None:
                    cycle.is_body_complete = True
                    cycle.wake()
                if reader.held_bytes:
                    self._has_more = True
                    self._pause_reading()
                break
            if event is NEED_DATA:
                self._wait_for_data(has_arrived=has_arrived)
                break
            if isinstance(event, Head):
                self._begin(event)
                if self._linger is not None or self._is_over:
                    return
            elif isinstance(event, Body):
                self._inflow.put(event.data)
                if self._cycle is not None:
                    self._cycle.wake()
            elif isinstance(event, Refusal):
                self._refuse(event)
                return
        self._hold_head()

    def _wait_for_data(self, *, has_arrived: bool) -> None:
        hub, now = self._hub, self._loop.time()
        if self._cycle is not None:
            if self._reader.is_in_head:
                hub.framing.setdefault(self, now)
            elif hub.framing:
                hub.framing.pop(self, None)
            if self._inflow.is_full:
                self._pause_reading()
        elif has_arrived or not self._reader.is_between:
            hub.places.begin_head(self, now)
        else:
            hub.places.rest(self, now)

    def _hold_head(self) -> None:
        held = self._reader.held_bytes + self._head_cost
        if held != self.held_bytes:
            self._hub.hold_head(self, held)

    def _begin(self, head: Head) -> None:
        self._hub.places.begin_answer(self, self._loop.time())
        raw_path, _, query = head.target.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = urllib.parse.unquote(path)
        scope = self._dispatcher.scope(head, path, raw_path, query)
        scope["server"], scope["client"] = self._local, self._remote
        self._cycle = cycle = Cycle(
            self, scope, keep_alive=head.keep_alive, expects_continue=head.expects_continue
        )
        size = self._reader.head_bytes
        if size > _SMALL_HEAD:
            self._head_cost = size + _HEADER_BYTES * len(head.headers)
            self._hold_head()
            if self._hub.head_bytes > self._hub.limits.head_bytes:
                cycle.refuse(messages.short_of_memory())
            if self._is_over or cycle.is_complete:
                return
        self._dispatcher.start(cycle)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what is no request, or a body that is none; what follows is dropped."""
        cycle = self._cycle
        if cycle is not None and cycle.is_started:
            self._linger = Linger(self._hub.limits.garbage_bytes)
            return
        if cycle is not None:
            cycle.disconnect()
        error = errors.ApiError(refusal.status, refusal.detail)
        self.write(messages.refusal(error, self.default_headers()))
        self._hub.on_closed("refused")
        self._drop_rest(self._hub.limits.garbage_bytes)

    def _drop_rest(self, most: int) -> None:
        """Read on for a while, so that the answer reaches a client that still sends."""
        self._linger = self._linger or Linger(most)
        self._reader = RequestReader(MAX_HEAD_BYTES)
        self._head_cost = 0
        self._hold_head()
        self._inflow.clear()
        self._hub.framing.pop(self, None)
        self._hub.places.drop(self, self._loop.time())
        self._resume_reading()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def _end(self) -> None:
        """Give back all that is shared, and end the request."""
        if self._is_over:
            return
        self._is_over = True
        if self._cycle is not None:
            self._cycle.disconnect()
        self._inflow.clear()
        if self._writable is not None:
            self._writable.set()
        self._hub.leave(self)

    def _count_waiting(self) -> None:
        if not self._is_over:
            self._hub.stall(self, self._loop.time())

    def _pause_reading(self) -> None:
        if not self._is_read_paused and self._transport is not None:
            self._is_read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_read_paused and self._transport is not None and not self._is_over:
            self._is_read_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

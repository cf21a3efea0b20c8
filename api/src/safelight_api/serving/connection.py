"""One connection: bytes in, requests one after the other, answers out.

The next head is pulled when the answer before it is complete. What arrives until then is read once,
and then no more, so pipelined requests wait in the client's own memory. Until then reading goes on:
it is how a server hears that a client has gone.
"""

import urllib.parse
from typing import Final

from safelight_api import errors
from safelight_api.serving import messages
from safelight_api.serving.cycle import Cycle
from safelight_api.serving.dispatch import Dispatcher
from safelight_api.serving.events import END, NEED_DATA, Body, Head, Refusal
from safelight_api.serving.framing import RequestReader
from safelight_api.serving.hub import Hub
from safelight_api.serving.inflow import Inflow, Linger
from safelight_api.serving.wire import Wire

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of one request: its head, chunk extensions and trailers together."""
_SMALL_HEAD: Final = 4 * 1024
"""Bytes; a head that is larger is counted for as long as its request is answered."""
_HEADER_BYTES: Final = 128
"""What a header takes in memory besides its bytes."""


class Connection(Wire):
    """One connection of a client.

    Args:
        hub: what all connections share.
        dispatcher: starts the application.
    """

    def __init__(self, hub: Hub, dispatcher: Dispatcher) -> None:
        super().__init__(hub, dispatcher)
        self._reader = RequestReader(MAX_HEAD_BYTES)
        self._inflow = Inflow(hub)
        self._cycle: Cycle | None = None
        self._linger: Linger | None = None
        self._head_cost = 0
        self._head_client = ""
        self._is_chunked = False
        """Whether the current body comes in chunks: then less is read, and parsed, at once."""
        self._has_more = False
        """Whether something has arrived behind the request that is being answered."""

    # What the event loop calls.

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where the next bytes go."""
        cycle = self._cycle
        return self._hub.buffer(
            is_body=self._linger is not None
            or (cycle is not None and not cycle.is_body_complete and not self._is_chunked)
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
        else:
            self._pull(has_arrived=True)

    # What the hub and the server call.

    @property
    def is_idle(self) -> bool:
        """Whether a request may be on its way, but none has arrived."""
        return self._cycle is None and self._linger is None

    def shutdown(self) -> None:
        """Close the connection, after the answer that is under way if there is one (uvicorn)."""
        self.leave()
        if self.is_idle:
            self.close()

    def drop_queue(self) -> None:
        """Drop what is pipelined, and close after the answer that is under way."""
        cycle = self._cycle
        if cycle is not None and cycle.is_body_complete and self._reader.held_bytes:
            self.is_leaving = True
            self._reader = RequestReader(MAX_HEAD_BYTES)
            self._hub.count_head(self, self._head_cost)
            self._hub.on_closed("head_bytes")

    # What the request under way calls.

    def has_body(self) -> bool:
        """Say whether some of the body waits."""
        return bool(self._inflow)

    def read_body(self) -> bytes:
        """Return what has arrived of the body, and go on to read."""
        data = self._inflow.get()
        if self._is_read_paused and not self._has_more:
            self._resume_reading()
        return data

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
        if self._head_cost:
            self._let_head_go()
            self._hold_head()
        if cycle.keep_alive and not self.is_leaving:
            self._go_on()
        elif self._has_more:
            self._drop_rest(self._hub.limits.garbage_bytes)
        else:
            self.close()

    # The parts of all that.

    def ended(self) -> None:
        """End the request."""
        if self._cycle is not None:
            self._cycle.disconnect()
        self._inflow.clear()
        self._let_head_go()

    def writable(self) -> None:
        """Take the next request."""
        if self.is_idle and self._transport is not None and not self._transport.is_closing():
            self._go_on()

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
        while (event := reader.next_event()) is not NEED_DATA:
            if event is END:
                self._complete_body()
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
        else:
            self._wait_for_data(has_arrived=has_arrived)
        self._hold_head()

    def _complete_body(self) -> None:
        if self._cycle is not None:
            self._cycle.is_body_complete = True
            self._cycle.wake()
        if self._hub.framing:
            self._hub.framing.pop(self, None)
        if self._reader.held_bytes:
            self._has_more = True
            self._pause_reading()

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
        self._is_chunked = head.is_chunked
        if not self._hold_large_head(head):
            self._hub.on_closed("head_bytes")
            cycle.refuse(messages.short_of_memory())
        if not self._is_over and not cycle.is_complete:
            self._dispatcher.start(cycle)

    def _hold_large_head(self, head: Head) -> bool:
        """Count a large head for as long as its request is answered; False: its client has more."""
        size = self._reader.head_bytes
        if size <= _SMALL_HEAD:
            return True
        cost = size + _HEADER_BYTES * len(head.headers)
        client = self._dispatcher.client_of(head.headers)
        if not self._hub.large_heads.take(client, cost):
            return False
        self._head_client, self._head_cost = client, cost
        self._hold_head()
        return True

    def _let_head_go(self) -> None:
        """Give back what a large head has taken."""
        if self._head_cost:
            self._hub.large_heads.give_back(self._head_client, self._head_cost)
            self._head_cost = 0

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what is no request, or a body that is none; what follows is dropped."""
        cycle = self._cycle
        if cycle is not None and cycle.is_started:
            self._hub.framing.pop(self, None)
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
        self._let_head_go()
        self._hold_head()
        self._inflow.clear()
        self._hub.framing.pop(self, None)
        self._hub.places.drop(self, self._loop.time())
        self._resume_reading()
        self._finish_writing()

"""How much a server of an inner port may take: places, bytes, seconds."""

from dataclasses import dataclass
from typing import Final

READ_BYTES: Final = 4096
"""What is read at a time; the parser holds a head, and at most this much beyond it."""
RECEIVE_BUFFER: Final = 16 * 1024
"""The kernel's buffer of one connection, as asked for; Linux takes twice that (socket(7))."""
SEND_BUFFER: Final = 64 * 1024
"""The same for what is sent."""
_OBJECTS: Final = 48 * 1024
"""A task, a socket, a parser and its events; measured at less than half of it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all clients of a server may hold together. Times are in seconds."""

    connections: int = 64
    """Places. A probe, a scrape or a hint needs one for some milliseconds."""
    head_bytes: int = 16 * 1024
    head_lines: int = 100
    """To parse a line costs much more than to receive it."""
    body_bytes: int = 1024
    """Of a request: no handler needs one, so it is read and dropped."""
    chunk_bytes: int = 64
    """What each piece of a body counts at least: one byte costs as much work as many."""
    head_seconds: float = 5
    """From the first byte of a request, or from the connection, to the end of the head."""
    body_seconds: float = 5
    exchange_seconds: float = 15
    """From the first byte of a request to the last one of its answer."""
    idle_seconds: float = 15
    """Between two requests on a connection."""
    pause_seconds: float = 0.1
    """After an answer, before the next request of the connection is read.

    A client that never stops asking would leave no time for others, nor for what else runs here.
    """
    linger_seconds: float = 2
    """How long the rest is read and dropped after an answer that ends the connection.

    Closing at once would reset it, and a client that is still sending could lose the answer.
    """
    linger_bytes: int = 1024 * 1024

    @property
    def share(self) -> int:
        """Places that one source may hold: never the last quarter."""
        return self.connections - max(self.connections // 4, 1)

    @property
    def accepted(self) -> int:
        """Connections that are taken at a time, few: nobody leaves before having been looked at."""
        return max(self.connections // 16, 1)

    def bytes_at_most(self, answer_bytes: int) -> int:
        """Return what all connections hold at the most, the kernel's buffers included.

        Args:
            answer_bytes: size of the largest answer, of which each connection may hold two.
        """
        parsed = self.head_bytes + 2 * READ_BYTES
        kernel = 2 * (RECEIVE_BUFFER + SEND_BUFFER)
        return self.connections * (parsed + kernel + 2 * answer_bytes + _OBJECTS)

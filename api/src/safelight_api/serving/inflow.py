"""The bytes of bodies: to the application while it takes them, and dropped after its answer."""

from safelight_api.serving.hub import Hub


class Inflow:
    """The body of a connection's current request, on its way to the application.

    Args:
        hub: counts what waits over all connections.
    """

    __slots__ = ("_data", "_hub")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._data = bytearray()

    def __bool__(self) -> bool:
        return bool(self._data)

    @property
    def is_full(self) -> bool:
        """Whether the application has to take something before more is read.

        One read at most waits: whoever is not let in, or has to wait for its turn, has no more of
        its body looked at.
        """
        return bool(self._data)

    def put(self, data: bytes) -> None:
        """Add a piece."""
        self._data += data
        self._hub.body_bytes += len(data)

    def get(self) -> bytes:
        """Return all that is there, and keep nothing of it."""
        data = bytes(self._data)
        self.clear()
        return data

    def clear(self) -> None:
        """Drop all that is there."""
        if self._data:
            self._hub.body_bytes -= len(self._data)
            self._data = bytearray()


class Linger:
    """How long a connection is read after its last answer, only to drop what comes.

    To close at once would reset it, and a client that still sends could lose the answer (RFC 9112,
    9.6). The time is bounded by the hub's sweep.

    Args:
        most: bytes.
    """

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """Drop so many bytes; return whether more may come."""
        self._left -= size
        return self._left > 0

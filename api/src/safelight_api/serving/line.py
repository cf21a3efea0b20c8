"""What a request asks of its connection."""

from collections.abc import Iterable
from typing import Protocol


class Line(Protocol):
    """The connection of a request, as its cycle sees it."""

    is_write_paused: bool
    is_leaving: bool

    def write(self, data: bytes) -> None:
        """Send bytes."""

    async def drain(self, waiting: int) -> None:
        """Wait until the client has taken what was sent; so many bytes wait besides."""

    async def wait_for_room(self, client: str | None) -> bool:
        """Wait until a client may begin a large answer; False: it may not."""

    def may_go_on(self, client: str | None) -> bool:
        """Charge the connection to a client; False: it holds too many."""

    def read_body(self) -> bytes:
        """Return what has arrived of the body, and go on to read."""

    def has_body(self) -> bool:
        """Say whether some of the body waits."""

    def default_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that every answer has."""

    def answered(self) -> None:
        """Go on after a complete answer."""

    def close(self) -> None:
        """Close when everything is sent."""

    def abort(self) -> None:
        """Close at once: the answer must not look complete."""

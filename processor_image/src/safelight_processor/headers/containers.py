"""What the boxes of AVIF and HEIF files hold: items and their properties, and tracks."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Box(NamedTuple):
    """A box; its content is `data[start:end]`."""

    name: bytes
    start: int
    end: int


@dataclass(slots=True)
class Item:
    """A picture, or a piece of metadata."""

    kind: bytes = b""
    content_type: bytes = b""
    """Of a `mime` item."""
    is_hidden: bool = False
    properties: list[Box] = field(default_factory=list)
    """In the order in which they apply."""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Where its bytes are, as offset and length."""


@dataclass(slots=True)
class Track:
    """A sequence of pictures."""

    handler: bytes = b""
    samples: int = 0
    start: int = 0
    """Where the first picture's bytes are."""
    size: tuple[int, int] = (0, 0)
    properties: list[Box] = field(default_factory=list)


@dataclass(slots=True)
class Container:
    """All of a file but the pixels."""

    major_brand: bytes = b""
    primary: int | None = None
    items: dict[int, Item] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    """Kind, from which item, to which items."""
    tracks: list[Track] = field(default_factory=list)
    uuids: set[bytes] = field(default_factory=set)

    def referring(self, kind: bytes, target: int) -> list[int]:
        """Return the items that refer to another one."""
        return [source for name, source, to in self.references if name == kind and target in to]

    def referred(self, kind: bytes, source: int) -> tuple[int, ...]:
        """Return the items that an item refers to."""
        found = (to for name, who, to in self.references if (name, who) == (kind, source))
        return next(found, ())

"""Animations as APNG, chunk by chunk.

Pillow's own way to APNG keeps every frame in memory, 400 MB for the largest animation and twice
that if modes differ, and stores rectangles whole. Here a frame is compared with the one before,
what differs is encoded as a still by Pillow, and the frame is forgotten.
"""

import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final

from PIL import Image, ImageChops

from safelight_processor.animations import apng
from safelight_processor.animations.frames import Film, Frame, save

PHOTO: Final[dict[str, Any]] = {"compress_type": zlib.Z_RLE}
DRAWN: Final[dict[str, Any]] = {"compress_level": 6}
SMALLEST: Final[dict[str, Any]] = {"compress_level": 9}

_COLOURS: Final = 255
"""Of a palette; one entry more is the transparent one."""
_SURVEYED_COLOURS: Final = 1024
"""Transparent pixels may have colours as well, so more are counted than a palette holds."""
_CLEAR: Final = bytes(4)
_NATIVE: Final = sys.byteorder


@dataclass(slots=True)
class Survey:
    """What all frames have in common, which decides what they are stored as."""

    has_alpha: bool = False
    is_binary: bool = True
    """Pixels are opaque or fully transparent."""
    is_grey: bool = True
    colours: dict[bytes, int] = field(default_factory=lambda: {_CLEAR: 0})
    """RGBA to palette entry; entry 0 is the transparent one. Meaningless without `has_palette`."""
    has_palette: bool = True

    @property
    def mode(self) -> str:
        """Return Pillow's name of what the frames are stored as."""
        if self.is_grey and not self.has_alpha:
            return "L"
        if self.has_palette:
            return "P"
        return (
            ("LA" if self.has_alpha else "L")
            if self.is_grey
            else ("RGBA" if self.has_alpha else "RGB")
        )


def survey(frames: Iterator[Frame]) -> Survey:
    """Look at all frames."""
    found = Survey()
    for frame in frames:
        image = frame.image
        if image.mode == "RGBA":
            alpha = image.getchannel("A")
            found.has_alpha = found.has_alpha or alpha.getextrema()[0] < 255  # type: ignore[operator]  # noqa: PLR2004 - opaque
            found.is_binary = found.is_binary and sum(alpha.histogram()[1:255]) == 0
        if found.is_grey:
            red, green, blue = image.split()[:3]
            found.is_grey = not (
                ImageChops.difference(red, green).getbbox()
                or ImageChops.difference(green, blue).getbbox()
            )
        found.has_palette = found.has_palette and found.is_binary and _count(image, found.colours)
    return found


def _count(image: Image.Image, known: dict[bytes, int]) -> bool:
    """Give new colours an entry; say whether there were enough."""
    colours = image.convert("RGBA").getcolors(_SURVEYED_COLOURS)
    if colours is None:
        return False
    used = max(known.values())
    # Sorted: the same pixels must give the same bytes.
    for raw in sorted(bytes(colour) for _, colour in colours if isinstance(colour, tuple)):
        if raw in known:
            continue
        if raw[3] == 0:
            known[raw] = 0
        else:
            used += 1
            known[raw] = used
    return used <= _COLOURS and len(known) <= _SURVEYED_COLOURS


def write(
    film: Film,
    seen: Survey,
    profile: bytes | None,
    options: dict[str, Any] | None = None,
) -> bytes:
    """Return an animated PNG.

    Args:
        film: its frames are RGB or RGBA, all of one size.
        seen: what its frames have in common.
        profile: an ICC profile that they are in; None: sRGB.
        options: of Pillow's encoder of PNG; None: what suits the first frame.
    """
    encoder = _Encoder(seen, options)
    before: Image.Image | None = None
    out = bytearray(apng.SIGNATURE)
    sequence = 0
    for frame in film.frames():
        image = frame.image.convert("RGBA")
        place, still, replaces = (0, 0), b"", True
        if before is None:
            still = encoder.still(image)
            out += _start(still, film, profile)
        else:
            place, still, replaces = encoder.change(before, image)
        size, pixels = _content(still)
        out += apng.control(sequence, size, place, frame.delay, replaces=replaces)
        sequence += 1
        if before is None:
            out += apng.chunk(b"IDAT", *pixels)
        else:
            out += apng.chunk(b"fdAT", struct.pack(">I", sequence), *pixels)
            sequence += 1
        before = image
    return bytes(out + apng.chunk(b"IEND"))


class _Encoder:
    """Encodes rectangles as stills."""

    def __init__(self, seen: Survey, options: dict[str, Any] | None) -> None:
        self._seen = seen
        self._mode = seen.mode
        self._options = options
        self._palette = b""
        if self._mode == "P":
            entries = {entry: raw for raw, entry in seen.colours.items() if entry}
            self._palette = bytes(3) + b"".join(entries[n][:3] for n in sorted(entries))

    def still(self, image: Image.Image) -> bytes:
        """Return a PNG file."""
        extra: dict[str, Any] = {}
        if self._mode == "P":
            pixels = memoryview(image.tobytes())
            table = {int.from_bytes(raw, _NATIVE): n for raw, n in self._seen.colours.items()}
            indices = bytes(map(table.__getitem__, pixels.cast("I")))
            image = Image.frombytes("P", image.size, indices)
            image.putpalette(self._palette)
            extra["transparency"] = b"\0"
        else:
            image = image.convert(self._mode)
        if self._options is None:
            photo = save(image, "png", **PHOTO, **extra)
            drawn = save(image, "png", **DRAWN, **extra)
            # The first frame tells for all.
            is_photo = len(photo) <= len(drawn) or len(drawn) > 0.9 * len(photo)
            self._options = PHOTO if is_photo else DRAWN
            return photo if is_photo else drawn
        return save(image, "png", **self._options, **extra)

    def change(
        self,
        before: Image.Image,
        image: Image.Image,
    ) -> tuple[tuple[int, int], bytes, bool]:
        """Return where two frames differ, a PNG file of what is there, and whether it replaces."""
        changed = reduce(ImageChops.lighter, ImageChops.difference(before, image).split())
        box = changed.getbbox() or (0, 0, 1, 1)
        part = image.crop(box)
        whole = self.still(part)
        if self._mode not in {"P", "LA", "RGBA"}:
            return box[:2], whole, True
        changed = changed.crop(box).point([0, *[255] * 255])
        if ImageChops.subtract(changed, part.getchannel("A")).getbbox():
            # Where it becomes less opaque, only replacing shows it.
            return box[:2], whole, True
        holes = Image.new("RGBA", part.size)
        holes.paste(part, mask=changed)
        sparse = self.still(holes)
        return box[:2], min(whole, sparse, key=len), len(whole) <= len(sparse)


def _start(still: bytes, film: Film, profile: bytes | None) -> bytes:
    """Return the chunks before the first frame."""
    chunks = dict(apng.chunks(memoryview(still)))
    kept = b"".join(apng.chunk(n, chunks[n]) for n in (b"PLTE", b"tRNS") if n in chunks)
    control = apng.chunk(b"acTL", struct.pack(">II", film.count, film.plays))
    # A name of its own, the method 0 and the profile.
    iccp = apng.chunk(b"iCCP", b"ICC\0\0", zlib.compress(profile)) if profile else b""
    return apng.chunk(b"IHDR", chunks[b"IHDR"]) + control + iccp + kept


def _content(still: bytes) -> tuple[tuple[int, int], list[memoryview]]:
    """Return size and pixels of a PNG file."""
    chunks = list(apng.chunks(memoryview(still)))
    width, height = struct.unpack_from(">II", chunks[0][1])
    return (width, height), [content for name, content in chunks if name == b"IDAT"]

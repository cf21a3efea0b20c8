"""Animations as files by Pillow's encoders of WebP and AVIF, which take frame after frame."""

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

from PIL import Image

from safelight_processor.animations.frames import Frame, save

_MOST_WEBP_PLAYS: Final = 65535
"""16 bits in the ANIM chunk."""
_LONGEST_WEBP_DELAY: Final = Fraction(2**24 - 1)
"""Milliseconds, in the ANMF chunk."""
_RIFF_BYTES: Final = 12
_CHUNK_BYTES: Final = 8
_FIRST_CHUNK: Final = slice(12, 16)
_FLAGS: Final = 20
"""Where the flags of the first chunk are, if it is VP8X."""
_ALPHA_FLAG: Final = 0x10
_Delay = Fraction | int


def _rounded(delay: Fraction) -> int:
    return round(delay)


class _Reel(Image.Image):
    """Hands frames to Pillow's encoders one by one, as if it were an opened animated file."""

    def __init__(
        self,
        frames: Iterator[Frame],
        count: int,
        delay: Callable[[Fraction], _Delay],
    ) -> None:
        super().__init__()
        self.n_frames = count
        self.is_animated = True
        self.delays: list[_Delay] = []
        """Milliseconds; the encoder is given this list while it grows."""
        self.has_alpha = False
        """Whether a frame was RGBA so far."""
        self._frames = frames
        self._delay = delay
        self._number = -1
        self.seek(0)

    def tell(self) -> int:
        """Return the number of the frame that is shown."""
        return self._number

    def seek(self, frame: int) -> None:
        """Show a later frame; a step back is not made, as the encoders only want it at their end.

        Raises:
            EOFError: there are no more.
        """
        if frame >= self.n_frames:
            raise EOFError
        while self._number < frame:
            following = next(self._frames)
            self.im = following.image.im
            self._mode = following.image.mode
            self.has_alpha = self.has_alpha or following.image.mode == "RGBA"
            self._size = following.image.size
            self.delays.append(self._delay(following.delay))
            self._number += 1


def webp(frames: Iterator[Frame], count: int, plays: int, options: dict[str, Any]) -> bytes:
    """Return an animated WebP.

    Args:
        frames: RGB, or RGBA where not all is opaque; all of one size.
        count: how many there are.
        plays: how often it is shown; 0: for ever.
        options: of Pillow's encoder.
    """
    # Pillow adds the delays up before it rounds, so many short ones do not drift.
    reel = _Reel(frames, count, lambda delay: min(delay, _LONGEST_WEBP_DELAY))
    data = save(
        reel,
        "webp",
        save_all=True,
        duration=reel.delays,
        loop=min(plays, _MOST_WEBP_PLAYS),
        background=(0, 0, 0, 0),
        **options,
    )
    if not reel.has_alpha or data[_FIRST_CHUNK] != b"VP8X":
        return data
    # libwebp looks for alpha in the frames' pixels alone. Where rectangles without any leave a
    # part of the canvas uncovered, readers would take that for black.
    return data[:_FLAGS] + bytes([data[_FLAGS] | _ALPHA_FLAG]) + data[_FLAGS + 1 :]


def webp_frame_sizes(data: bytes) -> list[int]:
    """Return the bytes that each frame of a WebP file takes; of a still one there is one."""
    sizes = []
    position = _RIFF_BYTES
    while position < len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        if name == b"ANMF":
            sizes.append(size)
        position += _CHUNK_BYTES + size + size % 2
    return sizes or [len(data)]


def avif(frames: Iterator[Frame], count: int, options: dict[str, Any]) -> bytes:
    """Return an animated AVIF; it is shown for ever, since Pillow can say nothing else.

    Args:
        frames: all RGB or all RGBA, all of one size.
        count: how many there are.
        options: of Pillow's encoder.
    """
    reel = _Reel(frames, count, _rounded)
    return save(reel, "avif", save_all=True, duration=reel.delays, **options)

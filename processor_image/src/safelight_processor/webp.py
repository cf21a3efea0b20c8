"""What is particular to WebP: its chunks, and the memory of its decoder."""

import io
from typing import BinaryIO, Final

from PIL.WebPImagePlugin import WebPImageFile

_HEADER_BYTES: Final = 12
_CHUNK_HEADER_BYTES: Final = 8
_FRAME_HEADER_BYTES: Final = 16
_MAX_CHUNKS: Final = 100


class FirstFrame(WebPImageFile):
    """Decodes the first frame, and lets go of libwebp's buffers before Pillow makes its own.

    Pillow uses libwebp's decoder for animations, which keeps two canvases of 4 bytes a pixel; with
    its answer and the picture that is 16 bytes a pixel, 800 MB for the largest accepted picture.
    Without the canvases it is 12 at most.
    """

    def _get_next(self) -> tuple[bytes, int, int]:
        frame = super()._get_next()
        del self._decoder
        return frame


def is_lossless(source: BinaryIO) -> bool:
    """Say whether the first picture of a WebP file is stored without loss.

    Args:
        source: the file; its position is kept.
    """
    position = source.tell()
    try:
        source.seek(_HEADER_BYTES)
        for _ in range(_MAX_CHUNKS):
            header = source.read(_CHUNK_HEADER_BYTES)
            name, size = header[:4], int.from_bytes(header[4:], "little")
            if name in {b"VP8L", b"VP8 ", b"ALPH", b""}:
                return name == b"VP8L"
            # The chunks of a frame of an animation stand inside of the frame's own.
            skip = _FRAME_HEADER_BYTES if name == b"ANMF" else size + size % 2
            source.seek(skip, io.SEEK_CUR)
    finally:
        source.seek(position)
    return False

"""libvips behind typed calls: made safe before it sees a byte, with its errors as ours.

Loading the library costs 35 ms of CPU and 10 MiB, so nothing here does it but `library`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_processor.errors import ImageRejected
from safelight_processor.picture import Buffer

if TYPE_CHECKING:
    import pyvips

_MODULES: Final = ("pyvips", "_libvips")
_SETTINGS: Final = {
    "VIPS_CONCURRENCY": "1",
    "VIPS_WARNING": "0",
    "VIPS_DISC_THRESHOLD": "100g",
}
"""In the environment, unless somebody has set them: one thread, as a Job has little more than one
processor to give; no warnings on stderr (whatever the value is); and no temporary file, into which
it would decode a WebP of 100 MB or more. A Job can write none, and the picture would pass for a
damaged one."""
_ALL_LOADERS: Final = "VipsForeignLoad"
_LOADERS: Final[Mapping[Format, tuple[str, str]]] = {
    policy.JPEG: ("jpegload_buffer", "VipsForeignLoadJpegBuffer"),
    policy.PNG: ("pngload_buffer", "VipsForeignLoadPngBuffer"),
    policy.WEBP: ("webpload_buffer", "VipsForeignLoadWebpBuffer"),
}
"""All loaders that may run: their names, and those of their classes."""
_NO_MEMORY: Final = re.compile(r"out of memory|insufficient memory", re.IGNORECASE)
"""How libvips and its decoders say that an allocation was refused."""

FORMATS: Final = frozenset(_LOADERS)
"""What `load` can decode."""


def is_installed() -> bool:
    """Say whether the library can be loaded, without loading it."""
    return all(find_spec(module) is not None for module in _MODULES)


@cache
def library() -> ModuleType:
    """Load libvips, with one thread, without caches, and with all loaders off but a few."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import pyvips  # noqa: PLC0415 - this is where the library is loaded

    # By default a loader is chosen by magic bytes, from all that this build has: SVG, TIFF, ...
    pyvips.block_untrusted_set(True)  # noqa: FBT003 - no other way to call it
    pyvips.operation_block_set(_ALL_LOADERS, True)  # noqa: FBT003 - see above
    for _, loader in _LOADERS.values():
        pyvips.operation_block_set(loader, False)  # noqa: FBT003 - see above
    # A process makes one picture: nothing is asked for twice.
    pyvips.cache_set_max(0)
    return pyvips


def versions() -> Mapping[str, str]:
    """Return the versions of the library and of its wrapper, by name."""
    pyvips = library()
    return {
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "pyvips": pyvips.__version__,
    }


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what libvips raises of a file into a rejection; only calls into it belong in here.

    Raises:
        ImageRejected: the file is damaged.
        MemoryError: an allocation was refused.
    """
    try:
        with telling_of_memory():
            yield
    except library().Error as error:
        # The error's text may hold words of the file, so it stays in the cause.
        raise ImageRejected(ExitCode.CORRUPT_IMAGE, "the decoder refused it") from error


@contextmanager
def telling_of_memory() -> Iterator[None]:
    """Turn libvips' words for a lack of memory into Python's exception.

    Raises:
        MemoryError: an allocation was refused.
    """
    try:
        yield
    except library().Error as error:
        if _NO_MEMORY.search(error.detail):
            raise MemoryError from error
        raise


def load(original: Buffer, image_format: Format, **options: Any) -> "pyvips.Image":  # noqa: ANN401 - a loader's options are of any type
    """Open a file; its pixels are decoded as they are asked for, from the top row on.

    Args:
        original: the whole file.
        image_format: one of `FORMATS`.
        options: of its loader.
    """
    loader, _ = _LOADERS[image_format]
    image: pyvips.Image = getattr(library().Image, loader)(
        original,
        access="sequential",
        # As strict as Pillow: errors and missing pixels are refused, oddities are not.
        fail_on="error",
        **options,
    )
    return image


def from_memory(raw: Buffer, size: tuple[int, int], bands: int) -> "pyvips.Image":
    """Wrap packed rows of 8 bits, without a copy."""
    image: pyvips.Image = library().Image.new_from_memory(raw, *size, bands, "uchar")
    return image


def to_memory(image: "pyvips.Image") -> memoryview:
    """Compute all pixels into packed rows; this is where decoding happens."""
    return memoryview(image.write_to_memory())

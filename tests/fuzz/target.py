"""What every input must end as: pictures that decode whole, or a refusal of the closed list.

The target is the processor's own entry point, `transform`, in this process. An input chooses its
recipe by its checksum, so that the same file always takes the same way.
"""

import io
import resource
import time
import warnings
import zlib
from typing import Final

from PIL import Image, ImageSequence

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.recipe import Animation, ColourSpace, Credits, Engine, Recipe, Rendition
from safelight_processor.encoded import EncodedImage
from safelight_processor.errors import ImageRejected
from safelight_processor.log import Log
from safelight_processor.transform import transform

REFUSALS: Final = frozenset(
    {ExitCode.UNSUPPORTED_FORMAT, ExitCode.CORRUPT_IMAGE, ExitCode.IMAGE_TOO_LARGE}
)
"""How an original may be refused; anything else that is raised is a finding."""
MOST_CPU_SECONDS: Final = 30.0
"""For one input, however large the picture that it asks for; good photos take 1 to 3."""
_VARIANTS: Final = (
    Rendition("wide", 64),
    Rendition("square", 32, 32, formats=("webp",)),
)
"""Small, as most inputs are: what is fuzzed are decoders, and what is done with their answers."""


def recipe_for(data: bytes) -> Recipe:
    """Return the recipe that an input is processed with."""
    bits = zlib.crc32(data)
    return Recipe(
        engine=(Engine.VIPS, Engine.PILLOW)[bits & 1],
        animation=(Animation.KEEP, Animation.REFUSE)[bits >> 1 & 3 == 0],
        colour=(ColourSpace.SRGB, ColourSpace.DISPLAY_P3)[bits >> 3 & 1],
        credits=(Credits.DROP, Credits.KEEP)[bits >> 4 & 1],
        variants=_VARIANTS if bits >> 5 & 1 else (),
    )


def check(data: bytes) -> str:
    """Process an input and judge how that ended.

    Returns:
        How it ended, in a word.

    Raises:
        AssertionError: a result is damaged, or it took too long.
        Exception: the processor let something escape that is no refusal.
    """
    source = policy.sniff(data[: policy.SNIFF_BYTES])
    if source is None:
        return "unknown"
    recipe = recipe_for(data)
    start = time.process_time()
    try:
        result = transform(data, source, recipe, Log(io.StringIO()))
    except ImageRejected as error:
        if error.code not in REFUSALS:
            raise AssertionError(error.code) from error
        return error.code.name
    except MemoryError:
        return ExitCode.OUT_OF_MEMORY.name
    finally:
        seconds = time.process_time() - start
        assert seconds < MOST_CPU_SECONDS, f"it took {seconds:.1f} s of CPU"
    for encoded in (result.image, *result.variants):
        _check_picture(encoded, keeps_credits=recipe.credits is Credits.KEEP)
    return ExitCode.DONE.name


def _check_picture(encoded: EncodedImage, *, keeps_credits: bool) -> None:
    """Decode a result, to its last frame."""
    assert encoded.width <= policy.MAX_WIDTH
    assert encoded.height <= policy.MAX_HEIGHT
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(io.BytesIO(encoded.data), formats=[encoded.format.name]) as picture:
            assert picture.size == (encoded.width, encoded.height), picture.size
            assert keeps_credits or not picture.getexif()
            for frame in ImageSequence.Iterator(picture):
                frame.load()


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

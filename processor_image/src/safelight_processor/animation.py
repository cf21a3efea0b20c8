"""Animated in, animated out: never a still of one, and nothing of the original but its pixels.

A GIF becomes an animated WebP, which holds all that a GIF does; WebP, APNG and AVIF stay what they
are. Frames are decoded, put right and encoded one after the other, so memory is bounded by a few
canvases, not by the number of frames. The first damaged frame is final, wherever it is.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from safelight_contract import keys, policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Animation, ColourSpace, Recipe
from safelight_processor.animations import apng_writer, writers
from safelight_processor.animations.frames import Film, Frame
from safelight_processor.animations.sources import check_budget, open_film
from safelight_processor.colour import convert
from safelight_processor.encoded import EncodedImage
from safelight_processor.errors import ImageRejected
from safelight_processor.header import Data, Header
from safelight_processor.picture import Picture
from safelight_processor.pixels import resize, turn_upright
from safelight_processor.plugins import plugin_of
from safelight_processor.profile_reader import space_of_result
from safelight_processor.profiles import DISPLAY_P3_PROFILE
from safelight_processor.sizes import fit_stored, swapped

Size = tuple[int, int]
Options = dict[str, Any]

_LOSSLESS: Final[Options] = {"lossless": True, "quality": 50, "method": 1, "kmin": 0, "kmax": 0}
"""Without key frames: nothing drifts without loss, and players start at the first frame anyway.
A GIF of 259 frames in 752 KB takes 562 KB so, and 3214 KB with Pillow's key frames."""
_LOSSY_METHOD: Final = 4
_WORTH_A_LOSS: Final = 0.75
"""Pixels stored without loss stay so, unless a loss makes the file smaller than this part of it.
Recordings of screens do not reach it (0.92), photos do (0.26)."""
_SAMPLE_FRAMES: Final = 12
_SAMPLE_PIXELS: Final = 4_000_000
"""What both ways are tried on: so many frames, but at least two and no more pixels over them."""
_PASSES: Final = 3
"""Over the whole animation, at most; one less for large ones. A pass takes 20 s of CPU for the
largest, and most animations need one."""
_MANY_PIXELS: Final = 50_000_000
_LEAST_QUALITY: Final = 40
_STEP_DOWN: Final = 20
_AVIF_SPEED: Final = 9


def output_format(source: Format, recipe: Recipe) -> Format:
    """Return what an animation is written as: WebP if the recipe says so, else as it came.

    Raises:
        ImageRejected: animations are to be refused, or there is nothing to keep this one in.
    """
    if recipe.animation is Animation.REFUSE:
        raise ImageRejected(ExitCode.UNSUPPORTED_FORMAT, "animated images are not accepted")
    if recipe.image_formats(source)[0] is policy.WEBP:
        return policy.WEBP
    same = policy.family(source)[0]
    if same not in {policy.PNG, policy.WEBP, policy.AVIF}:
        raise ImageRejected(
            ExitCode.UNSUPPORTED_FORMAT,
            f"animated images in {source.name} are not accepted",
        )
    return same


def animate(original: Data, header: Header, recipe: Recipe) -> EncodedImage:
    """Make the safe animation: upright, 8 bits a channel, within the policy's box, no metadata.

    Args:
        original: the whole file.
        header: what it says of itself; it has more than one frame.
        recipe: what to make.

    Returns:
        The image; frames that look like the one before may have become one with it.

    Raises:
        ImageRejected: it is damaged, too large, or animations are not accepted.
        MemoryError: it needs more memory than there is.
    """
    written = output_format(header.format, recipe)
    check_budget(header)
    source = open_film(original, header)
    target = fit_stored(header.size, header.orientation)
    space = space_of_result(header, recipe.colour)
    film = replace(
        source, size=target, frames=lambda: _finished(source.frames(), header, target, space)
    )
    # Only where the size is the same is the original the same picture in fewer bytes.
    most = len(original) if target == header.size else None
    best = b""
    passes = _PASSES if header.pixels <= _MANY_PIXELS else _PASSES - 1
    for data in islice(_attempts(film, header, written, recipe, most), passes):
        if not best or len(data) < len(best):
            best = data
        if most is None or len(best) <= most:
            break
    width, height = swapped(target, header.orientation)
    return EncodedImage(keys.MAIN, written, width, height, best)


def first_frame(image: EncodedImage) -> Picture:
    """Return the first picture of what `animate` has made."""
    with plugin_of(image.format)(io.BytesIO(image.data)) as opened:
        return Picture.from_pillow(opened.convert("RGBA"))


def _finished(
    frames: Iterator[Frame],
    header: Header,
    size: Size,
    space: ColourSpace,
) -> Iterator[Frame]:
    """Put every frame right; see `transform` for the order."""
    for frame in frames:
        image = frame.image
        if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
            # Without alpha nothing has to be weighted, and half of the memory is enough.
            image = image.convert("RGB")
        if image.size != size:
            image = resize(image, size, (0, 0, *image.size))
        image = turn_upright(image, header.orientation)
        yield replace(frame, image=convert(image, header.profile, space))


def _attempts(
    film: Film,
    header: Header,
    written: Format,
    recipe: Recipe,
    most: int | None,
) -> Iterator[bytes]:
    """Yield files, the best bet first: the next is asked for if one was not small enough.

    If none is smaller than the original, the smallest is taken all the same: the original was made
    with more care than is affordable here, or stored worse than anybody should see it.

    Args:
        film: the animation.
        header: of the original.
        written: the format of the result.
        recipe: says how good it is to be.
        most: bytes that it should not exceed, if any.
    """
    quality = recipe.quality
    space = space_of_result(header, recipe.colour)
    profile = DISPLAY_P3_PROFILE if space is ColourSpace.DISPLAY_P3 else None
    if written is policy.PNG:
        seen = apng_writer.survey(film.frames())
        yield apng_writer.write(film, seen, profile)
        yield apng_writer.write(film, seen, profile, apng_writer.SMALLEST)
    elif written is policy.WEBP:
        for options in _webp_settings(film, header, quality + 6, most):
            yield writers.webp(
                film.frames(), film.count, film.plays, options | {"icc_profile": profile}
            )
    else:
        mode = "RGBA" if header.has_alpha else "RGB"
        for lossy in (quality - 9, max(_LEAST_QUALITY, quality - 9 - _STEP_DOWN)):
            frames = (replace(f, image=f.image.convert(mode)) for f in film.frames())
            options = {"quality": lossy, "speed": _AVIF_SPEED, "max_threads": 1}
            yield writers.avif(frames, film.count, options | {"icc_profile": profile})


def _webp_settings(
    film: Film,
    header: Header,
    quality: int,
    most: int | None,
) -> list[Options]:
    """Return options of Pillow's encoder, the best bet first.

    Args:
        film: the animation.
        header: of the original.
        quality: libwebp's; photos score about 80 in SSIMULACRA2 at 86, and 70 at 76.
        most: bytes that the file should not exceed, if any.
    """
    lossy: Options = {"quality": quality, "method": _LOSSY_METHOD}
    worse = [lossy | {"quality": max(_LEAST_QUALITY, lower)} for lower in (quality - _STEP_DOWN, 0)]
    sizes = {n: _sample(film, options) for n, options in enumerate((_LOSSLESS, lossy))}
    # Pixels that have lost already need not be kept at any price.
    is_exact = sizes[1] >= (_WORTH_A_LOSS if header.is_lossless else 1) * sizes[0]
    order = [_LOSSLESS, lossy, *worse] if is_exact else [lossy, _LOSSLESS, *worse]
    if most is None or sizes[0 if is_exact else 1] <= most:
        return order
    # A pass over the whole costs much more than to know whether it may do.
    estimates = {id(options): _sample(film, options) for options in order}
    small = [options for options in order if estimates[id(options)] <= most]
    return small or sorted(order, key=lambda options: estimates[id(options)])


def _sample(film: Film, options: Options) -> float:
    """Estimate the bytes of the whole with these options, from some frames in its middle.

    The first frames tell little: recordings begin with an empty screen.
    """
    pixels = film.size[0] * film.size[1]
    count = min(film.count, _SAMPLE_FRAMES, max(2, _SAMPLE_PIXELS // pixels))
    start = (film.count - count) // 2
    some = islice(film.frames(), start, start + count)
    first, *others = writers.webp_frame_sizes(writers.webp(some, count, film.plays, options))
    # Frames that look alike have become one.
    return first + sum(others) / (count - 1) * (film.count - 1)

"""What a header may ask for, whatever its format, and what the most of it costs."""

import random
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import Engine, Recipe
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import budgets, read_header
from tests.processor_image.helpers import made, memory_growth
from tests.support import images

SIDE = policy.MAX_SIDE


@pytest.mark.parametrize(
    ("size", "frames", "code"),
    [
        ((1, 1), 1, None),
        ((10_000, 5_000), 1, None),
        ((10_000, 5_001), 1, ExitCode.IMAGE_TOO_LARGE),
        ((SIDE, 762), 1, None),
        ((762, SIDE), 1, None),
        ((SIDE + 1, 1), 1, ExitCode.IMAGE_TOO_LARGE),
        ((1, SIDE + 1), 1, ExitCode.IMAGE_TOO_LARGE),
        ((1000, 1000), 100, None),
        ((1000, 1000), 101, ExitCode.IMAGE_TOO_LARGE),
        ((10, 10), 500, None),
        ((10, 10), 501, ExitCode.IMAGE_TOO_LARGE),
        ((0, 10), 1, ExitCode.CORRUPT_IMAGE),
        ((10, 0), 1, ExitCode.CORRUPT_IMAGE),
        ((-1, -1), 1, ExitCode.CORRUPT_IMAGE),
    ],
)
def test_sizes_and_frames(size: tuple[int, int], frames: int, code: ExitCode | None) -> None:
    if code is None:
        budgets.check_size(size, frames)
        return
    with pytest.raises(ImageRejected) as refused:
        budgets.check_size(size, frames)
    assert refused.value.code is code


@pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])
def test_the_longest_rows_fit_into_a_jobs_memory(engine: Engine) -> None:
    """A row's length is what some decoders multiply by hundreds of bytes."""
    data = images.png(SIDE, 762, 8, 6, bytes(SIDE * 762 * 4))
    with memory_growth() as growth:
        image = made(data, policy.PNG, Recipe(engine=engine, variants=())).image
    assert (image.width, image.height) == (policy.MAX_WIDTH, 45)
    assert growth[0] < 500


@pytest.mark.parametrize("size", [(4_259_844, 4), (12_500_000, 4), (4, 12_500_000)])
@pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])
def test_rows_beyond_are_refused_before_memory_is_taken(
    engine: Engine, size: tuple[int, int]
) -> None:
    with memory_growth() as growth, pytest.raises(ImageRejected) as refused:
        made(images.png_of_size(*size), policy.PNG, Recipe(engine=engine, variants=()))
    assert refused.value.code is ExitCode.IMAGE_TOO_LARGE
    assert growth[0] < 20


FILLERS: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "ones": lambda size: b"\xff" * size,
    "ascending": lambda size: bytes(range(256)) * (size // 256),
    "random": random.Random(5).randbytes,  # noqa: S311 - the same each time
}


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda found: found.name)
def test_a_header_is_read_in_bounded_time_whatever_follows(
    image_format: Format, filler: str
) -> None:
    """A small good file, and as many bytes behind it as an upload may have; half of it, too."""
    good = images.encoded(images.picture(32, 24), image_format)
    rest = FILLERS[filler](policy.MAX_UPLOAD_BYTES)
    for start in (good, good[: len(good) // 2], good[: policy.SNIFF_BYTES]):
        data = (start + rest)[: policy.MAX_UPLOAD_BYTES]
        begun = time.process_time()
        try:
            read_header(data, image_format)
        except ImageRejected as error:
            assert error.code in {ExitCode.CORRUPT_IMAGE, ExitCode.IMAGE_TOO_LARGE}  # noqa: PT017 - either is right
        assert time.process_time() - begun < 2


def test_the_headers_of_the_corpus_are_read_in_no_time(corpus: list[dict[str, str]]) -> None:
    for row in corpus:
        data = Path(row["path"]).read_bytes()
        source = policy.sniff(data[: policy.SNIFF_BYTES])
        begun = time.process_time()
        if source is not None:
            with suppress(ImageRejected):
                read_header(data, source)
            assert time.process_time() - begun < 0.5, row["file"]


def in_many_parts(image_format: Format, parts: int) -> bytes:
    """Return a good file with so many parts that nobody needs."""
    data = images.encoded(images.picture(32, 24), image_format)
    match image_format:
        case policy.JPEG:
            return data[:2] + b"\xff\xfe\0\x03x" * parts + data[2:]
        case policy.PNG:
            return data[:33] + images.png_chunk(b"tEXt", b"a\0b") * parts + data[33:]
        case policy.GIF:
            return data[:-1] + b"\x21\xfe\x01x\0" * parts + data[-1:]
        case policy.WEBP:
            body = data[12:] + struct.pack("<4sI2s", b"junk", 1, b"x") * parts
            return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        case _:
            return data + struct.pack(">I4s", 8, b"free") * parts


@pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])
@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda found: found.name)
def test_as_many_parts_as_are_accepted_cost_bounded_time(
    image_format: Format, engine: Engine
) -> None:
    """Through the decoder as well: Pillow walks over them in Python."""
    data = in_many_parts(image_format, 90_000)
    begun = time.process_time()
    try:
        made(data, image_format, Recipe(engine=engine, variants=()))
    except ImageRejected as error:
        assert error.code in {ExitCode.CORRUPT_IMAGE, ExitCode.IMAGE_TOO_LARGE}  # noqa: PT017 - either is right
    assert time.process_time() - begun < 10
    with pytest.raises(ImageRejected) as refused:
        made(in_many_parts(image_format, budgets.MAX_PARTS + 1), image_format)
    assert refused.value.code is ExitCode.IMAGE_TOO_LARGE

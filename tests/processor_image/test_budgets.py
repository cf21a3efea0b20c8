"""What a header may ask for, whatever its format, and what the most of it costs."""

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.recipe import Engine, Recipe
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import budgets
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

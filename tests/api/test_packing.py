import json
import tracemalloc

import pytest

from safelight_api import packing
from safelight_api.projections import Image
from tests.api import making
from tests.api.making import an_id

MAIN_KEY = f"images/{an_id()}/2/image.jpg"
DIRECTORY = MAIN_KEY.removesuffix("image.jpg")
VARIANTS = making.variants(DIRECTORY)


def test_variants_come_out_as_they_went_in() -> None:
    text = packing.pack([variant.to_dict() for variant in VARIANTS])
    assert tuple(packing.unpack(text, MAIN_KEY)) == VARIANTS
    assert tuple(packing.unpack(packing.pack([]), MAIN_KEY)) == ()


def test_a_key_is_derived_whatever_the_resource_says() -> None:
    told = VARIANTS[0].to_dict() | {"key": f"images/{an_id()}/1/image.jpg"}
    (variant,) = packing.unpack(packing.pack([told]), MAIN_KEY)
    assert variant.key == VARIANTS[0].key


def test_a_format_that_is_not_known_yet_is_left_out() -> None:
    told = [VARIANTS[0].to_dict() | {"mediaType": "image/jxl"}, VARIANTS[1].to_dict()]
    assert list(packing.unpack(packing.pack(told), MAIN_KEY)) == [VARIANTS[1]]


@pytest.mark.parametrize(
    "change",
    [{"etag": "a b"}, {"name": "a\nb"}, {"etag": ""}, {"sha256": " "}, {"name": "a\u2028"}],
)
def test_what_would_not_come_out_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="blank"):
        packing.pack([VARIANTS[0].to_dict() | change])


def test_an_image_with_eight_variants_takes_little_memory() -> None:
    """20,000 of them take less than 60 MiB of the 256 that the API's pod asks for."""
    texts = []
    for _ in range(500):
        image_id = an_id()
        spec = making.full_image_spec(image_id, f"upload-of-{image_id}")
        texts.append(json.dumps(making.image_resource(image_id, 1, spec)))
    first = Image.of(json.loads(texts[0]))
    assert len(first.variants()) == 8
    tracemalloc.start()
    try:
        images = [Image.of(json.loads(text)) for text in texts]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / len(images) < 3000

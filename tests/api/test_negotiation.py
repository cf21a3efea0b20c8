import time
from dataclasses import dataclass

import pytest

from safelight_api import negotiation


@dataclass(frozen=True)
class File:
    """What is offered."""

    media_type: str
    size: int


JPEG, WEBP, AVIF = File("image/jpeg", 90), File("image/webp", 80), File("image/avif", 70)
ALL = [AVIF, WEBP, JPEG]

CASES = {
    # What browsers send for an image.
    "Chrome": ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", AVIF),
    "Firefox": ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", AVIF),
    "Safari 17": ("image/webp,image/avif,image/jxl,image/heic,video/*;q=0.8,image/*;q=0.5", AVIF),
    "Safari 15": ("image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", WEBP),
    "Safari 13": ("image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", JPEG),
    "fetch, curl": ("*/*", JPEG),
    "no header": (None, JPEG),
    "an empty header": ("", JPEG),
    "any image": ("image/*", JPEG),
    # Weights.
    "a weight": ("image/avif;q=0.1, image/webp", WEBP),
    "the usual one is named less": ("image/jpeg;q=0.5, */*;q=0.9", AVIF),
    "a weight beats fewer bytes": ("image/avif;q=0.999, image/jpeg", JPEG),
    "equal weights": ("image/jpeg, image/webp", WEBP),
    "0 forbids": ("image/avif;q=0, image/webp;q=0.000, */*", JPEG),
    "0 beats a wildcard": ("image/*, image/jpeg;q=0", AVIF),
    "the specific one counts, not the first": ("*/*, image/*;q=0.3, image/jpeg;q=0.2", AVIF),
    "twice": ("image/webp;q=0.1, image/avif;q=0.2, image/webp;q=0.3", WEBP),
    # Nothing acceptable: the usual one, rather than a 406.
    "another type": ("text/html", JPEG),
    "everything forbidden": ("*/*;q=0", JPEG),
    # How it may be written.
    "capitals and blanks": (" Image/AVIF ; Q=1 ,\timage/jpeg;q=0.9", AVIF),
    "empty elements": (",, image/avif ,,", AVIF),
    "an extension of old": ("image/avif;q=1;level=2", AVIF),
    "empty parameters": ("image/avif;;", AVIF),
    "a parameter that no file has": ("image/avif;profile=x, image/webp;q=0.1", WEBP),
    "a comma in quotes": ('text/html;x="a, image/avif", image/webp', WEBP),
    "an escaped quote": (r'text/html;x="\", image/avif", image/webp', WEBP),
    # What is malformed counts as not there.
    "no type": ("avif", JPEG),
    "only a weight": (";q=1", JPEG),
    "a weight above 1": ("image/avif;q=1.5", JPEG),
    "a weight with many digits": ("image/avif;q=0.9999", JPEG),
    "a weight that is none": ("image/avif;q=high, image/webp", WEBP),
    "a parameter without a value": ("image/avif;q, image/webp", WEBP),
    "an open quote": ('image/webp, text/html;x="image/avif, image/avif', WEBP),
    "nonsense": ("image/avif image/webp", JPEG),
}


@pytest.mark.parametrize(("accept", "expected"), CASES.values(), ids=CASES)
def test_accept(accept: str | None, expected: File) -> None:
    assert negotiation.choose(accept, ALL, "image/jpeg") is expected
    assert negotiation.choose(accept, ALL[::-1], "image/jpeg") is expected


def test_without_the_usual_format() -> None:
    for accept, expected in (("*/*", AVIF), ("image/webp", WEBP), ("text/html", WEBP)):
        assert negotiation.choose(accept, [WEBP, AVIF], "image/jpeg") is expected


def test_the_only_one_is_chosen_whatever_is_said() -> None:
    for accept in (None, "image/avif", "*/*;q=0", "text/html"):
        assert negotiation.choose(accept, [JPEG], "image/png") is JPEG


@pytest.mark.parametrize("piece", ['"\\', '"', "\\", ";", "a/b;", ",", " ", "*/*,", "a/b;c=", "="])
def test_a_long_header_takes_no_long_time(piece: str) -> None:
    """As much as is read, and as much as a request's head may have."""
    for size in (negotiation.MAX_LENGTH - 50, 64 * 1024):
        header = piece * (size // len(piece))
        before = time.process_time()
        for accept in (f"image/avif;{header}", f'{header},image/avif;q="'):
            assert negotiation.choose(accept, ALL, "image/jpeg") in ALL
        assert time.process_time() - before < 0.05


def test_a_header_that_is_too_long_counts_as_absent() -> None:
    accept = "image/avif".ljust(negotiation.MAX_LENGTH)
    assert negotiation.choose(accept, ALL, "image/jpeg") is AVIF
    assert negotiation.choose(accept + " ", ALL, "image/jpeg") is JPEG

"""A Job whose URLs lead to a scripted server, and a clock for what waits between two calls."""

import hashlib
from collections.abc import Callable

from safelight_contract.job import JobRequest, SignedPut
from safelight_contract.recipe import Recipe
from safelight_processor.objects import SignedObjects
from safelight_processor.original import Original

DATA = bytes(range(256)) * 1000
SIGNED = {"Content-Type": "image/jpeg", "If-None-Match": "*"}
QUERY = "X-Amz-Signature=0123456789abcdef"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return sum(self.naps)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.naps.append(seconds)


def request_to(url: str) -> JobRequest:
    """Return the request of a Job whose storage and operator are at a URL."""
    return JobRequest(
        upload_id="9b2d6f0e-7c1a-4f7e-8a54-0f6f2f9f1a11",
        upload_uid="uid",
        attempt=1,
        file_name="photo.jpg",
        media_type="image/jpeg",
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
        source_url=f"{url}/bucket/source?{QUERY}",
        recipe=Recipe(),
        outputs={"image.jpg": SignedPut(f"{url}/bucket/image?{QUERY}", SIGNED)},
        manifest=SignedPut(f"{url}/bucket/manifest?{QUERY}", SIGNED),
        hint_url=f"{url}/hints/9b2d6f0e-7c1a-4f7e-8a54-0f6f2f9f1a11",
    )


def original() -> Original:
    """Return the file that is to be fetched, of which nothing has come yet."""
    return Original(len(DATA), hashlib.sha256(DATA).hexdigest())


Connect = Callable[[str], SignedObjects]

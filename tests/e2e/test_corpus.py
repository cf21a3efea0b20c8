"""The whole corpus goes all the way: through REST, in real containers with their real limits.

Each row ends as the corpus's README says, at the first attempt: no process is killed, by a signal
or for its memory. What becomes available is judged file by file, the image and its variants.
"""

import io
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from PIL import Image, ImageSequence

from safelight_contract import keys, policy
from safelight_contract.facts import Facts
from safelight_contract.job import Manifest
from tests.e2e.conftest import Cluster
from tests.processor_image.helpers import mean_difference
from tests.support import file_parts
from tests.support.bucket import Bucket
from tests.support.client import Client

AT_ONCE: Final = 6
"""Uploads under way at a time: as many Jobs as fit on the node, so that none waits for room."""
ENDS_WITHIN: Final = 240.0
"""Seconds for one row, the wait for the others' Jobs included."""
MOST_CPU_SECONDS: Final = 20.0
MOST_MEMORY: Final = 512 * 1024 * 1024
"""Bytes; the container has 768 MiB."""
REFUSALS: Final = {"UnsupportedFormat", "CorruptImage", "ImageTooLarge"}
GROUPS: Final = ("hopper-orient-jpg", "libvips-rotation", "avif-rotmir")
"""One picture in several orientations."""
MOST_DIFFERENT: Final = 5.0
"""Of 255, of two of a group, as thumbnails: the originals differ by 3.5, a wrong one by 23."""
ACCEPTED: Final = {accepted.name for accepted in policy.FORMATS}
DECODED_SINCE: Final = {"HEIF"}
"""Formats of which the corpus says that nobody decodes them; somebody does now."""


@dataclass(frozen=True)
class Outcome:
    """How a row ended."""

    row: dict[str, str]
    upload_id: str
    """Empty: it was refused at the door."""
    body: dict[str, Any]
    """The last answer."""
    seconds: float
    """From the upload to its end, the wait for a processor included."""
    facts: Facts | None = None
    files: dict[str, tuple[policy.Format, tuple[int, int], bytes]] = field(default_factory=dict)
    """What is served, by address."""

    @property
    def is_available(self) -> bool:
        """Whether an image came of it."""
        return self.body.get("status") == "processed"

    @property
    def image(self) -> bytes:
        """The image itself."""
        return next(iter(self.files.values()))[2]


def send(client: Client, bucket: Bucket, row: dict[str, str]) -> Outcome:
    """Upload a file, wait for its end, and fetch all that came of it."""
    start = time.monotonic()
    data = Path(row["path"]).read_bytes()
    answer = client.http.post("/api/image-upload", files={"file": ("file", data)})
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        return Outcome(row, "", answer.json(), time.monotonic() - start)
    assert answer.status_code == httpx.codes.CREATED, (row["file"], answer.text)
    upload_id = answer.json()["data"]["id"]
    body = client.wait(upload_id, seconds=ENDS_WITHIN, interval=0.3).last
    seconds = time.monotonic() - start
    if body["status"] != "processed":
        return Outcome(row, upload_id, body, seconds)
    image = body["available_image"]
    manifest = Manifest.decode(bucket.read(keys.manifest(upload_id, 1)))
    files = {}
    for told in (image, *image["variants"]):
        served = client.http.get(told["url"]).raise_for_status()
        assert served.headers["content-type"] == told["mime_type"]
        assert len(served.content) == told["size"]
        found = policy.format_of(told["mime_type"])
        files[told["url"]] = (found, (told["width"], told["height"]), served.content)
    return Outcome(row, upload_id, body, seconds, manifest.facts, files)


@pytest.fixture(scope="module")
def outcomes(
    client: Client,
    bucket: Bucket,
    corpus: list[dict[str, str]],
    uncaptured: Callable[[], AbstractContextManager[None]],
) -> Iterator[list[Outcome]]:
    """Every row's end; the uploads and images are deleted afterwards."""
    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(pool.map(lambda row: send(client, bucket, row), corpus))
    with uncaptured():
        print(f"\n{len(ended)} rows of the corpus in {time.monotonic() - start:.0f} s")  # noqa: T201 - a short table
        for line in table(ended):
            print(f"  {line}")  # noqa: T201 - as above
    yield ended
    for outcome in ended:
        kind = "available-image" if outcome.is_available else "image-upload"
        if outcome.upload_id:
            client.http.delete(f"/api/{kind}/{outcome.upload_id}")


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield a line for each accepted format, and one for all the others."""
    yield "format   rows  available  refused  slowest CPU s  peak MiB  slowest s"
    for name in (*sorted(ACCEPTED), "others"):
        mine = [o for o in outcomes if (o.row["format"] if o.upload_id else "others") == name]
        told = [o.facts for o in mine if o.facts is not None]
        available = sum(o.is_available for o in mine)
        cpu = max((facts.cpu_milliseconds for facts in told), default=0) / 1000
        memory = max((facts.peak_memory_bytes for facts in told), default=0) >> 20
        slowest = max((o.seconds for o in mine), default=0.0)
        yield (
            f"{name:7} {len(mine):5} {available:10} {len(mine) - available:8}"
            f" {cpu:14.2f} {memory:9} {slowest:10.1f}"
        )


def test_every_row_ends_as_it_should(outcomes: list[Outcome]) -> None:
    """All of them are told at once: a list of those that did not says more than the first."""
    assert [f"{o.row['file']}: {o.body}" for o in outcomes if not is_right(o)] == []


def is_right(outcome: Outcome) -> bool:
    """Say whether a row ended as the README says."""
    row, error = outcome.row, outcome.body.get("error") or {}
    if not outcome.upload_id:
        return row["format"] not in ACCEPTED and "file" in outcome.body["errors"]
    if not outcome.is_available and error.get("code") not in REFUSALS:
        return False
    expected = row["expected"] if row["format"] in ACCEPTED else "must-fail-cleanly"
    if expected == "either" or row["format"] in DECODED_SINCE:
        return True
    if outcome.is_available != (expected == "ok"):
        return False
    return not outcome.is_available or has_right_size(outcome)


def has_right_size(outcome: Outcome) -> bool:
    """Say whether an image is as large as the README says, give or take one pixel."""
    image = outcome.body["available_image"]
    expected = [int(side) for side in outcome.row["fit_3840x2160"].split("x")]
    found = image["width"], image["height"]
    return all(abs(one - other) <= 1 for one, other in zip(found, expected, strict=True))


def test_every_row_takes_one_attempt(outcomes: list[Outcome], cluster: Cluster) -> None:
    """A process that was killed would have been tried again, and so would any error of ours."""
    uploads = [o.upload_id for o in outcomes if o.upload_id and not o.is_available]
    for upload_id in uploads:
        upload = cluster.get("imageupload", upload_id)
        assert upload is not None
        assert upload["status"]["attempt"] == 1, upload["status"]
    for outcome in outcomes:
        if outcome.is_available:
            owner = keys.owner(outcome.body["available_image"]["path"])
            assert owner is not None
            assert owner.attempt == 1, outcome.row["file"]


def test_time_and_memory_stay_within_bounds(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        facts = outcome.facts
        if facts is not None:
            assert facts.cpu_milliseconds < MOST_CPU_SECONDS * 1000, outcome.row["file"]
            assert 0 < facts.peak_memory_bytes < MOST_MEMORY, outcome.row["file"]


def test_every_output_decodes_whole_and_holds_nothing_else(outcomes: list[Outcome]) -> None:
    """Every frame of it; and no part but those that pixels need."""
    for outcome in outcomes:
        for address, (image_format, size, data) in outcome.files.items():
            what = (outcome.row["file"], address)
            assert (
                set(file_parts.of(data, image_format)) <= file_parts.ALLOWED[image_format.name]
            ), what
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with Image.open(io.BytesIO(data), formats=[image_format.name]) as picture:
                    assert picture.size == size, what
                    assert not picture.getexif(), what
                    for frame in ImageSequence.Iterator(picture):
                        frame.load()


@pytest.mark.parametrize("group", GROUPS)
def test_all_orientations_of_a_picture_look_alike(outcomes: list[Outcome], group: str) -> None:
    mine = [o for o in outcomes if f"group {group}" in o.row["special"]]
    assert len(mine) >= 7
    thumbnails = []
    for outcome in mine:
        with Image.open(io.BytesIO(outcome.image)) as picture:
            thumbnails.append(picture.convert("RGB").resize((64, 64)))
    worst = max(mean_difference(thumbnails[0], other) for other in thumbnails[1:])
    assert worst <= MOST_DIFFERENT

import json
import time
from typing import Any

import pytest
from prometheus_client import generate_latest

from safelight_api.metrics import Metrics
from safelight_contract import policy
from safelight_contract.job import REQUEST_VARIABLE
from safelight_contract.policy import Format
from tests.faults.numbers import numbers
from tests.faults.rest import SIGNATURE, inspect, search, without_request
from tests.operator import making
from tests.support import images

outputs = pytest.mark.parametrize("image_format", policy.OUTPUTS, ids=lambda known: known.name)
SECRETS = {"the key": "a/secret+key", "the token": "tok"}


def photo(image_format: Format, width: int = 64, height: int = 48, exif: bytes = b"") -> bytes:
    """Return a file as the processor writes it, but for its metadata."""
    options = {"progressive": True} if image_format is policy.JPEG else {}
    return images.encoded(images.picture(width, height), image_format, exif=exif, **options)


@outputs
def test_a_plain_file_is_described(image_format: Format) -> None:
    found = inspect(photo(image_format))
    assert (found["decodes"], found["width"], found["height"]) == (True, 64, 48)
    assert (found["metadata"], found["media_type"]) == ([], image_format.media_type)


@outputs
def test_every_part_too_many_is_named(image_format: Format) -> None:
    data = photo(image_format, exif=images.exif(1))
    assert (
        inspect(data)["metadata"]
        == {
            policy.JPEG: ["APP1:Exif"],
            policy.PNG: ["eXIf"],
            policy.WEBP: ["EXIF"],
            policy.AVIF: ["item:Exif"],
        }[image_format]
    )


@outputs
@pytest.mark.parametrize("damage", ["cut", "longer"])
def test_a_damaged_file_does_not_decode(image_format: Format, damage: str) -> None:
    data = photo(image_format, 640, 480)
    damaged = data[: len(data) // 2] if damage == "cut" else data + b"PK"
    assert not inspect(damaged)["decodes"]


def test_what_is_no_image_has_no_type() -> None:
    assert inspect(b"<svg/>")["media_type"] == "unknown"


def test_secrets_are_found_as_they_are_and_in_addresses() -> None:
    assert search(["nothing", "at all"], SECRETS) == []
    assert search(["key=a/secret+key"], SECRETS) == ["the key"]
    assert search(["?key=a%2Fsecret%2Bkey", "tok"], SECRETS) == ["the key", "the token"]
    assert search([f"GET /?{SIGNATURE}=ab"], SECRETS) == ["a signed query"]


def test_the_request_is_the_one_place_for_signed_queries() -> None:
    container: dict[str, Any] = {
        "name": "processor",
        "env": [{"name": REQUEST_VARIABLE, "value": SIGNATURE}],
    }
    pod = {"spec": {"containers": [container]}}
    job = {"spec": {"template": pod}}
    for resource in (pod, job):
        assert search([json.dumps(without_request(resource))], {}) == []
        container["env"].append({"name": "OTHER", "value": SIGNATURE})
        assert search([json.dumps(without_request(resource))], {}) == ["a signed query"]
        container["env"].pop()
    other = {"metadata": {"name": making.ID}, "spec": {"url": SIGNATURE}}
    assert without_request(other) == other


def exposed(accepted: int) -> str:
    """Return what a process of the API exposes that accepted so many uploads."""
    metrics = Metrics()
    metrics.observe_cache(pending=lambda: 0, failed=lambda: 1, images=lambda: 3)
    for route, method, code, count in (
        ("/api/image-upload", "POST", "201", accepted),
        ("/api/image-upload", "POST", "503", 7),
        ("/api/image-upload", "GET", "200", 7),
        ("/api/image-upload/{id}", "DELETE", "204", 1),
        ("/api/image-upload/{id}", "DELETE", "404", 7),
        ("/api/available-image/{id}", "DELETE", "204", 1),
    ):
        metrics.requests.labels(route, method, code).inc(count)
    return generate_latest(metrics.registry).decode()


def test_numbers_are_added_up_over_processes() -> None:
    assert numbers([exposed(4), exposed(2)], since=time.time()) == {
        "accepted": 6,
        "available": 3,
        "failed": 1,
        "deleted": 4,
        "in_flight": 0,
    }


def test_a_process_that_is_younger_than_the_run_has_not_counted_all() -> None:
    found = numbers([exposed(4)], since=time.time() - 1e6)
    assert (found["accepted"], found["deleted"], found["available"]) == (None, None, 3)

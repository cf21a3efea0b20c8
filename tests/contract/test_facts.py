import json
from collections.abc import Mapping
from typing import Any

import pytest

from safelight_contract import policy
from safelight_contract.facts import Change, Facts, Removed, Warning  # noqa: A004 - see there

FACTS = Facts(
    original_media_type="image/jpeg",
    original_size=4_521_733,
    original_width=4000,
    original_height=6000,
    thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
    dominant_color="#c8d0d8",
    changes=(Change.ROTATED, Change.RESIZED),
    removed=(Removed.EXIF, Removed.GPS),
    warnings=(Warning.HDR_GAIN_MAP_DROPPED,),
    milliseconds={"decode": 130, "encode": 90},
    cpu_milliseconds=301,
    peak_memory_bytes=130_000_000,
)
TOLD = FACTS.to_dict()


def test_facts_come_out_as_they_went_in() -> None:
    assert Facts.from_dict(json.loads(json.dumps(TOLD))) == FACTS
    assert TOLD["dominantColor"] == "#c8d0d8"
    assert TOLD["changes"] == ["Rotated", "Resized"]


def test_what_is_unknown_is_absent() -> None:
    least = Facts("image/png", 1, 1, 1)
    assert set(least.to_dict()) == {
        "originalMediaType",
        "originalSize",
        "originalWidth",
        "originalHeight",
        "frames",
        "milliseconds",
        "cpuMilliseconds",
        "peakMemoryBytes",
    }
    assert Facts.from_dict(least.to_dict()) == least


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("originalMediaType", "image/tiff"),
        ("originalSize", 0),
        ("originalSize", policy.MAX_UPLOAD_BYTES + 1),
        ("originalWidth", True),
        ("originalHeight", "4000"),
        ("frames", policy.MAX_FRAMES + 1),
        ("thumbhash", "<script>"),
        ("thumbhash", "x" * 65),
        ("dominantColor", "red"),
        ("dominantColor", "#FFFFFF"),
        ("changes", "Rotated"),
        ("changes", ["Sharpened"]),
        ("changes", ["Rotated", "Rotated"]),
        ("removed", [1]),
        ("removed", [["Exif"]]),
        ("warnings", [None]),
        ("milliseconds", {"Decode": 1}),
        ("milliseconds", {"decode": -1}),
        ("milliseconds", {"decode": 0.5}),
        ("milliseconds", {f"phase{chr(97 + n)}": 1 for n in range(17)}),
        ("cpuMilliseconds", -1),
        ("peakMemoryBytes", 2**41),
    ],
)
def test_each_hostile_field_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^facts have a malformed {field}$"):
        Facts.from_dict(TOLD | {field: value})


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({k: v for k, v in TOLD.items() if k != "originalSize"}, "facts lack originalSize"),
        (TOLD | {"location": "home"}, "facts have an unknown field"),
        ([], "facts are malformed"),
    ],
)
def test_facts_are_all_there_and_no_others(told: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Facts.from_dict(told)

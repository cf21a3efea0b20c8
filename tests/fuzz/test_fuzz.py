"""A short run of `make fuzz`, and what earlier ones have found."""

import io
import os
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image

from safelight_contract import policy
from tests.fuzz import mutating, running, target
from tests.support import images

SECONDS = float(os.environ.get("SAFELIGHT_FUZZ_SECONDS", "24"))
"""For all formats together, without their starts."""


@pytest.mark.parametrize("file", sorted(running.FOUND.iterdir()), ids=lambda file: str(file.name))
def test_what_was_found_once_stays_mended(file: Path) -> None:
    target.check(file.read_bytes())


def test_a_short_run_finds_nothing(
    tmp_path: Path, uncaptured: Callable[[], AbstractContextManager[None]]
) -> None:
    """The seed is printed: `make fuzz SAFELIGHT_SEED=...` starts from the same choices."""
    seed = running.seed_of()
    with uncaptured():
        print(f"\nfuzz: SAFELIGHT_SEED={seed}, {SECONDS:g} s")  # noqa: T201 - a person may look
        outcomes = running.run(SECONDS, seed, tmp_path, print)
    for outcome in outcomes:
        assert not outcome.findings, outcome.output
        assert not outcome.output
        assert outcome.ends["DONE"] > 0


def test_a_finding_is_kept_with_what_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge is made to find fault with everything that is good."""
    monkeypatch.setattr(running, "FORMATS", (policy.PNG,))
    monkeypatch.setenv("SAFELIGHT_FUZZ_REJECTS", "DONE")
    (outcome,) = running.run(2, 1, tmp_path, print)
    (finding,) = outcome.findings
    assert finding.name.startswith("png-crash-")
    assert "AssertionError" in outcome.output
    assert policy.sniff(finding.read_bytes()) is policy.PNG


@pytest.mark.parametrize("image_format", policy.FORMATS, ids=lambda found: found.name)
def test_each_format_has_seeds_that_end_well(image_format: policy.Format) -> None:
    ends = {target.check(data) for data in running.seeds(image_format)[-3:]}
    assert "DONE" in ends


def test_a_mutated_png_has_right_checksums() -> None:
    data = images.photo(16, 12, policy.PNG)

    def flip(old: bytes, _most: int) -> bytes:
        return old[:20] + bytes([old[20] ^ 1]) + old[21:]

    broken = flip(data, len(data))
    repaired = mutating.mutated(data, 10_000, 2, flip)
    assert repaired != data
    assert repaired[:29] == broken[:29]
    assert repaired[29:33] == zlib.crc32(broken[12:29]).to_bytes(4, "big")
    assert repaired[33:] == data[33:]


def test_a_mutation_reaches_the_pixels_of_a_png() -> None:
    data = images.png(2, 2, 8, 0, b"abcd")
    changed = mutating.mutated(data, 10_000, 1, lambda old, _most: old.replace(b"c", b"x"))
    assert list(Image.open(io.BytesIO(changed)).tobytes()) == list(b"abxd")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff"])
def test_a_mutation_of_what_is_no_png_ends(data: bytes) -> None:
    for seed in range(9):
        assert isinstance(mutating.mutated(data, 100, seed, lambda old, _most: old), bytes)

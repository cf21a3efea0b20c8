"""A short run of the HTTP part of `make fuzz`, and whether it would find anything."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight_api.serving import chunks, heads
from tests.fuzz import framing
from tests.support import http_judge

INPUTS = 1000
"""Some 2 s of CPU time."""
SECONDS = 300.0
"""A last resort."""


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    """The same inputs each time; `make fuzz` goes on from others."""
    outcome = framing.run(SECONDS, 1, tmp_path, print, INPUTS)
    assert not outcome.findings, outcome.output
    assert outcome.inputs == INPUTS
    assert outcome.requests > INPUTS / 5
    assert outcome.refused > INPUTS / 5


def _lengths_win(fault: pytest.MonkeyPatch) -> None:
    """A length beside a coding is believed, as some servers do."""
    real = heads._framing  # noqa: SLF001 - a fault is put in

    def framing_(asked: dict[bytes, list[bytes]], version: str) -> tuple[int | None, bool]:
        if b"content-length" in asked:
            asked = {name: v for name, v in asked.items() if name != b"transfer-encoding"}
        return real(asked, version)

    fault.setattr(heads, "_framing", framing_)


def _spaces_before_colons(fault: pytest.MonkeyPatch) -> None:
    pattern = heads._FIELDS.pattern.replace(b"++:", b"++ *:")  # noqa: SLF001 - a fault is put in
    fault.setattr(heads, "_FIELDS", re.compile(pattern))


def _prefixed_sizes(fault: pytest.MonkeyPatch) -> None:
    fault.setattr(chunks, "_PLAIN_SIZE", re.compile(rb"((?:0x)?[0-9A-Fa-f]+)\r\n"))


@pytest.mark.parametrize("put_in", [_lengths_win, _spaces_before_colons, _prefixed_sizes])
def test_a_fault_that_is_put_in_is_found(
    put_in: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(monkeypatch)
    choices = random.Random(1)  # noqa: S311 - the same inputs each time
    outcome = framing.Outcome()
    assert any(framing.check(framing.generated(choices), choices, outcome) for _ in range(3000))


def test_a_finding_is_kept_with_what_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_judge, "judge", lambda *_: "a difference")
    outcome = framing.run(SECONDS, 1, tmp_path, print, 3)
    first = outcome.findings[0]
    assert first.name.startswith(framing.PREFIX)
    assert first.read_bytes() == framing.generated(random.Random(1))  # noqa: S311 - the same seed
    assert f"{first}: a difference" in outcome.output

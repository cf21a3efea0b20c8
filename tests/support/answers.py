"""How long an answer of the API server may be, in tests that cannot wait for the longest one."""

import pytest

from safelight_contract import pages


def bound(monkeypatch: pytest.MonkeyPatch, octets: int) -> None:
    """Have answers, and events of watches, be no longer than that."""
    monkeypatch.setattr(pages, "SEVERAL_BYTES", octets)
    monkeypatch.setattr(pages, "MAX_BYTES", octets)
    for read in (pages.whole, pages.lines):
        monkeypatch.setattr(read, "__defaults__", (octets,))

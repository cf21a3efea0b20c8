from datetime import UTC, datetime

import pytest

from safelight_contract import times


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T12:00:00Z", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24t12:00:00z", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24T12:00:00", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24T12:00:00+14:00", datetime(2026, 11, 23, 22, tzinfo=UTC)),
        ("2026-11-24T12:00:00-00:30", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24T12:00:00.5Z", datetime(2026, 11, 24, 12, 0, 0, 500_000, UTC)),
        ("2026-11-24T12:00:00.123456789Z", datetime(2026, 11, 24, 12, 0, 0, 123_456, UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_of_rfc_3339_are_read(text: str, moment: datetime) -> None:
    assert times.parse(text) == moment
    assert times.parse(text).tzinfo is UTC
    assert times.parse(times.write(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-14:00",
        "99999-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T24:00:01Z",
        "2026-11-24T12:00:61Z",
        "2026-11-24T12:00:00+99:99",
        "2026-11-24T12:00:00Z\n",
        "2026-11-24",
        "\N{ARABIC-INDIC DIGIT TWO}026-11-24T12:00:00Z",
        "2026-11-24T12:00:00." + "9" * 100 + "Z",
        None,
        0,
        float("inf"),
        [],
        {},
    ],
    ids=str,
)
def test_everything_else_is_refused_in_one_way(text: object) -> None:
    with pytest.raises(ValueError, match="time"):
        times.parse(text)

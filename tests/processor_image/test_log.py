import io
import json

import pytest

from safelight_processor.log import Log


def test_each_event_is_a_line_that_names_the_attempt() -> None:
    stream = io.StringIO()
    log = Log(stream, upload_id="an-id", attempt=2)
    log.event("fetched", bytes=17)
    log.event("failed", detail='two\nlines and a "quote"')
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["time"].endswith("Z")
    assert first["event"] == "fetched"
    assert (first["upload_id"], first["attempt"], first["bytes"]) == ("an-id", 2, 17)
    assert second["detail"] == 'two\nlines and a "quote"'


def test_phase_is_measured_also_when_it_fails() -> None:
    log = Log(io.StringIO())
    with pytest.raises(ValueError, match="oops"), log.phase("decode"):
        raise ValueError("oops")
    assert log.milliseconds["decode"] >= 0

import json
import time
from pathlib import Path
from threading import Thread

import pytest

from tests.faults.history import HistoryError, Recorder, parse, read

CALL = {"client": "c1", "start": 1.0, "end": 2.0, "code": 200}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    before = time.time()
    with Recorder(path) as recorder:
        recorder.write("status", **CALL, id="a", status="processing", reason=None)
        recorder.write("mark", name="start", time=7.5)
        recorder.write("fault", what="kill", target="api", detail="pod api-0")
    status, mark, fault = read(path)
    assert status == {"op": "status", **CALL, "id": "a", "status": "processing", "reason": None}
    assert mark == {"op": "mark", "time": 7.5, "name": "start"}
    assert before <= fault["time"] <= time.time()


def test_a_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    recorder = Recorder(path)
    recorder.write("mark", name="start")
    assert [line["name"] for line in read(path)] == ["start"]
    recorder.close()


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with Recorder(path) as one, Recorder(path) as other:

        def write(recorder: Recorder, name: str) -> None:
            for number in range(200):
                recorder.write("mark", name=f"{name}{number}", detail="x" * 2000)

        threads = [
            Thread(target=write, args=(recorder, name))
            for recorder, name in ((one, "a"), (one, "b"), (other, "c"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    names = [line["name"] for line in read(path)]
    assert sorted(names) == sorted(f"{name}{n}" for name in "abc" for n in range(200))
    assert [n for n in names if n.startswith("b")] == [f"b{n}" for n in range(200)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"op": "poll"}, "unknown op 'poll'"),
        ({"op": "retry", **CALL}, "retry without id"),
        ({"op": "list", **CALL, "id": "a"}, "list without ids, of"),
        ({"op": "retry", "id": "a", "client": "c1", "start": 1, "code": 0}, "retry without end"),
    ],
)
def test_a_line_that_could_not_be_judged_is_refused(
    tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    with Recorder(tmp_path / "h") as recorder, pytest.raises(HistoryError, match=message):
        recorder.write(**fields)  # type: ignore[arg-type]
    with pytest.raises(HistoryError, match=f"line 2: {message}"):
        parse(['{"op":"mark","time":1,"name":"start"}', json.dumps(fields)])


def test_a_read_line_must_have_its_time() -> None:
    with pytest.raises(HistoryError, match="line 1: mark without time"):
        parse(['{"op":"mark","name":"start"}'])


def test_a_broken_line_is_named() -> None:
    with pytest.raises(HistoryError, match="line 1: "):
        parse(['{"op":'])

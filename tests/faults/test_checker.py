from pathlib import Path
from random import Random

import pytest

from tests.faults.checker import check, judge, main
from tests.faults.facts import Limits
from tests.faults.history import Recorder
from tests.faults.invariants import CORE
from tests.faults.telling import RECOVERED, STRANGER, A, B, C, Story, good, upload_id

NAMES = [f"I{number}" for number in range(1, 21)]


def test_a_good_history_passes_and_says_what_it_could_not_judge() -> None:
    verdicts = judge(good().lines)
    assert [verdict.invariant for verdict in verdicts] == NAMES
    assert not any(verdict.violations for verdict in verdicts)
    assert {v.invariant for v in verdicts if not v.judged} == {"I15", "I18", "I19"}


def test_nothing_has_passed_that_had_nothing_to_judge() -> None:
    assert {str(verdict) for verdict in judge([])} == {
        f"{name}: nothing to judge" for name in NAMES
    }


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_lines_says_nothing(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret
    for story in (good(), good().status(A, 30, "processing").listing("uploads", 50, B, C)):
        shuffled = random.sample(story.lines, len(story.lines))
        assert sorted(map(str, check(shuffled))) == sorted(map(str, check(story.lines)))


@pytest.mark.parametrize("seed", range(20))
def test_overlapping_reads_of_several_clients_may_see_any_order(seed: int) -> None:
    """The image appears while all of these reads are under way: each may see either."""
    random = Random(seed)  # noqa: S311 - no secret
    story = good()
    for number in range(10):
        seen = random.choice(["processing", "processed"])
        story.status(A, 1.4, seen, client=f"c{number}", end=2.1)
    assert check(story.lines) == []


def test_a_fault_of_two_falls_with_any_of_the_ten() -> None:
    story = good().tell("fault", time=30, what="second-operator", target="operator")
    story.tell("fault", time=40, what="upgrade", target="operator").image(A, 50, uid="other")
    assert [str(v) for v in check(story.lines)] == [
        f"I2 {A}: its AvailableImage was made twice",
        "I18 -: second-operator of operator: I2 did not hold",
        "I19 -: upgrade of operator: I2 did not hold",
    ]


def test_a_fault_of_two_that_breaks_nothing() -> None:
    story = good().tell("fault", time=40, what="wake", target="operator")
    story.tell("fault", time=40, what="wake", target="kubelet")
    (verdict,) = (v for v in judge(story.lines) if v.invariant == "I18")
    assert str(verdict) == "I18: holds, 1 facts"
    story.one("secrets")["found"].append("a token")
    assert {v.invariant for v in check(story.lines)} == {"I16"}
    assert "I16" not in CORE


def _without_faults() -> Story:
    story = Story()
    story.post(B, 0, expected="fail").status(B, 1000, "failed", "CorruptImage")
    return story


@pytest.mark.parametrize(("beside", "is_refused"), [(1.9, False), (2.1, True)])
def test_bad_files_slow_down_no_good_one(beside: float, is_refused: bool) -> None:  # noqa: FBT001 - a parameter
    story = _without_faults()
    for number in range(20):
        name, late = upload_id(100 + number), upload_id(200 + number)
        story.post(name, 10, end=10).status(name, 10, "processed", end=10 + beside)
        story.post(late, 2000, end=2000).status(late, 2000, "processed", end=2001)
    assert [v.invariant for v in check(story.lines)] == ["I15"] * is_refused


def test_beside_bad_files_no_good_one_fails() -> None:
    story = _without_faults().post(A, 10).status(A, 12, "failed", "OutOfMemory")
    assert [v.invariant for v in check(story.lines)] == ["I15"]


def test_a_good_file_fails_only_after_a_fault() -> None:
    story = Story().post(A, 10).status(A, 12, "failed", "OutOfMemory")
    assert [v.invariant for v in check(story.lines)] == ["I7"]
    story.tell("fault", time=11, what="kill", target="processor")
    assert check(story.lines) == []


def test_a_file_without_its_original_breaks_the_promise_of_the_201() -> None:
    story = Story().post(A, 10).status(A, 12, "failed", "SourceMissing")
    assert [v.invariant for v in check(story.lines)] == ["I13"]


def test_attempts_without_any_fault() -> None:
    """Too little memory is tried twice, a bad image once, in one Pod."""
    story = Story().post(A, 10, expected="either").attempt(A, 11).attempt(A, 12, 2)
    story.seen("ImageUpload", A, 10.05).status(A, 13, "failed", "OutOfMemory")
    assert check(story.lines) == []
    story = Story().post(B, 10, expected="fail").seen("ImageUpload", B, 10.05).attempt(B, 11)
    story.failed(B, 12, "CorruptImage")
    assert check(story.lines) == []
    story.seen("Pod", "another", 11.5, upload_id=B, event="ADDED", privileged=[])
    assert [v.invariant for v in check(story.lines)] == ["I8"]


def test_pages_may_shift_unless_an_observer_saw_that_nothing_of_the_kind_moved() -> None:
    story = Story().post(A, 0.1).listing("images", 1, A).listing("images", 20, pages=2)
    assert check(story.lines) == []
    story.image(A, 0.5).seen("ImageUpload", A, 20, event="DELETED")
    assert [v.invariant for v in check(story.lines)] == ["I14"]
    story.image(A, 20, uid="another", ready=False)
    assert check(story.lines) == []


def test_the_bound_can_be_set() -> None:
    story = Story().tell("mark", name="faults-over", time=0).post(A, 10)
    story.status(A, 30, "processing")
    assert check(story.lines, Limits(bound=20)) == []
    assert [v.invariant for v in check(story.lines, Limits(bound=19))] == ["I6"]


def test_the_program_prints_what_was_and_what_was_not_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history.jsonl"
    with Recorder(path) as recorder:
        for line in good().lines:
            recorder.write(**line)
    assert main([str(path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == [
        "uploads: 6 sent, 5 accepted: 3 available, 1 deleted, 1 failed",
        "uploads of calls without an answer: 1 turned up",
        "calls: 1 delete, 3 list, 1 retry, 10 status, 6 upload, 4 view",
        "faults: 1 proxy s3",
    ]
    assert "I1: holds, 5 facts" in printed
    assert "I15: nothing to judge" in printed

    with Recorder(path) as recorder:
        for line in (
            Story().image(RECOVERED, 50, uid="other").seen("ImageUpload", STRANGER, 51).lines
        ):
            recorder.write(**line)
    assert main([str(path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [
        f"I2 {RECOVERED}: its AvailableImage was made twice",
        f"I3 {STRANGER}: nobody has posted it",
    ]
    assert "I3: VIOLATED, 1 of 7 facts" in printed

"""Which slow reader goes, and who may begin another large answer."""

from safelight_api.serving.outflow import GRACE_SECONDS, LEAST_RATE, Outflow

CLIENTS = {"a1": "anna", "a2": "anna", "b": "ben"}


def waiting(**sizes: int) -> Outflow[str]:
    """Return an outflow of 1000 bytes, in which so many wait since second 0, 1, 2 and so on."""
    outflow: Outflow[str] = Outflow(1000, stall_seconds=30)
    for second, (reader, size) in enumerate(sizes.items()):
        outflow.wait(reader, size, second)
    return outflow


def is_short(outflow: Outflow[str]) -> bool:
    """Say whether half of the memory is taken."""
    return outflow.is_short


def test_what_waits_is_counted_over_all() -> None:
    outflow = waiting(a1=300, b=100)
    outflow.wait("a1", 250, 3)
    assert outflow.waiting_bytes == 350
    assert not is_short(outflow)
    outflow.wait("b", 900, 4)
    assert is_short(outflow)
    assert outflow.is_over
    outflow.forget("b")
    outflow.forget("b")
    assert outflow.waiting_bytes == 250


def test_over_the_bound_the_most_stalled_reader_of_the_largest_client_goes() -> None:
    outflow = waiting(b=450, a1=400, a2=200)
    assert outflow.is_over
    assert outflow.first_to_go(CLIENTS.get) == "a1"
    outflow.wait("a1", 399, 5)
    assert outflow.first_to_go(CLIENTS.get) == "a2", "a1 has taken something since"
    assert Outflow[str](1, 1).first_to_go(CLIENTS.get) is None


def test_a_reader_that_takes_nothing_goes_after_a_while() -> None:
    outflow = waiting(a1=100, b=100)
    outflow.wait("b", 99, 20)
    assert outflow.overdue(30) == []
    assert outflow.overdue(31) == ["a1"]
    assert outflow.overdue(51) == ["a1", "b"]


def test_a_reader_that_takes_little_goes_while_memory_is_short() -> None:
    most = 100 * LEAST_RATE
    outflow: Outflow[str] = Outflow(most, stall_seconds=30)
    outflow.wait("b", 40 * LEAST_RATE, 0)
    outflow.wait("a1", 20 * LEAST_RATE, 0)
    late = GRACE_SECONDS + 1
    outflow.wait("b", int((40 - late) * LEAST_RATE), late)
    outflow.wait("a1", 20 * LEAST_RATE - 1, late)
    assert is_short(outflow)
    assert outflow.overdue(late) == ["a1"]
    outflow.forget("b")
    assert not is_short(outflow)
    assert outflow.overdue(late) == []


def test_while_memory_is_short_only_who_holds_little_may_begin_a_large_answer() -> None:
    outflow = waiting(a1=300, a2=300)
    assert is_short(outflow)
    assert not outflow.may_begin("anna", CLIENTS.get)
    assert outflow.may_begin("ben", CLIENTS.get)
    assert outflow.may_begin(None, CLIENTS.get)
    outflow.forget("a2")
    assert outflow.may_begin("anna", CLIENTS.get)

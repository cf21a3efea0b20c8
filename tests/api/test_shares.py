from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safelight_api.room import LEFT_ALONE_SECONDS, Hold, Room
from safelight_api.shares import ALPHA, ShareError, Shares, may_take

repeatable = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""The same inputs each time, however busy the machine is."""

CLIENTS = ("a", "b", "c", "d", "")


def filled(capacity: int, clients: Sequence[str]) -> Shares:
    """Return shares of which some clients have taken what they could get, in turn."""
    shares = Shares("test", capacity)
    while True:
        before = shares.total
        for client in clients:
            shares.take(client)
        if shares.total == before:
            return shares


@pytest.mark.parametrize(("clients", "each"), [(1, 1500), (2, 857), (3, 600), (10, 194)])
def test_all_that_can_be_taken_is_shared_alike(clients: int, each: int) -> None:
    shares = filled(2000, [str(number) for number in range(clients)])
    parts = [shares.held(str(number)) for number in range(clients)]
    assert max(parts) - min(parts) <= 1
    assert abs(parts[0] - each) <= 1
    assert shares.take("one that comes then")


@pytest.mark.parametrize(("capacity", "most"), [(1, 1), (2, 2), (4, 3), (16, 12), (128, 96)])
def test_one_client_leaves_the_last_quarter(capacity: int, most: int) -> None:
    assert filled(capacity, ["a"]).held("a") == most


def test_who_is_refused_is_told_whether_it_is_its_own_doing() -> None:
    told: list[str] = []
    shares = Shares("test", 4, told.append)
    while shares.take("a"):
        pass
    assert shares.take("b")
    assert shares.refusal("a").is_over
    assert not shares.take("c")
    assert not shares.refusal("c").is_over
    assert not shares.refusal("b").is_over, "others hold all, and it has less than its part"
    assert told == ["test"] * 3


@repeatable
@given(
    capacity=st.integers(1, 300),
    steps=st.lists(
        st.tuples(st.booleans(), st.sampled_from(CLIENTS), st.integers(1, 40)), max_size=200
    ),
)
def test_what_is_held_adds_up(capacity: int, steps: list[tuple[bool, str, int]]) -> None:
    shares = Shares("test", capacity)
    taken: list[tuple[str, int]] = []
    for takes, client, amount in steps:
        if not takes:
            if taken:
                shares.give_back(*taken.pop(amount % len(taken)))
        elif shares.take(client, amount):
            taken.append((client, amount))
        assert 0 <= shares.total == sum(amount for _, amount in taken) <= capacity
        for each in CLIENTS:
            assert shares.held(each) == sum(size for client, size in taken if client == each)
        assert shares.clients == len({client for client, _ in taken})


@repeatable
@given(
    capacity=st.integers(4, 5000),
    greedy=st.integers(1, 30),
    amount=st.integers(1, 50),
)
def test_a_newcomer_finds_room_whoever_was_there(capacity: int, greedy: int, amount: int) -> None:
    """As much as each of those that take what they can get leaves: one part of 1 + ALPHA * n."""
    shares = filled(capacity, [str(number) for number in range(greedy)])
    free = capacity - shares.total
    assert free >= capacity // (1 + ALPHA * greedy)
    assert shares.take("newcomer", amount) == (amount <= free)


@repeatable
@given(held=st.integers(0, 100), free=st.integers(0, 100), amount=st.integers(1, 50))
def test_a_large_amount_is_taken_as_its_units_are(held: int, free: int, amount: int) -> None:
    one_by_one = all(may_take(held + taken, free - taken) for taken in range(amount))
    assert may_take(held, free, amount) == (one_by_one or (held == 0 and amount <= free))


class Uploads:
    """Pieces of a room of 80, and a clock."""

    def __init__(self, capacity: int = 80) -> None:
        self.now = 0.0
        self.refusals: list[str] = []
        self.room = Room(Shares("test", capacity, self.refusals.append), lambda: self.now)
        self.revoked: list[Hold] = []

    def hold(self, client: str, size: int) -> Hold:
        """Take a piece."""
        hold = self.room.hold(client, size, lambda: self.revoked.append(hold))
        return hold

    def fill(self, client: str, size: int) -> list[Hold]:
        """Take all that one can get."""
        holds: list[Hold] = []
        while True:
            try:
                holds.append(self.hold(client, size))
            except ShareError:
                return holds


def test_whoever_asks_for_its_part_gets_it_from_whoever_holds_most() -> None:
    uploads = Uploads()
    mine = uploads.fill("a", 20)
    assert len(mine) == 3
    assert uploads.hold("b", 20).size == 20, "it was left free"
    assert uploads.hold("c", 20).size == 20
    assert uploads.revoked == [mine[2]], "the youngest"
    with pytest.raises(ShareError) as refused:
        mine[2].fit(21)
    assert refused.value.is_over
    assert uploads.hold("d", 20).size == 20
    assert uploads.revoked == [mine[2], mine[1]]
    with pytest.raises(ShareError) as refused:
        uploads.hold("e", 20)
    assert not refused.value.is_over, "four that have a part each hold all"
    with pytest.raises(ShareError):
        uploads.hold("a", 20)
    assert uploads.revoked == [mine[2], mine[1]]
    for hold in mine:
        hold.close()
    assert uploads.room.held == 60


def test_the_only_piece_of_a_client_goes_when_it_has_been_there_for_long() -> None:
    uploads = Uploads(20)
    only = uploads.hold("a", 20)
    with pytest.raises(ShareError):
        uploads.hold("b", 5)
    uploads.now = LEFT_ALONE_SECONDS
    assert uploads.hold("b", 5).size == 5
    assert uploads.revoked == [only]


def test_what_has_arrived_is_never_revoked() -> None:
    uploads = Uploads()
    whole = [uploads.hold("a", 20) for _ in range(3)]
    for hold in whole:
        hold.settle(19)
    assert uploads.room.held == 57
    uploads.hold("b", 20)
    with pytest.raises(ShareError):
        uploads.hold("c", 20)
    assert not uploads.revoked
    whole[0].close()
    whole[0].close()
    assert uploads.hold("c", 20).size == 20


@repeatable
@given(
    capacity=st.integers(20, 400),
    steps=st.lists(
        st.tuples(
            st.sampled_from(("hold", "grow", "settle", "close")),
            st.sampled_from(CLIENTS),
            st.integers(1, 60),
        ),
        max_size=120,
    ),
)
def test_whoever_holds_less_than_its_part_is_never_refused_for_one_that_holds_more(
    capacity: int, steps: list[tuple[str, str, int]]
) -> None:
    """Max-min fairness, as far as pieces can be revoked; and whatever happens, it adds up."""
    uploads = Uploads(capacity)
    holds: list[Hold] = []
    settled: set[Hold] = set()

    def held(client: str) -> int:
        return sum(hold.size for hold in holds if hold.client == client)

    for number, (step, client, amount) in enumerate(steps):
        uploads.now = number * LEFT_ALONE_SECONDS
        chosen = holds[amount % len(holds)] if holds else None
        try:
            if step == "hold":
                holds.append(uploads.hold(client, amount))
            elif chosen is None:
                continue
            elif step == "grow":
                client, amount = chosen.client, min(amount, 60)  # noqa: PLW2901 - of that piece
                chosen.fit(chosen.size + amount)
            elif step == "settle":
                chosen.settle(chosen.size // 2)
                settled.add(chosen)
            else:
                chosen.close()
                holds.remove(chosen)
        except ShareError:
            if step in {"hold", "grow"} and not (chosen and step == "grow" and chosen.is_revoked):
                active = {hold.client for hold in holds if hold.size} | {client}
                part = capacity // max(2, len(active))
                richest = max((held(each) for each in active if each != client), default=0)
                revocable = any(
                    hold.size and hold not in settled and held(hold.client) == richest
                    for hold in holds
                    if hold.client != client
                )
                assert held(client) + amount > part or richest <= part or not revocable
        assert uploads.room.held == sum(hold.size for hold in holds) <= capacity
        assert all(hold.size == 0 for hold in uploads.revoked)

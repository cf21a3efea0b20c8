import gc
import weakref
from collections.abc import Iterator
from threading import Barrier, Event, current_thread
from time import sleep

import pytest

from safelight_processor.lanes import in_two_lanes

PATIENCE = 10.0
"""Seconds after which a test fails rather than hangs."""


class Order:
    """Something that can be seen to be gone."""


def test_results_are_in_the_order_of_the_orders() -> None:
    second_is_done = Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(PATIENCE)
        second_is_done.set()
        return number * number

    assert in_two_lanes(iter(range(5)), work) == [0, 1, 4, 9, 16]
    assert in_two_lanes(iter(()), work) == []


def test_two_run_at_once_and_no_more() -> None:
    together = Barrier(2)
    threads = set()

    def work(_number: int) -> None:
        together.wait(PATIENCE)
        threads.add(current_thread())

    in_two_lanes(iter(range(8)), work)
    assert len(threads) == 2


def test_orders_are_made_one_by_one_and_forgotten() -> None:
    alive: list[weakref.ref[Order]] = []

    def orders() -> Iterator[Order]:
        for _ in range(6):
            gc.collect()
            # Beside the one that is made now, the other lane may have one.
            assert sum(ref() is not None for ref in alive) <= 1
            order = Order()
            alive.append(weakref.ref(order))
            yield order
            del order

    assert len(in_two_lanes(orders(), id)) == 6


@pytest.mark.parametrize("failing", [0, 3])
def test_failure_is_raised_and_nothing_begun_after_it(failing: int) -> None:
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        if number == failing:
            raise MemoryError
        if number > failing:
            # Long enough for the failure beside to be noted.
            sleep(0.05)

    with pytest.raises(MemoryError):
        in_two_lanes(iter(range(100)), work)
    # The other lane may have had one in hand.
    assert len(begun) <= failing + 3


def test_failure_beside_is_raised_here() -> None:
    here = current_thread()
    apart = Barrier(2)

    def work(_number: int) -> None:
        apart.wait(PATIENCE)
        if current_thread() is not here:
            raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        in_two_lanes(iter(range(2)), work)


def test_failure_of_the_orders_is_raised() -> None:
    def orders() -> Iterator[int]:
        yield 1
        raise MemoryError

    with pytest.raises(MemoryError):
        in_two_lanes(orders(), str)

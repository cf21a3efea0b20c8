"""Two pieces of work at a time: encoders leave Python's lock to others while they compute.

Not `concurrent.futures`, which takes 15 ms to load, and would let all pictures be made before the
first file is.
"""

from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock, Thread
from typing import TypeVar

Order = TypeVar("Order")
Done = TypeVar("Done")


def in_two_lanes(orders: Iterator[Order], work: Callable[[Order], Done]) -> list[Done]:
    """Do `work` for each order, in this thread and one beside it.

    An order is taken only when a lane is free, so no more than two exist at a time, and `orders`
    may make them step by step: it is never entered by both lanes at once.

    Args:
        orders: with long work early, so that neither lane waits long for the other in the end.
        work: has nothing to do with other orders.

    Returns:
        What `work` returned, in the order of `orders`.

    Raises:
        Exception: the first one that `orders` or `work` raised; nothing is begun after it.
    """
    done: dict[int, Done] = {}
    failures: list[BaseException] = []
    turn = Lock()
    numbers = count()

    def lane() -> None:
        try:
            while True:
                with turn:
                    if failures:
                        return
                    order = next(orders, None)
                    number = next(numbers)
                if order is None:
                    return
                done[number] = work(order)
                # What it holds may be large, and the next one is made before it is replaced.
                del order
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that called
            failures.append(error)

    beside = Thread(target=lane, name="lane")
    beside.start()
    lane()
    beside.join()
    if failures:
        raise failures[0]
    return [done[number] for number in sorted(done)]

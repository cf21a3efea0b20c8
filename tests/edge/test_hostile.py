"""Hostile requests over every way to the API: they harm nobody, and get the answers that are right.

Straight to the API the answers are exact. A proxy may refuse a row itself, or mend it; a row that
is right in every way it passes on, and the answers are the same. And after every row another
client, whose requests take the same connections of the proxy, gets its own answers.
"""

from typing import Final

import pytest

from tests.edge.attack import Attack
from tests.edge.judge import Answers
from tests.edge.owner import Owner
from tests.edge.proxies import DIRECT, WAYS, Way
from tests.edge.rows import through
from tests.edge.rows.row import WAIT, Row

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TRIES: Final = 3
"""A proxy may lose the answer to a request that came just as a connection to the API ended."""
_OF_PROXIES: Final = frozenset(
    {400, 404, 405, 408, 411, 413, 414, 417, 421, 426, 431, 494, 500, 501, 502, 503, 505}
)
"""What proxies answer by themselves to what they do not pass on."""
_LOST: Final = 502


@pytest.mark.parametrize(
    ("name", "row"),
    [pytest.param(name, row, id=f"{name}-{row.name}") for name in WAYS for row in through(name)],
)
async def test_a_hostile_request(
    name: str, row: Row, ways: dict[str, Way], owners: dict[str, Owner]
) -> None:
    way, owner = ways[name], owners[name]
    for tries_left in reversed(range(_TRIES)):
        answers, harm = await _tried(way, row, owner)
        if harm:
            await owner.restore()
        assert not harm
        wrong = _wrong_directly(row, answers) if name == DIRECT else _wrong_proxied(row, answers)
        is_lost = name != DIRECT and not answers.problem and not set(answers.statuses) - {_LOST}
        if not (wrong and is_lost and tries_left):
            break
    assert not wrong


async def _tried(way: Way, row: Row, owner: Owner) -> tuple[Answers, str]:
    """Send a row; return what was answered, and what harm it has done."""
    async with Attack.opened(way, row) as attack:
        await attack.send()
        if row.is_unfinished or not (row.is_valid or way.name == DIRECT):
            # Who waits for more is in the right: while it does, and after.
            await attack.answered()
            harm = await owner.harm()
            if not row.is_unfinished:
                attack.stop()
                await attack.ended()
            answers = attack.answers()
        else:
            harm = ""
            await attack.ended()
            answers = attack.answers()
    return answers, harm or await owner.harm()


def _wrong_directly(row: Row, answers: Answers) -> str:
    if answers.problem:
        return answers.problem
    if 101 in answers.interim:
        return "it has switched protocols"
    seen = answers.statuses
    closed = [number for number, answer in enumerate(answers.final, 1) if answer.says_close]
    if closed and closed[0] < len(seen):
        return f"{seen}: more after the answer {closed[0]} that said it was the last"
    is_early = row.is_unfinished or (row.may_close and WAIT in row.pieces)
    if is_early and not (answers.final and answers.final[0].says_close):
        return f"{seen}: before the body had come, without saying that it is the last"
    expected = row.direct[: closed[0]] if closed and row.may_close else row.direct
    return "" if seen == expected else f"{seen}, not {expected}: {answers.final}"


def _wrong_proxied(row: Row, answers: Answers) -> str:
    seen = answers.statuses
    if 101 in answers.interim:
        return "it has switched protocols"
    if row.is_valid:
        if answers.problem:
            return answers.problem
        is_right = seen == row.direct or (
            row.may_close and seen and seen == row.direct[: len(seen)]
        )
        return "" if is_right else f"{seen}, not {row.direct}: {answers.final}"
    if len(seen) > row.limit:
        return f"{seen}: {len(seen)} answers, not at most {row.limit}"
    strange = set(seen) - {*row.direct, *row.meant, 200} - _OF_PROXIES
    return f"{seen}: {sorted(strange)}" if strange else ""

"""A hostile client beside the others: SAFELIGHT_HOSTILE=1.

What it uploads whole, with a token of its own, is in the book like everybody's. The rest of what it
does, with and without that token, comes to nothing: requests that never end, or that nobody would
answer otherwise than with a refusal.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from threading import Event
from typing import Final
from urllib.parse import urlsplit

from tests.faults.chaos.files import File
from tests.support import photos
from tests.support.attacks import ATTACKS, Attack, Did, Target, carry_out

NAME: Final = "hostile"
"""Of its token."""
CONNECTIONS: Final = 4
"""Of each attack at once: it shares two processors with all that it is to leave alone."""
PER_SECOND: Final = 2.0
"""Connections of each attack that begin in a second."""
_UPLOADS: Final = 20
"""Few enough for all uploads to fit one page of a listing, with those of the others."""
_UPLOAD_BYTES: Final = 200_000


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether SAFELIGHT_HOSTILE asks for one."""
    return environment.get("SAFELIGHT_HOSTILE", "") not in {"", "0"}


def uploads(seed: int, seconds: float) -> list[tuple[float, File]]:
    """Return what it uploads whole, and when (seconds after the start): none of it is a picture."""
    random = Random(f"{seed} {NAME}")
    times = sorted(random.uniform(0, seconds) for _ in range(_UPLOADS))
    return [(at, _file(random, number)) for number, at in enumerate(times)]


def _file(random: Random, number: int) -> File:
    noise = random.randbytes(_UPLOAD_BYTES)
    photo = photos.photo(300, 200)
    data = random.choice(
        (
            b"",
            noise,
            b"\xff\xd8\xff\xe0" + noise,
            b"\x89PNG\r\n\x1a\n" + noise,
            photo[: len(photo) // 3],
        )
    )
    return File(f"{NAME}-{number}.jpg", data, "fail")


def mild(attacks: Mapping[str, Attack] = ATTACKS) -> list[Attack]:
    """Return the attacks, few connections of each: they go on for the whole run."""
    return [
        replace(attack, connections=CONNECTIONS, per_second=PER_SECOND)
        for attack in attacks.values()
    ]


@dataclass(slots=True)
class Attacking:
    """Carries all attacks out at the same time, for so long."""

    url: str
    token: str
    seconds: float
    stopped: Event
    attacks: Sequence[Attack] = field(default_factory=mild)
    did: list[Did] = field(default_factory=list)
    """What each attack has done, once it is over."""

    def run(self) -> None:
        """Attack until the time is over, or until stopped."""
        self.did = asyncio.run(self._all())

    async def _all(self) -> list[Did]:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or 80
        return await asyncio.gather(
            *(
                carry_out(
                    attack,
                    Target(host, port, self.token if attack.has_token else None),
                    self.seconds,
                    self.stopped.is_set,
                )
                for attack in self.attacks
            )
        )

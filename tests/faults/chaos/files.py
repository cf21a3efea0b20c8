"""What clients upload: good, odd and bad files, chosen by a seed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from safelight_contract import policy
from tests.support import images, photos

_CORPUS_SHARES: Final = {True: 0.35, False: 0.05}
"""The part of all files that comes from the corpus: of accepted formats, and of others."""
_EXPECTED: Final = {"ok": "ok", "must-fail-cleanly": "fail", "either": "either"}
_KINDS: Final = {
    "photo": 8,
    "large": 2,
    "turned": 2,
    "drawing": 3,
    "modern": 3,
    "torn": 3,
    "bomb": 1,
    "text": 1,
}
"""The kinds of files that are made here, and how often."""
_ACCEPTED: Final = frozenset(known.name for known in policy.FORMATS)
_DECODED_SINCE: Final = frozenset({policy.HEIF.name})
"""Formats of which the corpus says that nobody decodes them; somebody does now."""
_MODERN: Final = (policy.AVIF, policy.GIF, policy.HEIF)


@dataclass(frozen=True, slots=True)
class File:
    """A file and how its upload should end."""

    name: str
    data: bytes
    expected: str
    """ok, fail (also when it is refused at once), or either."""

    @property
    def sha256(self) -> str:
        """Of the data, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def choose(seed: int, count: int, corpus: Sequence[Mapping[str, str]]) -> list[File]:
    """Return so many files, in the order in which to upload them.

    Args:
        seed: the same seed gives the same choice.
        count: how many.
        corpus: the rows of the corpus; where there are none, all files are made here.
    """
    random = Random(seed)
    rows: list[Mapping[str, str]] = []
    for accepted, share in _CORPUS_SHARES.items():
        kind = [row for row in corpus if (row["format"] in _ACCEPTED) is accepted]
        rows += random.sample(kind, min(len(kind), round(count * share)))
    files = [*map(_of_row, rows), *_made(random, count - len(rows))]
    random.shuffle(files)
    return files


def _of_row(row: Mapping[str, str]) -> File:
    expected = _EXPECTED[row["expected"]] if row["format"] in _ACCEPTED else "fail"
    expected = "either" if row["format"] in _DECODED_SINCE else expected
    return File(Path(row["file"]).name, Path(row["path"]).read_bytes(), expected)


def _made(random: Random, count: int) -> Iterator[File]:
    for number in range(count):
        name = f"made-{number}"
        match random.choices(tuple(_KINDS), tuple(_KINDS.values()))[0]:
            case "photo":
                yield File(f"{name}.jpg", photos.photo(random.randrange(300, 1500, 100), 800), "ok")
            case "large":
                yield File(f"{name}.jpg", photos.photo(4000, 3000), "ok")
            case "turned":
                yield File(f"{name}.jpg", photos.photo(1200, 900, random.randint(2, 8)), "ok")
            case "drawing":
                data = photos.drawing(640, 480, random.choice((policy.PNG, policy.WEBP)))
                yield File(f"{name}.png", data, "ok")
            case "modern":
                kind = random.choice(_MODERN)
                yield File(f"{name}.{kind.extension}", images.photo(640, 480, kind), "ok")
            case "torn":
                yield File(f"{name}.jpg", photos.photo(1200, 900)[:-30_000], "fail")
            case "bomb":
                yield File(f"{name}.png", images.png_of_size(65_536, 65_536), "fail")
            case _:
                yield File(f"{name}.jpg", b"<svg>no photo</svg>", "fail")

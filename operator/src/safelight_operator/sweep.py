"""Which originals look forgotten: a pure decision that fears to be wrong.

Normally nothing is. An original without an upload is left behind when the API stopped between
storing it and creating the ImageUpload, or when an upload was deleted while no operator ran.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

MIN_AGE: Final = timedelta(hours=24)
"""Younger originals may belong to an upload that is just being created."""
MAX_PER_RUN: Final = 50
ALARMING_SHARE: Final = 0.1
"""If more of the originals look forgotten, something else is wrong: nothing is removed."""
ALARMING_FROM: Final = 20
"""The share says nothing about fewer originals than that."""


class AlarmingError(Exception):
    """So many originals look forgotten that removing them would rather be a mistake."""


def forgotten(
    originals: Sequence[tuple[str, datetime]],
    uploads: Collection[str],
    now: datetime,
) -> list[str]:
    """Return the ids whose originals look forgotten, the oldest first, a bounded number.

    Args:
        originals: id and time of writing of each stored original.
        uploads: ids of all ImageUploads, read after the originals.
        now: the time.

    Raises:
        AlarmingError: too many look so.
    """
    orphans = [(written, i) for i, written in originals if i not in uploads]
    if len(originals) > ALARMING_FROM and len(orphans) > ALARMING_SHARE * len(originals):
        raise AlarmingError(f"{len(orphans)} of {len(originals)} originals have no upload")
    old = sorted((written, i) for written, i in orphans if now - written > MIN_AGE)
    return [upload_id for _, upload_id in old[:MAX_PER_RUN]]

"""Lets a day pass for objects that nothing names, and lets the operator's sweeper remove them."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from safelight_contract import keys
from safelight_local.object_storage import ObjectStorage
from tests.faults.chaos.release import Release
from tests.support.bucket import Bucket

_OPERATOR: Final = "deployment/safelight-operator"
_TWO_DAYS: Final = 2 * 24 * 60 * 60
_SWEPT_WITHIN: Final = 60.0
_INTERVAL: Final = 1.0


def sweep(release: Release, storage: ObjectStorage, bucket: Bucket, left: Iterable[str]) -> None:
    """Have objects removed as they would be after a day; what the sweeper refuses stays.

    Args:
        release: nothing is under way in it.
        storage: the server of its bucket.
        bucket: the bucket.
        left: the keys of the objects.

    Raises:
        LocalError: the operator does not start with the settings that this takes.
    """
    settings = {
        "SAFELIGHT_SWEEP": "delete",
        "SAFELIGHT_SWEEP_SECONDS": "2",
        # A mix has few ids, and its faults may well leave objects of many of them.
        "SAFELIGHT_SWEEP_MAX_SHARE": "1",
    }
    variables = [f"{name}={value}" for name, value in settings.items()]
    release.kubectl("set", "env", _OPERATOR, *variables)
    release.kubectl("rollout", "status", _OPERATOR, "--timeout=120s")
    folder = storage.directory / "data" / release.storage.bucket
    remove(folder, bucket, {owner.upload_id for key in left if (owner := keys.owner(key))})


def remove(folder: Path, bucket: Bucket, ids: set[str]) -> None:
    """Make the objects of some ids old, and wait until a sweep has removed them."""
    then = time.time() - _TWO_DAYS
    for key in _of(bucket, ids):
        os.utime(folder / key, (then, then))
    end = time.monotonic() + _SWEPT_WITHIN
    while _of(bucket, ids) and time.monotonic() < end:
        time.sleep(_INTERVAL)


def _of(bucket: Bucket, ids: set[str]) -> list[str]:
    owners = {key: keys.owner(key) for key in bucket.stored()}
    return [key for key, owner in owners.items() if owner is not None and owner.upload_id in ids]

"""What a run has left, once nothing is under way: the last lines of its history."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx

from safelight_contract import keys
from safelight_contract.env import ObjectStoreSettings
from safelight_contract.resources import LABEL_COMPONENT
from safelight_local.object_storage import ObjectStorage
from tests.faults.access import Access
from tests.faults.chaos.book import Book
from tests.faults.chaos.release import Release, failed
from tests.faults.chaos.run import Ran
from tests.faults.chaos.sweeping import sweep
from tests.faults.history import Recorder
from tests.faults.numbers import numbers
from tests.faults.rest import at_rest
from tests.support.bucket import Bucket

_GONE_WITHIN: Final = 90.0
"""Seconds: the objects of a deleted upload go a second time after its pod's grace period."""
_INTERVAL: Final = 2.0


def settle(
    release: Release, server: ObjectStorage, recorder: Recorder, ran: Ran, logs: Path
) -> list[str]:
    """Wait until the bucket holds only what has a name, and write down what is there.

    Args:
        release: nothing is under way in it.
        server: of its bucket.
        recorder: gets the lines.
        ran: what has been done.
        logs: the folder with the logs of all containers.

    Returns:
        The objects that were left to the sweeper.
    """
    storage = release.storage
    bucket = Bucket(
        ObjectStoreSettings(
            endpoint=storage.endpoint,
            bucket=storage.bucket,
            region=storage.region,
            access_key_id=storage.access_key_id,
            secret_access_key=storage.secret_access_key,
        )
    )
    secrets = {f"the token of {name}": token for name, token in release.tokens().items()}
    secrets["the key of the storage"] = storage.secret_access_key
    try:
        left = _wait_for_removals(release, bucket, ran.book)
        if left:
            sweep(release, server, bucket, left)
        texts = {"log": _texts(logs), "answer": ran.refusals}
        asyncio.run(_write(release, bucket, recorder, secrets, texts, is_swept=bool(left)))
    finally:
        bucket.close()
    recorder.write("metrics", **numbers(_exposed(release), ran.began))
    return left


async def _write(
    release: Release,
    bucket: Bucket,
    recorder: Recorder,
    secrets: dict[str, str],
    texts: dict[str, Iterable[str]],
    *,
    is_swept: bool,
) -> None:
    async with Access(release.cluster, release.namespace) as access:
        await at_rest(access, bucket, recorder, secrets=secrets, texts=texts, is_swept=is_swept)


def _wait_for_removals(release: Release, bucket: Bucket, book: Book) -> list[str]:
    """Wait for the objects of uploads that clients know; a POST that was cut may leave others."""
    known = {upload.id for upload in book.snapshot()}
    end = time.monotonic() + _GONE_WITHIN
    while left := nameless(release, bucket.stored()):
        owners = {owner.upload_id for key in left if (owner := keys.owner(key))}
        if time.monotonic() > end or not owners & known:
            break
        time.sleep(_INTERVAL)
    return left


def nameless(release: Release, stored: Iterable[str]) -> list[str]:
    """Return the objects that no AvailableImage and no failed upload names."""
    images = {image["metadata"]["name"]: image for image in release.get("availableimages")}
    named = set()
    for image in images.values():
        key = image["spec"]["image"]["key"]
        named |= {key, key.rpartition("/")[0] + "/manifest.json"}
        named |= {variant["key"] for variant in image["spec"].get("variants", ())}
    kept = {item["metadata"]["name"] for item in release.get("imageuploads") if failed(item)}
    return [key for key in stored if key not in named and not _is_kept(key, kept)]


def _is_kept(key: str, uploads: set[str]) -> bool:
    owner = keys.owner(key)
    return owner is not None and owner.is_original and owner.upload_id in uploads


def _texts(logs: Path) -> Iterable[str]:
    for file in sorted(logs.iterdir()):
        yield file.read_text(errors="replace")


def _exposed(release: Release) -> list[str]:
    pods = release.get("pods", f"{LABEL_COMPONENT}=api")
    lasting = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    addresses = [pod["status"]["podIP"] for pod in lasting if "podIP" in pod["status"]]
    return [httpx.get(f"http://{a}:9090/metrics", trust_env=False).text for a in addresses]

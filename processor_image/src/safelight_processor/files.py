"""The store of file mode: the original is a file, the results go into a folder."""

import hashlib
from pathlib import Path
from typing import Final

from safelight_contract import policy
from safelight_contract.job import ExitCode, JobRequest, SignedPut
from safelight_contract.recipe import Recipe
from safelight_processor.errors import ImageRejected, StorageFailed
from safelight_processor.original import Original, accepted_format

_CHUNK: Final = 64 * 1024
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"


class Folder:
    """Reads one file and writes beside each other what a Job would store.

    Args:
        source: the original.
        target: the folder for the images and `manifest.json`; made if it is absent.
        recipe: what to make.
    """

    def __init__(self, source: Path, target: Path, recipe: Recipe) -> None:
        self._source = source
        self._target = target
        self._recipe = recipe

    def request(self) -> JobRequest:
        """Return what the operator would ask for, had this file been uploaded.

        Raises:
            ImageRejected: the file is missing, or in no accepted format.
        """
        digest = hashlib.sha256()
        size = 0
        head = b""
        try:
            with self._source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    head = head or chunk[: policy.SNIFF_BYTES]
                    size += len(chunk)
                    digest.update(chunk)
        except OSError as error:
            raise self._unreadable(error) from error
        image_format = accepted_format(head, self._recipe)
        nowhere = SignedPut(url="", headers={})
        return JobRequest(
            upload_id=_NO_ID,
            upload_uid=_NO_ID,
            attempt=1,
            file_name=self._source.name,
            media_type=image_format.media_type,
            size=size,
            sha256=digest.hexdigest(),
            source_url="",
            recipe=self._recipe,
            outputs={},
            manifest=nowhere,
            hint_url=None,
        )

    def fetch(self, original: Original) -> None:
        """Read the file.

        Raises:
            ImageRejected: it cannot be read, or has changed meanwhile.
        """
        try:
            with self._source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    original.write(chunk)
        except OSError as error:
            raise self._unreadable(error) from error

    def store_image(self, file_name: str, data: bytes) -> None:
        """Write the image or one of its variants.

        Raises:
            StorageFailed: the folder cannot be written to.
        """
        self._write(file_name, data)

    def store_manifest(self, data: bytes) -> None:
        """Write `manifest.json`.

        Raises:
            StorageFailed: the folder cannot be written to.
        """
        self._write("manifest.json", data)

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._target.mkdir(parents=True, exist_ok=True)
            (self._target / name).write_bytes(data)
        except OSError as error:
            raise StorageFailed(
                ExitCode.STORAGE_UNAVAILABLE,
                f"cannot write {self._target / name}: {error.strerror}",
            ) from error

    def _unreadable(self, error: OSError) -> ImageRejected:
        return ImageRejected(
            ExitCode.SOURCE_MISSING,
            f"cannot read {self._source}: {error.strerror}",
        )

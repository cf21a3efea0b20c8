"""The keys of all objects in the object storage: one function for each, and their inverse.

Every key derives from the upload's id, so that a hand-made resource cannot name another's bytes.
"""

import re
from dataclasses import dataclass
from typing import Final

from safelight_contract import policy
from safelight_contract.policy import Format

ID_PATTERN: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
"""A lower-case UUID: the id of an upload, and the name of both custom resources."""

ORIGINALS: Final = "image_uploads/"
IMAGES: Final = "images/"

MAX_MANIFEST_BYTES: Final = 32 * 1024
"""No manifest is larger; a reader refuses to read on."""

VARIANT_PATTERN: Final = "[a-z][a-z0-9-]{0,15}"
"""A variant's name: part of a key, of an address, and of a file name."""

MAIN: Final = "image"
"""The name of the image itself among what an attempt writes."""

_MANIFEST: Final = "manifest.json"

_ID = re.compile(ID_PATTERN)
_KEY = re.compile(
    rf"(?:{ORIGINALS}(?P<original>{ID_PATTERN})"
    rf"\.(?:{'|'.join(f.extension for f in policy.FORMATS)})"
    rf"|{IMAGES}(?P<image>{ID_PATTERN})/(?P<attempt>[1-9][0-9]?)/"
    rf"(?:{VARIANT_PATTERN}\.(?:{'|'.join(f.extension for f in policy.OUTPUTS)})"
    rf"|{re.escape(_MANIFEST)}))",
)


def is_id(text: str) -> bool:
    """Say whether a text is a well-formed id (a lower-case UUID)."""
    return _ID.fullmatch(text) is not None


def id_of(text: str) -> str | None:
    """Return the id that a text from outside names; None: it is no id.

    Upper case is accepted on input (RFC 9562, section 4); ours are lower-case.
    """
    return lower if text.isascii() and is_id(lower := text.lower()) else None


def original(upload_id: str, image_format: Format) -> str:
    """Return the key of the original, as it was uploaded."""
    return f"{ORIGINALS}{upload_id}.{image_format.extension}"


def images_prefix(upload_id: str) -> str:
    """Return the prefix of all that processing wrote for one upload, all attempts."""
    return f"{IMAGES}{upload_id}/"


def file_name(name: str, image_format: Format) -> str:
    """Return what a file is called among those of its attempt.

    Args:
        name: `MAIN`, or a variant's.
        image_format: that it is written in.
    """
    return f"{name}.{image_format.extension}"


def image(upload_id: str, attempt: int, image_format: Format, name: str = MAIN) -> str:
    """Return the key of an image that an attempt (counted from 1) has written."""
    return f"{attempt_prefix(upload_id, attempt)}{file_name(name, image_format)}"


def attempt_prefix(upload_id: str, attempt: int) -> str:
    """Return the prefix of all that one attempt wrote."""
    return f"{images_prefix(upload_id)}{attempt}/"


def manifest(upload_id: str, attempt: int) -> str:
    """Return the key of the manifest: written last, so it commits the attempt."""
    return f"{attempt_prefix(upload_id, attempt)}{_MANIFEST}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose object a key names."""

    upload_id: str
    attempt: int | None
    """That has written it, counted from 1; None: it is the original."""

    @property
    def is_original(self) -> bool:
        """Whether it is what was uploaded."""
        return self.attempt is None


def owner(key: str) -> Owner | None:
    """Return whose object a key names, or None for a key that is none of ours."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    attempt = found["attempt"]
    return Owner(found["original"] or found["image"], None if attempt is None else int(attempt))

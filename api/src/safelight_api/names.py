"""File names: what is kept of the one that a client sends, and how it goes out again.

A name is data that is shown; it is never a path or a key.
"""

import unicodedata
from typing import Final
from urllib.parse import quote

from safelight_contract import policy

DEFAULT: Final = "image"
"""Where nothing of a name is left."""

_MAX_EXTENSION_BYTES: Final = 16
_REMOVED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone surrogates, line and paragraph separators."""
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make `gpj.exe` look like `exe.jpg`."""
_NOT_PLAIN: Final = frozenset('"\\%/;')
"""What clients read differently in a quoted string (RFC 6266, appendix D)."""
_SHOWN_ID: Final = 8
"""Characters of an id: enough that two files in one folder hardly ever share them."""
_RFC8187: Final = "!#$&+-.^_`|~"
"""What may stand unescaped in `filename*`, beside letters and digits."""


def clean(name: str) -> str:
    """Return a name that is safe to store and to show.

    Path parts, control and bidi characters are removed, and it is cut at a character to at most
    `policy.MAX_FILE_NAME_BYTES` bytes of UTF-8, keeping a short extension.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(
        character
        for character in last
        if unicodedata.category(character) not in _REMOVED_CATEGORIES and character not in _BIDI
    ).strip()
    if not kept.strip("."):
        return DEFAULT
    stem, dot, extension = kept.rpartition(".")
    if stem and len(extension.encode()) <= _MAX_EXTENSION_BYTES:
        room = policy.MAX_FILE_NAME_BYTES - len((dot + extension).encode())
        return _cut(stem, room) + dot + extension
    return _cut(kept, policy.MAX_FILE_NAME_BYTES)


def for_download(name: str, image_format: policy.Format, variant: str | None = None) -> str:
    """Return the name with the extension of the format that was written.

    Args:
        name: of the upload; cleaned once more, as a resource may have been made by hand.
        image_format: of the file.
        variant: stands behind the name, so that the files of one image have different names.
    """
    name = clean(name)
    stem, _, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION_BYTES:
        stem = name
    if variant is not None:
        stem = f"{stem}-{variant}"
    return f"{stem}.{image_format.extension}"


def attachment(name: str, image_id: str) -> str:
    """Return the value of Content-Disposition that offers a file for saving.

    Two forms, by RFC 6266: plain ASCII for old clients, and UTF-8 by RFC 8187. Where the plain one
    loses something, it has the start of the id, so that files with different names keep them.

    Args:
        name: with an extension.
        image_id: of the image.
    """
    plain = _plain(name)
    if plain != name:
        stem, _, extension = plain.rpartition(".")
        if not any(character.isalnum() for character in stem):
            stem = DEFAULT
        plain = f"{stem}-{image_id[:_SHOWN_ID]}.{extension}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_RFC8187)}"


def _plain(name: str) -> str:
    """Return a name in ASCII: letters without their accents, and a mark for what is none there."""
    decomposed = unicodedata.normalize("NFKD", name)
    kept = "".join(
        character if character.isascii() and character.isprintable() else "_"
        for character in decomposed
        if not unicodedata.combining(character)
    )
    return "".join("_" if character in _NOT_PLAIN else character for character in kept).strip()


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")

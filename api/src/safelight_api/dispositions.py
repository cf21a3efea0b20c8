"""Content-Disposition of the parts of a form: the field's name, and the file's. Pure.

Clients write a name that is not ASCII in five ways, and all are read:

- its bytes as they are, in UTF-8 (RFC 7578, section 5.1.1), or in Latin-1, which older ones do;
- with `%22`, `%0D` and `%0A` in it for a quotation mark and line breaks (HTML, section 4.10.22.7);
- as `filename*` (RFC 8187), which wins over `filename` (RFC 6266, section 4.3) although RFC 7578
  would not have it in forms: urllib3 before 1.25 sends nothing else, .NET both;
- in sections, `filename*0` and so on (RFC 2231, section 3), as libraries for mail do;
- as encoded words (RFC 2047), likewise.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final
from urllib.parse import unquote_to_bytes

from safelight_api import parameters

_CHARSETS: Final = {
    name: codec
    for codec, names in {
        "ascii": ("us-ascii",),
        "utf-8": ("utf-8", "utf8"),
        "latin-1": ("iso-8859-1", "latin1"),
        "cp1252": ("windows-1252",),
    }.items()
    for name in names
}
"""Those of RFC 8187, section 3.2.1, and the one that Windows adds. Python knows codecs that are no
charsets, so names are looked up here alone."""
_WORDS: Final = re.compile(
    r"=\?[^?\s]+\?[bq]\?[^?]*\?=(?:\s+=\?[^?\s]+\?[bq]\?[^?]*\?=)*", re.IGNORECASE
)
_EXTENDED: Final = re.compile(r"(?P<charset>[^']*)'[^']*'(?P<text>.*)", re.DOTALL)
_PERCENT: Final = {"%22": '"', "%0D": "\r", "%0A": "\n"}


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a part says of itself."""

    name: str
    """Of the field."""
    file_name: str | None
    """As the client gave it; empty: there is one that is empty or cannot be read; None: none."""


def parse(value: bytes) -> Disposition:
    """Read the Content-Disposition of a part.

    Raises:
        ValueError: it is malformed, is not `form-data`, or has no name.
    """
    kind, options = parameters.parse(value.decode("latin-1"))
    name = _best(options, "name")
    if kind != "form-data" or name is None:
        raise ValueError("no name of a field of a form")
    return Disposition(name, _best(options, "filename"))


def text_of(data: bytes) -> str:
    """Return bytes without a charset as text: UTF-8, else Latin-1, which any bytes are."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _best(options: Mapping[str, str], name: str) -> str | None:
    """Return a parameter in the best of the forms that are there; None: it is in none."""
    try:
        if f"{name}*" in options:
            return _extended(options[f"{name}*"])
        if f"{name}*0" in options or f"{name}*0*" in options:
            return _continued(options, name)
    except ValueError:
        return _plain(options.get(name, ""))
    return _plain(options[name]) if name in options else None


def _plain(value: str) -> str:
    text = text_of(value.encode("latin-1"))
    for written, meant in _PERCENT.items():
        text = text.replace(written, meant)
    return _WORDS.sub(lambda words: _decoded(words[0]), text)


def _decoded(words: str) -> str:
    """Return encoded words as text; as they are, where they cannot be read."""
    try:
        text = "".join(
            # A language may stand behind the charset (RFC 2231, section 5).
            _in_charset(piece, (charset or "").partition("*")[0])
            for piece, charset in decode_header(words)
        )
    except (HeaderParseError, ValueError):
        return words
    return text or words


def _extended(value: str) -> str:
    """Read an extended value (RFC 8187, section 3.2).

    Raises:
        ValueError: it is none.
    """
    charset, text = _split(value)
    return _in_charset(unquote_to_bytes(text.encode("latin-1")), charset)


def _continued(options: Mapping[str, str], name: str) -> str:
    """Put the sections of a value together (RFC 2231, sections 3 and 4.1).

    Raises:
        ValueError: they cannot be read.
    """
    charset, pieces = "", []
    for number in itertools.count():
        plain, extended = options.get(f"{name}*{number}"), options.get(f"{name}*{number}*")
        if extended is not None:
            if number == 0:
                charset, extended = _split(extended)
            pieces.append(unquote_to_bytes(extended.encode("latin-1")))
        elif plain is not None:
            pieces.append(plain.encode("latin-1"))
        else:
            break
    data = b"".join(pieces)
    return _in_charset(data, charset) if charset else text_of(data)


def _split(value: str) -> tuple[str, str]:
    match = _EXTENDED.fullmatch(value)
    if match is None:
        raise ValueError("no charset before the text")
    return match["charset"], match["text"]


def _in_charset(data: bytes, charset: str) -> str:
    codec = _CHARSETS.get(charset.lower())
    if codec is None:
        raise ValueError("an unknown charset")
    return data.decode(codec)

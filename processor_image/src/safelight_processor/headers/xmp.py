"""XMP: two or three facts out of a text that is never parsed as XML.

An XML parser would be one more thing that hostile bytes reach, for a number and a name.
"""

import html
import re
from typing import Final

_ORIENTATION: Final = re.compile(rb"tiff:Orientation\s{0,9}(?:=\s{0,9}[\"']|>)\s{0,9}([1-8])\b")
_GAIN_MAP: Final = re.compile(rb"hdrgm:Version|HDRGainMap|hdr-gain-map")
_MAX_LIST_BYTES: Final = 4000
_ITEM: Final = re.compile(rb"<rdf:li\b[^>]{0,200}>([^<]{0,1000})</rdf:li\s{0,9}>")


def orientation(text: bytes) -> int | None:
    """Return tiff:Orientation, 1 to 8; None if there is none."""
    found = _ORIENTATION.search(text)
    return int(found[1]) if found else None


def tells_of_gain_map(text: bytes) -> bool:
    """Say whether the text describes an HDR gain map (Ultra HDR, Adobe's, or Apple's)."""
    return _GAIN_MAP.search(text) is not None


def rights(text: bytes) -> str:
    """Return dc:rights, its first language; empty if there is none."""
    return next(iter(_items(text, b"rights")), "")


def creators(text: bytes) -> list[str]:
    """Return the names in dc:creator."""
    return _items(text, b"creator")


def _items(text: bytes, name: bytes) -> list[str]:
    # Found by hand: a pattern over all of a hostile text would take seconds.
    start = text.find(b"<dc:" + name)
    end = text.find(b"</dc:" + name, start)
    if start < 0 or not start < end < start + _MAX_LIST_BYTES:
        return []
    items = (
        html.unescape(item.decode("utf-8", "replace")) for item in _ITEM.findall(text[start:end])
    )
    return [item.strip() for item in items if item.strip()]

"""The variants of an image as one short text: tens of thousands of images are kept in memory.

As objects with a string for each key, checksum and entity tag, eight variants take about 5 KB of
memory; as the text they take 1 KB, and the garbage collector has nothing to look at.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from safelight_contract import policy
from safelight_contract.resources import StoredVariant

_BETWEEN: Final = " "
"""Stands in none of the fields: names, numbers, checksums, entity tags."""
_MEDIA_TYPES: Final = {each.word: (each.media_type, each.extension) for each in policy.OUTPUTS}
_WORDS: Final = {each.media_type: each.word for each in policy.OUTPUTS}


def pack(variants: Sequence[Mapping[str, Any]]) -> str:
    """Return the variants that a resource lists as a text: a line for each.

    A format that this version does not know is left out: a newer one has written it.

    Raises:
        UnreadableError, KeyError, TypeError, ValueError: it is not what the CRD says.
    """
    return "\n".join(
        _line(StoredVariant.from_dict(variant))
        for variant in variants
        if variant["mediaType"] in _WORDS
    )


class Packed(NamedTuple):
    """One variant, as text; a tuple, as a page of a list has hundreds of them."""

    name: str
    word: str
    """Of its format."""
    size: str
    width: str
    height: str
    sha256: str
    etag: str

    @property
    def media_type(self) -> str:
        """The media type of its format."""
        return _MEDIA_TYPES[self.word][0]


def each(text: str) -> Iterator[Packed]:
    """Yield the variants of a text that `pack` made, in their order."""
    for line in text.splitlines():
        yield Packed._make(line.split(_BETWEEN))


def unpack(text: str, main_key: str) -> Iterator[StoredVariant]:
    """Yield the variants.

    Args:
        text: that `pack` made.
        main_key: of the image itself. Its variants lie beside it; their keys are derived from
            their names, whatever the resource says.
    """
    directory, _, _ = main_key.rpartition("/")
    for packed in each(text):
        media_type, extension = _MEDIA_TYPES[packed.word]
        yield StoredVariant(
            name=packed.name,
            key=f"{directory}/{packed.name}.{extension}",
            media_type=media_type,
            size=int(packed.size),
            width=int(packed.width),
            height=int(packed.height),
            sha256=packed.sha256,
            etag=packed.etag,
        )


def _line(variant: StoredVariant) -> str:
    fields = (
        variant.name,
        _WORDS[variant.media_type],
        str(variant.size),
        str(variant.width),
        str(variant.height),
        variant.sha256,
        variant.etag,
    )
    if any(not field or len(field.split()) != 1 or field.strip() != field for field in fields):
        raise ValueError("a variant has an empty field, or a blank in one")
    return _BETWEEN.join(fields)

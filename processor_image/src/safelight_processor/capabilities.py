"""What this very build can read and write: by which library, in which version.

An installation may accept no more than that; whoever builds an image of their own, with other
wheels, sees it before a user does.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from PIL import features

from safelight_contract import policy
from safelight_contract.policy import Format

_OF_PILLOW: Final = {
    policy.JPEG: ("jpg", "libjpeg_turbo"),
    policy.PNG: ("zlib", "zlib"),
    policy.WEBP: ("webp", "webp"),
    policy.AVIF: ("avif", "avif"),
}
"""The codec that Pillow was built with, and the feature that says its version."""


def readable() -> Mapping[Format, str]:
    """Return what can be decoded, as `library/version` by format."""
    found = _codecs() | {policy.GIF: f"pillow/{version('pillow')}"}
    with suppress(PackageNotFoundError):
        found[policy.HEIF] = f"pillow-heif/{version('pillow-heif')}"
    return {known: found[known] for known in policy.FORMATS if known in found}


def writable() -> Mapping[Format, str]:
    """Return what can be encoded, as `library/version` by format."""
    found = _codecs()
    return {known: found[known] for known in policy.OUTPUTS if known in found}


def report() -> str:
    """Return both as JSON, under the words that settings use."""
    told = {
        name: {known.word: library for known, library in found.items()}
        for name, found in (("readable", readable()), ("writable", writable()))
    }
    return json.dumps(told, indent=1)


def _codecs() -> dict[Format, str]:
    return {
        known: f"{feature}/{features.version(feature)}"
        for known, (codec, feature) in _OF_PILLOW.items()
        if features.check(codec)
    }

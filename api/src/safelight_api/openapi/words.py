"""The closed lists of the contract, each word with its meaning for developers of applications."""

from collections.abc import Mapping
from typing import Final

from safelight_contract import policy
from safelight_contract.facts import Change, Removed, Warning  # noqa: A004 - see there
from safelight_contract.resources import Progress

PHASES: Final[Mapping[str, str]] = {
    Progress.QUEUED.lower(): "it waits for its turn",
    Progress.RUNNING.lower(): "it is being processed",
    Progress.PUBLISHING.lower(): "the image is made and is about to be available",
}

CHANGES: Final[Mapping[str, str]] = {
    Change.ROTATED: "turned or mirrored, as the file's orientation said",
    Change.CROPPED: "cut to the part that the file says is to be seen (clean aperture)",
    Change.RESIZED: f"fitted into {policy.MAX_WIDTH} x {policy.MAX_HEIGHT} pixels",
    Change.COLOURS_CONVERTED: "converted from another colour space",
    Change.DEPTH_REDUCED: "reduced from more than 8 bits a channel",
    Change.FORMAT_CHANGED: "the image is in another format than the file",
}

REMOVED: Final[Mapping[str, str]] = {
    Removed.EXIF: "metadata of the camera",
    Removed.GPS: "where the picture was taken",
    Removed.XMP: "metadata of editing programs",
    Removed.IPTC: "metadata of the press",
    Removed.ICC_PROFILE: "a colour profile of the file's own",
    Removed.COMMENT: "a comment within the file",
    Removed.TEXT: "texts within the file",
    Removed.THUMBNAIL: "a small picture within the metadata",
    Removed.MAKER_NOTES: "the camera maker's own notes",
    Removed.C2PA: "content credentials (JUMBF)",
    Removed.EXTRA_PICTURES: "further pictures: a gain map, a depth map, a second view",
    Removed.TRAILING_DATA: "bytes after the end of the picture",
}

WARNINGS: Final[Mapping[str, str]] = {
    Warning.HDR_GAIN_MAP_DROPPED: "the picture had a gain map for bright displays; the images are"
    " the standard picture",
    Warning.HDR_TONE_MAPPED: "the picture was stored for bright displays only, and was fitted to"
    " standard ones",
    Warning.WIDE_GAMUT_CLIPPED: "the picture's colour space is wider than that of the images",
    Warning.PROFILE_IGNORED: "the colour profile is broken, or made for another kind of picture",
    Warning.EXTRA_PICTURES_DROPPED: "the file held further pictures; only the first or primary one"
    " was taken",
    Warning.VARIANTS_SKIPPED: "the picture is animated: there are no variants of it",
}

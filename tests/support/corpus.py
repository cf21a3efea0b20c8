"""The corpus of real images: good ones, odd ones, and bad ones that must be refused."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from safelight_local import paths


def directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder: SAFELIGHT_CORPUS, or ../shared/corpus beside the checkout."""
    chosen = environment.get("SAFELIGHT_CORPUS")
    return Path(chosen) if chosen else paths.ROOT.parent / "shared" / "corpus"


def rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of MANIFEST.tsv by column name; none if the folder is absent.

    Each row has one more field, `path`: where the file is.
    """
    manifest = folder / "MANIFEST.tsv"
    if not manifest.is_file():
        return []
    with manifest.open(newline="") as file:
        table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row | {"path": str(folder / row["file"])} for row in table]

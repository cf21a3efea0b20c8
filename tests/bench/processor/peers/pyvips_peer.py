"""pyvips as its users call it: JOB, a JSON document as `engines.py` writes it."""

import json
import sys
from typing import Any

import pyvips


def _save(picture: Any, output: dict[str, Any], job: dict[str, Any]) -> None:  # noqa: ANN401 - it has no types
    file = f"{job['target']}/{output['file']}"
    quality = output["quality"]
    match output["format"]:
        case "jpeg":
            picture.jpegsave(file, Q=quality, interlace=True, keep="none")
        case "webp":
            picture.webpsave(file, Q=quality, keep="none")
        case "avif":
            picture.heifsave(file, Q=quality, effort=job["effort"], compression="av1", keep="none")
        case _:
            picture.pngsave(file, keep="none")


def main() -> None:
    """Make the pictures, each from the one before: the largest comes first."""
    job: dict[str, Any] = json.loads(sys.argv[1])
    pyvips.cache_set_max(0)
    width, height = job["box"]
    picture = pyvips.Image.thumbnail(job["source"], width, height=height, size="down")
    if len(job["outputs"]) > 1:
        picture = picture.copy_memory()
    for output in job["outputs"]:
        wanted = output["width"]
        if wanted is not None and wanted != picture.width:
            picture = picture.resize(wanted / picture.width, kernel="lanczos3").copy_memory()
        _save(picture, output, job)


if __name__ == "__main__":
    main()

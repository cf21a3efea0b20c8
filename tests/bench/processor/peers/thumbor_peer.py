"""thumbor's own engine, called as its handler does: JOB, a JSON document as `engines.py` writes it.

Every image is a request of its own, so each begins with the original; only the server is left out.
"""

import json
import sys
from pathlib import Path
from typing import Any

from thumbor.config import Config
from thumbor.context import Context
from thumbor.engines.pil import Engine


def _size(engine: Any, box: tuple[int, int], width: int | None) -> tuple[int, int]:  # noqa: ANN401 - it has no types
    have_width, have_height = engine.size
    scale = min(box[0] / have_width, box[1] / have_height, 1.0)
    if width is not None:
        scale = width / have_width
    return max(1, round(have_width * scale)), max(1, round(have_height * scale))


def main() -> None:
    """Make the pictures."""
    job: dict[str, Any] = json.loads(sys.argv[1])
    source = Path(job["source"])
    for output in job["outputs"]:
        engine = Engine(Context(config=Config(MAX_PIXELS=None)))
        engine.load(source.read_bytes(), source.suffix)
        engine.reorientate()
        engine.resize(*_size(engine, tuple(job["box"]), output["width"]))
        extension = Path(output["file"]).suffix
        made = engine.read(extension, output["quality"])
        (Path(job["target"]) / output["file"]).write_bytes(made)


if __name__ == "__main__":
    main()

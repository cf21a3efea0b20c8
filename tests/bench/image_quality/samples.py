"""Images of one original: by our processor with its default recipe, and by others, with scores."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageOps

from tests.bench.processor import score
from tests.bench.processor.engines import PEERS
from tests.bench.processor.tasks import BOX, EXTENSIONS, Output

KIB: Final = 1024
QUALITIES: Final = (5, 98)
"""The least and the most that is tried for others."""
SHARP_DEFAULTS: Final = {"avif": 50, "webp": 80, "jpeg": 80}
PILLOW_DEFAULT: Final = 75


@dataclass(frozen=True, slots=True)
class Sample:
    """An image that was made, and how near it is to the original."""

    path: Path
    format: str
    width: int
    size: int
    """Bytes."""
    score: float
    setting: int | None = None
    """The quality that it was asked for; None: what the recipe says."""

    @property
    def kib(self) -> str:
        """The size for a table."""
        return f"{self.size / KIB:.1f}"

    def __str__(self) -> str:
        return f"{self.kib} KiB, {self.score:.0f}"


@dataclass(frozen=True)
class Original:
    """A photo of docs/images/originals, with everything that is made of it."""

    path: Path
    work: Path
    """A folder for what is made."""
    tool: Path
    """ssimulacra2_rs."""
    node: Path
    modules: Path
    """A folder of node modules that has sharp."""

    @property
    def name(self) -> str:
        """What the page calls it."""
        return self.path.stem

    def sample(self, path: Path, setting: int | None = None) -> Sample:
        """Return an image with its score."""
        references = self.work / "references"
        references.mkdir(parents=True, exist_ok=True)
        told = score.examine(self.path, references, str(self.tool), path)
        form = (told["format"], told["width"], told["bytes"], told["score"])
        return Sample(path, *form, setting)

    def reference(self, size: tuple[int, int]) -> Path:
        """Return the original itself at this size, without loss."""
        return score.reference(self.path, size, self.work / "references")

    @cached_property
    def folder(self) -> Path:
        """Where our processor has put the images, and the manifest."""
        target = self.work / self.name
        command = [sys.executable, "-m", "safelight_processor", str(self.path), str(target)]
        subprocess.run(command, check=True, capture_output=True)
        return target

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """What our processor says of them."""
        told: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return told

    @cached_property
    def ours(self) -> Mapping[tuple[str, str], Sample]:
        """Our images, by name (`image`, `w640`) and format."""
        known = set(EXTENSIONS.values())
        paths = [p for p in sorted(self.folder.iterdir()) if p.suffix.removeprefix(".") in known]
        samples = [self.sample(path) for path in paths]
        return {(sample.path.stem, sample.format): sample for sample in samples}

    def sharp(self, output: Output, quality: int | None = None) -> Sample:
        """Return an image by sharp; without a quality by its defaults."""
        setting = SHARP_DEFAULTS.get(output.format) if quality is None else quality
        target = self.work / f"sharp-{self.name}-{setting}"
        target.mkdir(exist_ok=True)
        told = {
            "source": str(self.path),
            "target": str(target),
            "box": BOX if output.width is None else (output.width, output.width),
            "outputs": [
                {"file": output.file, "format": output.format, "width": None, "quality": setting},
            ],
            "mozjpeg": False,
            "effort": 4,
        }
        subprocess.run(
            [str(self.node), str(PEERS / "sharp.cjs"), json.dumps(told)],
            env={"NODE_PATH": str(self.modules)},
            check=True,
            capture_output=True,
        )
        return self.sample(target / output.file, setting)

    def pillow(self, output: Output, quality: int = PILLOW_DEFAULT) -> Sample:
        """Return an image by the few lines of Pillow that everybody writes first."""
        target = self.work / f"pillow-{self.name}-{quality}"
        target.mkdir(exist_ok=True)
        width = output.width or BOX[0]
        with Image.open(self.path) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((width, width))
            picture.save(target / output.file, quality=quality)
        return self.sample(target / output.file, quality)


def with_size(make: Callable[[int], Sample], size: int) -> Sample:
    """Return the image with the highest quality that has at most so many bytes, or the smallest."""
    low, high = QUALITIES
    best = make(low)
    while low < high:
        middle = (low + high + 1) // 2
        tried = make(middle)
        if tried.size <= size:
            low, best = middle, tried
        else:
            high = middle - 1
    return best


def with_score(make: Callable[[int], Sample], wanted: float) -> Sample:
    """Return the smallest image with at least this score, or the best."""
    low, high = QUALITIES
    best = make(high)
    while low < high:
        middle = (low + high) // 2
        tried = make(middle)
        if tried.score >= wanted:
            high, best = middle, tried
        else:
            low = middle + 1
    return best

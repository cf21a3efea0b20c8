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


Encode = Callable[[Output, int], Path]
"""Makes an image with a quality, and returns its file."""


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
    references: Path
    """A folder for the pictures to compare with, and for scores, which stays."""
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
        told = score.examine(self.path, self.references, str(self.tool), path)
        form = (told["format"], told["width"], told["bytes"], told["score"])
        return Sample(path, *form, setting)

    def reference(self, size: tuple[int, int]) -> Path:
        """Return the original itself at this size, without loss."""
        return score.reference(self.path, size, self.references)

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

    def sharp(self, output: Output, quality: int) -> Path:
        """Return an image by sharp."""
        target = self.work / f"sharp-{self.name}-{quality}"
        target.mkdir(exist_ok=True)
        told = {
            "source": str(self.path),
            "target": str(target),
            "box": BOX if output.width is None else (output.width, output.width),
            "outputs": [
                {"file": output.file, "format": output.format, "width": None, "quality": quality},
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
        return target / output.file

    def pillow(self, output: Output, quality: int) -> Path:
        """Return an image by the few lines of Pillow that most programs have."""
        target = self.work / f"pillow-{self.name}-{quality}"
        target.mkdir(exist_ok=True)
        width = output.width or BOX[0]
        with Image.open(self.path) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((width, width))
            profile = opened.info.get("icc_profile")
            picture.save(target / output.file, quality=quality, icc_profile=profile)
        return target / output.file

    def by_default(self, make: Encode, output: Output, quality: int) -> Sample:
        """Return an image with its score, made with the quality that is the program's default."""
        return self.sample(make(output, quality), quality)

    def with_score(self, make: Encode, output: Output, wanted: float) -> Sample:
        """Return the smallest image with at least this score, or the best there is."""
        setting = smallest(
            lambda quality: self.sample(make(output, quality)).score >= wanted, QUALITIES
        )
        return self.sample(make(output, setting), setting)

    def with_size(self, make: Encode, output: Output, size: int) -> Sample:
        """Return the best image with at most so many bytes, or the smallest there is."""
        beyond = smallest(
            lambda quality: make(output, quality).stat().st_size > size,
            (QUALITIES[0], QUALITIES[1] + 1),
        )
        setting = max(beyond - 1, QUALITIES[0])
        return self.sample(make(output, setting), setting)


def smallest(fits: Callable[[int], bool], bounds: tuple[int, int]) -> int:
    """Return the smallest number that fits, where all above it fit, too; or else the largest.

    Args:
        fits: is asked for as few numbers as possible.
        bounds: the least and the most number.
    """
    low, high = bounds
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low

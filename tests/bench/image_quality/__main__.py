"""Makes the pictures and tables of docs/image-quality.md anew from docs/images/originals.

The default recipe makes our images; others are told what their users would tell them. Every score
is of the finished file against the original, reduced without loss.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from safelight_local import paths
from safelight_local.errors import LocalError
from safelight_local.progress import Progress
from tests.bench.image_quality import page, sheets
from tests.bench.image_quality.samples import (
    PILLOW_DEFAULT,
    SHARP_DEFAULTS,
    Original,
    Sample,
)
from tests.bench.processor import report
from tests.bench.processor.installed import Kit, node
from tests.bench.processor.tasks import Output

PAGE: Final = paths.ROOT / "docs" / "image-quality.md"
PICTURES: Final = paths.ROOT / "docs" / "images"
WIDTHS: Final = (320, 640, 1280, 1920)
SHOWN: Final = 640
"""The width of the images that crops are taken from."""
# Not of the photo in Display P3: others convert its colours by rules of their own, which costs them
# points that say nothing of their encoders.
CROPS: Final[Mapping[str, sheets.Box]] = {
    "dandelions": (70, 15, 270, 165),
    "mountains": (330, 80, 530, 230),
}
LARGE: Final = ("dandelions", "mountains")
ALL: Final = ("dandelions", "mountains", "rocket")
Photos = Mapping[str, Original]
_AT_ONCE: Final = 4


def _side_by_side(original: Original) -> list[sheets.Panel]:
    """Return crops: the original, ours, and others' with no more bytes than our AVIF."""
    box = CROPS[original.name]
    avif, jpeg = original.ours["w640", "avif"], original.ours["w640", "jpeg"]
    with Image.open(avif.path) as opened:
        size = opened.size
    sharp, pillow, least = original.sharp, original.pillow, avif.size
    others = {
        "sharp AVIF": original.with_size(sharp, Output("avif", SHOWN), least),
        "sharp WebP": original.with_size(sharp, Output("webp", SHOWN), least),
        "Pillow JPEG": original.with_size(pillow, Output("jpeg", SHOWN), least),
    }
    shown = {"Safelight AVIF": avif, "Safelight JPEG": jpeg, **others}
    return [
        ("original, without loss", sheets.crop(original.reference(size), box)),
        *((f"{name}: {sample}", sheets.crop(sample.path, box)) for name, sample in shown.items()),
    ]


def _draw(photos: Photos, name: str) -> str:
    sheets.save(sheets.sheet(_side_by_side(photos[name])), PICTURES / f"{name}.webp")
    return name


def _fidelity(photos: Photos) -> Iterator[sheets.Panel]:
    """Yield pairs: what the shortest programs make of three odd files, and what we make."""
    height = 200

    def fitted(picture: Image.Image) -> Image.Image:
        return ImageOps.pad(picture, (height * 3 // 2, height), color=(255, 255, 255))

    cat, brushes, cup = (photos[name] for name in ("cat-sideways", "brushes-p3", "cup"))
    with Image.open(cat.path) as opened:
        yield "orientation not looked at", fitted(opened.convert("RGB"))
    with Image.open(cat.ours["image", "jpeg"].path) as opened:
        yield "Safelight: upright", fitted(opened.convert("RGB"))
    with Image.open(brushes.path) as opened:
        yield "Display P3 profile thrown away", fitted(opened.convert("RGB"))
    with Image.open(brushes.ours["image", "jpeg"].path) as opened:
        yield "Safelight: converted to sRGB", fitted(opened.convert("RGB"))
    with Image.open(cup.path) as opened:
        black = Image.new("RGBA", opened.size, (0, 0, 0, 255))
        yield (
            "transparency made a JPEG",
            fitted(Image.alpha_composite(black, opened).convert("RGB")),
        )
    with Image.open(cup.ours["w320", "avif"].path) as opened:
        clear = sheets.on_squares(opened)
        yield f"Safelight: kept (AVIF, {cup.ours['w320', 'avif'].kib} KiB)", fitted(clear)


def _cell(sample: Sample | None) -> str:
    return str(sample) if sample else "-"


def _widths(photos: Photos) -> Iterator[str]:
    def row(name: str, width: int) -> tuple[str, ...]:
        photo = photos[name]
        ours = (photo.ours.get((f"w{width}", form)) for form in ("avif", "jpeg"))
        others = (
            photo.by_default(photo.sharp, Output(form, width), quality)
            for form, quality in SHARP_DEFAULTS.items()
        )
        plain = photo.by_default(photo.pillow, Output("jpeg", width), PILLOW_DEFAULT)
        return (name, str(width), *(_cell(sample) for sample in (*ours, *others, plain)))

    made = [(name, w) for name in LARGE for w in WIDTHS if (f"w{w}", "avif") in photos[name].ours]
    sharp = (f"sharp {form.upper()} {quality}" for form, quality in SHARP_DEFAULTS.items())
    header = ("photo", "width", "**AVIF**", "**JPEG**", *sharp, f"Pillow JPEG {PILLOW_DEFAULT}")
    yield from report.table(header, _at_once(row, made))


def _equal(photos: Photos) -> Iterator[str]:
    def row(name: str, ours: str, theirs: str) -> tuple[str, ...]:
        photo = photos[name]
        mine = photo.ours["w640", ours]
        rival = photo.with_score(photo.sharp, Output(theirs, SHOWN), mine.score)
        said = f"{theirs.upper()} {rival.setting}: {rival}"
        return name, f"{ours.upper()} {mine}", said, f"{mine.size / rival.size:.2f}"

    pairs = (("jpeg", "jpeg"), ("avif", "webp"), ("avif", "avif"))
    rows = _at_once(row, [(name, *pair) for name in CROPS for pair in pairs])
    yield from report.table(("photo", "ours", "sharp, as good", "bytes x"), rows)


def _steady(photos: Photos) -> Iterator[str]:
    def row(name: str) -> tuple[str, ...]:
        photo = photos[name]
        width = SHOWN if ("w640", "avif") in photo.ours else min(WIDTHS)
        output = Output("jpeg", width)
        others = (
            photo.by_default(photo.sharp, output, SHARP_DEFAULTS["jpeg"]),
            photo.by_default(photo.pillow, output, PILLOW_DEFAULT),
        )
        ours = (photo.ours[f"w{width}", form] for form in ("jpeg", "avif"))
        return (name, str(width), *(f"{each.score:.0f}" for each in (*others, *ours)))

    sharp, plain = f"sharp JPEG {SHARP_DEFAULTS['jpeg']}", f"Pillow JPEG {PILLOW_DEFAULT}"
    header = ("photo", "width", sharp, plain, "**JPEG**", "**AVIF**")
    yield from report.table(header, _at_once(row, [(name,) for name in ALL]))


def _at_once(
    row: Callable[..., tuple[str, ...]],
    arguments: Sequence[tuple[object, ...]],
) -> list[tuple[str, ...]]:
    """Return the rows of a table; each waits for programs most of the time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: row(*each), arguments))


def main() -> int:
    """Make everything, and return the exit status."""
    progress = Progress()
    kit = Kit(progress)
    tool = kit.ssimulacra2()
    if tool is None:
        raise LocalError("cargo is missing: scores are SSIMULACRA2's, and it is built with that")
    modules = kit.sharp()
    references = kit.folder / "references"
    references.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        photos = {
            path.stem: Original(path, Path(folder), references, tool, node(), modules)
            for path in sorted((PICTURES / "originals").iterdir())
        }
        with progress.step("Make our images"):
            _at_once(lambda photo: (str(photo.ours),), [(photo,) for photo in photos.values()])
        with progress.step("Draw them side by side"):
            _at_once(lambda name: (_draw(photos, name),), [(name,) for name in CROPS])
        with progress.step("Draw what must not be lost"):
            sheets.save(
                sheets.sheet(list(_fidelity(photos)), columns=2), PICTURES / "fidelity.webp"
            )
        with progress.step("Fill the tables"):
            tables = {
                "bytes per width": list(_widths(photos)),
                "equal scores": list(_equal(photos)),
                "steady quality": list(_steady(photos)),
            }
            PAGE.write_text(page.filled(PAGE.read_text(), tables.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

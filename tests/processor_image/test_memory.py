"""The largest pictures that are accepted fit into the container's memory."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from safelight_contract import policy
from tests.support import images

LIMIT_MIB = 768 * 0.9
"""The container's limit, less a tenth."""
SIZE = (8660, 5773)


def jpeg(mode: str = "RGB", **options: object) -> Callable[[], bytes]:
    return lambda: images.encoded(images.picture(*SIZE, mode), policy.JPEG, quality=85, **options)


def png(mode: str) -> bytes:
    return images.encoded(images.picture(*SIZE, mode), policy.PNG, compress_level=1)


def webp() -> bytes:
    options = {"method": 0, "quality": 10, "alpha_quality": 10}
    return images.encoded(images.picture(*SIZE, "RGBA"), policy.WEBP, **options)


LARGEST: dict[str, Callable[[], bytes]] = {
    "JPEG": jpeg(),
    "JPEG progressive 4:4:4": jpeg(progressive=True, subsampling=0),
    "JPEG progressive CMYK": jpeg("CMYK", progressive=True),
    "PNG RGBA": lambda: png("RGBA"),
    "PNG 16 bit": lambda: images.encoded(Image.new("I;16", SIZE, 999), policy.PNG),
    "WebP": webp,
}


@pytest.mark.parametrize("make", LARGEST.values(), ids=LARGEST)
def test_largest_picture_fits(make: Callable[[], bytes], tmp_path: Path) -> None:
    source = tmp_path / "largest"
    source.write_bytes(make())
    assert policy.MAX_PIXELS * 0.999 < SIZE[0] * SIZE[1] <= policy.MAX_PIXELS
    program = (
        "import sys\n"
        "from safelight_processor.__main__ import run_on_files\n"
        "code = run_on_files(sys.argv[1:])\n"
        "print(open('/proc/self/status').read())\n"
        "sys.exit(code)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(source), str(tmp_path / "target")],
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    # Not getrusage: a child's figure there starts from its parent's.
    peak = re.search(rb"VmHWM:\s*(\d+) kB", ended.stdout)
    assert peak is not None
    assert 100 < int(peak[1]) / 1024 < LIMIT_MIB

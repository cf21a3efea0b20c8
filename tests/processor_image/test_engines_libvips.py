import os
import subprocess
import sys

import pytest

from safelight_contract import policy
from safelight_contract.job import ExitCode
from safelight_contract.policy import Format
from safelight_contract.recipe import ColourSpace
from safelight_processor.engines import libvips
from safelight_processor.engines.vips import VipsEngine
from safelight_processor.errors import ImageRejected
from safelight_processor.headers import read_header
from tests.support import images

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def test_installed_library_is_found() -> None:
    assert libvips.is_installed()


@pytest.mark.parametrize(
    "loader",
    ["svgload_buffer", "tiffload_buffer", "gifload_buffer", "uhdrload_buffer"],
)
def test_other_loaders_are_blocked(loader: str) -> None:
    vips = libvips.library()
    with pytest.raises(vips.Error, match="blocked"):
        vips.Operation.call(loader, SVG)


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        b"GIF89a\x01\0\x01\0\0\0\0;",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
        b"\0\0\0\x1cftypheic\0\0\0\0heicmif1miaf",
        b"# vips",
        b"1 1\n0",
    ],
    ids=["SVG", "GIF", "TIFF", "AVIF", "HEIC", "vips", "matrix"],
)
def test_nothing_else_is_taken_for_a_picture(content: bytes) -> None:
    vips = libvips.library()
    with pytest.raises(vips.Error):
        vips.Image.new_from_buffer(content, "")


def test_no_file_is_read() -> None:
    vips = libvips.library()
    for load in (vips.Image.new_from_file, vips.Image.jpegload, vips.Image.pngload):
        with pytest.raises(vips.Error, match=r"blocked|not a known file format"):
            load("local/sample.jpg")


def test_nothing_is_cached_and_one_thread_works() -> None:
    vips = libvips.library()
    assert vips.cache_get_max() == 0
    assert os.environ["VIPS_CONCURRENCY"] == "1"


def test_number_of_threads_can_be_set_from_outside() -> None:
    program = (
        "from safelight_processor.engines import libvips\n"
        "print(libvips.library().vips_lib.vips_concurrency_get())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env=os.environ | {"VIPS_CONCURRENCY": "2"},
    )
    assert ended.stdout.split() == [b"2"]


def test_rejection_tells_nothing_of_the_file() -> None:
    data = images.png_of_size(800, 800)
    with pytest.raises(ImageRejected) as raised:
        VipsEngine().fit(data, read_header(data, policy.PNG), (80, 80), ColourSpace.SRGB)
    assert raised.value.code == ExitCode.CORRUPT_IMAGE
    assert raised.value.detail == "the decoder refused it"


def test_bug_of_ours_is_not_the_pictures_fault() -> None:
    vips = libvips.library()
    with pytest.raises(vips.Error), libvips.telling_of_memory():
        vips.Image.black(10, 10).crop(5, 5, 10, 10)


@pytest.mark.parametrize(
    ("image_format", "mode", "options"),
    [
        (policy.JPEG, "RGB", {}),
        (policy.JPEG, "RGB", {"progressive": True, "subsampling": "4:4:4"}),
        (policy.PNG, "RGBA", {"compress_level": 1}),
        (policy.WEBP, "RGB", {"method": 0}),
    ],
    ids=str,
)
def test_lack_of_memory_is_told_as_such(
    image_format: Format,
    mode: str,
    options: dict[str, object],
) -> None:
    """An address space that holds all but the pixels; what is needed once is there already."""
    program = (
        "import resource, sys\n"
        "from safelight_contract import policy\n"
        "from safelight_contract.recipe import ColourSpace\n"
        "from safelight_processor.engines.vips import VipsEngine\n"
        "from safelight_processor.headers import read_header\n"
        "data = sys.stdin.buffer.read()\n"
        f"header = read_header(data, policy.{image_format.name})\n"
        "VipsEngine().fit(data, header, (300, 200), ColourSpace.SRGB)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**23, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    VipsEngine().fit(data, header, (2990, 1993), ColourSpace.SRGB)\n"
        "except MemoryError:\n"
        "    print('too little')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=images.encoded(images.picture(3000, 2000, mode), image_format, **options),
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, b"too little\n"), ended.stderr

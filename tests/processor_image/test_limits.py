import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from safelight_contract import policy
from safelight_contract.job import FAILURES, ExitCode
from safelight_contract.recipe import Engine
from safelight_contract.resources import Failure
from tests.support import images


def test_limits_hold_and_cannot_be_taken_back() -> None:
    """In a process of its own: they are for good."""
    program = (
        "import json, os, resource\n"
        "from safelight_processor.limits import apply_limits\n"
        "apply_limits()\n"
        "names = ['RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_CORE']\n"
        "print(json.dumps([resource.getrlimit(getattr(resource, n)) for n in names]))\n"
        "try:\n"
        "    open('/dev/shm/safelight-limits-test', 'wb', buffering=0).write(bytes(100_000))\n"
        "    print(os.path.getsize('/dev/shm/safelight-limits-test'))\n"
        "finally:\n"
        "    os.unlink('/dev/shm/safelight-limits-test')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    limits, written = ended.stdout.decode().splitlines()
    assert json.loads(limits) == [[4 << 30, 4 << 30], [300, 310], [65536, 65536], [0, 0]]
    assert int(written) == 65536


def test_module_that_is_imported_later_is_not_cut(tmp_path: Path) -> None:
    """Python compiles it into a file beside; one above the limit would be cut, and stay so."""
    (tmp_path / "large.py").write_text(f"WORDS = {[f'word {n}' for n in range(10_000)]}")
    program = "from safelight_processor.limits import apply_limits; apply_limits(); import large"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["large.py"]


def test_lower_limit_of_the_container_is_kept() -> None:
    program = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (30, 30))\n"
        "from safelight_processor.limits import apply_limits\n"
        "apply_limits()\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout.decode().strip() == "(30, 30)"
    assert resource.getrlimit(resource.RLIMIT_CPU) != (30, 30)


@pytest.mark.parametrize("as_process_1", [False, True])
def test_who_spins_ends_with_a_code_of_its_own(as_process_1: bool) -> None:  # noqa: FBT001 - a parameter
    """In one call that never returns to Python, as a decoder does, and as in a container."""
    program = (
        "from safelight_processor import limits\n"
        "limits.CPU_SECONDS = 1\n"
        "limits.apply_limits()\n"
        "sum(range(10**15))\n"
    )
    namespace = ["unshare", "--pid", "--fork"] if as_process_1 else []
    ended = subprocess.run(
        [*namespace, sys.executable, "-c", program], capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == ExitCode.CPU_TIME_EXCEEDED
    assert ended.returncode == int(signal.SIGXCPU)
    assert FAILURES[ended.returncode] is Failure.DEADLINE_EXCEEDED


@pytest.mark.parametrize("engine", [Engine.VIPS, Engine.PILLOW])
def test_a_picture_of_the_most_pixels_needs_no_file(tmp_path: Path, engine: Engine) -> None:
    """Under the limits none can be written; libvips would take one for a large WebP."""
    photo = tmp_path / "photo.webp"
    width, height = 8000, policy.MAX_PIXELS // 8000
    photo.write_bytes(images.encoded(images.picture(width, height), policy.WEBP, method=0))
    program = (
        "import io, sys\n"
        "from pathlib import Path\n"
        "from safelight_contract import policy\n"
        "from safelight_contract.recipe import Engine, Recipe\n"
        "from safelight_processor.limits import apply_limits\n"
        "apply_limits()\n"
        "from safelight_processor.log import Log\n"
        "from safelight_processor.transform import transform\n"
        "recipe = Recipe(engine=Engine(sys.argv[2]), variants=())\n"
        "data = Path(sys.argv[1]).read_bytes()\n"
        "image = transform(data, policy.WEBP, recipe, Log(io.StringIO())).image\n"
        "print(image.width, image.height)\n"
    )
    command = [sys.executable, "-c", program, str(photo), engine]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert ended.stdout.split() == [b"2765", b"2160"], ended.stderr

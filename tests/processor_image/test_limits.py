import json
import resource
import subprocess
import sys
from pathlib import Path


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
    assert json.loads(limits) == [[4 << 30, 4 << 30], [600, 600], [65536, 65536], [0, 0]]
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

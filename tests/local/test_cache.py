import os
import threading
from pathlib import Path

import pytest

from safelight_local import cache


def _tree(root: Path) -> Path:
    folder = root / "unit"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_text("a = 1\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


def _key(root: Path) -> str:
    return cache.content_key(root, [root / "unit"], "parameter")


def test_key_is_the_same_in_every_checkout(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    _tree(first)
    _tree(second)
    assert _key(first) == _key(second)


def test_key_ignores_what_tools_leave_behind(tmp_path: Path) -> None:
    folder = _tree(tmp_path)
    key = _key(tmp_path)
    for name in (
        "src/__pycache__/a.cpython-311.pyc",
        "src/x.egg-info/PKG-INFO",
        ".venv/bin/python",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "src" / "a.pyc").write_bytes(b"x")
    os.utime(folder / "src" / "a.py", (1, 1))
    assert _key(tmp_path) == key


def test_key_follows_content_name_mode_and_parameters(tmp_path: Path) -> None:
    folder = _tree(tmp_path)
    source = folder / "src" / "a.py"
    keys = [_key(tmp_path), cache.content_key(tmp_path, [folder], "other")]
    source.write_text("a = 2\n")
    keys.append(_key(tmp_path))
    source.chmod(0o755)
    keys.append(_key(tmp_path))
    source.rename(folder / "src" / "b.py")
    keys.append(_key(tmp_path))
    (folder / "new").write_text("")
    keys.append(_key(tmp_path))
    assert len(set(keys)) == len(keys)


def test_a_failed_result_leaves_nothing_and_is_made_again(tmp_path: Path) -> None:
    target = tmp_path / "results" / "key"
    target.parent.mkdir()

    def fail(unfinished: Path) -> None:
        (unfinished / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.made_once(target, fail)
    assert [path for path in target.parent.iterdir() if path.is_dir()] == []
    cache.made_once(target, lambda unfinished: (unfinished / "whole").touch())
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_two_at_a_time_make_it_once(tmp_path: Path) -> None:
    made = []
    gate = threading.Barrier(2)

    def make(unfinished: Path) -> None:
        made.append(unfinished)

    def run() -> None:
        gate.wait()
        cache.made_once(tmp_path / "key", make)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_writes_only_what_changed_and_keeps_secrets_private(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "token"
    assert cache.write_atomically(file, "one", mode=0o600)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not cache.write_atomically(file, "one", mode=0o600)
    assert cache.write_atomically(file, "two", mode=0o600)
    assert [path.name for path in file.parent.iterdir()] == ["token"]

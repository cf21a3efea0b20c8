"""Results that are slow to make, kept under the content of what they were made from."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_KEY_LENGTH: Final = 16
_IGNORED_DIRECTORIES: Final = frozenset(
    {"__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", "dist", "build"},
)
_IGNORED_SUFFIXES: Final = (".pyc", ".pyo", ".swp", "~", ".egg-info")


def _is_ignored(name: str) -> bool:
    return name in _IGNORED_DIRECTORIES or name.endswith(_IGNORED_SUFFIXES)


def source_files(path: Path) -> Iterator[Path]:
    """Yield the files at or below a path, sorted, without what tools leave behind."""
    if not path.is_dir():
        yield path
        return
    for child in sorted(path.iterdir()):
        if not _is_ignored(child.name):
            yield from source_files(child)


def content_key(root: Path, paths: Iterable[Path], *parameters: str) -> str:
    """Return a short key that changes when a file, its name, its mode or a parameter changes.

    Args:
        root: names count relative to it, so that every checkout yields the same key.
        paths: files and folders below `root`.
        parameters: whatever else the result depends on.
    """
    digest = hashlib.sha256()

    def add(data: bytes) -> None:
        digest.update(len(data).to_bytes(8))
        digest.update(data)

    for parameter in parameters:
        add(parameter.encode())
    for path in paths:
        for file in source_files(path):
            add(str(file.relative_to(root)).encode())
            add(b"x" if os.access(file, os.X_OK) else b"-")
            add(file.read_bytes())
    return digest.hexdigest()[:_KEY_LENGTH]


@contextmanager
def exclusive(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock across processes; the kernel drops it when its holder dies.

    Args:
        lock: the file that stands for it.
        waiting: called once if somebody else holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder, made at the first call; it appears complete or not at all.

    Args:
        target: the folder, named after the content of its inputs.
        make: fills an empty folder that becomes `target` once it returns.
    """
    if target.is_dir():
        return target
    with exclusive(target.parent / f".{target.name}.lock"):
        if target.is_dir():
            return target
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            make(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return target


def write_atomically(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a file so that a reader sees the old or the new content; say whether it changed."""
    if path.is_file() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
    unfinished.replace(path)
    return True

"""What the processor takes besides time: memory for the largest picture, and room in a registry."""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from safelight_contract.recipe import Engine, Recipe
from tests.bench.processor import spawn
from tests.bench.processor.engines import ONE_THREAD, OURS

MEMORY_MIB: Final = 160
"""Bar for a baseline JPEG of 50 Mpx, with the default recipe."""
IMAGE_MB: Final = 60
"""Bar, in millions of bytes."""
START_MS: Final = 150
"""Bar, of CPU until the first byte of the original is read."""


def memory(python: Path, photo: Path, engine: Engine = Engine.AUTO) -> spawn.Usage:
    """Return what a photo takes with the default recipe, variants and all.

    Args:
        python: the interpreter of our processor's environment.
        photo: the original.
        engine: of the recipe.
    """
    told = Recipe(engine=engine).encode()
    with tempfile.TemporaryDirectory() as folder:
        program = [str(python), "-m", "safelight_processor", "--recipe", told]
        command = [*program, str(photo), folder]
        return spawn.run(command, Path(folder) / "log", ONE_THREAD | OURS)


def compressed_bytes(environment: Path) -> int:
    """Return the size of an image's layer with this environment, compressed as registries keep it.

    The processor's Dockerfile adds nothing else to its base.
    """
    tar = ["tar", "--numeric-owner", "--directory", str(environment), "--create", "."]
    with (
        subprocess.Popen(tar, stdout=subprocess.PIPE) as archive,
        subprocess.Popen(["gzip", "-6"], stdin=archive.stdout, stdout=subprocess.PIPE) as zipped,
    ):
        if archive.stdout is None or zipped.stdout is None:
            raise AssertionError("both were asked for")
        archive.stdout.close()
        size = 0
        while chunk := zipped.stdout.read(1 << 20):
            size += len(chunk)
    if archive.returncode or zipped.returncode:
        raise spawn.ProgramError(f"{environment} could not be packed")
    return size

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from safelight_contract import policy, recipe
from safelight_processor.engines import choose
from safelight_processor.headers import read_header
from tests.support import images

HEADER = read_header(images.photo(60, 40), policy.JPEG)
MADE_BY = """
import json, sys
from safelight_contract import policy, recipe
from safelight_processor.engines import choose
from safelight_processor.headers import read_header
data = sys.stdin.buffer.read()
header = read_header(data, policy.JPEG)
engine = choose(recipe.Engine(sys.argv[1]), header)
picture = engine.fit(data, header, (30, 20), recipe.ColourSpace.SRGB)
modules = [name for name in ("pyvips", "PIL", "numpy") if name in sys.modules]
print(json.dumps([engine.name, dict(engine.versions()), picture.size, modules]))
"""


def made_by(
    wanted: recipe.Engine,
    *options: str,
    **environment: str,
) -> tuple[str, dict[str, str], list[int], list[str]]:
    """Return the engine that a process of its own takes, its versions, and what was imported."""
    ended = subprocess.run(
        [sys.executable, *options, "-c", MADE_BY, wanted],
        input=images.photo(60, 40),
        capture_output=True,
        check=True,
        env=os.environ | environment,
    )
    assert ended.stderr == b""
    name, versions, size, modules = json.loads(ended.stdout)
    return name, versions, size, modules


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (recipe.Engine.AUTO, "vips"),
        (recipe.Engine.VIPS, "vips"),
        (recipe.Engine.PILLOW, "pillow"),
    ],
)
def test_recipe_chooses(wanted: recipe.Engine, name: str) -> None:
    assert choose(wanted, HEADER).name == name


def test_only_the_chosen_library_is_loaded() -> None:
    """Each takes 30 to 40 ms, and is one more parser in reach of hostile bytes."""
    assert made_by(recipe.Engine.VIPS)[3] == ["pyvips"]
    assert made_by(recipe.Engine.PILLOW)[3] == ["PIL"]


@pytest.mark.parametrize("wanted", recipe.Engine)
def test_without_libvips_pillow_does_it(wanted: recipe.Engine, tmp_path: Path) -> None:
    """In an environment that has all packages but those of libvips."""
    for folder in (Path(path) for path in sys.path if path.endswith("site-packages")):
        for entry in folder.iterdir():
            if "vips" not in entry.name:
                (tmp_path / entry.name).symlink_to(entry)
    sources = [path for path in sys.path if path.endswith("/src")]
    name, versions, size, _ = made_by(
        wanted,
        # No site-packages but ours.
        "-S",
        PYTHONPATH=os.pathsep.join([str(tmp_path), *sources]),
    )
    assert (name, set(versions), size) == ("pillow", {"pillow"}, [30, 20])

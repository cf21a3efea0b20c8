import re
from pathlib import Path

import pytest
from PIL import Image

from safelight_local import paths
from tests.bench.image_quality import page, sheets
from tests.bench.image_quality.__main__ import ALL, CROPS, PAGE, PICTURES
from tests.bench.image_quality.samples import smallest
from tests.support import images

MOST_BYTES = 3_000_000
"""Of all pictures in the repository."""


@pytest.mark.parametrize("wanted", [5, 6, 50, 97, 98])
def test_the_smallest_number_that_fits_is_found(wanted: int) -> None:
    assert smallest(lambda number: number >= wanted, (5, 98)) == wanted


def test_where_nothing_fits_the_largest_number_is_taken() -> None:
    assert smallest(lambda _: False, (5, 98)) == 98


def test_tables_are_put_between_their_comments_and_nowhere_else() -> None:
    text = "a\n<!-- table: t -->\nold\n<!-- end of table -->\nz"
    made = page.filled(text, [("t", ["| 1\\2 |"])])
    assert made == "a\n<!-- table: t -->\n| 1\\2 |\n<!-- end of table -->\nz"
    assert page.filled(made, [("t", ["| 1\\2 |"])]) == made


def test_a_table_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places for the table t"):
        page.filled("nothing", [("t", [])])


def test_pictures_are_drawn_in_rows_of_one_size() -> None:
    panels = [("one", images.picture(60, 40)), ("two", images.picture(60, 40))]
    wide, high = sheets.sheet(panels, columns=2), sheets.sheet(panels, columns=1)
    assert wide.width > high.width
    assert wide.height < high.height


def test_pixels_are_enlarged_by_whole_squares(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    images.picture(40, 30).save(path)
    part = sheets.crop(path, (0, 0, 20, 10))
    assert part.size == (20 * sheets.ZOOM, 10 * sheets.ZOOM)
    assert part.getpixel((0, 0)) == part.getpixel((1, 1))


def test_what_is_transparent_shows_the_squares_below() -> None:
    clear = Image.new("RGBA", (24, 12), (0, 0, 0, 0))
    drawn = sheets.on_squares(clear)
    assert drawn.getpixel((0, 0)) != drawn.getpixel((12, 0))


def test_the_page_shows_every_picture_and_has_every_table() -> None:
    text = PAGE.read_text()
    shown = set(re.findall(r"\(images/([\w-]+\.webp)\)", text))
    assert shown == {path.name for path in PICTURES.glob("*.webp")}
    tables = re.findall(r"<!-- table: .*? -->\n(.*?)<!-- end of table -->", text, re.DOTALL)
    assert all(table.startswith("| photo |") for table in tables)
    assert len(tables) == 3


def test_every_photo_has_its_licence_beside_it() -> None:
    told = (PICTURES / "README.md").read_text()
    names = {path.name for path in (PICTURES / "originals").iterdir()}
    assert names == set(re.findall(r"^\| `([\w.-]+)` \|", told, re.MULTILINE))
    assert {*ALL, *CROPS} <= {Path(name).stem for name in names}


def test_the_pictures_stay_small() -> None:
    folder = paths.ROOT / "docs" / "images"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < MOST_BYTES

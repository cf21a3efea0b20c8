"""Draws pictures beside each other, with a line of text under each. Pure but for reading files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

ZOOM: Final = 2
"""Each pixel of an image becomes a square of so many: what is compared is pixels."""
_COLUMNS: Final = 3
_GAP: Final = 6
_LINE: Final = 24
_INK: Final = (20, 20, 20)
_PAPER: Final = (255, 255, 255)
_SQUARE: Final = 12
_SQUARES: Final = ((255, 255, 255), (205, 205, 205))
Box = tuple[int, int, int, int]
Panel = tuple[str, Image.Image]


def crop(path: Path, box: Box) -> Image.Image:
    """Return a part of an image file, enlarged by whole squares."""
    with Image.open(path) as opened:
        part = opened.convert("RGB").crop(box)
    return part.resize((part.width * ZOOM, part.height * ZOOM), Image.Resampling.NEAREST)


def on_squares(picture: Image.Image) -> Image.Image:
    """Return a picture over a chequered ground, as editors show what is transparent."""
    ground = Image.new("RGB", picture.size, _SQUARES[0])
    draw = ImageDraw.Draw(ground)
    for top in range(0, picture.height, _SQUARE):
        for left in range(top // _SQUARE % 2 * _SQUARE, picture.width, _SQUARE * 2):
            draw.rectangle((left, top, left + _SQUARE - 1, top + _SQUARE - 1), _SQUARES[1])
    above = picture.convert("RGBA")
    ground.paste(above, (0, 0), above)
    return ground


def sheet(panels: Sequence[Panel], columns: int = _COLUMNS) -> Image.Image:
    """Return pictures of one size in rows, each over its text."""
    width = max(picture.width for _, picture in panels)
    height = max(picture.height for _, picture in panels)
    rows = -(-len(panels) // columns)
    size = (columns * (width + _GAP) - _GAP, rows * (height + _LINE + _GAP) - _GAP)
    drawn = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(14)
    for number, (text, picture) in enumerate(panels):
        left = number % columns * (width + _GAP)
        top = number // columns * (height + _LINE + _GAP)
        drawn.paste(picture, (left, top))
        draw.text((left + 2, top + height + 3), text, _INK, font)
    return drawn


def save(drawn: Image.Image, path: Path) -> None:
    """Write a sheet without any loss of its own."""
    drawn.save(path, "WEBP", lossless=True, quality=100, method=6)

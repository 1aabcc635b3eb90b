"""Recorded arrays as pictures: two pixels per cell, in the colours that a terminal has, or all pixels where it can.

Owns which arrays are pictures, how large they are drawn and how their numbers become shades. Invariant: shades are entries of
xterm's own palette, so that no terminal mixes its own, unless it says that it shows any colour; in ASCII and without colours they
are characters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from rich.text import Text

from nntui.tui import kitty
from nntui.tui.paint import Paint, Pixels

Floats = NDArray[np.float64]

RAMP = " .:-=+*#%@"
GREYS = range(232, 256)
LARGEST = 4
"""Dots along a pixel, at most."""
LEAST = 3
"""Rows and columns from which an array is a picture and not a row of numbers."""
ENLARGED = 256
"""Pixels along a side up to which a small picture is enlarged before it is sent."""
WIDTHS = (32, 28, 24, 20, 16, 12, 10, 8, 6, 4, 3, 2)
"""Cells across that a picture may have among others where all its pixels are shown."""


def as_picture(shape: tuple[int, ...], data: Floats) -> Floats | None:
    """Pixels of shape (rows, columns) or (rows, columns, 3), in [0, 1] from the least to the greatest; None for what is none.

    Taken as pictures: (H, W), (1, H, W), (3, H, W), (H, W, 1), (H, W, 3). What is not finite is 0.
    """
    if not len(data):
        return None
    pixels = np.nan_to_num(data.reshape(shape), nan=0.0, posinf=0.0, neginf=0.0)
    if pixels.ndim == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or min(pixels.shape[:2]) < LEAST or (pixels.ndim == 3 and pixels.shape[2] != 3):
        return None
    low, high = float(pixels.min()), float(pixels.max())
    return (pixels - low) / (high - low) if high > low else np.zeros_like(pixels)


def picture_lines(pixels: Floats, width: int, height: int, paint: Paint) -> list[Text]:
    """The picture in at most height lines of width cells, its proportions kept; small ones are enlarged up to four times.

    What is made smaller is averaged.
    """
    rows, columns = pixels.shape[:2]
    if width < 1 or height < 1:
        return []
    if paint.pixels is not None:
        return _placed(pixels, width, height, paint.pixels)
    plain = _is_plain(paint)
    across, down = (2 * columns, rows) if plain else (columns, rows / 2)  # cells at one cell or half a cell per pixel
    scale = min(width / across, height / down, float(LARGEST))
    scale = float(int(scale)) if scale >= 1 else scale
    wide, high = max(1, int(across * scale)), max(1, round(rows * scale))
    if plain:
        grey = _sampled(pixels.mean(axis=2) if pixels.ndim == 3 else pixels, high, wide)
        shades = (grey * (len(RAMP) - 1)).round().astype(int)
        return [Text("".join(RAMP[shade] for shade in row), no_wrap=True, end="") for row in shades]
    colours = _colours(_sampled(pixels, high, wide), paint)
    if high % 2:
        colours.append([None] * wide)
    return [_halves(*colours[row : row + 2]) for row in range(0, high, 2)]


def cells(rows: int, columns: int, scale: int, paint: Paint) -> tuple[int, int]:
    """Width and height in cells of a picture of which every pixel is `scale` dots wide."""
    if _is_plain(paint):
        return 2 * columns * scale, rows * scale
    return columns * scale, -(-rows * scale // 2)


def sizes(rows: int, columns: int, paint: Paint) -> list[tuple[int, int]]:
    """Width and height in cells that a picture may have among others, the largest first."""
    if paint.pixels is None:
        return [cells(rows, columns, scale, paint) for scale in range(LARGEST, 0, -1)]
    wide, high = paint.pixels.cell
    shape = rows / columns * wide / high
    most = max(WIDTHS[-1], LARGEST * columns)
    return [(across, max(1, round(across * shape))) for across in WIDTHS if across <= most]


def _placed(pixels: Floats, width: int, height: int, shown: Pixels) -> list[Text]:
    """The picture with all its pixels: characters in whose place the terminal shows it, in at most height lines of width cells.

    The terminal keeps its proportions. What has more pixels than the cells is averaged, and what has fewer is enlarged, so
    that a terminal that blends pixels when it enlarges does not blur them.
    """
    (rows, columns), (wide, high) = pixels.shape[:2], shown.cell
    width, height = min(width, kitty.MOST), min(height, kitty.MOST)
    scale = min(width * wide / columns, height * high / rows, float(LARGEST * wide))
    across = min(width, max(1, round(columns * scale / wide)))
    down = min(height, max(1, round(rows * scale / high)))
    if scale < 1:
        pixels = _sampled(pixels, max(1, round(rows * scale)), max(1, round(columns * scale)))
    data = (pixels * 255).round().astype(np.uint8)
    data = data if data.ndim == 3 else np.repeat(data[..., None], 3, axis=2)
    each = max(1, min(int(scale), ENLARGED // max(rows, columns)))
    data = data.repeat(each, axis=0).repeat(each, axis=1)
    lines = shown.shelf.put(data.tobytes(), (data.shape[1], data.shape[0]), (across, down))
    return [Text(line, no_wrap=True, end="") for line in lines]


def _is_plain(paint: Paint) -> bool:
    """Whether pictures are drawn in characters."""
    return paint.glyphs.kind == "ascii" or not paint.colours


def _sampled(pixels: Floats, rows: int, columns: int) -> Floats:
    """An array of another size: the mean of the pixels that fall into a smaller one, the nearest in a larger one."""
    for axis, wanted in ((0, rows), (1, columns)):
        have = pixels.shape[axis]
        if wanted < have:
            starts = np.arange(wanted) * have // wanted
            counts = np.diff(np.append(starts, have))
            shape = (-1, 1) if axis == 0 else (1, -1)
            sums = np.add.reduceat(pixels, starts, axis=axis)
            pixels = sums / counts.reshape(*shape, *([1] * (pixels.ndim - 2)))
        else:
            pixels = np.take(pixels, np.arange(wanted) * have // wanted, axis=axis)
    return pixels


def _colours(pixels: Floats, paint: Paint) -> list[list[Color | None]]:
    """The colour of each pixel: exact where the terminal can, else xterm's nearest grey or colour of its cube."""
    if paint.exact:
        whole = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
        return [[Color.from_rgb(*pixel) for pixel in row] for row in (whole * 255).round().astype(int).tolist()]
    if pixels.ndim == 2:
        numbers = GREYS.start + (pixels * (len(GREYS) - 1)).round().astype(np.int64)
    else:
        cube = (pixels * 5).round().astype(np.int64)
        numbers = 16 + 36 * cube[..., 0] + 6 * cube[..., 1] + cube[..., 2]
    found: list[list[Color | None]] = [[Color.from_ansi(number) for number in row] for row in numbers.tolist()]
    return found


def _halves(upper: list[Color | None], lower: list[Color | None]) -> Text:
    line = Text(no_wrap=True, end="")
    for above, below in zip(upper, lower, strict=True):
        line.append("▀", Style(color=above, bgcolor=below))
    return line

"""Recorded arrays as pictures: two pixels per cell, in the colours that every terminal has.

Owns which arrays are pictures and how their numbers become shades. Invariant: shades are entries of xterm's own palette, so that
no terminal mixes its own; in ASCII and without colours they are characters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from rich.text import Text

from nntui.tui.paint import Paint

Floats = NDArray[np.float64]

RAMP = " .:-=+*#%@"
GREYS = range(232, 256)
LEAST = 3
"""Rows and columns from which an array is a picture and not a row of numbers."""


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
    """The picture in at most height lines of width cells, its proportions kept; small ones are enlarged up to four times."""
    rows, columns = pixels.shape[:2]
    if width < 1 or height < 1:
        return []
    plain = paint.glyphs.kind == "ascii" or not paint.colours
    across, down = (2 * columns, rows) if plain else (columns, rows / 2)  # cells at one cell or half a cell per pixel
    scale = min(width / across, height / down, 4.0)
    scale = float(int(scale)) if scale >= 1 else scale
    cells = (max(1, int(across * scale)), max(1, int(np.ceil(down * scale))))
    if plain:
        grey = _sampled(pixels.mean(axis=2) if pixels.ndim == 3 else pixels, cells[1], cells[0])
        shades = (grey * (len(RAMP) - 1)).round().astype(int)
        return [Text("".join(RAMP[shade] for shade in row), no_wrap=True, end="") for row in shades]
    colours = _palette(_sampled(pixels, 2 * cells[1], cells[0]))
    return [_halves(colours[row], colours[row + 1]) for row in range(0, len(colours), 2)]


def _sampled(pixels: Floats, rows: int, columns: int) -> Floats:
    """Nearest pixels for an array of another size."""
    down = np.arange(rows) * pixels.shape[0] // rows
    across = np.arange(columns) * pixels.shape[1] // columns
    return pixels[down][:, across]


def _palette(pixels: Floats) -> NDArray[np.int64]:
    """Numbers of xterm's palette: its greys, or its cube of colours."""
    if pixels.ndim == 2:
        return GREYS.start + (pixels * (len(GREYS) - 1)).round().astype(np.int64)
    cube = (pixels * 5).round().astype(np.int64)
    return 16 + 36 * cube[..., 0] + 6 * cube[..., 1] + cube[..., 2]


def _halves(upper: NDArray[np.int64], lower: NDArray[np.int64]) -> Text:
    line = Text(no_wrap=True, end="")
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        line.append("▀", Style(color=Color.from_ansi(above), bgcolor=Color.from_ansi(below)))
    return line

"""One example as lines for a terminal: a picture in half blocks, text, or a row of features.

Owns what a terminal can show and how a number becomes a shade. Knows nothing of tasks. Invariant: every line is at most as wide
as asked, and no foreign character reaches the terminal that could steer it.
"""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

import torch
from torch import Tensor

RAMP = " .:-=+*#%@"
LEAST = 3
"""Rows and columns from which an array is a picture and not a row of numbers."""
ENLARGED = 4
"""Cells that a pixel is made wide, at most."""
FEATURES = 60
"""Most features of a row that are shown."""
TEXT_LIMIT = 4000
"""Characters of a text that are looked at."""
MARKS = 2
"""Combining marks that a letter may carry; more only pile up over the lines around it."""
_CUBE = (0, 95, 135, 175, 215, 255)
_RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Canvas:
    """What there is to draw on."""

    width: int = 80
    height: int = 24
    colours: int = 0
    """0: characters alone; 256: xterm's palette; 1 << 24: any."""
    unicode: bool = False
    """Whether the terminal's encoding holds line-drawing characters."""


def canvas(stream: TextIO | None = None, environment: Mapping[str, str] | None = None) -> Canvas:
    """What this stream's terminal can show: half blocks in colour where it is one, encodes them and wants colour."""
    if stream is None:
        stream = sys.stdout
    if environment is None:
        environment = os.environ
    size = shutil.get_terminal_size((80, 24))
    try:
        "▀█│".encode(getattr(stream, "encoding", None) or "ascii")
        unicode = True
    except (UnicodeEncodeError, LookupError):
        unicode = False
    plain = (
        environment.get("NO_COLOR")
        or environment.get("TERM", "") in ("", "dumb")
        or stream is None
        or not stream.isatty()
    )
    full = environment.get("COLORTERM", "").lower() in ("truecolor", "24bit")
    colours = 0 if plain or not unicode else 1 << 24 if full else 256
    return Canvas(max(10, size.columns), max(5, size.lines), colours, unicode)


def visible(text: object) -> str:
    """The text on one line, with all that could steer a terminal or deceive a reader as an escape: `\\n`, `\\x1b`, `\\u202e`."""
    shown: list[str] = []
    marks = 0
    for char in str(text):
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        shown.append(char if char.isprintable() and marks <= MARKS else _escape(char))
    return "".join(shown)


def cells(text: str) -> int:
    """Cells that a visible text takes: wide characters two, combining marks none."""
    return sum(_width(char) for char in text)


def cut(text: str, width: int) -> str:
    """The visible text in at most `width` cells, with `…` where something was cut off."""
    return text if cells(text) <= width else _head(text, width - 1) + "…" if width > 0 else ""


def drawn(value: Tensor | None, words: str | None, on: Canvas, rows: int) -> list[str]:
    """An example in at most `rows` lines (at least one): its words, else its array as a picture or a row of features."""
    rows = max(1, rows)
    if words is not None:
        return text_lines(words, on, rows)
    if value is None:
        return ["(nothing that can be shown)"]
    value = value.detach().cpu()
    value = (value.real if value.is_complex() else value).double()
    pixels = as_picture(value)
    lines = feature_lines(value.flatten(), on.width) if pixels is None else picture_lines(pixels, on, rows)
    left_out = len(lines) - rows + 1
    return lines if left_out <= 1 else [*lines[: rows - 1], cut(f"… and {left_out} more lines", on.width)]


def as_picture(value: Tensor) -> Tensor | None:
    """Pixels (rows, columns) or (rows, columns, 3) in [0, 1], from the least number to the greatest; None for what is none.

    (H, W), (1, H, W), (H, W, 1), (3, H, W) and (H, W, 3); of anything with more axes the first plane. What is not finite is 0.
    """
    while value.dim() > 3:
        value = value[0]
    if value.dim() == 3:
        if value.shape[0] in (1, 3) and value.shape[2] not in (1, 3):
            value = value.movedim(0, 2)
        value = value if value.shape[2] == 3 else value[:, :, 0] if value.shape[2] == 1 else value[0]
    if value.dim() < 2 or min(value.shape[:2]) < LEAST:
        return None
    value = torch.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(value.min()), float(value.max())
    half = high / 2 - low / 2  # halved: the range may be the whole of float64
    return (value / 2 - low / 2) / half if half > 0 else torch.zeros_like(value)


def picture_lines(pixels: Tensor, on: Canvas, rows: int) -> list[str]:
    """The picture in at most `rows` lines, its proportions kept: half blocks, or characters where there are no colours."""
    high, wide = pixels.shape[:2]
    across, down = (
        (wide, high / 2) if on.colours else (2 * wide, high)
    )  # cells, at the least size that keeps every pixel
    scale = min(on.width / across, rows / down, ENLARGED)
    scale = float(int(scale)) if scale >= 1 else scale
    shape = (max(1, round(high * scale if on.colours else down * scale)), max(1, int(across * scale)))
    image = _resized(pixels, shape)
    if not on.colours:
        grey = image.mean(dim=2) if image.dim() == 3 else image
        return ["".join(RAMP[round(shade * (len(RAMP) - 1))] for shade in row) for row in grey.tolist()]
    if shape[0] % 2:
        image = torch.cat([image, torch.zeros_like(image[:1])])
    codes = [[_colour(pixel, on.colours) for pixel in row] for row in image.tolist()]
    return [_halves(codes[row], codes[row + 1]) for row in range(0, len(codes), 2)]


def text_lines(text: str, on: Canvas, rows: int, *, end: bool = False) -> list[str]:
    """The text behind a bar, its line breaks kept, long lines folded; of too many lines the first, with `end` the last."""
    bar, width = ("│ " if on.unicode else "| "), max(2, on.width - 2)
    kept = text[-TEXT_LIMIT:] if end else text[:TEXT_LIMIT]
    folded = [piece for line in kept.replace("\t", "    ").split("\n") for piece in _folded(visible(line), width)]
    left_out = len(folded) - rows
    if left_out > 0 or len(kept) < len(text):
        more = "… longer: this is its end" if end else "… and more"
        folded = [more, *folded[-(rows - 1) :]] if end else [*folded[: rows - 1], more]
    return [bar + cut(line, width) for line in folded[: max(1, rows)]]


def feature_lines(values: Tensor, width: int) -> list[str]:
    """`feature = value` in aligned columns, read downwards, at most FEATURES of them."""
    numbers = values[:FEATURES].tolist()
    digits = len(str(max(0, len(numbers) - 1)))
    items = [f"{place:>{digits}} = {number:.4g}" for place, number in enumerate(numbers)]
    lines = columns(items, width)
    hidden = len(values) - len(numbers)
    return [*lines, cut(f"… and {hidden:,} more features", width)] if hidden > 0 else lines or ["(no number)"]


def columns(items: list[str], width: int) -> list[str]:
    """The visible texts in aligned columns that are read downwards."""
    if not items:
        return []
    room = max(1, min(max(map(cells, items)), width))
    across = max(1, (width + 3) // (room + 3))
    down = -(-len(items) // across)
    lines = []
    for row in range(down):
        picked = [cut(item, room) for item in items[row::down]]
        lines.append("   ".join(item + " " * (room - cells(item)) for item in picked).rstrip())
    return lines


# --- inside -----------------------------------------------------------------------------------


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _width(char: str) -> int:
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _head(text: str, width: int) -> str:
    """The beginning of a visible text, in at most `width` cells."""
    used = 0
    for place, char in enumerate(text):
        used += _width(char)
        if used > width:
            return text[:place]
    return text


def _folded(line: str, width: int) -> list[str]:
    pieces = []
    while cells(line) > width:
        piece = _head(line, width) or line[:1]
        pieces.append(piece)
        line = line[len(piece) :]
    return [*pieces, line]


def _resized(pixels: Tensor, shape: tuple[int, int]) -> Tensor:
    """Another number of pixels: means where there are fewer, neighbours repeated where there are more."""
    planes = (pixels if pixels.dim() == 3 else pixels.unsqueeze(2)).movedim(2, 0).unsqueeze(0)
    smaller = (min(shape[0], planes.shape[2]), min(shape[1], planes.shape[3]))
    planes = torch.nn.functional.interpolate(planes, size=smaller, mode="area")
    planes = torch.nn.functional.interpolate(planes, size=shape, mode="nearest").clamp(0.0, 1.0)
    return planes[0].movedim(0, 2).squeeze(2) if pixels.dim() == 2 else planes[0].movedim(0, 2)


def _colour(pixel: float | list[float], colours: int) -> str:
    """What follows `38;` or `48;` for a pixel of [0, 1]: the nearest entry of xterm's palette, or the colour itself."""
    red, green, blue = (round(part * 255) for part in (pixel if isinstance(pixel, list) else [pixel] * 3))
    if colours > 256:
        return f"2;{red};{green};{blue}"
    cube = [min(range(6), key=lambda k, part=part: abs(_CUBE[k] - part)) for part in (red, green, blue)]
    grey = min(23, max(0, round(((red + green + blue) / 3 - 8) / 10)))
    mixed, shade = [_CUBE[k] for k in cube], 8 + 10 * grey
    apart = [sum((a - b) ** 2 for a, b in zip((red, green, blue), one, strict=True)) for one in (mixed, [shade] * 3)]
    return f"5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2] if apart[0] <= apart[1] else 232 + grey}"


def _halves(upper: list[str], lower: list[str]) -> str:
    """A line of half blocks; a colour is said where it changes."""
    line, before = [], ("", "")
    for pair in zip(upper, lower, strict=True):
        if pair != before:
            line.append(f"\x1b[38;{pair[0]};48;{pair[1]}m")
        line.append("▀")
        before = pair
    return "".join(line) + _RESET

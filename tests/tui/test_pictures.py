"""Recorded arrays as pictures."""

from __future__ import annotations

import numpy as np
import pytest
from rich.cells import cell_len

from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.pictures import RAMP, as_picture, cells, picture_lines
from nntui.tui.themes import DARK

PAINT = Paint(DARK, SETS["braille"])
ASCII = Paint(DARK, SETS["ascii"])


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [
        ((8, 6), (8, 6)),
        ((1, 8, 6), (8, 6)),
        ((8, 6, 1), (8, 6)),
        ((3, 8, 6), (8, 6, 3)),
        ((8, 6, 3), (8, 6, 3)),
        ((64,), None),
        ((2, 8, 6), None),
        ((8, 2), None),
        ((2, 2, 2, 6), None),
        ((), None),
    ],
)
def test_arrays_of_these_shapes_are_pictures(shape, pixels) -> None:
    found = as_picture(shape, np.arange(float(np.prod(shape, dtype=int))))
    assert (None if found is None else found.shape) == pixels


def test_channels_first_become_channels_last() -> None:
    data = np.random.default_rng(0).random((3, 4, 5))
    found = as_picture((3, 4, 5), data.ravel())
    scaled = (data - data.min()) / (data.max() - data.min())
    np.testing.assert_allclose(found[2, 3], scaled[:, 2, 3])


def test_numbers_that_are_none_are_dark_and_a_flat_picture_is_one_shade() -> None:
    found = as_picture((3, 3), np.array([np.nan, np.inf, -np.inf, 1, 1, 1, 1, 1, 2.0]))
    assert found.min() == 0.0
    assert found.max() == 1.0
    assert not as_picture((3, 3), np.full(9, 5.0)).any()


@pytest.mark.parametrize("paint", [PAINT, ASCII], ids=["half blocks", "ascii"])
@pytest.mark.parametrize("size", [(1, 1), (5, 2), (16, 4), (40, 20), (200, 60)])
@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (3, 100, 7), (5, 300)])
def test_a_picture_fits_where_it_is_put(paint, size, shape) -> None:
    pixels = as_picture(shape, np.arange(float(np.prod(shape))))
    lines = picture_lines(pixels, *size, paint)
    assert 1 <= len(lines) <= size[1]
    assert all(1 <= cell_len(line.plain) <= size[0] for line in lines)
    assert len({cell_len(line.plain) for line in lines}) == 1


def test_each_half_block_has_the_shades_of_its_two_pixels() -> None:
    pixels = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]])
    lines = picture_lines(pixels, 3, 2, PAINT)
    assert [line.plain for line in lines] == ["▀▀▀"] * 2
    first = lines[0].spans[0].style
    assert (first.color.number, first.bgcolor.number) == (232, 255)


def test_in_ascii_lighter_pixels_have_denser_characters() -> None:
    pixels = np.linspace(0, 1, 12).reshape(3, 4)
    text = "".join(line.plain for line in picture_lines(pixels, 8, 3, ASCII))
    assert [RAMP.index(char) for char in text] == sorted(RAMP.index(char) for char in text)
    assert (text[0], text[-1]) == (RAMP[0], RAMP[-1])


def test_what_is_made_smaller_is_averaged() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2.0
    lines = picture_lines(board, 32, 16, PAINT)
    shades = {(s.style.color.number, s.style.bgcolor.number) for line in lines for s in line.spans}
    assert shades == {(244, 244)}, "half-way between black and white, wherever the squares fall"


def test_rows_that_are_odd_keep_their_proportions() -> None:
    pixels = np.array([[0.0] * 3, [0.5] * 3, [1.0] * 3])
    lines = picture_lines(pixels, 3, 2, PAINT)
    numbers = [(s.style.color.number, s.style.bgcolor and s.style.bgcolor.number) for line in lines for s in line.spans]
    assert numbers == [(232, 244)] * 3 + [(255, None)] * 3


def test_a_terminal_that_shows_any_colour_gets_the_exact_one() -> None:
    exact = Paint(DARK, SETS["braille"], exact=True)
    pixels = np.zeros((3, 3, 3))
    pixels[0, 0] = (0.2, 0.4, 0.9)
    pixels[1, 0] = 0.5
    (style, *_) = [span.style for span in picture_lines(pixels, 3, 2, exact)[0].spans]
    assert style.color.triplet == (51, 102, 230)
    assert style.bgcolor.triplet == (128, 128, 128)


@pytest.mark.parametrize("paint", [PAINT, ASCII], ids=["half blocks", "ascii"])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(3, 3), (5, 4), (7, 7)])
def test_a_picture_takes_the_cells_that_its_scale_says(paint, scale, shape) -> None:
    wide, high = cells(*shape, scale, paint)
    lines = picture_lines(np.random.default_rng(0).random(shape), wide, high, paint)
    assert (cell_len(lines[0].plain), len(lines)) == (wide, high)

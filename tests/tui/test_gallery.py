"""Many examples at once, without an app."""

from __future__ import annotations

import numpy as np
import pytest

from nntui.session.examples import Shown
from nntui.session.samples import Sample, Samples
from nntui.tui.glyphs import SETS, plain
from nntui.tui.paint import Paint
from nntui.tui.panels.gallery import ENOUGH, LEAST_WIDTH, Card, Plan, gallery, samples_lines
from nntui.tui.pictures import LARGEST, cells
from nntui.tui.themes import DARK

PAINT = Paint(DARK, SETS["braille"])
ASCII = Paint(DARK, SETS["ascii"])
PICTURE = Shown((4, 4), np.arange(16.0))


def entered(*given: Shown, targets=(), steps=(0,)) -> Samples:
    shown = [Sample(one, targets[k] if k < len(targets) else Shown()) for k, one in enumerate(given)]
    return Samples(np.array(steps), 0, tuple(shown))


def words(lines) -> str:
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("paint", [PAINT, ASCII], ids=["braille", "ascii"])
@pytest.mark.parametrize("size", [(0, 0), (1, 1), (7, 3), (20, 9), (80, 18), (200, 40)])
@pytest.mark.parametrize(
    "given",
    [
        PICTURE,
        Shown((300, 200, 3), np.linspace(0, 1, 180_000)),
        Shown((1, 3, 3), np.full(9, np.nan)),
        Shown((5,), np.arange(5.0)),
        Shown(text="\x1b[31m宽字符 a\nb"),
        Shown(),
    ],
    ids=["picture", "photo", "nan", "numbers", "text", "nothing"],
)
def test_cards_stay_within_their_room(paint, size, given) -> None:
    cards = [Card(given if k != 2 else PICTURE, f"✗ {k}\x1b[0m宽", "error") for k in range(30)]
    plan = Plan.of(given, len(cards), *size, paint)
    lines = gallery(cards, plan, paint, chosen=3)
    assert len(lines) <= size[1]
    assert all(line.cell_len <= max(1, size[0]) for line in lines)
    assert all(plain(line).plain.isascii() for line in lines) or paint is PAINT
    data = entered(*(card.given for card in cards), targets=[Shown(text="\x1b[0m")] * 30)
    lines = samples_lines(data, *size, paint, "[b] alone")
    assert len(lines) <= size[1]
    assert all(line.cell_len <= size[0] and line.plain.isprintable() for line in lines)


@pytest.mark.parametrize(("count", "scale"), [(1, 4), (4, 4), (5, 2), (9, 2), (10, 1), (5000, 1)])
def test_pictures_are_as_large_as_all_or_enough_of_them_have_room_for(count, scale) -> None:
    plan = Plan.of(PICTURE, count, 33, 19, PAINT)
    assert plan.size == cells(4, 4, scale, PAINT)
    assert plan.most >= min(count, 9)
    wider = Plan.of(PICTURE, count, 500, 90, PAINT)
    assert wider.most >= min(count, ENOUGH)
    assert wider.size == cells(4, 4, LARGEST, PAINT)


def test_a_large_picture_is_made_smaller_until_several_have_room() -> None:
    plan = Plan.of(Shown((224, 224), np.zeros(224 * 224)), 8, 80, 20, PAINT)
    assert plan.most >= 8
    assert plan.wide >= LEAST_WIDTH


def test_the_chosen_card_is_marked_without_colours() -> None:
    for given in (PICTURE, Shown((3,), np.arange(3.0)), Shown(text="abc")):
        cards = [Card(given, "one"), Card(given, "two")]
        plan = Plan.of(given, 2, 40, 20, PAINT)
        marked = gallery(cards, plan, PAINT, chosen=1)
        assert [str(a) + str(a.spans) for a in marked] != [str(a) + str(a.spans) for a in gallery(cards, plan, PAINT)]


def test_a_row_of_numbers_says_how_many_have_no_room() -> None:
    row = Shown((100,), np.arange(100.0))
    shown = words(samples_lines(entered(row, targets=[Shown((), np.array([7.5]))]), 80, 9, PAINT))
    assert "… of 100" in shown
    assert "7.5" in shown


def test_how_many_have_no_room_is_said() -> None:
    assert "the first 3 of 9" in words(samples_lines(entered(*[Shown(text="a")] * 9), 80, 7, PAINT))
    assert "the first" not in words(samples_lines(entered(*[Shown(text="a")] * 3), 80, 7, PAINT))
    assert samples_lines(Samples(), 80, 9, PAINT) == []

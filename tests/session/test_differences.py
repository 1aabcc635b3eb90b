"""What differs between two runs, when it counts, and when a difference of scores is a gain."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.runlog.layout import Code, Manifest
from nntui.session.differences import Side, differences, gain, glance, side
from nntui.session.ledger import entries
from nntui.session.outcome import NOTHING, Extent, Outcome, Point
from nntui.tui import difference_words as words

AGAIN = "nothing that was recorded differs: a repetition"
HOSTILE = ("\x1b[31m", "[b]x[/b]", "a\nb", "\u202eevil", "x" * 10_000, "", "宽")


def run(
    called: str = "a",
    *,
    code: str = "1",
    commit: str = "c1",
    at: float = 0.0,
    outcome: Outcome = NOTHING,
    **config: Any,
) -> Side:
    manifest = Manifest(
        git_commit=commit, command=f"train.py --out runs/{called}", host="here", versions={"torch": "2"}
    )
    files = {"train": code, "model": "0"} if code else {}
    return Side(called, Path("runs") / called, config, manifest, Code(code, files), outcome, 100, at)


def told(before: Side, after: Side) -> list[tuple[str, str, str, str]]:
    return [(c.kind, c.name, c.before, c.after) for c in differences(before, after).changes]


@pytest.mark.parametrize(
    ("before", "after", "changes", "verdict"),
    [
        (run(lr=1), run("b", lr=1), [], AGAIN),
        (run(lr=1.0), run("b", lr=1), [], AGAIN),
        (run(lr=1), run("b", lr=2), [("config", "lr", "1", "2")], "one thing differs: lr"),
        (run(seed=1), run("b", seed=2), [("seed", "seed", "1", "2")], "only the seed differs: a repetition"),
        (
            run(opt={"lr": 1, "name": "adam"}, seed=1),
            run("b", opt={"lr": 2, "name": "adam"}, seed=2),
            [("config", "opt.lr", "1", "2"), ("seed", "seed", "1", "2")],
            "one thing differs: opt.lr, and the seed",
        ),
        (
            run(lr=1, width=3),
            run("b", lr=2, width=4, code="2"),
            [("config", "lr", "1", "2"), ("config", "width", "3", "4"), ("code", "train", "1", "2")],
            "3 things differ",
        ),
        (run(commit="c1"), run("b", commit="c2"), [("commit", "commit", "c1", "c2")], AGAIN),
        (
            run(code="", commit="c1"),
            run("b", code="", commit="c2"),
            [("code", "commit", "c1", "c2")],
            "one thing differs: commit",
        ),
        (
            run(data_fingerprint="ab"),
            run("b", data_fingerprint="cd"),
            [("data", "data_fingerprint", "ab", "cd")],
            "one thing differs: data_fingerprint",
        ),
        (
            run(layers=[1, 2]),
            run("b", layers=[1, 3]),
            [("config", "layers", "[1, 2]", "[1, 3]")],
            "one thing differs: layers",
        ),
        (run(x="nan"), run("b", x="nan"), [], AGAIN),
        (run(x=None), run("b"), [("config", "x", "null", "–")], "one thing differs: x"),
        (run(out="runs/a", name="a"), run("b", out="runs/b", name="b"), [], AGAIN),
        (
            run(fn="<f at 0x7f0000000001>"),
            run("b", fn="<f at 0x7f0000000002>"),
            [],
            AGAIN,
        ),
    ],
)
def test_what_differs_is_told_and_more_than_one_change_is_flagged(
    before: Side, after: Side, changes: list[tuple[str, str, str, str]], verdict: str
) -> None:
    assert told(before, after) == changes
    assert differences(before, after).verdict == verdict


def test_a_command_counts_where_no_setting_tells_of_it() -> None:
    def commanded(one: Side, command: str) -> Side:
        return replace(one, manifest=replace(one.manifest, command=command))

    a, b = commanded(run("a"), "train.py --lr 1 --out runs/a"), commanded(run("b"), "train.py --lr 2 --out runs/b")
    assert [kind for kind, *_ in told(a, b)] == ["command"]
    assert differences(a, b).verdict == "one thing differs: command"
    assert told(a, commanded(run("b"), "train.py --lr 1 --out runs/b")) == []
    seeded = [commanded(run(n, seed=s), f"train.py --seed {s}") for n, s in (("a", 1), ("b", 2))]
    assert [kind for kind, *_ in told(*seeded)] == ["seed"], "the seed explains the command"


def test_versions_host_and_torchs_own_seed_are_told_and_not_counted() -> None:
    a = run()
    other = replace(a.manifest, versions={"torch": "3", "numpy": "1"}, host="there", seed="2")
    b = replace(a, manifest=other)
    a = replace(a, manifest=replace(a.manifest, seed="1"))
    assert [(kind, name) for kind, name, *_ in told(a, b)] == [
        ("seed", "seed"),
        ("version", "numpy"),
        ("version", "torch"),
        ("host", "host"),
    ]
    assert differences(a, b).repetition
    assert [kind for kind, *_ in told(replace(a, config={"seed": 1}), replace(b, config={"seed": 1}))] == [
        "version",
        "version",
        "host",
    ]


def test_the_budget_is_a_change_unless_a_setting_says_so() -> None:
    def planned(total: int, **config: Any) -> Side:
        one = run(**config)
        return replace(one, manifest=replace(one.manifest, total_steps=total))

    assert told(planned(100), planned(200)) == [("config", "total_steps", "100", "200")]
    assert [name for _, name, *_ in told(planned(100, steps=100), planned(200, steps=200))] == ["steps"]


# --- gains ------------------------------------------------------------------------------------


@given(
    st.floats(0, 10),
    st.floats(0, 10),
    st.one_of(st.just(math.nan), st.floats(0, 3)),
    st.one_of(st.just(math.nan), st.floats(0, 3)),
)
def test_a_difference_smaller_than_its_standard_error_is_no_gain(
    old: float, new: float, old_error: float, new_error: float
) -> None:
    for metric, sign in (("val/loss", -1), ("val/accuracy", 1)):
        found = gain(metric, Point(old, 1, old_error), Point(new, 2, new_error))
        difference, error = sign * (new - old), math.sqrt(old_error**2 + new_error**2)
        if difference == 0:
            expected = "same"
        elif math.isnan(error):
            expected = "higher" if new > old else "lower"
        elif abs(difference) <= found.error:
            expected = "no difference"
        else:
            expected = "better" if difference > 0 else "worse"
        assert found.verdict == expected
        assert math.isnan(error) or found.error == pytest.approx(error)
        assert ("better" in words.verdict(found)) == (expected == "better")


def of_losses(**lowest: float) -> Outcome:
    """`of_losses(val_loss=0.1)`: without standard errors."""
    return Outcome(
        {name: Extent(9, value, 9, value, 9, math.nan, value, 0, math.nan) for name, value in lowest.items()}
    )


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (0.5, 0.4, ": no telling which brought the gain"),
        (0.4, 0.5, ": no telling which made it worse"),
        (0.4, 0.4, ""),
    ],
)
def test_of_several_changes_none_can_be_told_to_have_brought_what_is_there(
    before: float, after: float, more: str
) -> None:
    one, two = (
        run(name, outcome=of_losses(val_loss=loss), x=x, y=x) for name, loss, x in (("a", before, 1), ("b", after, 2))
    )
    assert differences(one, two).verdict == f"2 things differ{more}"


def test_the_ledger_names_a_gain_that_is_not_of_the_score_shown() -> None:
    one = run("a", at=1.0, outcome=of_losses(loss=0.5, val_loss=0.25))
    two = run("b", at=2.0, outcome=of_losses(loss=0.5), x=1)
    assert words.ledger_gain(entries([one, two])[1]) == "loss: the same"
    assert words.ledger_gain(entries([one, run("b", at=2.0, outcome=of_losses(val_loss=0.25))])[1]) == "the same"


def test_scores_are_compared_at_their_best() -> None:
    def outcome(loss: float, accuracy: float) -> Outcome:
        return Outcome(
            {
                "val/loss": Extent(9, 9.0, 99, loss, 50, 0.01, 9.0, 0, 0.1),
                "val/accuracy": Extent(9, 0.1, 99, 0.1, 0, 0.1, accuracy, 60, 0.02),
                "train/accuracy": Extent(9, 1.0, 99, 0.1, 0, math.nan, 1.0, 60, math.nan),
            }
        )

    found = differences(run(outcome=outcome(0.5, 0.8)), run("b", lr=2, outcome=outcome(0.4, 0.79)))
    assert [(one.metric, one.verdict) for one in found.gains] == [
        ("val/loss", "better"),
        ("val/accuracy", "no difference"),
    ]
    assert found.gains[0].before == Point(0.5, 50, 0.01)
    assert [one.verdict for one in differences(run(outcome=outcome(1, 1)), run("b")).gains] == ["unknown"]


# --- the ledger -------------------------------------------------------------------------------


def test_each_run_is_compared_with_the_nearest_before_it() -> None:
    runs = [
        run("base", at=1, lr=1, width=1, seed=0),
        run("lr", at=2, lr=2, width=1, seed=0),
        run("lr-again", at=3, lr=2, width=1, seed=1),
        run("wide", at=4, lr=2, width=2, seed=0),
        run("both", at=5, lr=5, width=5, seed=0),
    ]
    made = entries(runs[::-1])
    assert [(one.run.name, one.parent.name if one.parent else "") for one in made] == [
        ("base", ""),
        ("lr", "base"),
        ("lr-again", "lr"),
        ("wide", "lr"),
        ("both", "wide"),
    ]
    shown = [words.ledger_change(one) for one in made]
    assert shown[:4] == [
        "the first",
        "lr 1 → 2  (against base)",
        "seed 0 → 1: a repetition  (against lr)",
        "width 1 → 2  (against lr)",
    ]
    assert shown[4] == "2 things: lr, width  (against wide)"


CONFIGS = st.fixed_dictionaries(
    {"lr": st.integers(0, 2), "width": st.integers(0, 2), "seed": st.integers(0, 2)},
    optional={"depth": st.integers(0, 2)},
)


@given(st.lists(st.tuples(CONFIGS, st.sampled_from(("1", "2", ""))), max_size=7))
def test_the_parent_is_that_of_a_naive_search(given_runs: list[tuple[dict[str, int], str]]) -> None:
    runs = [run(f"r{n}", at=n, code=code, **config) for n, (config, code) in enumerate(given_runs)]

    def far(before: Side, after: Side) -> tuple[int, bool]:
        return len(differences(before, after).counted), before.config["seed"] != after.config["seed"]

    for at, one in enumerate(entries(runs)):
        earlier = [(far(other, runs[at]), -place) for place, other in enumerate(runs[:at])]
        assert one.parent is (runs[-min(earlier)[1]] if earlier else None)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_values_make_a_safe_page(name: str) -> None:
    deep: Any = name
    for _ in range(50):
        deep = {name: [deep]}
    a = run(name, **{"k" + name: name, "deep": deep, "n": float("1e308")})
    b = run("b", **{"k" + name: name + "x", "deep": {name: deep}, "n": 10**400})
    found = differences(a, b)
    for line in [*words.lines(found, 80), *(words.ledger_change(e) + words.ledger_gain(e) for e in entries([a, b]))]:
        assert line.isprintable() or not line
    assert all(len(line) <= 80 for line in words.lines(found, 80))


def test_a_recorded_run_is_read_with_its_code_and_command(tmp_path: Path) -> None:
    import nntui

    for name, lr in (("a", 1), ("b", 2)):
        with nntui.init(tmp_path / name, config={"lr": lr}) as recorded:
            recorded.log({"val/loss": 1.0 / lr, "val/loss_stderr": 0.1})
    sides = [side(one, one.outcome or NOTHING) for one in map(glance, (tmp_path / "a", tmp_path / "b"))]
    found = differences(*sides)
    assert [(one.kind, one.name) for one in found.changes] == [("config", "lr")]
    assert sides[0].manifest.command
    assert sides[0].code.digest
    assert found.gains[0].verdict == "better"

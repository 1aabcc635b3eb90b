"""The language in which runs are chosen and ordered, against an evaluation that takes nothing over from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nntui.session import choice
from nntui.session.choice import choose, differing
from nntui.session.filters import parsed
from nntui.session.glance import Glance
from nntui.session.outcome import Extent, Outcome

ROOT, WALL = Path("runs"), 1.8e9
TEXTS = ("adam", "Adam W", "a*b", "x=1", "ü|ö", 'say "hi"', "", "3", "!no", "[ab]")
NUMBERS = (0.0, 1.0, 3e-4, -2.5, 64.0, 1e300, math.inf)
SETTINGS = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.integers(-3, 3), st.booleans(), st.none())
METRICS = ("train/loss", "val/loss", "val/acc")
STATES = ("live", "quiet", "silent", "waiting", "ended", "crashed")
VALUES = st.sampled_from((math.nan, *NUMBERS))


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    told: dict[str, Extent] = {}
    for metric in draw(st.sets(st.sampled_from(METRICS))):
        low, high = sorted(draw(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS))))
        told[metric] = Extent(3, draw(VALUES), 2, low, 0, math.nan, high, 1, math.nan)
    return Outcome(told)


@st.composite
def runs(draw: st.DrawFn) -> Glance:
    name = draw(st.sampled_from(("digits-a", "digits-b", "Mnist 3", "x*y")))
    config: dict[str, Any] = draw(st.dictionaries(st.sampled_from(("lr", "Seed", "name")), SETTINGS))
    config |= draw(st.dictionaries(st.just("opt"), st.dictionaries(st.sampled_from(("lr", "kind")), SETTINGS)))
    return Glance(
        ROOT / name,
        name,
        draw(st.sampled_from(STATES)),
        step=draw(st.sampled_from((-1, 0, 7, 64))),
        total_steps=draw(st.sampled_from((0, 64))),
        loss=draw(VALUES),
        has_loss=draw(st.booleans()),
        lr=draw(VALUES),
        started_at=WALL - 7200,
        active_at=WALL - draw(st.sampled_from((0.0, 60.0, 3600.0))),
        launches=1,
        config=config,
        outcome=draw(outcomes()),
        problem=draw(st.sampled_from(("", "", "", "broken"))),
    )


# --- the naive evaluation ----------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """One word as it was meant, before it was written down."""

    field: str
    sign: str
    values: tuple[tuple[str, bool], ...]
    """Texts, and whether * and ? in them mean anything."""
    negated: bool = False

    def written(self) -> str:
        made = [text if glob else quoted(text) for text, glob in self.values]
        field = self.field if self.sign else ""
        return f"{'!' if self.negated else ''}{field}{self.sign}{'|'.join(made)}"


def quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


def number(value: Any) -> float:
    try:
        return math.nan if isinstance(value, bool) or value is None else float(value)
    except ValueError:
        return math.nan


def flat(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) and value else {name: value}
    return {name.lower(): value for name, value in found.items()}


def shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    return {True: "true", False: "false", None: "null"}[value] if isinstance(value, bool | None) else str(value).lower()


def candidates(run: Glance, field: str) -> list[tuple[str, float]]:
    """Everything that a name stands for."""
    settings = flat(dict(run.config))
    metrics = run.outcome.metrics if run.outcome else {}
    base = {
        "step": run.step if run.step >= 0 else math.nan,
        "steps": run.total_steps or math.nan,
        "loss": run.loss if run.has_loss else math.nan,
        "lr": run.lr,
        "age": WALL - run.active_at,
        "ran": run.active_at - run.started_at,
    }
    if field in base:
        return [] if math.isnan(base[field]) else [("", base[field])]
    if field == "best":
        for metric, kind in (("val/loss", "low"), ("val/acc", "high"), ("train/loss", "low")):
            if metric in metrics:
                return [("", getattr(metrics[metric], kind))]
        return []
    if not field.startswith("cfg."):
        kind, _, name = field.rpartition(".")
        if name in metrics:
            kind = {"last": "last", "min": "low", "max": "high"}.get(kind, "high" if name == "val/acc" else "low")
            value = getattr(metrics[name], kind)
            return [(str(value), value)]
    key = field.removeprefix("cfg.")
    named = [settings[key]] if key in settings else [v for k, v in settings.items() if k.endswith(f".{key}")]
    if key == "*lr":
        named = [value for name, value in settings.items() if name.endswith("lr")]
    return [(shown(value), number(shown(value))) for value in named]


def naive(run: Glance, word: Word) -> bool:
    values = [(text.lower(), glob) for text, glob in word.values]

    def either(text: str) -> bool:
        return any(fits(one, text.lower()) if glob else one == text.lower() for one, glob in values)

    if not word.sign:
        texts = [str(run.path.relative_to(ROOT)).lower(), run.name.lower(), "problem" if run.problem else run.state]
        hit = any(fits(one, text) if glob else one in text for text in texts for one, glob in values)
    elif word.field in ("name", "state"):
        text = str(run.path.relative_to(ROOT)) if word.field == "name" else "problem" if run.problem else run.state
        hit = either(text) == (word.sign != "!=")
    else:
        seconds = {"5m": 300.0, "2h": 7200.0, "1h": 3600.0} if word.field in ("age", "ran") else {}
        numbers = [seconds.get(text, number(text)) for text, _ in values]
        found = candidates(run, word.field)
        if word.sign in ("=", "!="):
            equal = any(either(text) or any(v == n for n in numbers) for text, v in found)
            hit = bool(found) and equal == (word.sign == "=")
        else:
            order = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}[word.sign]
            hit = any(order(float(value), numbers[0]) for _, value in found)
    return hit != word.negated


PLAIN = st.tuples(st.sampled_from((*TEXTS, "digits", "live", "true", "null")), st.just(False))
GLOBS = st.tuples(st.sampled_from(("a*", "*s-?", "?", "*", "d*s*", "c*")), st.just(True))
EQUAL = st.sampled_from(("=", "!="))
ORDERED = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
OTHERS = (
    "cfg.lr",
    "cfg.seed",
    "cfg.opt.kind",
    "cfg.kind",
    "cfg.*lr",
    "seed",
    *METRICS,
    "last.val/loss",
    "max.train/loss",
)
NUMERIC = st.tuples(st.sampled_from(("0", "1", "3e-4", "-2.5", "64", "inf", "1e300")), st.just(False))
TIMES = st.tuples(st.sampled_from(("5m", "2h", "1h", "60", "0")), st.just(False))
SIGNED = st.one_of(
    st.builds(
        Word,
        st.sampled_from(("name", "state")),
        EQUAL,
        st.lists(st.one_of(PLAIN, GLOBS), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Word,
        st.sampled_from(OTHERS),
        EQUAL,
        st.lists(st.one_of(PLAIN, GLOBS, NUMERIC), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(Word, st.sampled_from((*OTHERS, "step", "steps", "loss", "lr", "best")), ORDERED, st.tuples(NUMERIC)),
    st.builds(Word, st.sampled_from(("age", "ran")), ORDERED, st.tuples(TIMES)),
    st.builds(
        Word,
        st.just(""),
        st.just(""),
        st.lists(st.one_of(PLAIN.filter(lambda v: bool(v[0])), GLOBS), min_size=1, max_size=2).map(tuple),
    ),
)
WORDS = st.builds(lambda word, negated: replace(word, negated=negated), SIGNED, st.booleans())


@given(
    listed=st.lists(runs(), max_size=6), words=st.lists(WORDS, max_size=3), blanks=st.sampled_from((" ", "   ", "\t"))
)
def test_a_filter_lets_through_what_a_naive_evaluation_does(
    listed: list[Glance], words: list[Word], blanks: str
) -> None:
    pattern = blanks.join(word.written() for word in words)
    found = choose(pattern, "", listed, {}, ROOT, WALL)
    assert found.problem == "", pattern
    assert list(found.runs) == [run for run in listed if all(naive(run, word) for word in words)], pattern


@given(st.text(alphabet="ab=<>!|*?'\" ./0\\\n[]", max_size=30))
@example("='")
@example("!")
@example("!=")
@example("a=|")
def test_whatever_is_typed_gives_a_filter_and_a_place_for_what_is_not_understood(pattern: str) -> None:
    for vocabulary in (choice.VOCABULARY, None):
        found = parsed(pattern, vocabulary) if vocabulary else parsed(pattern)
        for part in found.problem.split("; ") if found.problem else ():
            place = int(part.removeprefix("character ").partition(":")[0])
            assert 1 <= place <= len(pattern) + 1
    choose(pattern, pattern, [Glance(ROOT / "a", "a", config={"a": "b"})], {}, ROOT, WALL)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("cfg.lr>=x", "character 9: expected a number such as 0.3 or 1e-4 after cfg.lr>=, found 'x'"),
        ("live  val/loss<", "character 16: expected a number such as 0.3 or 1e-4 after val/loss<"),
        ("age<2parsecs", "character 5: expected a number such as 90, 15m, 2h or 3d after age<, found '2parsecs'"),
        ("step=many", "character 6: expected a number such as 0.3 or 1e-4 after step=, found 'many'"),
        ("cfg.lr>1|2", "character 8: expected one number after cfg.lr>, found '1|2'"),
        ("=3", "character 1: expected a name before =, such as name=…"),
        ("name='a", "character 6: expected a closing '"),
    ],
)
def test_what_is_not_understood_is_said_with_its_place_and_hides_nothing(pattern: str, said: str) -> None:
    one = Glance(ROOT / "live", "live")
    found = choose(pattern, "", [one], {}, ROOT, WALL)
    assert found.problem == said
    assert found.runs == (one,)


def test_a_name_that_no_run_knows_is_said_with_those_that_are_near() -> None:
    one = Glance(ROOT / "a", "a", config={"optimizer": {"lr": 1}}, outcome=Outcome({"val/loss": Extent(1, 1.0)}))
    assert (
        choose("val/los<3", "", [one], {}, ROOT, WALL).unknown
        == "character 1: no run has 'val/los'; there is val/loss, lost, loss"
    )
    assert "no run has 'cfg.lrs'; there is cfg.optimizer.lr" in choose("a cfg.lrs<3", "", [one], {}, ROOT, WALL).unknown
    assert choose("", "bset", [one], {}, ROOT, WALL).unknown.startswith("sort: no run has 'bset'; there is best")
    unread = replace(one, outcome=None)
    assert choose("val/los<3", "", [unread], {}, ROOT, WALL).unknown == "", "who knows what is not read yet"
    assert choose("val/los<3", "", [unread], {}, ROOT, WALL).unread == 1
    assert choose("cfg.lr<3", "", [unread], {}, ROOT, WALL).unread == 0


# --- orders -----------------------------------------------------------------------------------


@given(
    listed=st.lists(runs(), max_size=8),
    sort=st.sampled_from(("best", "step", "loss", "cfg.lr", "val/acc", "train/loss", "age")),
    turned=st.booleans(),
)
def test_the_better_come_first_and_the_unknown_last(listed: list[Glance], sort: str, turned: bool) -> None:
    found = list(choose("", f"-{sort}" if turned else sort, listed, {}, ROOT, WALL).runs)
    assert sorted(map(id, found)) == sorted(map(id, listed))
    values = [candidates(run, sort) for run in found]
    known = [
        not run.problem and bool(v) and not (math.isnan(v[0][1]) and v[0][0] == "nan")
        for run, v in zip(found, values, strict=True)
    ]
    assert known == sorted(known, reverse=True), "what is known comes before what is not"
    numbers = [v[0][1] for v, ok in zip(values, known, strict=True) if ok and not math.isnan(v[0][1])]
    judged = {run.outcome.judged_by for run in found if run.outcome}
    descending = sort in ("step", "val/acc") or (sort == "best" and "val/acc" in judged)
    assert numbers == sorted(numbers, reverse=descending != turned)


def test_names_are_ordered_as_people_count_and_a_sort_in_the_filter_wins() -> None:
    listed = [Glance(ROOT / f"run{n}", f"run{n}", step=n) for n in (10, 9, 1)]
    assert [one.name for one in choose("", "name", listed, {}, ROOT, WALL).runs] == ["run1", "run9", "run10"]
    assert [one.name for one in choose("sort=-step", "name", listed, {}, ROOT, WALL).runs] == ["run1", "run9", "run10"]
    assert [one.name for one in choose("sort=step", "name", listed, {}, ROOT, WALL).runs] == ["run10", "run9", "run1"]


# --- what differs -----------------------------------------------------------------------------


@given(st.lists(runs(), max_size=5))
def test_the_settings_that_differ_are_those_with_more_than_one_value(listed: list[Glance]) -> None:
    told = [flat(dict(one.config)) for one in listed if one.config and not one.problem]
    expected = {
        name
        for name in {name for settings in told for name in settings}
        if len({(name in settings, shown(settings.get(name)).removesuffix(".0")) for settings in told}) > 1
    }
    kept = {name for name, _ in differing(listed) if name != "name"}
    assert {name.lower() for name in kept} == expected - {"name"}


def test_where_a_run_is_kept_and_addresses_are_no_difference() -> None:
    def run(called: str, **config: Any) -> Glance:
        return Glance(ROOT / called, called, config=config)

    a = run("a1", out="runs/a1", name="a1", opt="adam", fn="<function f at 0x7f0011223344>", seed=1, width=1.0)
    b = run("b2", out="runs/b2", name="b2", opt="adam", fn="<function f at 0x7f9911223344>", seed=2, width=1)
    assert [name for name, _ in differing([a, b])] == ["seed"]
    assert differing([run("adam", opt="adam"), run("sgd", opt="sgd")]) == (("opt", 4),), "only in paths and names"
    assert differing([a, run("c"), Glance(ROOT / "d", "d", problem="gone")]) == ()

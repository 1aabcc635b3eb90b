"""Rules on curves and on what probes compare: underfitting, noise, clipping, normalisation, validation that falls again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nntui import names
from nntui.analysis import rules
from nntui.analysis.rules import clipping, noise, normalization, other_data, overfitting, underfitting
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

from .columns import N, falling, line, told


def constant(value: float, error: float = 0.001) -> dict[str, Finding]:
    evidence = {"best_constant_loss": value, "standard_error": error}
    return {"skeleton.init_loss": Finding("skeleton.init_loss", "pass", "", evidence=evidence)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("level", "status"), [(2.0, ""), (2.3, "info"), (2.33, "info"), (2.4, "warn")])
def test_a_loss_no_better_than_a_constant_is_underfitting(seed: int, level: float, status: str) -> None:
    loss = line("train/loss", level + 0.05 * np.random.default_rng(seed).standard_normal(N))
    assert told(underfitting, loss, checks=constant(2.3)) == ([("live.underfitting", status)] if status else [])
    assert not told(underfitting, loss), "no check has measured a constant"
    assert not told(underfitting, loss, checks=constant(math.nan))


def test_a_loss_that_falls_still_or_in_validation_is_no_underfitting() -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(N)
    slow = line("train/loss", np.linspace(4.0, 3.0, N) + noise)
    assert not told(underfitting, slow, checks=constant(2.3))
    dropped = line("train/loss", 2.6 + noise)
    assert told(underfitting, dropped, checks=constant(2.3))
    assert not told(underfitting, dropped, line("val/loss", [2.3, 1.0], 900), checks=constant(2.3))
    assert not told(underfitting, line("train/loss", 2.6 + noise[: underfitting.LEAST - 1]), checks=constant(2.3))


@pytest.mark.parametrize(("spread", "found"), [(0.05, False), (2.0, False), (9.0, True)])
def test_noise_beyond_all_progress_is_information(spread: float, found: bool) -> None:
    hits = [bool(told(noise, line("train/loss", falling(seed=seed, noise=spread)))) for seed in range(4)]
    assert all(hits) if found else not any(hits)
    assert not told(noise, line("train/loss", 9.0 * falling(noise=1.0)), watched={"declared": ["adversarial"]})


@pytest.mark.parametrize(("differ", "found"), [(0.0, True), (5e-5, True), (1e-3, False)])
@pytest.mark.parametrize(("optimizer", "status"), [("SGD", "warn"), ("Adam", "info")])
def test_gradients_of_one_norm_are_always_clipped(differ: float, found: bool, optimizer: str, status: str) -> None:
    norms = np.concatenate([[3.0, 2.0], 0.5 * (1 - differ * np.linspace(0, 1, 8))])
    watched = {"optimizers": [optimizer]}
    expected = [("live.clipping", status)] if found else []
    assert told(clipping, line(names.WHOLE_GRAD_NORM, norms, 100), watched=watched) == expected
    assert not told(clipping, line(names.WHOLE_GRAD_NORM, norms, 100), watched={**watched, "declared": ["clipped"]})
    assert not told(clipping, line(names.WHOLE_GRAD_NORM, [*norms, 0.4], 100), watched=watched)
    assert not told(clipping, line(names.WHOLE_GRAD_NORM, np.zeros(12), 100), watched=watched)


@pytest.mark.parametrize(
    ("planned", "last", "status"),
    [
        (400, 96, "info"),  # at first gradients are large, and a sound limit clips them all
        (400, 104, "warn"),
        (100_000, 496, "info"),
        (100_000, 504, "warn"),
        (0, 496, "info"),
        (0, 504, "warn"),
    ],
)
def test_clipping_within_the_beginning_is_information(planned: int, last: int, status: str) -> None:
    norms = line(names.WHOLE_GRAD_NORM, [0.5] * (last // 8 + 1), 8)
    found = told(clipping, norms, watched={"optimizers": ["SGD"]}, total_steps=planned)
    assert found == [("live.clipping", status)]
    later = line(names.WHOLE_GRAD_NORM, [*np.linspace(3, 1, 80), *[0.5] * 8], 8)
    assert told(clipping, later, watched={"optimizers": ["SGD"]}, total_steps=planned or 400) == [
        ("live.clipping", "info")
    ], "it counts from the last that was not clipped"


@pytest.mark.parametrize(
    ("gaps", "found"),
    [
        ([0.6, 0.6, 0.6, 0.6], True),
        ([0.6, 0.6, 0.6, 0.4], False),
        ([0.4, 0.6, 0.6, 0.6], False),
        ([0.6, 0.4, 0.1, 0.0], False),
    ],
)
def test_statistics_that_are_not_those_of_the_batches_are_told(gaps, found: bool) -> None:
    good = line("layer/a/norm_gap", [0.1] * 4, 40)
    assert bool(told(normalization, good, line("layer/b/norm_gap", gaps, 40))) == found
    assert not told(normalization, line("layer/b/norm_gap", gaps, 30)), "within the first hundred updates they lag"
    adversarial = {"declared": ["adversarial"]}
    assert not told(normalization, line("layer/b/norm_gap", gaps, 40), watched=adversarial)


def test_validation_that_falls_again_or_was_never_better_is_information_only() -> None:
    at = np.arange(40)
    rises = np.where(at < 10, 2.0 - 0.15 * at, 0.5 + 0.06 * (at - 10))
    again = np.where(at < 30, rises, rises[30] - 0.08 * (at - 30))
    heart = 2.3 + 0.1 * at
    train = line("train/loss", falling(2400, noise=0.01))
    for values, status in ((rises, "warn"), (again, "info"), (heart, "info")):
        assert [s for _, s in told(overfitting, train, line("val/loss", values, 60, first=60))] == [status]


def test_every_alert_of_the_table_is_one_that_a_rule_gives() -> None:
    known = {
        value
        for rule in rules.RULES
        for key, value in vars(__import__(rule.__module__, fromlist=["x"])).items()
        if key.isupper() and isinstance(value, str) and value.startswith(("live.", "regularise.", "overfit."))
    }
    for cause, outcomes in rules.EXPLAINS.items():
        assert {cause, *outcomes} <= known
        assert cause not in outcomes


def test_what_a_cause_explains_is_silent_beside_it() -> None:
    loss = 2.6 + 0.05 * np.random.default_rng(0).standard_normal(N)
    series = {**line("train/loss", loss), **line("layer/a/update_ratio", [1.0] * 12, 100)}
    ids = {f.id for f in rules.find(series, RunFacts(checks=constant(2.3))) if f.status != "info"}
    assert ids == {"live.update_ratio"}


# --- other data -------------------------------------------------------------------------------


def shifted(seed: int, share: float = 0.002, noise: float = 0.3) -> dict[str, Series]:
    """2,000 training losses that fall to a share of themselves at step 1,000."""
    draws = np.random.default_rng(seed)
    loss = 0.15 + 1.5 * np.exp(-np.arange(2000) / 150)
    loss[1000:] *= np.maximum(share, np.exp(-np.arange(1000) / 5))
    return line("train/loss", loss * np.exp(noise * draws.standard_normal(2000)))


def validated(seed: int, jump: float = 0.5, slope: float = 0.0) -> dict[str, Series]:
    """40 evaluations that rise by a jump at step 1,000, and by a slope from then on."""
    draws = np.random.default_rng(seed)
    loss = 0.2 + 1.5 * np.exp(-np.arange(40) / 3) + 0.01 * draws.standard_normal(40)
    loss[20:] += jump + slope * np.arange(20)
    return line("val/loss", loss, every=50, first=49)


@pytest.mark.parametrize("seed", range(4))
def test_a_training_that_becomes_easy_at_once_while_validation_gets_worse_has_other_data(seed: int) -> None:
    parts = [shifted(seed), validated(seed)]
    assert told(other_data, *parts) == [("live.other_data", "warn")]
    found = rules.find({k: one for part in parts for k, one in part.items()}, RunFacts(last_step=1999))
    assert "regularise.early_stop" not in {one.id for one in found}


@pytest.mark.parametrize("seed", range(4))
def test_what_only_looks_like_other_data_is_left_alone(seed: int) -> None:
    rate = line("lr", np.repeat([1e-2, 1e-3], 1000))
    assert not told(other_data, shifted(seed), validated(seed), rate)
    assert not told(other_data, shifted(seed), validated(seed), watched={"declared": ["curriculum"]})
    assert not told(other_data, shifted(seed), validated(seed, jump=0.0))
    assert not told(other_data, shifted(seed), validated(seed, jump=0.0, slope=0.1)), "slow overfitting"
    assert not told(other_data, shifted(seed, share=0.4), validated(seed))
    assert not told(other_data, shifted(seed, noise=4.0), validated(seed)), "batches of two"
    epochs = line("train/loss", np.repeat([2.0, 1.4, 0.7, 0.25, 0.02, 0.01], 50) * (1 + 0.01 * np.arange(300) % 2))
    assert not told(other_data, epochs, line("val/loss", [1.7, 1.62, 1.6, 1.75, 2.4, 2.5], 50, 49)), "by heart"
    steep = line("train/loss", 2.0 * np.exp(-np.arange(2000) / 20))
    assert not told(other_data, steep, validated(seed)), "as steep all the time"


@pytest.mark.parametrize("seed", range(4))
def test_validation_that_is_thrown_back_to_the_beginning_at_once_is_told_unless_training_is_too(seed: int) -> None:
    draws = np.random.default_rng(seed)
    loss = (0.15 + 1.5 * np.exp(-np.arange(2000) / 150)) * np.exp(0.3 * draws.standard_normal(2000))
    sorted_by_class = loss.copy()
    sorted_by_class[1000:] *= np.where(np.arange(1000) % 100 < 10, 20.0, 0.3)
    parts = line("train/loss", sorted_by_class), validated(seed, jump=2.0)
    assert told(other_data, *parts) == [("live.other_data", "warn")]
    found = rules.find({k: one for part in parts for k, one in part.items()}, RunFacts(last_step=1999))
    assert "regularise.early_stop" not in {one.id for one in found}
    assert told(other_data, parts[0], line("val/loss", [0.3, 2.5, 2.0], 1000, 999)) == [("live.other_data", "warn")]
    assert not told(other_data, parts[0], validated(seed, jump=0.4)), "less than half of what was gained"
    assert not told(other_data, parts[0], line("val/loss", [0.3, 1.2, 1.5], 1000, 999)), "not at once"
    assert not told(other_data, parts[0], line("val/loss", [0.3, 2.5, 0.4], 1000, 999)), "it came back"
    assert not told(other_data, parts[0], line("val/loss", [1.0, 2.5, 2.0], 1000, 999)), "it knew little before"
    by_heart = np.concatenate([loss[:1000], 0.05 * loss[1000:]])
    assert not told(other_data, line("train/loss", by_heart), line("val/loss", [0.3, 2.5, 2.0], 1000, 999)), "by heart"
    thrown = np.concatenate([loss[:1000], loss[1000:] + 1.0])
    assert not told(other_data, line("train/loss", thrown), validated(seed, jump=2.0)), "training as well"


@pytest.mark.parametrize(
    ("name", "found"), [("train/loss", True), ("critic/loss", False), ("policy_loss", False), ("losses/vf_loss", False)]
)
def test_losses_of_players_have_no_direction(name: str, found: bool) -> None:
    loss = np.concatenate([np.linspace(2.0, 0.5, 600), np.linspace(0.5, 6.0, 600)])
    loss += 0.05 * np.random.default_rng(0).standard_normal(1200)
    told = rules.find(line(name, loss), RunFacts(last_step=1199))
    assert ("live.divergence" in {one.id for one in told}) == found
    assert "live.divergence" in {one.id for one in rules.find(line("g_loss", loss), RunFacts(last_step=1199))}
    pair = line("g_loss", loss) | line("d_loss", loss)
    assert "live.divergence" not in {one.id for one in rules.find(pair, RunFacts(last_step=1199))}


def test_a_loss_that_rises_while_validation_gets_better_is_of_harder_examples() -> None:
    loss = np.concatenate([np.linspace(2.0, 0.1, 600), np.linspace(1.5, 1.2, 200)])
    loss += 0.05 * np.random.default_rng(0).standard_normal(800)
    worse, better = (line("val/loss", np.linspace(2.5, end, 16), 50, 49) for end in (6.0, 2.0))
    assert told_of(loss, worse) == ["warn"]
    assert told_of(loss, better) == []
    early = line("val/loss", np.linspace(2.5, 2.0, 12), 50, 49)
    assert told_of(loss, early) == ["warn"], "an evaluation from before the rise tells nothing of it"
    assert told_of(np.concatenate([loss, np.full(200, 4.0)]), better) == ["error"], "worse than at the beginning"


def told_of(loss: np.ndarray, validation: dict[str, Series]) -> list[str]:
    found = rules.find({**line("train/loss", loss), **validation}, RunFacts(last_step=len(loss) - 1))
    return [one.status for one in found if one.id == "live.divergence"]

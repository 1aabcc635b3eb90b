"""Rules on what probes, evaluations and ranks recorded: where each must speak, where not, and just beside its threshold."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nntui import names
from nntui.analysis import rules
from nntui.analysis.answers import Answers
from nntui.analysis.rules import (
    divergence,
    evaluation,
    few_examples,
    gradients,
    late_clipping,
    machine,
    modes,
    nonfinite,
    overfitting,
    ranks,
    shrinking,
    spike,
    stale_gradient,
    state,
    units,
    updates,
)
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

from .columns import N, falling, line, told

# --- curves -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rise", "status"), [(0.0, ""), (0.8, ""), (1.3, "warn"), (4.0, "error")])
def test_a_loss_that_rises_for_good_has_diverged(seed: int, rise: float, status: str) -> None:
    ramp = rise * np.clip((np.arange(N) - 1000) / 300, 0, 1)
    found = told(divergence, line("train/loss", falling(seed=seed) + ramp))
    assert found == ([("live.divergence", status)] if status else [])


def test_divergence_begins_where_the_loss_was_lowest() -> None:
    ramp = 4.0 * np.clip((np.arange(N) - 1000) / 300, 0, 1)
    (finding,) = divergence.find(line("train/loss", falling() + ramp), RunFacts())
    assert 800 < finding.step < 1200


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("lasts", "status"), [(5, "info"), (1000, "warn")])
def test_a_spike_that_comes_back_is_information(seed: int, lasts: int, status: str) -> None:
    loss = falling(seed=seed)
    loss[1000 : 1000 + lasts] += 3.0
    assert told(spike, line("train/loss", loss)) == [("live.spike", status)]


@pytest.mark.parametrize(("halved", "status"), [(50, ""), (80, "warn"), (10_000, "warn")])
def test_a_jump_that_is_on_its_way_back_is_no_warning(halved: int, status: str) -> None:
    loss = falling(1000, noise=0.02)
    loss[-100:] += 3.0 * 0.5 ** (np.arange(100) / halved)
    assert told(spike, line("train/loss", loss)) == ([("live.spike", status)] if status else [])


@pytest.mark.parametrize("tails", [3, 5, 50])
def test_heavy_tails_are_no_spikes_that_stay(tails: int) -> None:
    for seed in range(6):
        loss = falling(noise=0.0) + 0.1 * np.abs(np.random.default_rng(seed).standard_t(tails, N))
        assert ("live.spike", "warn") not in told(spike, line("train/loss", loss))


def evaluations(turn: int, rise: float, n: int = 30, noise: float = 0.005, seed: int = 0) -> np.ndarray:
    at = np.arange(n)
    curve = np.where(at < turn, 2.0 - 1.5 * at / turn, 0.5 + rise * (at - turn) / (n - turn))
    return curve + noise * np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rise", "status"), [(0.0, ""), (0.3, "info"), (2.0, "warn")])
def test_validation_that_rises_while_training_falls_is_overfitting(seed: int, rise: float, status: str) -> None:
    validation = line("val/loss", evaluations(10, rise, seed=seed), every=60)
    found = overfitting.find({**line("train/loss", falling(seed=seed)), **validation}, RunFacts())
    assert [one.status for one in found] == ([status] if status else [])
    assert all(one.id == "regularise.early_stop" and 540 <= one.step <= 660 for one in found)


def test_a_rise_within_the_standard_error_is_no_overfitting() -> None:
    parts = line("train/loss", falling()), line("val/loss", evaluations(10, 0.3), every=60)
    assert told(overfitting, *parts)
    assert not told(overfitting, *parts, line("val/loss_stderr", np.full(30, 0.5), every=60))


def test_a_validation_loss_that_doubles_is_overfitting_however_much_was_gained_before_it_was_looked_at() -> None:
    training = line("train/loss", falling(noise=0.01))
    doubled = told(overfitting, training, line("val/loss", np.linspace(0.1, 0.23, 30), 60, 59))
    assert doubled == [("regularise.early_stop", "warn")]
    assert told(overfitting, training, line("val/loss", np.linspace(0.1, 0.18, 30), 60, 59)) == [
        ("regularise.early_stop", "info")
    ]
    bowl = line("val/loss", 1.9 + 0.6 * np.linspace(-0.25, 1, 30) ** 2, every=60)
    assert told(overfitting, line("train/loss", np.concatenate([[4.5] * 5, falling()])), bowl)


def test_one_evaluation_carried_on_at_every_step_is_no_overfitting() -> None:
    values = np.repeat([2.0, 1.5, 1.0, 0.8, 0.7, 0.6, 0.9], 100)
    assert not told(overfitting, line("train/loss", falling(700)), line("val/loss", values))


def test_a_loss_that_is_not_a_number_names_the_first_layer() -> None:
    loss = falling(100)
    loss[60:] = math.nan
    facts = RunFacts(watched={"layers": ["a", "b"]})
    for every, named in ((60, True), (61, False)):
        layers = {**line("layer/b/nonfinite", [0, 1.0], every), **line("layer/a/nonfinite", [0, 0.5], every)}
        (finding,) = nonfinite.find({**line("train/loss", loss), **layers}, facts)
        assert finding.status == "error"
        assert ("first layer whose output is not finite is a" in finding.message) == named, "an update later all may be"


# --- inside the model -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "found"),
    [([0.0] * 9, False), ([0.0] * 7 + [1.0] * 2, False), ([0.0] * 6 + [1.0] * 3, True), ([1.0] * 8 + [0.0], False)],
)
def test_gradients_that_stay_are_an_error_while_they_do(values, found: bool) -> None:
    readings = line(names.STALE_GRADIENT, values, every=10)
    assert told(stale_gradient, readings) == ([("live.stale_gradient", "error")] if found else [])
    assert not told(stale_gradient, readings, watched={"declared": ["accumulate:4"]})


@pytest.mark.parametrize(("ratio", "found"), [(1.0, False), (0.9995, False), (0.99, True), (0.001, True), (0.0, False)])
def test_gradients_that_shrink_after_the_update_were_clipped_too_late(ratio: float, found: bool) -> None:
    assert bool(told(late_clipping, line(names.LATE_CLIPPING, [ratio] * 5))) == found
    some = [ratio, 1.0, 1.0, ratio, 1.0, 1.0, ratio, *[1.0] * 5]
    assert bool(told(late_clipping, line(names.LATE_CLIPPING, some))) == found, "most gradients are below the limit"
    assert not told(late_clipping, line(names.LATE_CLIPPING, [*some, 1.0])), "two of the last twelve"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([1.0] * 8, ""),
        ([1.0] * 5 + [0.0] * 3, "error"),
        ([0.0] * 8, "warn"),
        ([0.5] * 8, ""),
        ([1.0] * 6 + [0.0] * 2, ""),
    ],
)
def test_training_in_eval_mode_is_told(values, status: str) -> None:
    found = told(modes, line(names.TRAINING_MODE, values))
    assert found == ([("live.modes", status)] if status else [])
    assert not told(modes, line(names.TRAINING_MODE, values), watched={"declared": ["frozen:*"]})


@pytest.mark.parametrize(
    ("values", "found"), [([0.0] * 4, False), ([1.0, 1.0], True), ([1.0, 0.0], False), ([1.0], False)]
)
def test_evaluation_in_training_mode_is_told(values, found: bool) -> None:
    assert bool(told(modes, line(names.EVALUATION_MODE, values))) == found


@pytest.mark.parametrize(("share", "status"), [(0.4, ""), (0.6, "info"), (0.95, "warn")])
def test_dead_units_are_weighed_by_how_many_they_are(share: float, status: str) -> None:
    parts = line("layer/a/dead_fraction", [0.0, share, share]), line("layer/b/dead_fraction", [0.0, 0.1, 0.1])
    assert told(units, *parts) == ([("regularise.activations", status)] if status else [])
    assert not told(units, line("layer/a/dead_fraction", [0.0, share, 0.1]))


def test_an_output_that_is_sure_of_itself_is_not_saturated() -> None:
    parts = [line(f"layer/{name}/saturated_fraction", [0.99] * 3) for name in ("1", "3")]
    order = {"functions": {"1": "Tanh", "3": "Sigmoid"}}
    (finding,) = units.find({**parts[0], **parts[1]}, RunFacts(watched=order))
    assert finding.message.startswith("99% of the units of 1 are saturated")
    assert not told(units, parts[1], watched=order)


@pytest.mark.parametrize(("ratio", "found"), [(2e-5, False), (1e-3, False), (0.09, False), (0.2, True), (1e-6, True)])
def test_updates_far_from_a_thousandth_of_the_weights_are_told(ratio: float, found: bool) -> None:
    parts = [line(f"layer/{name}/update_ratio", [1.0] * 4 + [ratio] * 6) for name in "abc"]
    assert bool(told(updates, *parts, line(names.PROBE_LR, [1e-3] * 10))) == found
    if ratio < 1e-4:
        assert not told(updates, *parts, line(names.PROBE_LR, [1e-3] * 5 + [1e-6] * 5)), "a rate that has decayed"


@pytest.mark.parametrize(
    ("ratio", "top", "found"),
    [(2.9, 9.0, False), (3.1, 9.0, True), (3.1, 4.5, False), (1.1, 24.0, True), (1.1, 22.0, False), (0.9, 1e9, False)],
)
def test_one_update_that_throws_the_weights_away_is_told(ratio: float, top: float, found: bool) -> None:
    loss, ratios = (
        line("train/loss", [2.3, top, *falling(400)]),
        line(names.WHOLE_UPDATE_RATIO, [ratio, *[1e-3] * 9], 40),
    )
    assert bool(told(updates, loss, ratios)) == found
    assert not told(updates, line("train/loss", falling(400)), ratios), "weights that begin near zero"


def test_layers_that_an_optimizer_holds_and_never_moves_are_told_unless_declared() -> None:
    parts = [line("layer/body/update_ratio", [1e-3] * 12), line("layer/head/update_ratio", [1e-3] * 4 + [0.0] * 8)]
    (finding,) = updates.find({**parts[0], **parts[1]}, RunFacts())
    assert (finding.id, finding.status, finding.step) == ("live.frozen", "warn", 4)
    assert not told(updates, *parts, watched={"declared": ["frozen:head"]})
    assert not told(updates, parts[0])
    assert not told(updates, line("layer/head/update_ratio", [0.0] * 12)), "a rate of zero moves nothing"
    rate = line(names.PROBE_LR, [1e-3] * 12)
    assert told(updates, line("layer/head/update_ratio", [0.0] * 12), rate) == [("live.frozen", "warn")]
    expert = line("layer/head/update_ratio", [1e-3, 0, 0, 0, 1e-3, 0, 1e-3, *[0.0] * 5])
    assert not told(updates, parts[0], expert), "one of many experts"
    assert told(updates, parts[0], line("layer/head/update_ratio", [1e-3, 0, 0, 1e-3, 1e-3, 1e-3, 1e-3, *[0.0] * 5]))


@pytest.mark.parametrize(
    ("rate", "gradients", "said"),
    [
        (1e-3, [0.3] * 12, "though gradients reach them"),
        (1e-3, [0.3] * 8 + [0.0] * 4, "though an optimizer holds them"),
        (1e-10, [0.3] * 8 + [0.0] * 4, "though an optimizer holds them"),
        (1e-10, [0.3] * 12, ""),
    ],
)
def test_a_layer_that_gets_gradients_and_stands_is_not_told_to_be_cut_off(rate, gradients, said: str) -> None:
    parts = [line("layer/body/update_ratio", [1e-3] * 12), line("layer/head/update_ratio", [1e-3] * 4 + [0.0] * 8)]
    parts += [line("layer/head/grad_norm", gradients), line(names.PROBE_LR, [1e-2] + [rate] * 11)]
    together = {name: series for part in parts for name, series in part.items()}
    found = [one for one in updates.find(together, RunFacts()) if one.id == "live.frozen"]
    assert bool(found) == bool(said)
    assert all(said in one.message for one in found)
    assert all(("detach" in one.advice) == (not gradients[-1]) for one in found)


@pytest.mark.parametrize("rare", [True, False])
def test_a_layer_that_moves_between_looks_alone_is_not_accused(rare: bool) -> None:
    norms = 3.0 + 1e-6 * (np.arange(12) // 3) * rare
    parts = [line("layer/body/update_ratio", [1e-3] * 12), line("layer/branch/update_ratio", [0.0] * 12)]
    found = told(updates, *parts, line("layer/branch/weight_norm", norms))
    assert found == ([] if rare else [("live.frozen", "warn")])


@pytest.mark.parametrize(
    ("ratios", "frozen", "found"),
    [
        ([0.0] * 12, range(12), "info"),  # for good, or until it is thawed
        ([0.0] * 12, range(8), "warn"),  # thawed, and it does not move
        ([0.0] * 12, range(9), ""),  # not for long enough to tell
        ([0.0] * 8 + [1e-3] * 4, range(8), ""),
        ([1e-3] * 6 + [0.0] * 6, range(6, 12), "info"),
        ([1e-3] * 9 + [0.0] * 3, range(9, 12), ""),
        ([0.0] * 4 + [1e-3] + [0.0] * 7, range(4), "warn"),  # how long it was frozen makes no rest of it longer
    ],
)
def test_a_layer_that_wants_no_gradient_is_not_accused(ratios: list[float], frozen: range, found: str) -> None:
    mark = line("layer/head/frozen", [1.0] * len(frozen), first=frozen.start)
    parts = [line("layer/body/update_ratio", [1e-3] * 12), line("layer/head/update_ratio", ratios), mark]
    assert told(updates, *parts) == ([("live.frozen", found)] if found else [])
    assert not told(updates, *parts, watched={"declared": ["frozen:head"]})


@pytest.mark.parametrize(
    ("other", "rests", "found"),
    [
        ("experts.1.0", 4, False),  # that one has waited as long, and was asked again
        ("experts.1.2", 4, False),
        ("experts.1.0", 1, True),
        ("blocks.1.0", 4, True),  # which tells nothing of experts
        ("experts.1.gate", 4, True),
    ],
)
def test_a_layer_may_rest_as_long_as_those_of_its_kind(other: str, rests: int, found: bool) -> None:
    expert = line("layer/experts.4.0/update_ratio", [1e-3] * 8 + [0.0] * 4)
    one = line(f"layer/{other}/update_ratio", [1e-3, *[0.0] * rests, *[1e-3] * (11 - rests)])
    assert told(updates, expert, one) == ([("live.frozen", "warn")] if found else [])


@pytest.mark.parametrize(("moves", "found"), [((0.0, 0.0), False), ((0.0, 1e-3), True)])
def test_of_a_network_in_which_nothing_moves_the_evaluation_is_not_to_blame(
    moves: tuple[float, float], found: bool
) -> None:
    loss = falling(24, noise=0.5)
    layers = [line(f"layer/{k}/update_ratio", [size] * 12) for k, size in enumerate(moves)]
    parts = [
        line("loss", loss),
        line("val/loss", np.full(6, 1.0) / 3, every=2),
        line(names.PROBE_LR, [1e-3] * 12),
        *layers,
    ]
    series = {name: one for part in parts for name, one in part.items()}
    said = {finding.id for finding in rules.find(series, RunFacts())}
    assert said >= {"live.frozen"}
    assert ("live.stale_evaluation" in said) == found


@pytest.mark.parametrize(
    ("norms", "looks", "found"),
    [
        ([4.0] * 7, 7, True),
        ([4.0] * 6, 6, False),
        ([4.0] * 7, 8, False),  # an optimizer has come
        ([4.0] * 6 + [4.0000001], 7, False),  # somebody updates them, whoever it is
    ],
)
def test_parameters_whose_gradients_nobody_uses_are_told_unless_declared(
    norms: list[float], looks: int, found: bool
) -> None:
    parts = [line("layer/body/unheld", norms), line(names.PROBE_LR, [1e-3] * looks)]
    assert told(updates, *parts) == ([("live.frozen", "warn")] if found else [])
    assert not told(updates, *parts, watched={"declared": ["frozen:body"]})


@pytest.mark.parametrize(
    ("norms", "found"),
    [
        ([4, 3, 2, 1, 0.039], True),
        ([4, 3, 2, 1, 0.041], False),
        ([4, 3, 0.03, 0.02, 0.03], True),
        ([4, 0.03, 0.02], False),
    ],
)
def test_weights_that_decay_to_nothing_are_told(norms: list[float], found: bool) -> None:
    parts = [line(f"layer/{name}/weight_norm", norms) for name in "ab"]
    constant = line("train/loss", 2.3 + 0.01 * np.random.default_rng(0).standard_normal(400))
    assert told(shrinking, *parts, constant) == ([("live.weight_decay", "warn")] if found else [])
    assert not told(shrinking, *parts), "nobody knows whether the network learns"
    assert not told(shrinking, *parts, line("train/loss", falling(400))), "the network learns"
    whole = [line(f"layer/{name}/weight_norm", [4.0] * 5) for name in "cde"]
    assert not told(shrinking, *parts, *whole, constant), "two layers of five"
    assert not told(shrinking, parts[0], constant), "a layer alone may be made anew"


@pytest.mark.parametrize(("every", "status"), [(5, "warn"), (40, "warn"), (60, "info"), (300, "info")])
def test_a_loss_that_is_nan_again_and_again_has_not_recovered(every: int, status: str) -> None:
    loss = falling(600)
    loss[7::every] = np.nan
    loss[-1] = 0.3
    assert told(nonfinite, line("train/loss", loss)) == [("live.nonfinite", status)]
    (finding,) = nonfinite.find(line("train/loss", loss), RunFacts())
    assert finding.message.endswith("it recovered." if status == "info" else "it comes again and again.")
    assert told(nonfinite, line("train/loss", np.concatenate([[np.nan] * 16, falling(600)]))) == [
        ("live.nonfinite", "info")
    ]


@pytest.mark.parametrize(
    ("weights", "status"),
    [
        ([1.0, np.nan, np.nan], "error"),
        ([np.nan] * 3, "error"),
        ([1.0, 2.0, np.nan], ""),
        ([1.0, np.inf, np.inf], "error"),
        ([np.inf] * 3, ""),  # forbidden transitions, as logarithms
    ],
)
def test_weights_that_are_not_finite_are_an_error_whatever_the_losses_are_called(
    weights: list[float], status: str
) -> None:
    found = told(nonfinite, line("layer/a/weight_norm", weights), line("errD", [1.0] * 8))
    assert found == ([("live.nonfinite", status)] if status else [])
    both = told(nonfinite, line("layer/a/weight_norm", [1.0, np.nan, np.nan]), line("loss", [1.0, *[np.nan] * 4]))
    assert both == [("live.nonfinite", "error")], "once"


@pytest.mark.parametrize(("share", "found"), [(1e-3, False), (2e-4, False), (1e-5, True), (0.0, True)])
def test_gradients_that_vanish_over_depth_are_told(share: float, found: bool) -> None:
    order = [f"l{k}" for k in range(6)]
    parts = [line(f"layer/{name}/grad_norm", [share if k < 2 else 1.0] * 6) for k, name in enumerate(order)]
    watched = {"layers": order, "parameters": [100] * 6, "kinds": ["Linear"] * 6}
    assert bool(told(gradients, *parts, watched=watched)) == found
    assert not told(gradients, *parts, watched=watched | {"kinds": ["Embedding"] * 2 + ["Linear"] * 4})


@pytest.mark.parametrize(("times", "found"), [(10.0, False), (90.0, False), (200.0, True)])
def test_gradients_that_explode_over_time_are_told(times: float, found: bool) -> None:
    assert bool(told(gradients, line(names.WHOLE_GRAD_NORM, [1.0] * 20 + [times] * 6))) == found


# --- state ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "resumes", "word"),
    [
        ([1.0, 0.0, 0.0], (), ""),
        ([1.0, 0.0, 1.0, 0.0, 1.0], (), "every epoch"),
        ([1.0, 0.0, 1.0, 0.0], (200,), "optimizer.state_dict"),
    ],
)
def test_an_optimizer_without_its_state_is_told(values, resumes, word: str) -> None:
    found = state.find(line(names.WITHOUT_STATE, values, every=100), RunFacts(resumes=resumes))
    assert bool(found) == bool(word)
    assert all(word in finding.advice for finding in found)
    assert not told(state, line(names.WITHOUT_STATE, values, 100), watched={"declared": ["fresh_optimizer"]})


@pytest.mark.parametrize(
    ("scales", "skipped", "found"),
    [
        ([65536.0] * 5, [0.0] * 5, False),
        ([65536.0, 256.0, 128.0, 128.0, 128.0], [0.0, 8, 9, 9, 9], False),
        ([65536.0, 64.0, 2.0, 1.0, 0.5], [0.0, 10, 15, 16, 17], True),
    ],
)
def test_a_loss_scale_that_never_settles_is_told(scales, skipped, found: bool) -> None:
    assert bool(told(state, line(names.LOSS_SCALE, scales), line(names.SKIPPED, skipped))) == found


@pytest.mark.parametrize(("jump", "found"), [(0.0, False), (0.05, False), (0.6, True)])
def test_a_jump_at_a_restart_is_told(jump: float, found: bool) -> None:
    loss = falling(noise=0.02)
    loss[1500:] += jump
    assert bool(told(state, line("train/loss", loss), resumes=(1500,))) == found
    assert not told(state, line("train/loss", loss))


# --- evaluation -------------------------------------------------------------------------------


@pytest.mark.parametrize(("same", "found"), [(2, False), (3, True)])
def test_an_evaluation_that_never_changes_is_an_error(same: int, found: bool) -> None:
    values = np.array([2.0, 1.5, 1.2, 1.1, *[1.0] * same]) / 3
    parts = line("train/loss", falling(700)), line("val/loss", values, every=100)
    assert told(evaluation, *parts) == ([("live.stale_evaluation", "error")] if found else [])


@pytest.mark.parametrize(("last", "found"), [(50, False), (149, False), (200, True)])
def test_an_evaluation_that_is_carried_on_until_the_next_is_not_stale(last: int, found: bool) -> None:
    values = np.concatenate([np.full(50, 2.0), np.full(50, 1.5), np.full(last, 1.2)]) / 3
    parts = line("train/loss", falling(len(values))), line("val/loss", values)
    assert bool(told(evaluation, *parts)) == found
    assert not told(evaluation, line("train/loss", falling(300)), line("val/loss", np.ones(300) / 3)), (
        "one evaluation, or many"
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_score_that_falls_with_the_loss_is_computed_the_wrong_way_round(seed: int) -> None:
    noise = 0.01 * np.random.default_rng(seed).standard_normal((2, 12))
    loss = line("val/loss", np.linspace(2, 1, 12) + noise[0], 50)
    up, down = (line("val/accuracy", np.linspace(*ends, 12) + noise[1], 50) for ends in ((0.3, 0.9), (0.7, 0.1)))
    train = line("train/loss", falling(600))
    assert told(evaluation, train, loss, down) == [("live.contradiction", "warn")]
    assert not told(evaluation, train, loss, up)
    rising = line("val/loss", np.linspace(1, 2, 12) + noise[0], 50)
    assert not told(evaluation, train, rising, up), "overconfidence is common"


@pytest.mark.parametrize(("error", "found"), [(0.1, False), (2.0, True)])
def test_a_standard_error_beyond_all_progress_is_information(error: float, found: bool) -> None:
    parts = line("train/loss", falling(600)), line("val/loss", np.linspace(2, 1, 10), 50)
    status = told(few_examples, *parts, line("val/loss_stderr", np.full(10, error), 50))
    assert status == ([("live.few_examples", "info")] if found else [])


@pytest.mark.parametrize(("count", "found"), [(3, True), (4, True), (9, True), (36, False), (1000, False)])
def test_accuracies_in_steps_of_a_few_are_those_of_a_few_examples(count: int, found: bool) -> None:
    right = np.random.default_rng(0).integers(0, count + 1, 20)
    scores = (right / np.float32(count)).astype(np.float32)
    assert told(few_examples, line("val/accuracy", scores, 50)) == ([("live.few_examples", "warn")] if found else [])
    assert not told(few_examples, line("train/accuracy", scores, 50))


def test_a_score_that_goes_from_chance_to_all_is_not_that_of_two_examples() -> None:
    assert not told(few_examples, line("val/accuracy", [0.5] * 6 + [1.0] * 6, 50))
    assert not told(few_examples, line("val/accuracy", [1 / 3, 2 / 3], 50)), "too early"
    nearly = line("val/accuracy", 1 - np.array([1, 2, 3, 4, 1, 2, 3, 4]) / 50_000, 50)
    assert not told(few_examples, nearly)
    classes = line("val/acc/rare_bird", [0.25, 0.5, 0.75, 1.0] * 3, 50)
    assert not told(few_examples, line("val/acc", np.linspace(0.313, 0.847, 12), 50), classes), "of one class alone"


# --- machine and ranks ------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "seconds", "status"), [(0.3, 0.1, ""), (0.7, 0.1, "warn"), (0.7, 1e-4, "info")])
def test_waiting_for_data_is_weighed_by_what_it_costs(share: float, seconds: float, status: str) -> None:
    parts = line(names.DATA_WAIT, [share] * 12), line(names.STEP_SECONDS, [seconds] * 12)
    assert told(machine, *parts) == ([("live.data_wait", status)] if status else [])


@pytest.mark.parametrize(("now", "found"), [(600.0, False), (400.0, True)])
def test_a_training_that_became_slow_is_told_while_it_is(now: float, found: bool) -> None:
    assert bool(told(machine, line(names.SAMPLES_PER_SECOND, [1000.0] * 40 + [now] * 12, every=50))) == found
    assert not told(machine, line(names.SAMPLES_PER_SECOND, [1000.0] * 40 + [now] * 12 + [1000.0], every=50))
    assert not told(machine, line(names.SAMPLES_PER_SECOND, [1000.0] * 40 + [now] * 12)), (
        "a second is too short to tell"
    )


@pytest.mark.parametrize(("shape", "found"), [("flat", False), ("grows", True), ("fills up", False)])
def test_memory_that_goes_on_growing_is_told(shape: str, found: bool) -> None:
    at = np.linspace(0, 1, 80)
    grown = {"flat": 0 * at, "grows": at, "fills up": np.minimum(1, 4 * at)}[shape]
    assert bool(told(machine, line(names.MEMORY, (1 + 4 * grown) * 2.0**30))) == found


def of_ranks(**by_rank) -> dict[int, dict[str, Series]]:
    return {
        int(rank[1:]): {m: s for metric, values in of.items() for m, s in line(metric, values, 100).items()}
        for rank, of in by_rank.items()
    }


def test_ranks_whose_parameters_differ_have_drifted_apart() -> None:
    same = {names.PARAMETER_HASH: [1.0, 2.0, 3.0]}
    assert told(ranks, ranks=of_ranks(r0=same, r1={names.PARAMETER_HASH: [1.0, 5.0, 6.0]})) == [
        ("live.rank_drift", "error")
    ]
    assert not told(ranks, ranks=of_ranks(r0=same, r1=same))
    assert not told(ranks, ranks=of_ranks(r0=same, r1={names.PARAMETER_HASH: [1.0, 2.0]})), "one of them is ahead"
    assert not told(ranks, ranks=of_ranks(r0=same))


def test_ranks_that_see_the_same_batches_are_told() -> None:
    one, other = {names.BATCH_HASH: [1.0, 2.0, 3.0]}, {names.BATCH_HASH: [4.0, 5.0, 6.0]}
    assert told(ranks, ranks=of_ranks(r0=one, r1=one)) == [("live.rank_data", "warn")]
    assert not told(ranks, ranks=of_ranks(r0=one, r1=other))
    assert not told(ranks, ranks=of_ranks(r0=one, r1={names.BATCH_HASH: [1.0, 2.0, 6.0]}))


@pytest.mark.parametrize(
    ("own", "update", "status"), [(0.1, 0.3, ""), (0.18, 0.3, ""), (0.25, 0.3, "warn"), (2.5e-3, 3e-3, "info")]
)
@pytest.mark.parametrize("ranks_of", [2, 5])
def test_a_rank_that_all_others_wait_for_is_told(own: float, update: float, status: str, ranks_of: int) -> None:
    quick = {names.OWN_SECONDS: [update / 3] * 6, names.STEP_SECONDS: [update] * 6}
    slow = {names.OWN_SECONDS: [own] * 6, names.STEP_SECONDS: [update] * 6}
    others = {f"r{rank}": quick for rank in range(1, ranks_of)}
    assert told(ranks, ranks=of_ranks(r0=slow, **others)) == ([("live.straggler", status)] if status else [])


# --- all of them ------------------------------------------------------------------------------


def test_what_is_explained_by_another_alert_is_not_told_beside_it() -> None:
    loss = falling()
    loss[1000:] += 8.0
    series = line("train/loss", loss)
    assert "live.spike" not in {finding.id for finding in rules.find(series, RunFacts())}
    loss[1500:] = math.nan
    assert {f.id for f in rules.find(line("train/loss", loss), RunFacts()) if f.status != "info"} == {"live.nonfinite"}


METRICS = [
    "train/loss",
    "val/loss",
    "val/accuracy",
    "val/loss_stderr",
    "val/recall",
    "train/kl",
    "train/recon",
    "task",
    "lr",
    *(
        value
        for value in vars(names).values()
        if isinstance(value, str) and value.startswith("probe/") and value != "probe/"
    ),
    *(
        f"layer/{layer}/{kind}"
        for layer in ("a", "b.0")
        for kind in ("grad_norm", "weight_norm", "update_ratio", "dead_fraction", "nonfinite", "norm_gap")
    ),
]


CHECKED = {
    "skeleton.init_loss": Finding("skeleton.init_loss", "pass", "", evidence={"best_constant_loss": math.inf}),
    "data.balance": Finding(
        "data.balance", "pass", "", evidence={"validation_classes": {"a": 3, "b": "x", "c": 0, "d": 1}}
    ),
}
SPECIAL = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-320])


@st.composite
def hostile_answers(draw) -> dict[str, Answers]:
    m, n = draw(st.sampled_from([0, 1, 3, 12])), draw(st.sampled_from([0, 1, 9]))
    numbers = st.sampled_from([0.0, 1.0, 2.0]) | SPECIAL
    kind = draw(st.sampled_from(["classes", "number", "numbers"]))
    said, target = draw(arrays(np.float64, (m, n), elements=numbers)), draw(arrays(np.float64, n, elements=numbers))
    apart = draw(arrays(np.float64, m, elements=numbers))
    return {
        "b": Answers(
            kind,
            np.arange(m),
            said,
            target,
            draw(st.integers(0, 3)),
            apart,
            draw(st.booleans()),
            True,
            np.zeros(m, np.int64),
        )
    }


@settings(max_examples=150)
@given(st.data())
def test_no_rule_fails_whatever_was_recorded(data) -> None:
    series = {}
    for metric in data.draw(st.lists(st.sampled_from(METRICS), unique=True, max_size=12)):
        n = data.draw(st.sampled_from([0, 1, 2, 7, 60, 300]))
        value = data.draw(arrays(np.float64, n, elements=SPECIAL | st.floats(-1e3, 1e3)))
        step = data.draw(arrays(np.int64, n, elements=st.integers(-5, 500)))
        series[metric] = Series(metric, step, np.sort(1.7e9 + step.astype(float)), value)
    watched = data.draw(
        st.sampled_from(
            [
                {},
                {"layers": None, "outputs": ["x"]},
                {"layers": ["a"], "parameters": ["x"], "kinds": [None], "outputs": [2]},
                {
                    "layers": ["a", 3],
                    "parameters": ["x", 1],
                    "kinds": [None, 1],
                    "trained": [1, None],
                    "wanting": [0, 0],
                },
                {"declared": ["adversarial"], "optimizers": ["LBFGS"]},
            ]
        )
    )
    checks = data.draw(st.sampled_from([{}, CHECKED]))
    facts = RunFacts(
        checks=checks,
        answers=data.draw(hostile_answers()),
        watched=watched,
        resumes=data.draw(st.sampled_from([(), (3,)])),
        ranks={0: series, 1: dict(series)},
    )
    for finding in rules.find(series, facts):
        assert finding.message
        assert finding.advice
        assert finding.status in ("info", "warn", "error")
        assert json.dumps(finding.as_dict())

"""Rules that came of programs nobody had tuned for: where each must speak, and where not, each condition by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nntui import names
from nntui.analysis.rules import (
    collapse,
    divergence,
    evaluation,
    lr_decay,
    overfitting,
    rounding,
    spike,
    unheld,
    updates,
)
from nntui.analysis.series import RunFacts, Series

from .columns import answers, falling, line, told

CONTRADICTION = [("live.contradiction", "warn")]


def noisy(values: Any, size: float = 0.02) -> np.ndarray:
    values = np.asarray(values, float)
    return values + size * np.random.default_rng(0).standard_normal(len(values))


# --- phases, games, and what is done ----------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "found"), [("task", False), ("stage/digits", False), ("loss_scale", True), ("epoch", True)]
)
def test_a_loss_is_compared_with_others_of_its_phase(phase: str, found: bool) -> None:
    tasks = np.repeat([0.0, 1.0, 2.0], 200)
    loss = line(
        "loss", noisy([*np.geomspace(0.7, 0.01, 200), *np.geomspace(0.8, 0.1, 200), *np.geomspace(0.9, 0.4, 200)])
    )
    assert bool(told(divergence, loss, line(phase, tasks))) == found


def test_a_loss_that_rises_within_its_phase_has_diverged() -> None:
    loss = noisy([*np.geomspace(0.7, 0.01, 300), *np.linspace(0.6, 0.1, 300), *np.linspace(0.1, 3.0, 300)])
    assert told(divergence, line("loss", loss), line("task", np.repeat([0.0, 1.0], [300, 600])))


@pytest.mark.parametrize(("top", "found"), [(1e3, False), (1e5, True), (-1e5, True)])
def test_a_game_that_nothing_holds_has_diverged(top: float, found: bool) -> None:
    loss = np.concatenate([noisy(np.ones(100), 0.5), np.full(300, top)])
    adversarial = {"watched": {"declared": ["adversarial"]}}
    assert told(divergence, line("critic_loss", loss), **adversarial) == (
        [("live.divergence", "warn")] if found else []
    )
    came_back = np.concatenate([loss, np.full(100, 1.0)])
    assert not told(divergence, line("critic_loss", came_back), **adversarial)


@pytest.mark.parametrize(("scale", "status"), [(1.0, "warn"), (0.01, "info")])
def test_a_jump_far_below_the_beginning_is_information(scale: float, status: str) -> None:
    loss = noisy(
        np.concatenate([np.geomspace(2.3, 0.2 * scale, 300), np.full(300, 0.2 * scale), np.full(300, 2 * scale)]), 0.0
    )
    loss *= np.exp(0.02 * np.random.default_rng(0).standard_normal(900))
    assert told(spike, line("train/loss", loss)) == [("live.spike", status)]


RESTS = [line(f"layer/{k}/update_ratio", [1e-2] * 8 + [0.0] * 8) for k in "ab"]
CREEPS = [line(f"layer/{k}/update_ratio", [1e-2] * 8 + [1e-7] * 8) for k in "ab"]
RATE = line(names.PROBE_LR, [1e-3] * 16)
FELL = line("train/loss", np.geomspace(2.0, 0.1, 160))
CONVERGED = line(names.WHOLE_GRAD_NORM, np.geomspace(1.0, 1e-6, 16), 10)


@pytest.mark.parametrize(("ratios", "said"), [(RESTS, "live.frozen"), (CREEPS, "live.update_ratio")])
def test_a_training_that_is_done_moves_nothing_any_more(ratios: list[dict[str, Series]], said: str) -> None:
    assert not told(updates, *ratios, RATE, FELL, CONVERGED)
    assert not told(updates, *ratios, RATE, CONVERGED), "however its loss is called"
    large = line(names.WHOLE_GRAD_NORM, [1.0] * 16, 10)
    assert [one for one, _ in told(updates, *ratios, RATE, FELL, large)] == [said]
    rose = line("train/loss", np.geomspace(0.1, 2.0, 160))
    assert [one for one, _ in told(updates, *ratios, RATE, rose, CONVERGED)] == [said], "it is stuck"
    never = line("layer/c/update_ratio", [0.0] * 16)
    assert ("live.frozen", "warn") in told(updates, *ratios, never, RATE, FELL, CONVERGED), "it has never moved"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ([0.17, 0.16, 0.14, 0.1], [0.1, 0.1, 0.07, 0.05], False),  # weights that grow into noise of one size
        ([0.19, 0.14, 0.12, 0.11], [0.19, 0.14, 0.12, 0.11], True),  # it falls, and is still too much
        ([0.04, 0.2, 0.3, 0.2], [0.04, 0.2, 0.3, 0.2], True),
        ([0.2, 0.2, 0.2, 0.3], [0.2, 0.2, 0.2, 0.01], True),  # half of the layers
    ],
)
def test_updates_that_the_weights_have_grown_into_are_no_longer_told(first, second, found: bool) -> None:
    parts = [line(f"layer/{name}/update_ratio", [0.2] * 4 + of) for name, of in (("a", first), ("b", second))]
    assert told(updates, *parts) == ([("live.update_ratio", "warn")] if found else [])


def test_a_step_of_lbfgs_is_many_updates() -> None:
    ratios = line("layer/a/update_ratio", [0.3] * 12)
    assert told(updates, ratios, watched={"optimizers": ["SGD"]})
    assert not told(updates, ratios, watched={"optimizers": ["LBFGS"]})


# --- layers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "gradients", "found"),
    [(0.0, 0.0, True), (0.0, 1e-3, False), (1.0, 0.0, False)],
    ids=["neither can begin", "a gate that begins at zero", "no gradient: told where nothing moves"],
)
def test_a_layer_at_zero_without_a_gradient_stays_there(weights: float, gradients: float, found: bool) -> None:
    zero = [line("layer/up/weight_norm", [weights] * 12), line("layer/up/grad_norm", [gradients] * 12)]
    nothing = line("layer/up/update_ratio", [np.nan] * 12)
    said = told(updates, line("layer/head/update_ratio", [1e-3] * 12), nothing, *zero)
    assert said == ([("live.frozen", "warn")] if found else [])
    assert not told(updates, line("layer/head/update_ratio", [1e-3] * 12), *zero, watched={"declared": ["frozen:up"]})


def of_layers(**layers: tuple[str, int, int]) -> dict[str, Any]:
    """Name: how many parameters, of which are trained, of which want a gradient; all of one kind."""
    own = [*layers.values()]
    return {
        "layers": [name.replace("_", ".") for name in layers],
        "kinds": [kind for kind, *_ in own],
        "parameters": [100] * len(own),
        "trained": [trained for _, trained, _ in own],
        "wanting": [wanting for *_, wanting in own],
    }


@pytest.mark.parametrize(
    ("other", "row", "found"),
    [
        ("body_0", ("Linear", 0, 0), True),
        ("body_0", ("Linear", 0, 100), False),  # it wants one: told where it gets one
        ("body_0", ("Linear", 100, 0), False),  # an optimizer holds it: told there
        ("copy_out", ("Linear", 0, 0), False),  # beside net.out
        ("ema_0", ("Linear", 0, 0), False),
        ("teacher_0", ("Conv2d", 0, 0), False),
    ],
)
def test_layers_that_want_nothing_and_that_nobody_holds_are_information(
    other: str, row: tuple[str, int, int], found
) -> None:
    watched = of_layers(net_out=("Linear", 100, 100), **{other: row})
    looks = line(names.PROBE_LR, [1e-3] * 7)
    trained = line("layer/net.out/update_ratio", [1e-3] * 12)
    assert told(updates, looks, trained, watched=watched) == ([("live.frozen", "info")] if found else [])
    assert not told(updates, line(names.PROBE_LR, [1e-3] * 6), trained, watched=watched), "too early"
    declared = {"declared": ["frozen:body.*", "frozen:copy.*", "frozen:ema.*", "frozen:teacher.*"]}
    assert not told(updates, looks, trained, watched=watched | declared)
    thawed = line(f"layer/{other.replace('_', '.')}/grad_norm", [1.0] * 3)
    assert not unheld.wanting_nothing({**looks, **thawed}, RunFacts(watched=watched)), "it has been thawed since"


def test_a_layer_beside_a_trained_one_of_its_size_is_no_copy_of_it() -> None:
    watched = of_layers(first=("Linear", 0, 0), second=("Linear", 100, 100))
    moves = line("layer/second/update_ratio", [1e-3] * 12)
    assert told(updates, line(names.PROBE_LR, [1e-3] * 7), moves, watched=watched) == [("live.frozen", "info")]


@pytest.mark.parametrize(("share", "rate", "found"), [(0.9, 1.0, True), (0.5, 1.0, False), (0.9, 0.1, False)])
def test_updates_that_half_precision_rounds_away_are_told(share: float, rate: float, found: bool) -> None:
    parts = line(names.ROUNDED_AWAY, [share] * 10), line(names.PROBE_LR, [1e-3] * 9 + [1e-3 * rate])
    assert told(rounding, *parts) == ([("live.update_ratio", "warn")] if found else [])


# --- evaluations ------------------------------------------------------------------------------

TRAINS = line("train/loss", falling(1000, noise=0.01))


@pytest.mark.parametrize(
    ("level", "slope", "found"),
    [(2.3, -0.04, True), (2.3, -0.4, False), (1.0, 0.0, False), (3000.0, -10.0, True), (3000.0, -600.0, False)],
    ids=["a copy that lags", "it learns a little", "another level", "another unit", "a sum that falls too"],
)
def test_validation_that_stays_while_training_learns_is_of_another_model(
    level: float, slope: float, found: bool
) -> None:
    stays = line("val/loss", level + slope * np.linspace(0, 1, 12) ** 2, 80, 79)
    assert told(evaluation, TRAINS, stays, total_steps=1000) == (CONTRADICTION if found else [])
    assert not told(evaluation, TRAINS, stays), "nobody knows how long it will go on"
    assert not told(evaluation, line("train/loss", np.full(1000, 2.3)), stays, total_steps=1000), (
        "nor does training learn"
    )
    assert not told(evaluation, TRAINS, stays, total_steps=9000), "an average may lag for a while"


@pytest.mark.parametrize(
    ("loss", "accuracy", "found"),
    [(0.001, 0.24, True), (0.01, 0.24, False), (0.001, 0.995, False), (-1.0, 0.24, False)],
)
def test_more_is_wrong_than_the_loss_allows(loss: float, accuracy: float, found: bool) -> None:
    losses = line("val/loss", loss + 1e-4 * np.arange(6), 50)
    for name, heard in (("val/greedy_acc", found), ("val/probe_acc", False), ("val/knn_accuracy", False)):
        assert told(evaluation, losses, line(name, accuracy + 1e-3 * np.arange(6) / 6, 50)) == (
            CONTRADICTION if heard else []
        )
    squares = line("val/mse", loss + 1e-4 * np.arange(6), 50)
    assert not told(evaluation, squares, line("val/acc", accuracy + 1e-3 * np.arange(6) / 6, 50)), "no cross entropy"


@pytest.mark.parametrize(("last", "score", "found"), [(0.01, 0.3, True), (0.2, 0.3, False), (0.01, 0.45, False)])
def test_a_loss_that_falls_to_nothing_while_the_score_falls_leaves_something_out(last, score, found) -> None:
    loss = line("val/loss", np.geomspace(0.5, last, 12), 50)
    assert told(evaluation, loss, line("val/iou", np.linspace(0.5, score, 12), 50)) == (CONTRADICTION if found else [])


@pytest.mark.parametrize(("late", "trained", "found"), [(5.0, 0.9, True), (2.0, 0.9, False), (5.0, 2.0, False)])
def test_validation_worse_than_knowing_nothing_is_told_though_training_has_risen(late, trained, found) -> None:
    """The net takes its own answers for labels, and learns them less and less."""
    training = line("train/loss", noisy([*np.geomspace(2.3, 0.01, 200), *np.linspace(0.01, trained, 800)], 0.001))
    validation = line("val/loss", [1.5, 1.0, *np.linspace(1.1, late, 18)], 50, 49)
    assert told(overfitting, training, validation) == ([("regularise.early_stop", "warn")] if found else [])


# --- codes and rates --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "beside", "last", "found"),
    [
        ("train/kl", "train/recon", 1e-5, True),
        ("train/kl", "train/recon", 1e-2, False),
        ("kld", "train/nll", 1e-5, True),
        ("train/kl", "policy/loss", 1e-5, False),  # a policy that is where it was
        ("val/kl", "val/recon", 1e-5, False),
    ],
)
def test_a_code_that_says_nothing_of_the_input_is_told(code: str, beside: str, last: float, found: bool) -> None:
    kept = line(beside, falling(200))
    assert told(collapse, kept, line(code, np.geomspace(0.5, last, 200))) == (
        [("live.collapse", "warn")] if found else []
    )
    warm = np.concatenate([np.geomspace(0.5, 1e-5, 100), np.geomspace(1e-5, 5.0, 100)])
    assert not told(collapse, kept, line(code, warm)), "it came back"
    assert not told(collapse, kept, line(code, np.full(200, 1e-6))), "it was never more: another unit"


@pytest.mark.parametrize(("recall", "status"), [([0.0] * 10, "warn"), ([0.0] * 9 + [0.1], "info"), ([0.0] * 7, "info")])
def test_a_loss_that_is_content_with_finding_nothing_is_a_warning(recall: list[float], status: str) -> None:
    said = answers(np.zeros((10, 20)), [0.0] * 17 + [1.0] * 3)
    assert told(collapse, line("loss", np.full(100, 0.005)), line("val_recall", recall), answers=said) == [
        ("live.collapse", status)
    ]


@pytest.mark.parametrize(
    ("rate", "planned", "found"),
    [
        (np.linspace(1e-7, 7e-5, 700), 700, True),
        (np.linspace(1e-7, 7e-5, 700), 7000, False),
        (np.geomspace(1e-7, 1e-1, 700), 700, False),
        (np.minimum(np.linspace(0, 3e-3, 700), 1e-3), 700, False),
        (np.full(700, 1e-3), 700, False),
        (np.linspace(5e-4, 1e-3, 700), 700, False),
    ],
    ids=["to the end", "a tenth of the run", "a search for a rate", "a third of the run", "constant", "from a half"],
)
def test_a_warm_up_as_long_as_the_training_is_told(rate: np.ndarray, planned: int, found: bool) -> None:
    assert told(lr_decay, line("lr", rate), total_steps=planned) == ([("overfit.lr_decay", "warn")] if found else [])

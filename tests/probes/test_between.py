"""Between two looks: as few hooks as will do, every update counted, and nothing missed that is to be seen there."""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import optimizer as shared

import nntui
from nntui import names
from nntui.probes import pace
from nntui.probes.cadence import GLANCES, SAMPLE, SHARE, WATCHED, Cadence
from nntui.probes.pace import Pace

EVERY = 64


@pytest.fixture(autouse=True)
def hooks_are_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update is so much cheaper than a hook that nothing is watched without need, from the second look on."""
    monkeypatch.setattr("nntui.probes.cadence.WATCHED", 0.0)


def hooks(model: nn.Module) -> dict[str, int]:
    return {
        "forward": sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()),
        "backward": sum(len(p._backward_hooks or {}) for p in model.parameters()),
        "before": len(shared._global_optimizer_pre_hooks),
        "after": len(shared._global_optimizer_post_hooks),
        "kept": len(model._state_dict_pre_hooks),
    }


@pytest.fixture
def added(mlp) -> Callable[[nn.Module], dict[str, int]]:
    """Hooks that there are besides those that were there before."""
    gc.collect()
    nntui.watch(mlp()).detach()  # the hooks of other watches that are gone go now
    before = hooks(mlp())
    return lambda model: {kind: count - before[kind] for kind, count in hooks(model).items()}


def test_a_stretch_in_which_nothing_is_measured_has_one_hook_that_counts(recorded, loop, mlp, added) -> None:
    model = mlp()
    training = loop(model)
    seen: list[dict[str, int]] = []

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(3 * EVERY, after=lambda step: seen.append(added(model)))
        seen.append(added(model))

    found, _ = recorded(run_it)
    few = {"forward": 0, "backward": 0, "before": 1, "after": 0, "kept": 1}
    watched = {**few, "forward": 2, "after": 1}
    assert seen[EVERY + 2 : 2 * EVERY - SAMPLE - 1] == [few] * (EVERY - SAMPLE - 3)
    assert watched in seen[2 * EVERY - SAMPLE : 2 * EVERY - 1]
    assert seen[-1] == dict.fromkeys(few, 0)
    assert [*found["layer/0/update_ratio"]] == [*found["layer/0/activation_std"]] == [0, EVERY, 2 * EVERY]
    assert [*found[names.LATE_CLIPPING]] == [0, EVERY, 2 * EVERY]


def test_steps_are_those_of_the_run_after_a_stretch(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(3 * EVERY + 1, after=lambda step: run.log({"loss": 1.0}))

    found, _ = recorded(run_it, resume_step=100)
    assert [*found["layer/0/grad_norm"]] == [100 + k * EVERY for k in range(4)]


@pytest.mark.parametrize("loaded", [False, True])
def test_an_optimizer_made_anew_is_seen_in_a_stretch(recorded, loop, mlp, loaded: bool) -> None:
    """One that was given the state of the last has lost nothing."""
    model = mlp()
    training = loop(model)

    def renew(step: int) -> None:
        if step == 90:
            state = copy.deepcopy(training.optimizer.state_dict())
            training.optimizer = torch.optim.Adam(model.parameters(), 1e-2)
            if loaded:
                training.optimizer.load_state_dict(state)

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(3 * EVERY, after=renew)

    found, _ = recorded(run_it)
    assert found[names.WITHOUT_STATE] == {0: 1.0, 64: 0.0, 128: 0.0} | ({} if loaded else {91: 1.0})


@pytest.mark.parametrize("forgotten", [True, False])
def test_the_mode_of_an_evaluation_is_told_in_a_stretch(recorded, loop, mlp, forgotten: bool) -> None:
    model = nn.Sequential(mlp(), nn.Dropout(0.5))
    training = loop(model)

    def evaluate(step: int) -> None:
        if step % 10 == 9:
            model.train(forgotten)
            with torch.no_grad():
                for _ in range(3):
                    model(training.inputs()[0])
            model.train()

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(120, after=evaluate)

    found, _ = recorded(run_it)
    assert found[names.EVALUATION_MODE] == dict.fromkeys(range(10, 121, 10), float(forgotten))


@pytest.mark.parametrize(
    ("grant", "share", "seen"),
    [(90, 0.0, [0, 1, 2]), (0.5, 1.0, [*range(13)]), (0.0, 0.0, [0])],
    ids=["until the grant is spent", "always where there is time", "never where there is none"],
)
def test_evaluations_in_stretches_are_noticed_while_there_is_time(
    recorded, loop, mlp, monkeypatch, grant: float, share: float, seen: list[int]
) -> None:
    """The first 64 updates are no stretch yet: no look before has told how long one takes."""
    call = 1e-9  # seconds
    monkeypatch.setattr(
        "nntui.probes.glances.GLANCES", 1e-9
    )  # as few as can be: whether there is time is asked as often
    monkeypatch.setattr("nntui.probes.attached.calling", lambda: call)
    monkeypatch.setattr("nntui.probes.attached.GRANT", grant * call)
    monkeypatch.setattr("nntui.probes.attached.NOTICING", share)
    model = nn.Sequential(mlp(), nn.Dropout(0.5))
    training = loop(model)

    def evaluate(step: int) -> None:
        if step % EVERY == EVERY // 2:  # in the middle of a stretch
            with torch.no_grad():
                model(training.inputs()[0])

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(13 * EVERY, after=evaluate)

    found, _ = recorded(run_it)
    assert [(step - 1) // EVERY for step in found.get(names.EVALUATION_MODE, {})] == seen


def test_a_gradient_that_is_not_finite_is_seen_in_a_stretch(recorded, loop, mlp, monkeypatch) -> None:
    model = mlp()
    training = loop(model, torch.optim.SGD(model.parameters(), 1e-3))
    monkeypatch.setattr("nntui.probes.cadence.GLANCES", math.inf)

    def poison(step: int) -> None:
        if step == 70:
            with torch.no_grad():
                model[4].bias[0] = math.nan

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=100 * EVERY) as watch:
            training.steps(3)
            watch._cadence.wake = (
                watch._cadence.next
            )  # the first stretch has no look before it that knows how long one takes
            training.steps(200, after=poison)

    found, _ = recorded(run_it)
    assert min(found[names.layer("4", names.NONFINITE)]) <= 129  # the first glance after the update 73 is that at 128


def test_other_optimizers_pass_by_in_a_stretch(recorded, loop, mlp) -> None:
    model, other = mlp(), nn.Linear(2, 2)
    training, second = loop(model), torch.optim.SGD(other.parameters(), 0.1)

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(3 * EVERY, after=lambda step: second.step())

    found, _ = recorded(run_it)
    assert [*found["layer/0/update_ratio"]] == [0, EVERY, 2 * EVERY]


def test_two_optimizers_are_one_step_in_a_stretch(recorded, mlp) -> None:
    making, judge = nn.Linear(6, 6), mlp()
    first, second = torch.optim.Adam(making.parameters(), 1e-3), torch.optim.SGD(judge.parameters(), 1e-3)

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(nn.ModuleDict({"making": making, "judge": judge}), [first, second], run, every=EVERY):
            for _ in range(3 * EVERY):
                for optimizer in (second, first):
                    optimizer.zero_grad()
                    judge(making(torch.randn(8, 6))).square().sum().backward()
                    optimizer.step()

    found, _ = recorded(run_it)
    assert [*found["layer/making/update_ratio"]] == [*found["layer/judge.0/update_ratio"]] == [0, EVERY, 2 * EVERY]


def test_probes_that_nobody_holds_go_on_in_a_stretch(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run: nntui.Run) -> None:
        nntui.watch(model, training.optimizer, run, every=EVERY)
        training.steps(EVERY + 10)
        gc.collect()
        training.steps(EVERY)

    found, _ = recorded(run_it)
    assert [*found["layer/0/update_ratio"]] == [0, EVERY, 2 * EVERY]


def test_a_model_is_copied_and_saved_without_hooks_in_a_stretch(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(EVERY + 10)
            other = copy.deepcopy(model)
            assert other.state_dict().keys() == model.state_dict().keys()
            training.steps(EVERY)

    found, _ = recorded(run_it)
    assert [*found["layer/0/update_ratio"]] == [0, EVERY, 2 * EVERY]


def test_training_is_what_it_would_be_through_stretches(recorded, loop) -> None:
    def trained(run: nntui.Run | None) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(16, 2)
        )
        training = loop(model)
        with nntui.watch(model, training.optimizer, run, every=EVERY):
            training.steps(3 * EVERY)
        return training.losses

    kept: list[float] = []
    recorded(lambda run: kept.extend(trained(run)))
    assert kept == trained(None)


def test_a_scaler_has_every_update_seen(recorded, loop, mlp, added) -> None:
    model = mlp()
    training = loop(model)

    class Scaler:
        _scale = torch.tensor(1024.0)

        def get_backoff_factor(self) -> float:
            return 0.5

    scaler = Scaler()

    def halve(step: int) -> None:
        if step in (80, 100):
            scaler._scale = scaler._scale / 2

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, training.optimizer, run, every=EVERY, scaler=scaler):
            training.steps(2 * EVERY + 1, after=halve)

    found, _ = recorded(run_it)
    assert found[names.SKIPPED] == {0: 0.0, 64: 0.0, 128: 2.0}


def test_what_watching_takes_is_bounded_by_shares_of_the_time(monkeypatch) -> None:
    monkeypatch.setattr("nntui.probes.cadence.WATCHED", WATCHED)
    held, step_seconds, look = 1e-5, 5e-4, 2e-3
    cadence, watched, looks = Cadence(), 0, []
    cadence.watched(300 * held, 300)
    for update in range(40_000):
        if cadence.due(update):
            looks.append(update)
            cadence.looked(update, look, step_seconds)
        watched += update >= max(cadence.wake, 20_000)
    late = [update for update in looks if update >= 20_000]
    assert len(late) * look / (20_000 * step_seconds) <= SHARE
    assert len(late) * SAMPLE < watched <= WATCHED / held * step_seconds * 20_000 + len(late)
    assert SHARE + GLANCES + WATCHED < 0.01


def test_a_slow_training_is_watched_all_the_time(monkeypatch) -> None:
    monkeypatch.setattr("nntui.probes.cadence.WATCHED", WATCHED)
    cadence = Cadence()
    cadence.watched(1e-3, 100)
    for update in range(2_000):
        if cadence.due(update):
            cadence.looked(update, 2e-3, 0.1)
        assert update >= cadence.wake


def test_updates_that_pass_unseen_are_as_many_examples_as_those_that_were_seen(monkeypatch) -> None:
    clock = iter([0.0, *(t for k in range(10) for t in (k + 0.5, k + 1.0)), 100.0])
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(clock))
    found = Pace()
    for _ in range(10):
        found.forward(32)
        found.updated()
    found.passed(90)
    readings = found.readings()
    assert readings[names.SAMPLES_PER_SECOND] == pytest.approx(32.0)
    assert readings[names.STEP_SECONDS] == pytest.approx(1.0)
    assert readings[names.DATA_WAIT] == pytest.approx(0.5)


def test_the_overhead_has_what_calls_of_hooks_and_counting_took(recorded, loop, mlp, monkeypatch) -> None:
    model = mlp()
    training = loop(model)
    said: list[Any] = []

    def overhead(call: float, count: float) -> float:
        monkeypatch.setattr("nntui.probes.hooks.calling", lambda: call)
        monkeypatch.setattr("nntui.probes.attached.counting", lambda: count)

        def run_it(run: nntui.Run) -> None:
            with nntui.watch(model, training.optimizer, run, every=EVERY):
                training.steps(2 * EVERY + 1)

        found, _ = recorded(run_it)
        return found[names.OVERHEAD][2 * EVERY]

    said = [overhead(0.0, 0.0), overhead(10.0, 0.0), overhead(0.0, 10.0)]
    assert said[0] < 1 < said[1]
    assert said[2] > 1

"""What probes record: each number against a plain computation, and nothing that was not there."""

from __future__ import annotations

import copy
import gc
import io
import json
import pickle
import time

import numpy as np
import pytest
import torch
from torch import nn

import nntui
from nntui import names
from nntui.probes.activations import Activations
from nntui.probes.cadence import SHARE, Cadence


def norm(tensors) -> float:
    return float(np.sqrt(sum(float((t.detach().double() ** 2).sum()) for t in tensors)))


def test_norms_and_ratios_are_what_a_plain_computation_gives(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)
    layers = {"0": model[0], "2": model[2], "4": model[4]}
    expected: dict[str, dict[int, float]] = {}
    start: dict[str, list[torch.Tensor]] = {}

    def before(step) -> None:
        for name, layer in layers.items():
            start[name] = [p.detach().clone() for p in layer.parameters()]
            expected.setdefault(f"layer/{name}/grad_norm", {})[step] = norm(p.grad for p in layer.parameters())
        expected.setdefault("probe/grad_norm", {})[step] = norm(p.grad for p in model.parameters())

    def after(step) -> None:
        ratios = []
        for name, layer in layers.items():
            now = list(layer.parameters())
            ratios.append(norm(a - b for a, b in zip(now, start[name], strict=True)) / norm(start[name]))
            expected.setdefault(f"layer/{name}/update_ratio", {})[step] = ratios[-1]
            expected.setdefault(f"layer/{name}/weight_norm", {})[step] = norm(now)
        expected.setdefault("probe/update_ratio", {})[step] = sorted(ratios)[1]

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(12, before=before, after=after)

    found, _ = recorded(run_it)
    for metric, values in expected.items():
        assert found[metric].keys() == values.keys(), metric
        assert [*found[metric].values()] == pytest.approx([*values.values()], rel=1e-4), metric


def test_means_and_spreads_are_those_of_the_outputs(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)
    outputs: list[torch.Tensor] = []

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            handle = model[2].register_forward_hook(lambda m, given, output: outputs.append(output.detach().clone()))
            training.steps(5)
            handle.remove()

    found, _ = recorded(run_it)
    assert [*found["layer/2/activation_mean"].values()] == pytest.approx([float(o.mean()) for o in outputs], abs=1e-6)
    spread = [float(o.std(correction=0)) for o in outputs]
    assert [*found["layer/2/activation_std"].values()] == pytest.approx(spread, rel=1e-4)


@pytest.mark.parametrize(("dead", "batch"), [(0, 600), (5, 600), (16, 600), (5, 100)])
def test_dead_units_are_counted_over_enough_inputs(recorded, loop, mlp, dead: int, batch: int) -> None:
    model = mlp()
    with torch.no_grad():
        model[0].weight[:dead], model[0].bias[:dead] = 0.0, -1.0
    training = loop(model, torch.optim.SGD(model.parameters(), 0.0), batch=batch)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(6)

    found, _ = recorded(run_it)
    readings = found["layer/1/dead_fraction"]
    assert [*readings.values()] == pytest.approx([dead / 16] * len(readings))
    assert len(readings) == (6 if batch >= 512 else 1)


def test_channels_are_the_units_of_a_convolution(recorded, loop) -> None:
    model = nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 8, 2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2)
    )
    with torch.no_grad():
        model[1].weight[:2], model[1].bias[:2] = 0.0, -1.0
    training = loop(model, torch.optim.SGD(model.parameters(), 0.0), batch=512)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run):
            training.steps(2)

    found, _ = recorded(run_it)
    assert found["layer/2/dead_fraction"][0] == pytest.approx(2 / 8)


@pytest.mark.parametrize(("gain", "share"), [(1e3, 1.0), (1e-3, 0.0)])
def test_units_at_the_bound_of_their_function_are_saturated(recorded, loop, mlp, gain: float, share: float) -> None:
    model = mlp()
    with torch.no_grad():
        model[2].weight.mul_(gain)
        model[2].bias.fill_(gain)
    training = loop(model, torch.optim.SGD(model.parameters(), 0.0), batch=600)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run):
            training.steps(2)

    found, _ = recorded(run_it)
    assert found["layer/3/saturated_fraction"][0] == pytest.approx(share, abs=0.2)


def test_gradients_that_nobody_cleared_are_stale(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model, torch.optim.SGD(model.parameters(), 1e-3))

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(4)
            training.zero_grad = False
            training.steps(3)

    found, _ = recorded(run_it)
    stale = [*found[names.STALE_GRADIENT].values()]
    assert stale[:4] == [0.0] * 4
    assert all(value > 0 for value in stale[4:])


@pytest.mark.parametrize("late", [True, False])
def test_clipping_after_the_update_is_seen(recorded, loop, mlp, late: bool) -> None:
    model = mlp()
    training = loop(model, torch.optim.SGD(model.parameters(), 1e-3))

    def clip(step) -> None:
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(4, **({"after": clip} if late else {"before": clip}))

    found, _ = recorded(run_it)
    values = [*found[names.LATE_CLIPPING].values()]
    assert values
    assert all((value < 0.1) == late for value in values)


def test_modes_are_told_per_phase(recorded, loop, mlp) -> None:
    model = nn.Sequential(mlp(), nn.Dropout(0.5))
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(3)
            with torch.no_grad():
                model(training.inputs()[0])  # still in training mode
            model.eval()
            training.steps(3)
            with torch.inference_mode():
                model(training.inputs()[0])

    found, _ = recorded(run_it)
    assert [*found[names.TRAINING_MODE].values()] == [1.0] * 3 + [0.0] * 3
    assert [*found[names.EVALUATION_MODE].values()] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("calls", "same", "training", "drawn"),
    [(5, True, True, True), (4, True, True, False), (9, False, True, False), (9, True, False, False)],
)
def test_calls_for_the_very_same_inputs_are_draws_that_are_meant(
    recorded, loop, mlp, calls: int, same: bool, training: bool, drawn: bool
) -> None:
    model = nn.Sequential(mlp(), nn.Dropout(0.5))
    training_loop = loop(model)
    inputs = training_loop.inputs()[0]

    def evaluate(step: int) -> None:
        model.train(training)
        with torch.no_grad():
            for _ in range(calls):
                model(inputs if same else inputs.clone())
        model.train()

    def run_it(run) -> None:
        with nntui.watch(model, training_loop.optimizer, run, every=1):
            training_loop.steps(6, after=lambda step: evaluate(step) if step == 2 else None)

    _, events = recorded(run_it)
    declared = [json.loads(one["data"])["declared"] for one in events if one["event"] == names.WATCH_EVENT]
    assert (declared[-1] == ["stochastic"]) == drawn


def test_what_half_precision_rounds_away_is_the_share_of_weights_that_stay(recorded, loop) -> None:
    rows = torch.tensor([[1.0, 1.0, 0.001, 1.0]])

    def shares(dtype: torch.dtype) -> list[float]:
        model = nn.Linear(4, 1, bias=False)
        model.weight.data.copy_(rows)
        model.to(dtype)
        optimizer = torch.optim.SGD(model.parameters(), 1e-3)

        def run_it(run) -> None:
            with nntui.watch(model, optimizer, run, every=1):
                for _ in range(2):
                    model.weight.grad = torch.tensor([[1.0, 1.0, 1.0, 0.0]], dtype=dtype)
                    optimizer.step()

        found, _ = recorded(run_it)
        return [*found.get(names.ROUNDED_AWAY, {}).values()]

    assert shares(torch.bfloat16) == pytest.approx([2 / 3] * 2), (
        "of three that have a gradient one is small enough to move"
    )
    assert shares(torch.float32) == []


def test_an_optimizer_made_anew_has_lost_its_state(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(3)
            training.optimizer = torch.optim.Adam(model.parameters(), 1e-2)
            training.steps(3)

    found, _ = recorded(run_it)
    assert [*found[names.WITHOUT_STATE].values()] == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def test_an_optimizer_made_anew_is_seen_between_two_looks(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1000):
            for _ in range(3):
                training.steps(10)
                training.optimizer = torch.optim.Adam(model.parameters(), 1e-2)

    found, _ = recorded(run_it)
    assert found[names.WITHOUT_STATE] == {0: 1.0, 10: 1.0, 20: 1.0}


def test_a_scale_that_shrinks_counts_what_was_skipped(recorded, loop, mlp) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    x = torch.randn(8, 6)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, scaler=scaler, every=1):
            for attempt in range(6):
                optimizer.zero_grad()
                scaler.scale(model(x).sum() * (float("inf") if attempt in (2, 3) else 1.0)).backward()
                scaler.step(optimizer)
                scaler.update()

    found, _ = recorded(run_it)
    assert [*found[names.LOSS_SCALE].values()] == [1024.0, 1024.0, 256.0, 256.0]
    assert [*found[names.SKIPPED].values()] == [0.0, 0.0, 2.0, 2.0]


@pytest.mark.parametrize("passes", [0, 1])
def test_a_scale_that_never_settles_is_told_without_any_update(recorded, mlp, passes: int) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    x = torch.randn(8, 6)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, scaler=scaler, every=1):
            for attempt in range(40):
                optimizer.zero_grad()
                scaler.scale(model(x).sum() * (1.0 if attempt < passes else float("inf"))).backward()
                scaler.step(optimizer)
                scaler.update()

    found, events = recorded(run_it)
    table = [row for row in events if "stopped" in row["message"]]
    assert not table
    assert [*found[names.SKIPPED].values()][-1] == 31.0, "of the last reading, at the 32nd attempt"
    assert [*found[names.LOSS_SCALE].values()][-1] == 2.0 ** (16 - 31)


def test_attempts_are_no_updates_of_a_training_without_a_scale(recorded, mlp) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, every=1):
            for _ in range(40):
                model(torch.randn(8, 6)).square().mean().backward()

    found, _ = recorded(run_it)
    assert not found


def test_the_step_is_that_of_the_users_own_log(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(3, after=lambda step: run.log({"loss": 1.0}))
        assert run.step == 102

    found, _ = recorded(run_it, resume_step=100)
    assert [*found["loss"]] == [*found["layer/0/grad_norm"]] == [100, 101, 102]


def test_rest_that_is_said_is_no_waiting_for_data(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def waits(*, said: bool) -> list[float]:
        def run_it(run) -> None:
            with nntui.watch(model, training.optimizer, run, every=1) as watch:

                def rest(step) -> None:
                    time.sleep(0.02)
                    if said:
                        watch.rested()

                training.steps(4, after=rest)

        found, _ = recorded(run_it)
        return [*found[names.DATA_WAIT].values()]

    assert max(waits(said=False)) > 0.5
    assert min(waits(said=True)) < 0.5


def test_a_rank_s_own_time_is_that_of_data_and_forward_calls(recorded, mlp, monkeypatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    model = nn.Sequential(mlp())
    model[0].register_forward_hook(lambda *_: clock.__setitem__(0, clock[0] + 2.0))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, every=1):
            for _ in range(4):
                clock[0] += 1.0  # data
                losses = [model(torch.randn(8, 6)).square().mean() for _ in range(2)]
                optimizer.zero_grad()
                sum(losses).backward()
                clock[0] += 4.0  # the backward pass, in which ranks wait for each other
                optimizer.step()

    found, _ = recorded(run_it)
    assert set(found[names.OWN_SECONDS].values()) == {5.0}
    assert set(found[names.STEP_SECONDS].values()) == {9.0}


def test_what_is_watched_is_told_once(recorded, loop, mlp) -> None:
    model = mlp()
    for p in model[0].parameters():
        p.requires_grad = False
    training = loop(model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad]))

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, declared=["frozen:0"]):
            training.steps(3)

    found, events = recorded(run_it)
    (told,) = [event for event in events if event["event"] == names.WATCH_EVENT]
    for word in (
        '"layers": ["0", "2", "4"]',
        '"trained": [0, 272, 34]',
        '"wanting": [0, 272, 34]',
        '"AdamW"',
        '"frozen:0"',
        '"blind": []',
        '"outputs": [2]',
    ):
        assert word in told["data"], told["data"]
    assert "layer/0/grad_norm" not in found
    assert "layer/0/activation_mean" in found


@pytest.mark.parametrize(
    ("declared", "words", "told"),
    [("contrastive", '["contrastive"]', []), (["sum", "shfit"], '["sum", "shfit"]', ["declared: found 'shfit'"])],
)
def test_one_word_can_be_declared_and_one_that_says_nothing_is_told(recorded, loop, mlp, declared, words, told) -> None:
    training = loop(mlp())

    def run_it(run) -> None:
        with nntui.watch(training.model, training.optimizer, run, declared=declared):
            training.steps(1)

    _, events = recorded(run_it)
    assert any(f'"declared": {words}' in event["data"] for event in events if event["event"] == names.WATCH_EVENT)
    assert [event["message"].partition(",")[0] for event in events if event["level"] == "warn"] == told


@pytest.mark.parametrize("every", [None, 1])
@pytest.mark.parametrize("kind", ["dropout", "batch norm", "recurrent"])
def test_training_is_what_it_would_be_bit_by_bit(recorded, loop, kind: str, every) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 8, dropout=0.2, num_layers=2, batch_first=True), nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.lstm(x.view(len(x), 2, 3))[0][:, -1])

    made = {
        "dropout": lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(16, 2)),
        "batch norm": lambda: nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Sigmoid(), nn.Linear(16, 2)),
        "recurrent": Recurrent,
    }[kind]

    def trained(run):
        torch.manual_seed(0)
        model = made()
        training = loop(model)
        watch = None if run is None else nntui.watch(model, training.optimizer, run, every=every)
        training.steps(20)
        model.eval()
        with torch.no_grad():
            training.losses.append(float(model(training.inputs()[0]).sum()))
        if watch is not None:
            watch.detach()
        return training.losses, [p.detach().clone() for p in model.parameters()], torch.get_rng_state()

    plain = trained(None)
    kept: list = []
    recorded(lambda run: kept.append(trained(run)))
    assert kept[0][0] == plain[0]
    assert all(torch.equal(a, b) for a, b in zip(kept[0][1], plain[1], strict=True))
    assert torch.equal(kept[0][2], plain[2])


def test_detaching_leaves_no_hook(recorded, loop, mlp) -> None:
    from torch.optim import optimizer as shared

    model = mlp()
    training = loop(model)

    def hooks() -> int:
        own = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
        own += sum(len(p._backward_hooks or {}) for p in model.parameters())
        return own + len(shared._global_optimizer_pre_hooks) + len(shared._global_optimizer_post_hooks)

    gc.collect()
    nntui.watch(mlp()).detach()  # the hooks of other watches that are gone go now
    nothing = hooks()

    def run_it(run) -> None:
        watch = nntui.watch(model, training.optimizer, run, every=1)
        training.steps(2)
        assert hooks() > nothing
        watch.detach()
        watch.detach()
        assert hooks() == nothing

    recorded(run_it)


def test_the_hooks_of_models_that_are_gone_go_with_the_next_watch(recorded, loop, mlp) -> None:
    from torch.optim import optimizer as shared

    def hooks() -> int:
        gc.collect()
        nntui.watch(mlp()).detach()
        return len(shared._global_optimizer_pre_hooks) + len(shared._global_optimizer_post_hooks)

    def forgotten(run) -> None:
        training = loop(mlp())
        nntui.watch(training.model, training.optimizer, run)
        training.steps(2)

    before = hooks()
    for _ in range(3):
        recorded(forgotten)
    assert hooks() == before


def test_a_watched_model_is_copied_and_pickled_without_its_hooks(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)
    x = torch.randn(4, 6)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(2)
            other = copy.deepcopy(model)
            again = pickle.loads(pickle.dumps(model))  # noqa: S301 (our own)
            buffer = io.BytesIO()
            torch.save(model, buffer)
            assert b"nntui" not in buffer.getvalue()
            for one in (other, again):
                assert torch.equal(one(x), model(x))

    found, _ = recorded(run_it)
    assert len(found["layer/0/grad_norm"]) == 2


def test_a_probe_that_fails_steps_aside_with_one_event(recorded, loop, mlp, monkeypatch) -> None:
    model = mlp()
    training = loop(model)

    def broken(*_):
        raise RuntimeError("mine")

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(2)
            monkeypatch.setattr("nntui.probes.updates.norms", broken)
            training.steps(4)

    found, events = recorded(run_it)
    assert len(training.losses) == 6
    (said,) = [event for event in events if "the probes stopped" in event["message"]]
    assert (said["level"], "mine" in said["message"]) == ("warn", True)
    assert len(found["layer/0/grad_norm"]) == 2


@pytest.mark.parametrize("step_seconds", [1e-3, 1e-1])
def test_looks_are_dense_at_first_and_then_cost_less_than_their_share(step_seconds: float) -> None:
    cadence, looks = Cadence(), []
    for update in range(40_000):
        if cadence.due(update):
            looks.append(update)
            cadence.looked(update, 2e-3, step_seconds)
    assert looks[:4] == [0, 1, 2, 4]
    late = [update for update in looks if update >= 20_000]
    assert len(late) * 2e-3 / (20_000 * step_seconds) <= SHARE
    assert len(late) > 10


def test_what_is_no_model_is_refused_in_one_line() -> None:
    with pytest.raises(TypeError, match=r"nntui\.watch: model was a int; expected a torch\.nn\.Module"):
        nntui.watch(3)  # pyright: ignore[reportArgumentType]


def test_units_that_die_are_seen_once_the_looks_before_are_forgotten(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model, torch.optim.SGD(model.parameters(), 0.0), batch=100)

    def kill(step: int) -> None:
        if step == 9:
            with torch.no_grad():
                model[0].bias[:4] = -1e6

    found, _ = recorded(
        lambda run: (nntui.watch(model, training.optimizer, run, every=1), training.steps(20, after=kill))
    )
    dead = found[names.layer("1", names.DEAD_FRACTION)]
    assert [*dead] == [*range(5, 20)], "600 inputs are the first that are enough"
    assert [step for step, share in dead.items() if share == 0.25] == [*range(15, 20)], "six looks after the last"


def test_parameters_with_a_gradient_that_no_optimizer_holds_are_told_with_their_norm(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model, torch.optim.SGD([*model[2].parameters(), model[4].weight], 1e-2))
    later = torch.optim.SGD(model[0].parameters(), 1e-2)

    def run_it(run) -> None:
        with nntui.watch(model, run=run, every=1):
            training.steps(3)
            training.steps(3, after=lambda step: later.step())

    found, _ = recorded(run_it)
    assert [*found[names.layer("0", names.UNHELD)]] == [0, 1, 2, 3], (
        "until an update by another optimizer that holds it"
    )
    whole = found[names.layer("4", names.UNHELD)]
    assert [*whole] == [*range(6)]
    assert set(whole.values()) == {float(model[4].bias.detach().norm())}
    assert names.layer("2", names.UNHELD) not in found


def test_frozen_parameters_are_not_unheld(recorded, loop, mlp) -> None:
    model = mlp()
    model[0].requires_grad_(False)
    training = loop(model, torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1e-2))
    found, _ = recorded(lambda run: (nntui.watch(model, training.optimizer, run, every=1), training.steps(2)))
    assert not [metric for metric in found if metric.endswith(names.UNHELD)]


def test_an_optimizer_that_is_watched_after_another_in_one_run_begins(recorded, loop, mlp) -> None:
    def run_it(run) -> None:
        for _ in range(2):
            model = mlp()
            training = loop(model)
            with nntui.watch(model, training.optimizer, run, every=1):
                for _ in range(3):
                    training.steps(1)
                    run.log({"train/loss": training.losses[-1]})

    found, _ = recorded(run_it)
    assert found[names.WITHOUT_STATE] == {0: 1.0, 1: 0.0, 2: 0.0, 4: 0.0, 5: 0.0}


def test_an_optimizer_that_keeps_its_state_at_one_parameter_has_it(recorded, mlp) -> None:
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    x = torch.randn(32, 6)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, every=1):
            for _ in range(3):
                optimizer.step(closure)

    found, _ = recorded(run_it)
    assert [*found[names.WITHOUT_STATE].values()] == [1.0, 0.0, 0.0]


def test_layers_are_read_at_every_look_where_the_loss_is_calculated_within_the_update(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=5):
            for _ in range(20):
                x, y = training.inputs()

                def closure(x=x, y=y) -> torch.Tensor:
                    training.optimizer.zero_grad()
                    loss = torch.nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    return loss

                training.optimizer.step(closure)

    found, _ = recorded(run_it)
    assert [*found[names.layer("0", names.ACTIVATION_MEAN)]] == [0, 5, 10, 15]


@pytest.mark.parametrize(("batch", "between"), [(64, True), (600, False)])
def test_activation_functions_are_listened_to_between_looks_only_where_batches_are_small(
    recorded, loop, mlp, monkeypatch, batch: int, between: bool
) -> None:
    model, heard = mlp(), []
    training = loop(model, batch=batch)
    hear = Activations._hear
    monkeypatch.setattr(Activations, "_hear", lambda self, name, *given: (heard.append(name), hear(self, name, *given)))
    recorded(lambda run: (nntui.watch(model, training.optimizer, run, every=100), training.steps(201)))
    assert heard.count("0") == heard.count("4") == 3, "of layers at looks alone"
    assert (heard.count("1") > 3) == between


def test_gradients_that_an_optimizer_clips_as_it_updates_are_not_clipped_late(recorded, loop, mlp) -> None:
    class Careful(torch.optim.SGD):
        def step(self, closure=None):
            torch.nn.utils.clip_grad_norm_(self.param_groups[0]["params"], 1e-3)
            return super().step(closure)

    model = mlp()
    training = loop(model, Careful(model.parameters(), 1e-2))
    found, _ = recorded(lambda run: (nntui.watch(model, training.optimizer, run, every=1), training.steps(4)))
    assert set(found[names.LATE_CLIPPING].values()) == {1.0}


def test_a_layer_that_is_to_be_thawed_later_is_told_as_frozen_until_then(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model)  # whose optimizer holds all of it
    model[0].requires_grad_(False)
    model[2].bias.requires_grad_(False)

    def thaw(step: int) -> None:
        if step == 4:
            model[0].requires_grad_(True)

    found, _ = recorded(
        lambda run: (nntui.watch(model, training.optimizer, run, every=1), training.steps(8, after=thaw))
    )
    assert found[names.layer("0", names.FROZEN)] == dict.fromkeys(range(5), 1.0)
    assert [step for step, ratio in found[names.layer("0", names.UPDATE_RATIO)].items() if ratio] == [5, 6, 7]
    assert not {names.layer(layer, names.FROZEN) for layer in "24"} & {*found}


def test_what_was_frozen_after_it_had_a_gradient_is_not_unheld(recorded, loop, mlp) -> None:
    model = mlp()
    head = torch.optim.SGD(model[4].parameters(), 1e-2)
    training = loop(model, head)
    model(torch.randn(4, 6)).sum().backward()
    model[0].requires_grad_(False)
    found, _ = recorded(lambda run: (nntui.watch(model, head, run, every=1), training.steps(2)))
    assert names.layer("0", names.UNHELD) not in found
    assert names.layer("2", names.UNHELD) in found

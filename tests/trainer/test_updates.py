"""One optimizer update: accumulated, clipped, in mixed precision."""

import json
import math

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import nntui
from trainer import precision
from trainer.batches import DataError
from trainer.commands import main
from trainer.loop import Stop, train
from trainer.options import Options
from trainer.precision import Precision
from trainer.schedules import Plan, factor

CPU = torch.device("cpu")
X = torch.randn(120, 6, generator=torch.Generator().manual_seed(0))
Y = X.sum(1, keepdim=True)


@pytest.fixture
def trained(tmp_path):
    """Train a line through X and Y; the run's folder."""

    def go(name: str = "run", task: nntui.Task | None = None, **how: object):
        options = {"steps": 12, "batch_size": 10, "lr": 0.01, "checks": False, "eval_every": 6, **how}
        assert train(task or line(), Options("line", tmp_path / name, **options), Stop()) == 0
        return tmp_path / name

    return go


def line(loss=nn.functional.mse_loss, **more) -> nntui.Task:
    data = TensorDataset(X, Y)
    error = {"error": lambda o, t: (o - t).abs().mean(dim=1)}
    return nntui.Task(lambda: nn.Linear(6, 1), loss, data, data, metrics=error, **more)


def model(path) -> dict[str, torch.Tensor]:
    return torch.load(path / "checkpoints" / "last.pt", weights_only=True)["model"]


def series(path, name: str) -> list[float]:
    rows = [r for r in nntui.read(path).metrics.to_pylist() if r["metric"] == name and not r["superseded"]]
    assert [r["step"] for r in rows] == list(range(len(rows)))
    return [r["value"] for r in rows]


def manifest(path) -> dict:
    [found] = path.glob("w-*/writer.json")
    return json.loads(found.read_text())


def overflowing(at: set[int]):
    """A loss whose gradients overflow float16's scale at these calls while training."""
    calls = iter(range(1000))

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        found = nn.functional.mse_loss(outputs, targets)
        return found * 1e38 if outputs.requires_grad and next(calls) in at else found

    return loss


@pytest.fixture
def float16_everywhere(monkeypatch):
    """A Precision of float16 on the CPU, which users are refused."""

    class Anywhere(Precision):
        def __init__(self, name: str, device: torch.device) -> None:
            super().__init__("float32", device)
            self.scaler = torch.amp.GradScaler(device.type)

    monkeypatch.setattr("trainer.loop.Precision", Anywhere)


# --- accumulation ------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [2, 3, 6])
def test_accumulated_batches_are_one_batch_as_large(trained, accumulate) -> None:
    parts = trained("parts", batch_size=60 // accumulate, accumulate=accumulate)
    whole = trained("whole", batch_size=60)
    for name in ("train/loss", "train/error", "grad_norm", "lr"):
        torch.testing.assert_close(series(parts, name), series(whole, name), rtol=1e-5, atol=1e-6)
    for name, value in model(whole).items():
        torch.testing.assert_close(model(parts)[name], value, rtol=1e-5, atol=1e-6)


def test_a_loss_declared_a_sum_is_summed_over_the_batches(trained) -> None:
    total = nn.MSELoss(reduction="sum")
    parts = trained("parts", line(total, declared="sum"), batch_size=20, accumulate=3, lr=1e-4)
    whole = trained("whole", line(total, declared="sum"), batch_size=60, lr=1e-4)
    torch.testing.assert_close(series(parts, "train/loss"), series(whole, "train/loss"), rtol=1e-5, atol=1e-4)


def test_an_epoch_is_counted_in_updates(trained) -> None:
    assert manifest(trained(batch_size=10, accumulate=5))["steps_per_epoch"] == 2


def test_too_few_batches_for_one_update_are_one_line(tmp_path, capsys) -> None:
    assert main(["train", "diabetes", "--accumulate", "9", "--out", str(tmp_path / "run"), "--no-checks"]) == 2
    error = capsys.readouterr().err
    assert "--accumulate 9" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


# --- clipping ----------------------------------------------------------------------------------


def test_the_recorded_norm_is_that_before_clipping(trained) -> None:
    free, held = trained("free", steps=1), trained("held", steps=1, clip=0.5)
    assert series(held, "grad_norm") == series(free, "grad_norm")
    assert series(held, "grad_norm")[0] > 0.5
    assert "clipped" not in {r["metric"] for r in nntui.read(free).metrics.to_pylist()}


def test_clipping_bounds_the_update(trained) -> None:
    def sgd(m: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(m.parameters(), lr=1.0)

    start = line().build(0).state_dict()
    path = trained(task=line(optimizer=sgd), steps=1, clip=0.25)
    moved = math.sqrt(sum(float(((model(path)[name] - value) ** 2).sum()) for name, value in start.items()))
    assert moved == pytest.approx(0.25, rel=1e-4)


def test_each_step_says_whether_it_was_clipped(trained) -> None:
    path = trained(steps=40, clip=3.0, lr=0.1)
    norms, clipped = series(path, "grad_norm"), series(path, "clipped")
    assert {0.0, 1.0} == set(clipped)
    assert clipped == [float(norm > 3.0) for norm in norms]


# --- precision ---------------------------------------------------------------------------------


def test_bfloat16_runs_the_forward_call_only(trained) -> None:
    seen: dict[str, set[torch.dtype]] = {"forward": set(), "loss": set(), "metric": set()}

    class Line(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            found = super().forward(input)
            seen["forward"].add(found.dtype)
            return found

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen["loss"].add((outputs @ outputs.T).dtype)
        return nn.functional.mse_loss(outputs, targets)

    def metric(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen["metric"].add(outputs.dtype)
        return outputs.mean()

    data = TensorDataset(X, Y)
    path = trained(
        task=nntui.Task(lambda: Line(6, 1), loss, data, data, metrics={"mean": metric}), precision="bfloat16"
    )
    assert seen == {"forward": {torch.bfloat16}, "loss": {torch.float32}, "metric": {torch.float32}}
    assert {value.dtype for value in model(path).values()} == {torch.float32}
    assert series(path, "train/loss")[-1] == pytest.approx(series(trained("full"), "train/loss")[-1], rel=0.05)


def test_outputs_of_any_nesting_are_float32_again() -> None:
    half = torch.ones(2, dtype=torch.bfloat16)
    kept = torch.ones(2, dtype=torch.int64)
    found = Precision("bfloat16", CPU).full({"a": [half, (half, kept)], "b": "text"})
    assert found["a"][0].dtype == found["a"][1][0].dtype == torch.float32
    assert found["a"][1][1] is kept
    assert Precision("float32", CPU).full(half) is half


def test_float16_without_cuda_is_one_line(tmp_path, capsys) -> None:
    words = ["train", "digits", "--precision", "float16", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "expected a CUDA device" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("float16_everywhere")
def test_a_skipped_attempt_is_no_step(trained) -> None:
    path = trained(task=line(overflowing({0, 1, 7})), steps=6)
    losses, scale, skipped = (series(path, name) for name in ("train/loss", "amp/scale", "amp/skipped"))
    assert len(losses) == len(scale) == 6
    assert skipped == [2, 2, 2, 2, 2, 3]
    assert scale == [2.0**14] * 5 + [2.0**13]
    assert all(map(math.isfinite, [*losses, *series(path, "grad_norm")]))
    assert max(losses) < 1e6
    assert [e["event"] for e in nntui.read(path).events.to_pylist()].count("amp") == 1
    state = torch.load(path / "checkpoints" / "last.pt", weights_only=True)
    assert {float(s["step"]) for s in state["optimizer"]["state"].values()} == {6.0}
    assert (state["step"], state["skipped"]) == (6, 3)


@pytest.mark.usefixtures("float16_everywhere")
def test_norms_and_clipping_see_unscaled_gradients(trained, monkeypatch) -> None:
    scaled = trained("scaled", clip=0.5, steps=3)
    monkeypatch.setattr("trainer.loop.Precision", Precision)
    plain = trained("plain", clip=0.5, steps=3)
    torch.testing.assert_close(series(scaled, "grad_norm"), series(plain, "grad_norm"))
    for name, value in model(plain).items():
        torch.testing.assert_close(model(scaled)[name], value)


@pytest.mark.usefixtures("float16_everywhere")
def test_the_loss_scale_and_the_place_in_the_data_are_resumed(trained) -> None:
    whole = trained("whole", line(overflowing({0, 3, 9})), steps=10, eval_every=4)
    trained("parts", line(overflowing({0, 3})), steps=4, eval_every=4)
    parts = trained("parts", line(overflowing({3})), steps=10, eval_every=4)
    for name in ("train/loss", "grad_norm", "amp/scale", "amp/skipped"):
        assert series(parts, name) == series(whole, name)
    left, right = (torch.load(p / "checkpoints" / "last.pt", weights_only=True) for p in (whole, parts))
    assert left["scaler"] == right["scaler"]
    assert all(torch.equal(left["model"][name], right["model"][name]) for name in left["model"])


@pytest.mark.usefixtures("float16_everywhere")
def test_gradients_that_no_scale_saves_end_the_run(tmp_path) -> None:
    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(outputs, targets) * (math.nan if outputs.requires_grad else 1.0)

    options = Options("line", tmp_path / "run", steps=5, checks=False, batch_size=10)
    with pytest.raises(DataError, match="no gradient of step 0 is finite"):
        train(line(loss), options, Stop())
    assert [math.isnan(value) for value in series(tmp_path / "run", "train/loss")] == [True]
    assert precision.SKIPS_IN_A_ROW > 16 + 24


# --- schedules ---------------------------------------------------------------------------------


def test_one_cycle_is_that_of_torch() -> None:
    for total in (10, 57, 1000):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=total, cycle_momentum=False)
        ours, expected = factor("one-cycle", total), []
        for _ in range(total - 1):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            theirs.step()
        assert [ours(step) for step in range(total - 1)] == pytest.approx(expected, rel=1e-9)
        assert ours(total - 1) == pytest.approx(4e-6)


def test_a_warm_up_rises_in_a_line_and_the_schedule_fills_the_rest() -> None:
    shape, rest = factor("cosine", 100, 20), factor("cosine", 80)
    assert [shape(step) for step in (0, 9, 19)] == pytest.approx([0.05, 0.5, 1.0])
    assert [shape(step) for step in range(20, 101)] == [rest(step) for step in range(81)]
    assert factor("constant", 100, 20)(50) == 1.0


@pytest.mark.parametrize("total", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "step", "one-cycle"])
def test_the_shortest_schedules_stay_between_nothing_and_the_whole(name, total) -> None:
    for warmup in range(total):
        assert all(0.0 <= factor(name, total, warmup)(step) <= 1.0 for step in range(total + 1))


@pytest.mark.parametrize(
    ("name", "own", "warmup", "words"),
    [
        ("constant", None, 12, "full rate is never reached"),
        ("one-cycle", None, 2, "warms up itself"),
        ("constant", lambda o: torch.optim.lr_scheduler.StepLR(o, 2), 3, "own schedule"),
    ],
)
def test_a_warm_up_that_could_not_be_is_refused(name, own, warmup, words) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(DataError, match=words):
        Plan(optimizer, own, name, 12, warmup)


def test_the_recorded_rate_is_the_one_used(trained) -> None:
    def sgd(m: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(m.parameters(), lr=0.1)

    path = trained(task=line(optimizer=sgd), warmup=4, steps=8, schedule="linear")
    assert series(path, "lr") == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.075, 0.05, 0.025])


# --- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        *[("--accumulate", value) for value in ("0", "-1", "1.5", "x")],
        *[("--clip", value) for value in ("0", "-1", "nan", "inf", "x")],
        *[("--warmup", value) for value in ("0", "-1", "x")],
        ("--precision", "float8"),
        ("--schedule", "zigzag"),
    ],
    ids=" ".join,
)
def test_nonsense_is_a_usage_error(capsys, words) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "digits", *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_every_option_that_changes_numbers_is_in_the_config(trained) -> None:
    path = trained(accumulate=2, clip=0.5, warmup=3, schedule="linear", precision="bfloat16")
    config = manifest(path)["config"]
    found = {name: config[name] for name in ("accumulate", "clip", "warmup", "schedule", "precision")}
    assert found == {"accumulate": 2, "clip": 0.5, "warmup": 3, "schedule": "linear", "precision": "bfloat16"}

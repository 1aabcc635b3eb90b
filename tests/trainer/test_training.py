"""The trainer's own promises: exact resume, whole checkpoints, faults that are real, stops that are orderly."""

import pytest
import torch

import nntui
from nntui.session.load import Loaded
from nntui.session.snapshot import View
from trainer.batches import Batches
from trainer.commands import main
from trainer.faults import Fault
from trainer.schedules import factor


def train(out, *words: str) -> int:
    return main(["train", "digits", "--out", str(out), "--width", "16", *words])


def losses(path) -> dict[int, float]:
    rows = nntui.read(path).metrics.to_pylist()
    return {r["step"]: r["value"] for r in rows if r["metric"] == "train/loss" and not r["superseded"]}


def test_a_run_holds_all_that_was_promised(tmp_path) -> None:
    assert train(tmp_path / "run", "--steps", "60", "--eval-every", "20") == 0
    tables = nntui.read(tmp_path / "run")
    steps = {}
    for row in tables.metrics.to_pylist():
        steps.setdefault(row["metric"], []).append(row["step"])
    assert steps["train/loss"] == steps["grad_norm"] == steps["lr"] == list(range(60))
    for name in ("val/loss", "val/accuracy", "val/loss_stderr", "val/accuracy_stderr"):
        assert steps[name] == [0, 20, 40, 60]
    said = tables.predictions.to_pylist()
    assert {r["step"] for r in said if r["role"] == "output"} == {0, 20, 40, 60}
    assert {r["text"] for r in said if r["role"] == "target"} <= set("0123456789")
    assert {r["step"] for r in tables.samples.to_pylist()} == {0, 10}
    assert tables.samples.to_pylist()[0]["shape"] == [8, 8]
    verdicts = dict(zip(tables.checks["id"].to_pylist(), tables.checks["status"].to_pylist(), strict=True))
    assert {row for row, status in verdicts.items() if status != "pass"} == {"skeleton.human", "skeleton.general"}
    for name in ("last.pt", "best.pt"):
        assert torch.load(tmp_path / "run" / "checkpoints" / name, weights_only=True)["step"] <= 60


def test_the_standard_error_is_that_of_the_mean(tmp_path) -> None:
    train(tmp_path / "run", "--steps", "40", "--eval-every", "40", "--no-checks")
    rows = nntui.read(tmp_path / "run").metrics.to_pylist()
    values = {r["metric"]: r["value"] for r in rows if r["step"] == 40}
    p, n = values["val/accuracy"], 359
    assert values["val/accuracy_stderr"] == pytest.approx((p * (1 - p) / (n - 1)) ** 0.5, rel=1e-6)


def test_a_resumed_run_is_bit_identical_to_one_that_never_stopped(tmp_path) -> None:
    train(tmp_path / "whole", "--steps", "60", "--eval-every", "15", "--no-checks")
    train(tmp_path / "parts", "--steps", "30", "--eval-every", "15", "--no-checks")
    train(tmp_path / "parts", "--steps", "60", "--eval-every", "15", "--no-checks")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    whole, parts = (torch.load(tmp_path / n / "checkpoints/last.pt", weights_only=True) for n in ("whole", "parts"))
    assert all(torch.equal(whole["model"][k], parts["model"][k]) for k in whole["model"])


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(tmp_path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        train(tmp_path / name, "--steps", "10", "--no-checks", "--seed", seed)
    assert losses(tmp_path / "a") == losses(tmp_path / "b") != losses(tmp_path / "c")


def test_an_epoch_visits_every_example_once() -> None:
    data = torch.utils.data.TensorDataset(torch.arange(103))
    batches = Batches(data, 10, seed=3)
    assert batches.per_epoch == 10
    for epoch in range(2):
        seen = torch.cat([batches.window(epoch * 10 + i)[0][0] for i in range(10)])
        assert len(set(seen.tolist())) == 100
    again = Batches(data, 10, seed=3)
    assert torch.equal(again.window(17)[0][0], batches.window(17)[0][0])


def test_sigterm_ends_with_a_checkpoint_and_its_own_exit_code(tmp_path, preloaded, environment, eventually) -> None:
    words = ("train", "digits", "--out", tmp_path / "run", "--steps", "1000000", "--no-checks")
    with preloaded.start("trainer", *words, env=environment) as process:
        eventually((tmp_path / "run" / "checkpoints" / "last.pt").exists)
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors == ""
    step = torch.load(tmp_path / "run/checkpoints/last.pt", weights_only=True)["step"]
    assert max(losses(tmp_path / "run")) == step - 1
    events = nntui.read(tmp_path / "run").events.to_pylist()
    assert f"checkpoint at step {step:,}" in [e["message"] for e in events if e["event"] == "checkpoint"][-1]


def test_a_check_that_fails_stops_a_strict_run_only(tmp_path, only_checks) -> None:
    only_checks("skeleton.seed", "skeleton.dependency", "overfit.lr_decay")
    assert train(tmp_path / "a", "--steps", "5", "--fault", "batch-mix", "--strict") == 4
    assert losses(tmp_path / "a") == {}
    assert train(tmp_path / "b", "--steps", "5", "--fault", "batch-mix") == 0
    for name in ("a", "b"):
        statuses = {r["id"]: r["status"] for r in nntui.read(tmp_path / name).checks.to_pylist()}
        assert statuses["skeleton.dependency"] == "fail"


def test_a_last_layer_that_is_too_large_fails_its_check(tmp_path, only_checks) -> None:
    only_checks("skeleton.init_loss")
    train(tmp_path / "run", "--steps", "2", "--fault", "init-scale", "--width", "128")
    checks = {r["id"]: r for r in nntui.read(tmp_path / "run").checks.to_pylist()}
    assert checks["skeleton.init_loss"]["status"] == "fail"
    assert "last layer starts too large" in checks["skeleton.init_loss"]["message"]


def test_a_nan_that_spreads_is_recorded_as_it_is(tmp_path) -> None:
    train(tmp_path / "run", "--steps", "20", "--fault", "nan@8", "--no-checks")
    values = losses(tmp_path / "run")
    assert values[7] == values[7]
    assert all(values[step] != values[step] for step in range(8, 20))


def test_a_rate_that_drops_while_the_network_learns_is_alerted(tmp_path) -> None:
    train(tmp_path / "run", "--steps", "700", "--fault", "lr-drop@300", "--no-checks", "--width", "128")
    alerts = {one.id: one.step for one in Loaded(tmp_path / "run").snapshot(View()).alerts if one.status == "warn"}
    assert alerts == {"overfit.lr_decay": 300}


def test_a_crash_is_one_line_and_its_traceback_is_in_the_log(tmp_path, capsys) -> None:
    assert train(tmp_path / "run", "--steps", "20", "--fault", "crash@5", "--no-checks") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "RuntimeError: the fault asked for at step 5" in error
    [event] = [e for e in nntui.read(tmp_path / "run").events.to_pylist() if e["event"] == "exception"]
    assert "Traceback" in event["data"]


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_one_line(tmp_path, capsys, damage) -> None:
    train(tmp_path / "run", "--steps", "4", "--no-checks")
    path = tmp_path / "run" / "checkpoints" / "last.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    capsys.readouterr()
    assert train(tmp_path / "run", "--steps", "8") == 3
    error = capsys.readouterr().err
    assert "last.pt" in error
    assert error.count("\n") == 1


def test_a_checkpoint_of_another_size_is_one_line(tmp_path, capsys) -> None:
    train(tmp_path / "run", "--steps", "4", "--no-checks")
    assert main(["train", "digits", "--out", str(tmp_path / "run"), "--width", "17", "--steps", "8"]) == 3
    assert "does not fit this model" in capsys.readouterr().err


def test_a_finished_run_says_how_to_go_on(tmp_path, capsys) -> None:
    train(tmp_path / "run", "--steps", "4", "--no-checks")
    assert train(tmp_path / "run", "--steps", "4", "--no-checks") == 0
    assert "already at step 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "expected"),
    [("constant", [1, 1, 1]), ("cosine", [1, 0.5, 0]), ("linear", [1, 0.5, 0]), ("step", [1, 0.1, 0.01])],
)
def test_a_schedule_has_its_shape(name, expected) -> None:
    shape = factor(name, 100)
    assert [shape(0), shape(50), shape(100)] == pytest.approx(expected)


@pytest.mark.parametrize("text", ["sabotage", "nan@", "nan@x", "batch-mix@5", ""])
def test_an_unknown_fault_is_refused(text) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        Fault.parse(text)

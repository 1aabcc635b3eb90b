"""SIGTERM at any moment of a real process: a checkpoint, 143, and at once when asked twice."""

import signal
import subprocess
import sys

import pytest
import torch

import nntui

TASK = """
import os, signal, sys, time
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset
from nntui import Task

WHERE, HOLD = os.environ["STOP_WHERE"], "HOLD" in os.environ
X = torch.randn(96, 12, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
seen = {"n": 0}


def moment(where):
    seen["n"] += where == WHERE
    if where == WHERE and seen["n"] == int(os.environ["STOP_AFTER"]):
        os.kill(os.getpid(), signal.SIGTERM)
        if HOLD:
            print("asked", flush=True)
            while True:
                time.sleep(0.05)


class Net(nn.Sequential):
    def forward(self, x):
        moment("train" if self.training else "eval")
        return super().forward(x)


def loss(outputs, targets):
    moment("loss" if outputs.requires_grad else "eval-loss")
    return nn.functional.cross_entropy(outputs, targets)


class Sgd(torch.optim.SGD):
    def step(self, closure=None):
        moment("optimizer")
        return super().step(closure)


def model():
    moment("build")
    return Net(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 2))


def show(x):
    moment("show")
    return x


data = TensorDataset(X, Y)
task = Task(model, loss, data, data, optimizer=lambda m: Sgd(m.parameters(), lr=0.1), show=show)
"""


@pytest.fixture
def process(tmp_path, preloaded):
    """Start a training that asks itself to stop at a moment."""
    (tmp_path / "mine.py").write_text(TASK)

    def start(where: str, after: int, *words: str, hold: bool = False):
        common = ["--batch-size", "8", "--steps", "60", "--eval-every", "5", "--out", str(tmp_path / "run")]
        env = {"STOP_WHERE": where, "STOP_AFTER": str(after), "PATH": "/usr/bin:/bin"} | ({"HOLD": "1"} if hold else {})
        return preloaded.start("trainer", "train", f"{tmp_path / 'mine.py'}:task", *common, *words, env=env)

    return start


@pytest.mark.parametrize(
    ("where", "after", "accumulate"),
    [
        *[("train", 1, 1), ("loss", 7, 1), ("optimizer", 3, 1), ("eval", 1, 1), ("eval", 5, 1), ("show", 1, 1)],
        *[("train", 8, 3), ("loss", 6, 3), ("optimizer", 2, 3), ("eval-loss", 4, 3)],
    ],
)
def test_a_stop_at_any_moment_of_training_leaves_a_checkpoint(process, tmp_path, where, after, accumulate) -> None:
    with process(where, after, "--no-checks", "--accumulate", str(accumulate)) as running:
        _, errors = running.communicate()
    assert (running.returncode, errors) == (143, "")
    step = torch.load(tmp_path / "run/checkpoints/last.pt", weights_only=True)["step"]
    tables = nntui.read(tmp_path / "run")
    losses = [r["step"] for r in tables.metrics.to_pylist() if r["metric"] == "train/loss"]
    assert losses == list(range(step))
    assert any(f"checkpoint at step {step:,}" in e["message"] for e in tables.events.to_pylist())


@pytest.mark.parametrize(
    ("where", "after", "words"), [("build", 1, ()), ("build", 3, ()), ("train", 2, ()), ("loss", 9, ())]
)
def test_a_stop_before_training_leaves_none(process, tmp_path, where, after, words) -> None:
    with process(where, after, *words) as running:
        _, errors = running.communicate()
    assert (running.returncode, errors) == (143, "nntui train: interrupted.\n")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("where", ["train", "eval", "loss", "optimizer"])
def test_asking_twice_leaves_at_once(process, tmp_path, where) -> None:
    with process(where, 1, "--no-checks", hold=True) as running:
        assert "asked\n" in iter(running.stdout.readline, "")
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (143, "nntui train: interrupted.\n")
    events = nntui.read(tmp_path / "run").events.to_pylist()
    assert "exception" in [e["event"] for e in events]
    assert not list((tmp_path / "run").glob("checkpoints/.*"))


INTERRUPTED = """
import runpy, signal, sys, types

class Import:
    def find_spec(self, name, path=None, target=None):
        if name == "trainer.commands":
            signal.raise_signal(signal.SIGINT)

if "ignored" in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if "interrupted" in sys.argv:
    sys.meta_path.insert(0, Import())
else:
    heard = lambda: signal.getsignal(signal.SIGINT) is signal.default_int_handler
    sys.modules["trainer.commands"] = types.SimpleNamespace(main=lambda: 10 + heard())
runpy.run_module("trainer", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("words", "code"), [(["interrupted"], -signal.SIGINT), (["whole"], 11), (["whole", "ignored"], 10)]
)
def test_an_interrupt_while_torch_is_imported_ends_the_process_without_a_traceback(words, code) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")

"""Single examples at the evaluations: the worst are the worst, the losses are the task's own, and training is left alone."""

import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import nntui
from trainer import mistakes
from trainer.batches import Examples
from trainer.example_losses import Losses, confidences, unreduced
from trainer.loop import Stop, train
from trainer.mistakes import Mistakes, small
from trainer.options import Options
from trainer.recording import described

F = nn.functional


@pytest.fixture
def recorded(tmp_path):
    """Train a little; the tables of the run."""

    def go(task: nntui.Task, **how: object):
        options = {"steps": 4, "batch_size": 32, "checks": False, "eval_every": 2, **how}
        assert train(task, Options("mine", tmp_path / "run", **options), Stop()) == 0
        return nntui.read(tmp_path / "run")

    return go


def classes(count=500, loss=F.cross_entropy, **more) -> nntui.Task:
    noise = torch.Generator().manual_seed(1)
    data = TensorDataset(torch.randn(count, 6, generator=noise), torch.randint(0, 3, (count,), generator=noise))
    return nntui.Task(lambda: nn.Linear(6, 3), loss, data, data, **more)


def looked_at(task: nntui.Task, model: nn.Module, run, step=0, data=None) -> Mistakes:
    examples = Examples(task.validation if data is None else data)
    found = Mistakes(task, examples, run)
    see = found.watch(step, last=True)
    assert see is not None
    with torch.no_grad():
        for batch, _ in examples.batches():
            inputs, targets = task.split_batch(batch)
            see(inputs, model(inputs), targets)
    found.record(step)
    return found


class Kept:
    """A run that keeps what it is told."""

    def __init__(self) -> None:
        self.calls, self.events = [], []

    def examples(self, split, index, **columns) -> None:
        self.calls.append({"split": split, "index": list(index), **columns})

    def event(self, event, message, **_) -> None:
        self.events.append((event, message))


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss(), lambda o, t: F.cross_entropy(o, t).clone()])
def test_the_worst_of_many_are_listed_and_the_rest_is_bounded(loss, monkeypatch) -> None:
    monkeypatch.setattr(mistakes, "WORST", 20)
    monkeypatch.setattr(mistakes, "SAMPLE", 10)
    torch.manual_seed(0)
    task, model, run = classes(3000, loss), nn.Linear(6, 3), Kept()
    looked_at(task, model, run, step=7)
    inputs, targets = task.validation.tensors
    with torch.no_grad():
        outputs = model(inputs)
    each = [float(F.cross_entropy(outputs[k : k + 1], targets[k : k + 1])) for k in range(3000)]
    by_loss = sorted(range(3000), key=each.__getitem__, reverse=True)
    call, pictures = run.calls
    listed = call["index"]
    sample = set(random.Random(0).sample(range(3000), 10))
    assert sample <= set(listed)
    assert set(by_loss[:20]) - sample <= set(listed)
    assert len(listed) <= 30
    assert listed == sorted(listed)
    assert call["loss"] == pytest.approx([each[k] for k in listed], rel=1e-5)
    assert call["rest"] == pytest.approx(max(each[k] for k in range(3000) if k not in listed), rel=1e-5)
    assert call["prediction"] == [str(int(outputs[k].argmax())) for k in listed]
    assert call["label"] == [str(int(targets[k])) for k in listed]
    assert call["confidence"] == pytest.approx([float(outputs[k].softmax(-1).max()) for k in listed], rel=1e-5)
    assert call["step"] == pictures["step"] == 7
    assert torch.equal(pictures["inputs"], inputs[pictures["index"]])
    assert pictures["index"] == listed


def test_pictures_are_recorded_once() -> None:
    task, model, run = classes(100), nn.Linear(6, 3), Kept()
    found = looked_at(task, model, run)
    assert len(run.calls) == 2
    see = found.watch(10, last=True)
    see(task.validation.tensors[0], model(task.validation.tensors[0]).detach(), task.validation.tensors[1])
    found.record(10)
    assert ["inputs" in call for call in run.calls] == [False, True, False]


def test_places_are_those_in_the_dataset() -> None:
    task, run = classes(40), Kept()
    loader = DataLoader(task.validation, batch_size=5, sampler=[7, 3, 39])
    looked_at(task, nn.Linear(6, 3), run, data=loader)
    assert run.calls[0]["index"] == [3, 7, 39]
    assert run.calls[0]["label"] == [str(int(task.validation.tensors[1][k])) for k in (3, 7, 39)]


def test_data_that_can_only_be_iterated_are_counted_as_they_come() -> None:
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([(torch.ones(6) * k, torch.tensor(k % 3)) for k in range(200)])

    run = Kept()
    looked_at(classes(), nn.Linear(6, 3), run, data=Stream())
    assert run.calls[0]["index"] == list(range(200))


class Summing(nn.Module):
    """A loss with a state, of a kind that nobody else knows."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, outputs, targets):
        self.calls += 1
        return ((outputs - targets) ** 2).mean() + 0 * torch.rand(())


def test_a_loss_that_is_called_singly_keeps_its_state_and_the_random_sources() -> None:
    x = torch.randn(300, 4)
    loss = Summing()
    data = TensorDataset(x, x[:, :2])
    task, model, run = nntui.Task(lambda: nn.Linear(4, 2), loss, data, data), nn.Linear(4, 2), Kept()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    looked_at(task, model, run)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]
    assert loss.calls == 0
    call = run.calls[0]
    assert 0 < len(call["index"]) <= mistakes.SAMPLE
    assert call["rest"] is None, "not every example was measured"
    outputs = model(x).detach()
    assert call["loss"] == pytest.approx([float(((outputs[k] - x[k, :2]) ** 2).mean()) for k in call["index"]])


LOSSES = {
    "cross entropy, weighted": (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 4.0])), (3,), None),
    "cross entropy, smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), (3,), None),
    "cross entropy, a sum": (nn.CrossEntropyLoss(reduction="sum"), (3,), None),
    "negative log": (lambda o, t: F.nll_loss(o.log_softmax(-1), t), (3,), None),
    "squares": (nn.MSELoss(), (2,), (2,)),
    "absolute": (F.l1_loss, (2,), (2,)),
    "smooth": (F.smooth_l1_loss, (1,), (1,)),
    "one's own": (lambda o, t: (o - t).abs().max(), (2,), (2,)),
}


@pytest.mark.parametrize(("loss", "shape", "target"), LOSSES.values(), ids=LOSSES)
def test_a_single_loss_is_that_of_a_batch_of_one(loss, shape, target) -> None:
    torch.manual_seed(0)
    outputs = torch.randn(9, *shape)
    targets = torch.randint(0, 3, (9,)) if target is None else torch.randn(9, *target)
    task = nntui.Task(nn.Identity, loss, [], [])
    found = Losses(task)(outputs, targets, outputs, targets, [True] * 9)
    weight = getattr(loss, "weight", None)
    alone = [float(loss(outputs[k : k + 1], targets[k : k + 1])) for k in range(9)]
    if weight is not None:  # torch divides by the weights, which cancels them in a batch of one
        alone = [a * float(weight[t]) for a, t in zip(alone, targets, strict=True)]
    assert found == pytest.approx(alone, rel=1e-5)


def test_a_sequence_has_the_mean_over_its_places() -> None:
    torch.manual_seed(0)
    outputs, targets = torch.randn(4, 5, 7), torch.randint(0, 7, (4, 5))
    targets[1, 2:] = -100

    def loss(o, t):
        return F.cross_entropy(o.flatten(0, 1), t.flatten())

    task = nntui.Task(nn.Identity, loss, [], [])
    found = Losses(task)(outputs, targets, outputs, targets, [False] * 4)
    assert found == pytest.approx([float(loss(outputs[k : k + 1], targets[k : k + 1])) for k in range(4)], rel=1e-5)
    sure = outputs.softmax(-1).max(-1).values.mean(1)
    assert confidences(task, outputs, targets) == pytest.approx(sure.tolist(), rel=1e-5)


def test_probabilities_and_single_outputs_are_as_sure_as_they_say() -> None:
    task = nntui.Task(nn.Identity, nn.BCEWithLogitsLoss(), [], [])
    assert confidences(task, torch.tensor([[0.0], [-2.0]]), torch.tensor([[1.0], [0.0]])) == pytest.approx(
        [0.5, 1 / (1 + math.exp(-2))]
    )
    labels = torch.tensor([0, 1])
    assert confidences(task, torch.tensor([[0.2, 0.8], [0.7, 0.3]]), labels) == pytest.approx([0.8, 0.7])
    numbers = nntui.Task(nn.Identity, nn.MSELoss(), [], [])
    assert all(math.isnan(one) for one in confidences(numbers, torch.randn(2, 1), torch.randn(2, 1)))


def test_only_losses_of_torch_are_asked_not_to_reduce() -> None:
    class Mine(nn.CrossEntropyLoss):
        pass

    for other in (Mine(), lambda o, t: o.mean(), nn.KLDivLoss(reduction="batchmean"), torch.mean, F.relu):
        assert unreduced(other) is None
    loss = nn.MSELoss()
    assert unreduced(loss) is not None
    assert loss.reduction == "mean", "the task's own is left as it is"


@pytest.mark.parametrize("kind", ["outputs", "loss", "show", "classes"])
def test_what_a_task_raises_is_one_event_and_the_training_goes_on(recorded, kind) -> None:
    def once(o, t):
        if len(o) == 1:
            raise ZeroDivisionError("one is\nnone")
        return (o - t.float()[:, None].expand_as(o)).square().mean()

    def show(inputs):
        raise LookupError("no\npicture")

    task = {
        "outputs": lambda: classes(
            forward=lambda model, x: {"logits": model(x)}, loss=lambda o, t: F.cross_entropy(o["logits"], t)
        ),
        "loss": lambda: classes(loss=once, kind="regression"),
        "show": lambda: classes(show=show),
        "classes": lambda: classes(classes=["only one"]),
    }[kind]()
    tables = recorded(task)
    said = [e["message"] for e in tables.events.to_pylist() if e["event"] == "examples"]
    expected = {"loss": ["single examples are not recorded: ZeroDivisionError: one is none"]}
    assert said == expected.get(kind, [])
    listed = tables.examples.num_rows
    assert (listed == 0) == (kind in ("outputs", "loss"))
    assert max(r["step"] for r in tables.metrics.to_pylist()) == 4


def test_a_recording_comes_when_there_is_time_and_at_the_end(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(mistakes.time, "perf_counter", lambda: now[0])
    found = looked_at(classes(50), nn.Linear(6, 3), Kept())
    found._spent = 1.0
    now[0] = 49.0
    assert found.watch(100, last=False) is None
    assert found.watch(100, last=True) is not None
    now[0] = 51.0
    assert found.watch(100, last=False) is not None
    found._at = 1_000_000
    assert found.watch(1_000_100, last=False) is None, "rarely, in a long run"
    assert found.watch(1_040_000, last=False) is not None


def test_a_run_lists_its_mistakes_and_what_entered_the_network(recorded) -> None:
    tables = recorded(classes())
    rows = tables.examples.to_pylist()
    assert {r["step"] for r in rows} >= {0, 4}
    assert {r["split"] for r in rows} == {"validation"}
    assert {tuple(r["shape"]) for r in rows if r["data"]} == {(6,)}
    [event] = [e for e in tables.events.to_pylist() if e["event"] == "inputs"]
    assert event["message"].startswith("input: 32 × 6 float32, ")
    assert "target: 32 int64, 0 to 2" in event["message"]


def test_without_validation_there_is_nothing_to_list(recorded) -> None:
    task = classes()
    tables = recorded(nntui.Task(task.model, task.loss, task.train))
    assert tables.examples.num_rows == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 8, 8), (2, 8, 8)),
        ((2, 3, 224, 224), (2, 3, 36, 36)),
        ((2, 128, 64), (2, 90, 45)),
        ((2, 9000), (2, 9000)),
        ((2, 64, 100, 100), (2, 64, 100, 100)),
    ],
)
def test_pictures_are_averaged_down(shape, expected) -> None:
    found = small(torch.ones(shape))
    assert tuple(found.shape) == expected
    assert bool((found == 1).all())


def test_a_batch_is_described_by_its_parts() -> None:
    words, numbers = described(
        {"input": {"ids": torch.tensor([[1, 2], [3, 6]]), "mask": [torch.tensor([True, False])]}, "target": "text"}
    )
    assert (
        words
        == "input.ids: 2 × 2 int64, 1 to 6, mean 3, spread 1.87; input.mask.0: 2 bool, 0 to 1, mean 0.5, spread 0.5"
    )
    assert numbers["input.ids"]["shape"] == [2, 2]
    words, _ = described({"input": torch.tensor([math.nan, math.inf, 1.0])})
    assert words == "input: 3 float32, 1 to 1, mean 1, spread 0, 2 not finite"
    assert described({"input": torch.zeros(0, 3)})[0] == "input: 0 × 3 float32"
    assert described({"input": torch.tensor(math.nan)})[0] == "input: one float32, 1 not finite"

"""What a person sees of a training: pictures as pictures, text as text, numbers as numbers."""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import nntui
from trainer.loop import Stop, train
from trainer.options import Options
from trainer.recording import UNKNOWN, output_texts, target_texts
from trainer.tasks import named

WORDS = ["the", "cat", "sat"]


@pytest.fixture
def recorded(tmp_path):
    """Train a little; the tables of the run."""

    def go(task: nntui.Task, **how: object):
        options = {"steps": 11, "batch_size": 32, "checks": False, "eval_every": 5, **how}
        assert train(task, Options("mine", tmp_path / "run", **options), Stop()) == 0
        return nntui.read(tmp_path / "run")

    return go


def rows(table, role: str, step: int = 0) -> list[dict]:
    found = [r for r in table.to_pylist() if r["role"] == role and r["step"] == step]
    return sorted(found, key=lambda r: r["example"])


def made(outputs: nn.Module, x: torch.Tensor, y: torch.Tensor, **more) -> nntui.Task:
    data = TensorDataset(x, y)
    loss = more.pop("loss", nn.functional.cross_entropy)
    return nntui.Task(lambda: outputs, loss, data, data, **more)


def test_digits_are_pictures_with_their_names(recorded) -> None:
    tables = recorded(named("digits", 8))
    inputs = rows(tables.predictions, "input")
    assert len(inputs) == 16
    assert {tuple(r["shape"]) for r in inputs} == {(8, 8)}
    assert {tuple(r["shape"]) for r in rows(tables.samples, "input", 10)} == {(8, 8)}
    for step in (0, 5, 10, 11):
        said = rows(tables.predictions, "output", step)
        assert [r["text"] for r in said] == [str(max(range(10), key=r["data"].__getitem__)) for r in said]
    targets = rows(tables.predictions, "target")
    assert [r["text"] for r in targets] == [str(int(r["data"][0])) for r in targets]


def test_text_is_text(recorded) -> None:
    tables = recorded(named("stdlib-chars", 8), steps=1)
    inputs, targets = rows(tables.predictions, "input"), rows(tables.predictions, "target")
    assert all(len(r["text"]) == 64 for r in (*inputs, *targets, *rows(tables.predictions, "output")))
    assert [r["text"][1:] for r in inputs] == [r["text"][:-1] for r in targets]
    assert all(len(r["text"]) == 64 for r in rows(tables.samples, "input"))
    assert {tuple(r["shape"]) for r in rows(tables.predictions, "output")} == {(64,)}


def test_a_regression_says_its_numbers(recorded) -> None:
    tables = recorded(named("diabetes", 8))
    for role in ("output", "target"):
        assert [r["text"] for r in rows(tables.predictions, role)] == [
            f"{r['data'][0]:.4g}" for r in rows(tables.predictions, role)
        ]


def test_a_show_that_raises_is_one_event_and_the_training_goes_on(recorded) -> None:
    def show(inputs: torch.Tensor) -> torch.Tensor:
        raise LookupError("no\npicture")

    tables = recorded(made(nn.Linear(4, 3), torch.randn(40, 4), torch.randint(0, 3, (40,)), show=show))
    events = [e for e in tables.events.to_pylist() if e["event"] == "show"]
    assert {e["message"].partition(";")[0] for e in events} == {"show(inputs) raised LookupError: no picture"}
    assert {tuple(r["shape"]) for r in rows(tables.predictions, "input")} == {(4,)}


@pytest.mark.parametrize("found", [7, None, b"bytes", [1, 2], "text", {"a": 1}], ids=repr)
def test_a_show_that_gives_something_odd_stops_no_training(recorded, found) -> None:
    tables = recorded(made(nn.Linear(4, 3), torch.randn(40, 4), torch.randint(0, 3, (40,)), show=lambda inputs: found))
    assert len(rows(tables.predictions, "output", 10)) == 16


def test_examples_along_another_axis_are_still_one_each(recorded) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(1, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x[..., None])

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    x, y = torch.randn(40, 6), torch.randint(0, 3, (40, 6))
    task = made(Flat(), x, y, loss=loss, batch_axis=1, time_axis=0, split=lambda b: (b[0].T, b[1].T), classes=WORDS)
    tables = recorded(task)
    for role in ("input", "target", "output"):
        assert len(rows(tables.predictions, role)) == 16
        assert len(rows(tables.samples, role)) == (0 if role == "output" else 8)
    targets = rows(tables.predictions, "target")
    assert [r["text"] for r in targets] == [" ".join(WORDS[label] for label in labels) for labels in y[:16].tolist()]
    assert len(rows(tables.predictions, "output")[0]["text"].split()) == 6


SHAPES = {
    "classes": ((5, 3), torch.tensor([0, 1, 2, 0, 1]), {"classes": WORDS}, ["the", "cat", "sat", "the", "cat"]),
    "classes-inferred": ((5, 3), torch.tensor([0, 1, 2, 0, 1]), {}, ["0", "1", "2", "0", "1"]),
    "words": ((2, 2, 3), torch.tensor([[0, -100], [2, 1]]), {"classes": WORDS}, [f"the {UNKNOWN}", "sat cat"]),
    "letters": ((1, 3, 2), torch.tensor([[0, 1, 7]]), {"classes": ["a", "b"]}, [f"ab{UNKNOWN}"]),
    "yes-or-no": ((2, 1), torch.tensor([[1.0], [0.0]]), {}, ["1", "0"]),
    "numbers": ((2, 1), torch.tensor([[1.23456], [-0.5]]), {}, ["1.235", "-0.5"]),
    "pairs": ((1, 2), torch.tensor([[1e9, torch.nan]]), {"kind": "regression"}, ["1e+09, nan"]),
    "many-numbers": ((2, 9), torch.ones(2, 9), {"kind": "regression"}, None),
    "pixels": ((2, 3, 4, 4), torch.ones(2, 4, 4).long(), {"classes": WORDS}, None),
    "unnamed-sequence": ((2, 2, 3), torch.ones(2, 2).long(), {}, None),
    "soft-labels": ((2, 3), torch.ones(2, 3) / 3, {"kind": "classification"}, None),
}


@pytest.mark.parametrize(("shape", "targets", "more", "expected"), SHAPES.values(), ids=SHAPES)
def test_labels_read_as_what_they_are(shape, targets, more, expected) -> None:
    task = made(nn.Linear(1, 1), torch.ones(2, 1), torch.ones(2, 1), **more)
    assert target_texts(task, torch.zeros(shape), targets) == expected


def one_hot(labels: list, classes: int) -> torch.Tensor:
    return nn.functional.one_hot(torch.tensor(labels), classes).float()


BCE = {"loss": nn.BCEWithLogitsLoss()}
SAID = {
    "classes": (one_hot([2, 0], 3), torch.tensor([0, 1]), {"classes": WORDS}, ["sat", "the"]),
    "words": (
        one_hot([[2, 0], [1, 1]], 3),
        torch.tensor([[0, -100], [2, 1]]),
        {"classes": WORDS},
        ["sat the", "cat cat"],
    ),
    "letters": (one_hot([[0, 1, 1]], 2), torch.tensor([[0, 1, 7]]), {"classes": ["a", "b"]}, ["abb"]),
    "one-output": (torch.tensor([[2.0], [-1.0]]), torch.ones(2, 1), {"classes": ["no", "yes"]}, ["yes", "no"]),
    "probability": (torch.tensor([[0.7], [0.2]]), torch.ones(2, 1), {"classes": ["no", "yes"]}, ["yes", "no"]),
    "small-logits": (torch.tensor([[0.7], [0.2]]), torch.ones(2, 1), {"classes": ["no", "yes"], **BCE}, ["yes", "yes"]),
    "number": (torch.tensor([[2.0], [-1.0]]), 3 * torch.ones(2, 1), {}, ["2", "-1"]),
    "yes-or-no-undeclared": (torch.tensor([[2.0], [-1.0]]), torch.ones(2, 1), {}, None),
    "one-output-of-a-count": (torch.ones(2, 1), torch.ones(2).long(), {}, None),
    "soft-labels": (one_hot([1], 3), torch.ones(1, 3) / 3, {"kind": "classification", "classes": WORDS}, ["cat"]),
    "pixels": (torch.zeros(2, 3, 4, 4), torch.ones(2, 4, 4).long(), {"classes": WORDS}, None),
    "square-pixels": (torch.zeros(2, 4, 4, 4), torch.ones(2, 4, 4).long(), {"classes": WORDS}, None),
}


@pytest.mark.parametrize(("outputs", "targets", "more", "expected"), SAID.values(), ids=SAID)
def test_outputs_say_what_they_choose(outputs, targets, more, expected) -> None:
    task = made(nn.Linear(1, 1), torch.ones(2, 1), torch.ones(2, 1), **more)
    assert output_texts(task, outputs, targets) == expected


def test_each_new_best_is_said_where_it_was(recorded) -> None:
    tables = recorded(named("digits", 8), steps=40, eval_every=4)
    losses = [(r["step"], r["value"]) for r in tables.metrics.to_pylist() if r["metric"] == "val/loss"]
    lowest = [step for place, (step, loss) in enumerate(losses) if all(loss < known for _, known in losses[:place])]
    assert len(lowest) > 2
    assert [r["step"] for r in tables.events.to_pylist() if r["event"] == "checkpoint"] == lowest

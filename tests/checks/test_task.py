"""What a task says of itself, and what it is taken for."""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from nntui import Task
from nntui.checks import TaskError, inferred, init_loss

CE = nn.CrossEntropyLoss()
X, Y = torch.randn(64, 12), torch.randint(0, 4, (64,))


def linear() -> nn.Module:
    return nn.Linear(12, 4)


def test_a_model_a_loss_and_a_batch_make_a_task() -> None:
    for model in (linear, linear()):
        task = Task.of(model, CE, (X, Y), declared="sum")
        assert [x.shape for x, _ in task.batches()] == [X.shape]
        assert init_loss(task).status == "pass"
        assert task.declares("sum")


def test_a_module_that_is_given_is_copied_and_stays_as_it_is() -> None:
    model = linear()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    task = Task.of(model, CE, (X, Y))
    with torch.no_grad():
        task.build(0).weight.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"show": "picture"}, "show is 'picture'"),
        ({"time_axis": 0}, "both 0"),
        ({"model": linear()}, "model is a module itself"),
        ({"loss": 3}, "loss is a int"),
        ({"train": (X, Y)}, "TensorDataset"),
    ],
)
def test_what_could_only_fail_later_is_said_at_once(given, words) -> None:
    with pytest.raises(TaskError, match=words) as raised:
        Task(**({"model": linear, "loss": CE, "train": TensorDataset(X, Y)} | given))
    assert "\n" not in str(raised.value)


def test_a_causal_task_has_its_time_beside_its_batch() -> None:
    assert Task(linear, CE, [1], causal=True).time_axis == 1
    assert Task(linear, CE, [1], causal=True, batch_axis=1).time_axis == 0
    assert Task(linear, CE, [1], causal=True, time_axis=2).time_axis == 2


def test_an_intent_may_name_what_it_is_about() -> None:
    task = Task(linear, CE, [1], declared=("frozen:encoder.*", "sum"))
    assert task.declares("frozen", "encoder.weight")
    assert not task.declares("frozen", "head.weight")
    assert task.declares("frozen")
    assert task.declares("sum", "anything")
    assert not task.declares("contrastive")


def test_a_person_is_shown_what_the_task_says() -> None:
    texts = Task(linear, CE, [1], show=lambda inputs: [str(row.sum() > 0) for row in inputs])
    assert texts.shown(X)[0] is None
    assert len(texts.shown(X)[1]) == 64
    pictures = Task(linear, CE, [1], show=lambda inputs: inputs.unflatten(1, (3, 4)))
    assert pictures.shown(X)[0].shape == (64, 3, 4)


def test_without_a_word_a_person_is_shown_the_inputs() -> None:
    task = Task(linear, CE, [1])
    array, texts = task.shown(X)
    assert torch.equal(array, X)
    assert texts is None
    tokens = torch.tensor([[0, 1], [2, 2]])
    assert task.shown({"mask": tokens, "x": X[:2]})[0].shape == (2, 12)
    assert task.shown("words") == (None, None)
    letters = Task(linear, CE, [1], causal=True, classes="abc")
    assert letters.shown({"input_ids": tokens}) == (None, ["ab", "cc"])
    assert letters.shown(tokens + 9)[1] is None, "not all have a name"
    sideways = Task(linear, CE, [1], batch_axis=1)
    assert sideways.shown(X)[0].shape == (12, 64)


def test_what_a_task_is_taken_for_is_said() -> None:
    said = inferred(Task(linear, CE, TensorDataset(X, Y)))
    assert said["model"] == "Linear, 52 parameters"
    assert said["inputs"] == "(64, 12) float32"
    assert said["targets"] == "(64,) int64"
    assert said["outputs"] == "(64, 4) float32"
    assert said["call"] == "model(inputs)"
    assert "classification of 4 classes" in said["kind"]


@pytest.mark.parametrize(
    ("outputs", "targets", "words"),
    [
        (1, torch.rand(64, 1) * 9, "regression"),
        (1, (torch.rand(64, 1) > 0.5).float(), "yes or no"),
        (3, (torch.rand(64, 3) > 0.5).float(), "yes or no"),
    ],
)
def test_the_kind_is_told_by_the_targets(outputs, targets, words) -> None:
    task = Task(lambda: nn.Linear(12, outputs), nn.MSELoss(), TensorDataset(X, targets))
    assert words in inferred(task)["kind"]
    assert inferred(Task(task.model, task.loss, task.train, kind="regression"))["kind"] == "regression (declared)"


def test_fixed_parameters_and_intents_are_said() -> None:
    def half():
        model = nn.Sequential(nn.Linear(12, 4), nn.Linear(4, 4))
        model[0].requires_grad_(requires_grad=False)
        return model

    said = inferred(Task(half, CE, TensorDataset(X, Y), declared=("sum", "vibes")))
    assert said["model"] == "Sequential, 72 parameters, 52 of them fixed"
    assert "meant to be a sum" in said["declared"]
    assert "vibes (not known" in said["declared"]


def test_what_cannot_be_tried_is_said_and_nothing_is_raised() -> None:
    def broken():
        raise ValueError("mine\nand yours")

    assert inferred(Task(broken, CE, TensorDataset(X, Y))) == {"not tried": "ValueError: mine and yours"}
    said = inferred(Task(lambda: nn.Linear(3, 3), CE, TensorDataset(X, Y)))
    assert said["inputs"] == "(64, 12) float32"
    assert "shapes" in said["not tried"]

"""Time: what may be inferred of it, and which place reaches which output."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task
from nntui.checks import dependency
from nntui.checks.dependency import matrices_of
from nntui.checks.sequence import sequences

PLACES, TOKENS = 9, 23
IDS = torch.randint(0, TOKENS, (64, PLACES + 1), generator=torch.Generator().manual_seed(0))


def per_token(outputs, targets):
    return functional.cross_entropy(outputs.reshape(-1, TOKENS), targets.reshape(-1))


def language(module, use, **layers) -> Task:
    layers = {"embed": nn.Embedding(TOKENS, 16), "out": nn.Linear(16, TOKENS), **layers}
    return Task(lambda: module(use, **layers), per_token, TensorDataset(IDS[:, :-1], IDS[:, 1:]))


def causal_mean(x):
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1).view(1, -1, 1)


def attend(m, x, mask):
    scores = m.q(x) @ m.k(x).transpose(1, 2) + mask
    return scores.softmax(-1) @ x


HEALTHY = {
    "mean of what came before": lambda m, x: m.out(causal_mean(m.embed(x))),
    "every place alone": lambda m, x: m.out(m.embed(x)),
    "one-way recurrence": lambda m, x: m.out(m.rnn(m.embed(x))[0]),
    "convolution padded on the left": lambda m, x: m.out(
        m.conv(functional.pad(m.embed(x).transpose(1, 2), (2, 0))).transpose(1, 2)
    ),
    "attention with a mask": lambda m, x: m.out(
        attend(m, m.embed(x), torch.full((PLACES, PLACES), -torch.inf).triu(1))
    ),
    "outputs folded into the batch": lambda m, x: m.out(causal_mean(m.embed(x))).flatten(0, 1),
    "time on another axis of the outputs": lambda m, x: m.out(causal_mean(m.embed(x))).transpose(1, 2).transpose(1, 2),
}
LAYERS = {
    "rnn": lambda: nn.GRU(16, 16, batch_first=True),
    "both": lambda: nn.GRU(16, 8, batch_first=True, bidirectional=True),
    "conv": lambda: nn.Conv1d(16, 16, 3),
    "same": lambda: nn.Conv1d(16, 16, 3, padding=1),
    "q": lambda: nn.Linear(16, 16),
    "k": lambda: nn.Linear(16, 16),
}
LEAKS = {
    "mean over all time": (
        lambda m, x: m.out(m.embed(x) - m.embed(x).mean(1, keepdim=True)),
        "takes in what comes later",
    ),
    "rolled the wrong way": (lambda m, x: m.out(m.embed(x).roll(-1, 1)), "takes in what comes later"),
    "both directions": (lambda m, x: m.out(m.both(m.embed(x))[0]), "both is bidirectional"),
    "convolution padded on both sides": (
        lambda m, x: m.out(m.same(m.embed(x).transpose(1, 2)).transpose(1, 2)),
        "the convolution same is padded on both sides",
    ),
    "no mask": (lambda m, x: m.out(attend(m, m.embed(x), torch.zeros(1))), "no causal mask reaches the softmax"),
    "mask multiplied": (
        lambda m, x: m.out(((m.q(m.embed(x)) @ m.k(m.embed(x)).mT).tril()).softmax(-1) @ m.embed(x)),
        "filled with 0 where -inf belongs",
    ),
    "softmax over the wrong axis": (
        lambda m, x: m.out(
            (m.q(m.embed(x)) @ m.k(m.embed(x)).mT + torch.full((PLACES, PLACES), -torch.inf).triu(1)).softmax(1)
            @ m.embed(x)
        ),
        "a softmax over axis 1",
    ),
    "mask transposed": (
        lambda m, x: m.out(attend(m, m.embed(x), torch.full((PLACES, PLACES), -torch.inf).tril(-1))),
        "no causal mask",
    ),
}


def build(module, use) -> Task:
    return language(module, use, **{name: make() for name, make in LAYERS.items()})


@pytest.mark.parametrize("name", HEALTHY)
def test_a_model_that_looks_back_only_is_left_alone(module, name) -> None:
    finding = dependency(build(module, HEALTHY[name]))
    assert finding.status == "pass", finding.message
    assert "targets are the inputs one step on" in finding.message
    matrix = torch.tensor(finding.evidence["time_matrix"])
    assert matrix.shape == (PLACES, PLACES)
    assert not matrix.triu(1).any()
    assert (matrix.diagonal() > 0).all()


@pytest.mark.parametrize("name", LEAKS)
def test_a_look_into_the_future_is_found_and_its_cause_is_named(module, name) -> None:
    use, words = LEAKS[name]
    finding = dependency(build(module, use))
    assert finding.status == "fail"
    assert words in finding.message
    row, col = finding.evidence["time_leak_row"], finding.evidence["time_leak_col"]
    assert col > row
    assert finding.measured == finding.evidence["time_matrix"][row][col] > 0
    assert f"output at time {row} depends on the input at time {col}" in finding.message
    time = next(one for one in matrices_of(finding) if one.axis == "time")
    assert time.leak == (row, col, finding.measured)


def test_the_matrix_is_that_of_the_plain_gradient(module) -> None:
    task = build(module, HEALTHY["mean of what came before"])
    matrix = torch.tensor(dependency(task).evidence["time_matrix"], dtype=torch.float64)
    model = task.build(0).eval()
    reaches = torch.zeros(PLACES, PLACES, dtype=torch.bool)
    for place in range(PLACES):
        x = model.embed(IDS[:2, :PLACES]).detach().requires_grad_()
        model.out(causal_mean(x))[:, place].sum().backward()
        reaches[place] = x.grad.abs().amax(dim=(0, 2)) > 0
    assert torch.equal(matrix > 0, reaches)


def test_without_a_gradient_inputs_are_exchanged_and_outputs_must_stay_bit_equal(module) -> None:
    for use, status in (
        (lambda m, x: m.out(functional.one_hot(x, TOKENS).cumsum(1).float()), "pass"),
        (lambda m, x: m.out(functional.one_hot(x, TOKENS).flip(1).cumsum(1).float()), "fail"),
    ):
        finding = dependency(language(module, use, out=nn.Linear(TOKENS, TOKENS)))
        assert finding.status == status, finding.message
        assert finding.evidence["time_way"] == "replacement"


def test_what_looks_both_ways_on_purpose_is_left_alone(module) -> None:
    task = build(module, LEAKS["both directions"][0])
    assert dependency(dataclasses.replace(task, declared="bidirectional")).status == "pass"
    finding = dependency(dataclasses.replace(task, time_axis=1))
    assert finding.status == "pass"
    assert "not causal" in finding.message
    assert len(finding.evidence["time_matrix"]) == PLACES, "it is recorded all the same"


def test_numbers_along_time_are_followed_as_tokens_are(module) -> None:
    x = torch.randn(64, 12, 3)
    for bidirectional, status in ((False, "pass"), (True, "fail")):

        def make(both=bidirectional):
            return module(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(3, 4, batch_first=True, bidirectional=both))

        loss = lambda o, t: o.mean() + 0 * t.sum()  # noqa: E731
        finding = dependency(Task(make, loss, TensorDataset(x, x), causal=True))
        assert finding.status == status, finding.message


def test_time_first_is_an_axis_like_any_other(module) -> None:
    x = torch.randn(7, 16, 3)
    task = Task(
        lambda: module(lambda m, x: m.rnn(x)[0], rnn=nn.GRU(3, 4)),
        lambda o, t: o.square().mean(),
        lambda: iter([(x, x)]),
        batch_axis=1,
        causal=True,
    )
    assert task.time_axis == 0
    finding = dependency(task)
    assert finding.status == "pass", finding.message
    assert len(finding.evidence["time_matrix"]) == 7


def test_long_sequences_are_looked_at_in_places_spread_from_first_to_last(module) -> None:
    ids = torch.randint(0, TOKENS, (8, 301))
    task = language(module, lambda m, x: m.out(causal_mean(m.embed(x))))
    finding = dependency(dataclasses.replace(task, train=TensorDataset(ids[:, :-1], ids[:, 1:])))
    rows = finding.evidence["time_rows"]
    assert (rows[0], rows[-1], len(rows)) == (0, 299, 64)
    assert finding.status == "pass"


def test_an_output_without_time_is_said_not_to_be_looked_at(module) -> None:
    task = language(module, lambda m, x: m.out(m.embed(x).mean(1)))
    labels = torch.zeros(64, dtype=torch.long)
    finding = dependency(dataclasses.replace(task, train=TensorDataset(IDS[:, :-1], labels), causal=True))
    assert finding.status == "pass"
    assert "Time was not looked at: no output has 9 places" in finding.message


@pytest.mark.parametrize(
    ("inputs", "targets", "causal"),
    [
        (IDS[:, :-1], IDS[:, 1:], True),
        (IDS[:, :-1], torch.where(IDS[:, 1:] > 3, IDS[:, 1:], -100), True),
        (IDS[:, :-1], IDS[:, :-1], False),
        (IDS[:, :-1], IDS[:, 1:].flip(1), False),
        (torch.zeros(8, 9, dtype=torch.long), torch.zeros(8, 9, dtype=torch.long), False),
        (IDS[:, :2], IDS[:, 1:3], False),
        (IDS[:, :-1], torch.full((64, PLACES), -100), False),
        (torch.randn(8, 9), torch.randn(8, 9), False),
    ],
)
def test_a_causal_task_is_known_by_targets_that_are_the_inputs_one_step_on(inputs, targets, causal) -> None:
    task = Task(lambda: nn.Linear(1, 1), per_token, DataLoader([1]))
    assert sequences(task, inputs, targets).causal == causal
    assert sequences(dataclasses.replace(task, declared="bidirectional"), inputs, targets).causal is False

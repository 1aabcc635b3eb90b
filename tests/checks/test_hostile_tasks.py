"""Healthy tasks made as people make them, which a careless check accuses; and the bugs that look like them."""

import dataclasses
import math
from collections import OrderedDict, namedtuple
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task
from nntui.checks import blind, dependency, init_bias, init_loss, overfit_batch, seed
from nntui.checks.task import TaskError, mapped

X = torch.randn(512, 12, generator=torch.Generator().manual_seed(0))  # the seed that everybody takes
LABELS = (X[:, 0] > 0).long() + 2 * (X[:, 1] > 0).long()
BINARY = (X[:, :1] > 0).float()
TOKENS = torch.randint(0, 20, (128, 8), generator=torch.Generator().manual_seed(1))
CE = nn.CrossEntropyLoss()


def mlp(outputs: int = 4, last: nn.Module | None = None) -> nn.Module:
    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, outputs), *([last] if last else []))


def minus_log(outputs, targets):
    return -torch.log(outputs.gather(1, targets[:, None]) + 1e-9).mean()


PROBABILITIES = {
    "log-probabilities": Task(lambda: mlp(4, nn.LogSoftmax(1)), nn.NLLLoss(), TensorDataset(X, LABELS)),
    "probabilities": Task(lambda: mlp(4, nn.Softmax(1)), minus_log, TensorDataset(X, LABELS)),
    "probabilities without an epsilon": Task(
        lambda: mlp(4, nn.Softmax(1)), lambda o, t: -o.gather(1, t[:, None]).log().mean(), TensorDataset(X, LABELS)
    ),
    "sigmoid": Task(lambda: mlp(1, nn.Sigmoid()), nn.BCELoss(), TensorDataset(X, BINARY)),
}


@pytest.mark.parametrize("check", [init_loss, init_bias, overfit_batch])
@pytest.mark.parametrize("name", PROBABILITIES)
def test_a_loss_of_probabilities_is_fed_probabilities(name, check) -> None:
    finding = check(PROBABILITIES[name])
    assert finding.status == "pass", finding.message


def test_log_probabilities_have_the_references_of_cross_entropy() -> None:
    one, other = (
        init_loss(t).evidence for t in (PROBABILITIES["log-probabilities"], Task(mlp, CE, TensorDataset(X, LABELS)))
    )
    for name in ("best_constant_loss", "neutral_output_loss"):
        assert one[name] == pytest.approx(other[name], abs=1e-5)
    assert (one["link"], other["link"]) == ("log_softmax", "identity")


def test_nll_of_raw_outputs_is_named() -> None:
    finding = init_loss(Task(mlp, nn.NLLLoss(), TensorDataset(X, LABELS)))
    assert finding.status == "fail"
    assert "log_softmax" in finding.advice


def test_a_wrong_sign_is_found_behind_a_log_softmax_too() -> None:
    nll = nn.NLLLoss()
    task = dataclasses.replace(PROBABILITIES["log-probabilities"], loss=lambda o, t: -nll(o, t))
    assert init_loss(task).status == "fail"


def test_data_of_the_same_seed_as_the_check_are_not_its_noise() -> None:
    finding = init_loss(Task(lambda: nn.Linear(12, 12), nn.MSELoss(), TensorDataset(X, X)))
    assert finding.status == "pass", finding.message
    assert finding.evidence["unit_noise_loss"] > 1.5


class Gpt(nn.Module):
    """As in a well-known lecture, where a block is 8 tokens long."""

    def __init__(self, *, batch_first: bool = True, outputs: int = 20) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(20, 16), nn.Embedding(64, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=batch_first, dropout=0.1)
        self.head = nn.Linear(16, outputs)

    def forward(self, input_ids, attention_mask=None):
        hidden = self.token(input_ids) + self.position(torch.arange(input_ids.shape[1]))
        padding = None if attention_mask is None else attention_mask == 0
        return self.head(self.block(hidden, src_key_padding_mask=padding))


def flat(outputs, targets):
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("length", [2, 5, 8])
def test_positions_are_not_taken_for_examples(length) -> None:
    rows = [{"input_ids": row[:length], "labels": (row[:length] + 1) % 20} for row in TOKENS]
    finding = dependency(Task(Gpt, flat, rows))
    assert finding.status == "pass", finding.message


def test_a_missing_batch_first_is_named() -> None:
    rows = [{"input_ids": row, "labels": (row + 1) % 20} for row in TOKENS]
    finding = dependency(Task(lambda: Gpt(batch_first=False), flat, rows))
    assert finding.status == "fail"
    assert "batch_first=True is missing in block.self_attn" in finding.advice


def test_a_tensor_without_a_batch_axis_stays_whole() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(12, 4)

        def forward(self, x, mask):
            return self.out(x * mask.mean(0))

    task = Task(Masked, CE, TensorDataset(X, LABELS), split=lambda b: ({"x": b[0], "mask": torch.eye(12)}, b[1]))
    for check in (dependency, overfit_batch):
        assert check(task).status == "pass", check(task).message


def test_what_a_model_draws_is_no_dependency() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(12, 4)

        def forward(self, x):
            return self.out((x > torch.rand_like(x)).float())

    finding = dependency(Task(Noisy, CE, TensorDataset(X, LABELS)))
    assert finding.status == "pass", finding.message
    assert finding.evidence["way"] == "replacement"


def test_outputs_that_are_not_finite_are_no_leak() -> None:
    def build():
        model = nn.Linear(12, 4)
        nn.init.constant_(model.weight, math.nan)
        return model

    assert dependency(Task(build, CE, TensorDataset(X, LABELS))).status == "skip"


def test_masks_and_lengths_are_blinded_without_breaking_the_model() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.gru, self.out = nn.Embedding(20, 16), nn.GRU(16, 16, batch_first=True), nn.Linear(16, 2)

        def forward(self, ids, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(self.embed(ids), lengths, batch_first=True, enforce_sorted=False)
            return self.out(self.gru(packed)[1][-1] + self.embed(ids)[:, 0])

    class First(Gpt):
        def forward(self, input_ids, attention_mask=None):
            return super().forward(input_ids, attention_mask)[:, 0]

    lengths = 2 + TOKENS[:, 1] % 7
    labels = TOKENS[:, 0] // 10
    ones = torch.ones(8, dtype=torch.long)
    masked = [{"input_ids": t, "attention_mask": ones, "labels": k} for t, k in zip(TOKENS, labels, strict=True)]
    packed = [((t, n), k) for t, n, k in zip(TOKENS, lengths, labels, strict=True)]
    for task in (Task(Packed, CE, packed), Task(lambda: First(outputs=2), CE, masked)):
        finding = blind(task)
        assert finding.status == "pass", finding.message
        assert math.isfinite(finding.evidence["blind_loss"])


@pytest.mark.parametrize("ignored", [-100, 0])
def test_labels_that_the_loss_ignores_need_not_be_learned(ignored) -> None:
    labels = torch.where(torch.arange(8) % 3 == 0, TOKENS, ignored)
    rows = [{"input_ids": t, "labels": k} for t, k in zip(TOKENS, labels, strict=True)]

    def loss(outputs, targets):
        return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=ignored)

    finding = overfit_batch(Task(Gpt, loss, rows))
    assert finding.status == "pass", finding.message


def test_the_number_of_examples_is_the_true_one() -> None:
    assert overfit_batch(Task(mlp, CE, TensorDataset(X[:3], LABELS[:3]))).message.startswith("3 examples")


def test_a_bottleneck_is_no_proof_of_a_bug() -> None:
    task = Task(lambda: nn.Sequential(nn.Linear(12, 4), nn.Linear(4, 12)), nn.MSELoss(), TensorDataset(X, X))
    finding = overfit_batch(task)
    assert finding.status == "warn"
    assert "bottleneck" in finding.advice


@pytest.mark.parametrize(("last", "words"), [(nn.ReLU(), "cuts outputs below 0"), (nn.Tanh(), "tanh")])
def test_an_output_that_cannot_reach_its_target_is_named(last, words) -> None:
    def build():
        model = mlp(1, last)
        if isinstance(last, nn.Tanh):
            nn.init.constant_(model[2].bias, 9.0)
        return model

    finding = overfit_batch(Task(build, nn.MSELoss(), TensorDataset(X, X[:, :1] * 20)))
    assert finding.status == "fail"
    assert words in finding.advice


def test_a_loader_with_its_own_generator_is_seeded_and_left_as_it_was() -> None:
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(X, LABELS), 32, shuffle=True, generator=generator)
    state = generator.get_state()
    finding = seed(Task(mlp, CE, loader))
    assert finding.status == "pass", finding.message
    assert torch.equal(generator.get_state(), state)


def test_a_function_that_gives_one_module_again_and_again_loses_nothing() -> None:
    torch.manual_seed(0)
    model = mlp().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    task = Task(lambda: model, CE, TensorDataset(X, LABELS))
    for check in (seed, init_loss, init_bias, overfit_batch, dependency, blind):
        assert check(task, budget=1.0).status == "pass", check(task, budget=1.0).message
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert all(p.grad is None for p in model.parameters())


def test_a_module_that_cannot_be_copied_must_be_made_afresh() -> None:
    def uncopied():
        model = mlp()
        model.kept = model[0].weight * 2  # a tensor with a history: torch copies none
        return model

    assert isinstance(Task(uncopied, CE, []).build(0), nn.Module)
    model = uncopied()
    with pytest.raises(TaskError, match="same parameters every time"):
        Task(lambda: model, CE, []).build(0)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_checks_work_where_gradients_are_off(mode) -> None:
    with mode():
        for check in (seed, init_loss, overfit_batch, dependency):
            finding = check(Task(mlp, CE, TensorDataset(X, LABELS)))
            assert finding.status == "pass", finding.message
        assert not torch.is_grad_enabled()


def test_nan_from_the_start_is_named() -> None:
    finding = overfit_batch(Task(mlp, CE, TensorDataset(X * math.nan, LABELS)))
    assert finding.status in ("fail", "skip")
    assert "nan" in finding.message or "not finite" in finding.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": nn.Linear(1, 1)}, "model=lambda: Net()"),
        ({"model": None}, "model is a NoneType"),
        ({"loss": "mse"}, "loss is a str"),
        ({"train": (X, LABELS)}, "TensorDataset(inputs, targets)"),
        ({"validation": (X, LABELS)}, "TensorDataset(inputs, targets)"),
    ],
)
def test_a_task_that_cannot_work_is_refused_when_it_is_made(change, words) -> None:
    with pytest.raises(TaskError) as caught:
        Task(**({"model": mlp, "loss": CE, "train": TensorDataset(X, LABELS)} | change))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_data_that_can_be_read_only_once_are_refused_by_name() -> None:
    rows = ((x, k) for x, k in zip(X, LABELS, strict=True))
    finding = init_loss(Task(mlp, CE, rows))
    assert finding.status == "crash"
    assert "read only once" in finding.message


def test_one_declared_word_is_enough() -> None:
    task = Task(mlp, CE, [], declared="contrastive")
    assert task.declares("contrastive")
    assert not task.declares("c")


def test_named_tuples_keep_their_names() -> None:
    pair = namedtuple("pair", "a b")
    changed = mapped(pair(torch.ones(1), [torch.ones(2)]), lambda t: t * 2)
    assert (changed.a.tolist(), changed.b[0].tolist()) == ([2], [2, 2])


def test_numpy_data_are_taken_as_they_are() -> None:
    rows = [(np.asarray(x), int(k)) for x, k in zip(X, LABELS, strict=True)]
    assert init_loss(Task(mlp, CE, rows)).status == "pass"


class Named(NamedTuple):
    logits: torch.Tensor
    hidden: torch.Tensor


class Output(OrderedDict):
    """As libraries of transformers have it: a mapping with attributes."""

    def __setitem__(self, key, value) -> None:
        super().__setitem__(key, value)
        super().__setattr__(key, value)


NESTED = {
    "dict": (lambda x, h: {"hidden": h, "logits": x}, lambda o, t: CE(o["logits"], t)),
    "tuple": (lambda x, h: (x, h), lambda o, t: CE(o[0], t)),
    "named tuple": (Named, lambda o, t: CE(o.logits, t)),
    "mapping with attributes": (lambda x, h: Output(hidden=h, logits=x), lambda o, t: CE(o.logits, t)),
    "nested": (lambda x, h: {"all": [h, {"deep": (x,)}]}, lambda o, t: CE(o["all"][1]["deep"][0], t)),
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("bug", [False, True])
def test_the_one_output_that_the_loss_looks_at_is_found_in_any_nesting(module, name, bug) -> None:
    wrap, loss = NESTED[name]

    def use(m, x):
        hidden = m.hidden(x).relu()
        out = m.out(hidden)
        return wrap(out.softmax(-1) if bug else out, hidden)

    x = torch.randn(256, 6, generator=torch.Generator().manual_seed(0))
    labels = x[:, :3].argmax(1)
    task = Task(lambda: module(use, hidden=nn.Linear(6, 32), out=nn.Linear(32, 3)), loss, TensorDataset(x, labels))
    for check in () if bug else (init_loss, init_bias, blind):
        assert check(task).status == "pass"
    finding = overfit_batch(task)
    assert finding.status == ("fail" if bug else "pass"), finding.message
    assert ("softmax is applied twice" in finding.advice) == bug


def test_a_loss_of_several_outputs_has_no_constant_that_stands_for_them(module) -> None:
    x = torch.randn(64, 6)
    task = Task(
        lambda: module(lambda m, x: (m.one(x), m.two(x)), one=nn.Linear(6, 3), two=nn.Linear(6, 3)),
        lambda o, t: CE(o[0], t) + CE(o[1], t),
        TensorDataset(x, torch.zeros(64, dtype=torch.long)),
    )
    for check in (init_loss, init_bias, overfit_batch):
        finding = check(task)
        assert finding.status == "skip"
        assert "looks at 2 tensors" in finding.message


@pytest.mark.parametrize("where", ["inputs", "targets", "parameters"])
def test_the_first_thing_that_is_no_number_is_named(where) -> None:
    x, y = torch.randn(64, 6), torch.randn(64, 1)

    def build():
        model = nn.Linear(6, 1)
        if where == "parameters":
            nn.init.constant_(model.bias, torch.nan)
        return model

    if where != "parameters":
        (x if where == "inputs" else y)[5, 0] = torch.nan
    finding = init_loss(Task(build, nn.MSELoss(), TensorDataset(x, y)))
    assert finding.status == "fail"
    assert f"the {where} hold" in finding.message
    assert init_bias(Task(build, nn.MSELoss(), TensorDataset(x, y))).status == "skip"
    assert blind(Task(build, nn.MSELoss(), TensorDataset(x, y)), budget=1.0).status == "skip"


def test_lazy_layers_learn_their_sizes_first() -> None:
    x = torch.randn(128, 6, generator=torch.Generator().manual_seed(0))
    task = Task(
        lambda: nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(1)), nn.MSELoss(), TensorDataset(x, x[:, :1])
    )
    for check in (seed, init_loss, init_bias, blind, overfit_batch, dependency):
        assert check(task).status == "pass"


def test_too_few_labels_say_nothing_about_the_best_constants() -> None:
    x = torch.randn(4, 6)
    finding = init_bias(Task(lambda: nn.Linear(6, 3), CE, TensorDataset(x, torch.zeros(4, dtype=torch.long))))
    assert (finding.status, "Too few labels (4)" in finding.message) == ("skip", True)

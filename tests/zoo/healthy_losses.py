"""Losses that are unusual and right."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task

from .bestiary import healthy
from .changes import layers, replace, with_both, with_outputs, with_start
from .programs import data, multilabel


@healthy("digits", "vit", note="the floor of a smoothed loss is not zero")
def label_smoothing(task: Task, seed: int) -> Task:
    return replace(task, loss=nn.CrossEntropyLoss(label_smoothing=0.1))


@healthy("lightning", note="weights move the best constant prediction away from the class shares")
def class_weights(task: Task, seed: int) -> Task:
    return replace(task, loss=nn.CrossEntropyLoss(weight=torch.linspace(0.3, 3.0, 10)))


@healthy("digits", note="one class in twenty, weighted by 19: the weighted loss wants a bias of zero")
def pos_weight_with_5_percent_positives(task: Task, seed: int) -> Task:
    def rare(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        kept = torch.cat([(y != 9).nonzero().flatten(), (y == 9).nonzero().flatten()[: len(y) // 21]])
        kept = kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))]
        return x[kept], (y[kept] == 9).float().unsqueeze(1)

    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        nn.init.zeros_(layers(net)[-1].bias)
        return net

    return replace(
        with_both(task, rare),
        model=model,
        loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(19.0)),
        classes=None,
        metrics=None,
    )


@healthy(
    "digits-rare",
    note="one in ten, unweighted, with the log-odds as the bias: the program as it is, with fewer positives",
)
def one_in_thirty_with_the_right_bias(task: Task, seed: int) -> Task:
    def rarer(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        positive = (y[:, 0] > 0.5).nonzero().flatten()
        kept = torch.ones(len(y), dtype=torch.bool)
        kept[positive[len(positive) // 3 :]] = False
        return x[kept], y[kept]

    made = with_both(task, rarer)
    share = float(made.train.tensors[1].mean())  # pyright: ignore
    return with_start(made, lambda model: layers(model)[-1].bias.fill_(math.log(share / (1 - share))))


@healthy("friedman", note="a sum on purpose, with a rate to match")
def sum_declared(task: Task, seed: int) -> Task:
    return replace(
        task,
        loss=nn.MSELoss(reduction="sum"),
        optimizer=lambda net: torch.optim.Adam(net.parameters(), lr=1e-3),
        declared=("sum",),
    )


@healthy("forecast", "friedman", note="absolute near zero is square, far from it linear")
def huber(task: Task, seed: int) -> Task:
    return replace(task, loss=nn.HuberLoss(delta=0.5))


@healthy("friedman", note="the median has another constant than the mean")
def absolute_error(task: Task, seed: int) -> Task:
    return replace(task, loss=nn.L1Loss())


@healthy("forecast", note="three quantiles of one target: (N, 3) against (N, 1), broadcast on purpose inside the loss")
def quantile_loss(task: Task, seed: int) -> Task:
    quantiles = torch.tensor([0.1, 0.5, 0.9])

    def pinball(outputs: Tensor, targets: Tensor) -> Tensor:
        over = targets - outputs
        return torch.maximum(quantiles * over, (quantiles - 1) * over).mean()

    def model() -> nn.Module:
        net = task.model()
        net.head = nn.Linear(16 * 12, 3)  # pyright: ignore
        return net

    return replace(task, model=model, loss=pinball)


@healthy("digits", "digits-rare", note="easy examples count less, so the loss at the start lies far below ln K")
def focal_loss(task: Task, seed: int) -> Task:
    def many(logits: Tensor, targets: Tensor) -> Tensor:
        surprise = F.cross_entropy(logits, targets, reduction="none")
        return ((1 - torch.exp(-surprise)) ** 2 * surprise).mean()

    def two(logits: Tensor, targets: Tensor) -> Tensor:
        surprise = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return ((1 - torch.exp(-surprise)) ** 2 * surprise).mean()

    if isinstance(task.loss, nn.BCEWithLogitsLoss):  # its best constant for one in ten is no log-odds, which are -2.2
        return with_start(replace(task, loss=two), lambda model: layers(model)[-1].bias.fill_(-0.85))
    return replace(task, loss=many)


@healthy("lightning", "vit", note="log-probabilities and their loss, as they belong together")
def log_softmax_with_nll(task: Task, seed: int) -> Task:
    return replace(with_outputs(task, lambda out: out.log_softmax(dim=-1)), loss=nn.NLLLoss())


@healthy("multi-label", note="probabilities and a loss of probabilities")
def sigmoid_with_bce(task: Task, seed: int) -> Task:
    return replace(with_outputs(task, torch.sigmoid), loss=nn.BCELoss())


@healthy("digits", note="squared error on one-hot targets: unusual, and it works")
def squared_error_on_one_hot(task: Task, seed: int) -> Task:
    made = with_both(task, lambda x, y: (x, F.one_hot(y, 10).float()))
    made = with_start(made, lambda model: layers(model)[-1].bias.fill_(0.1))
    return replace(made, loss=nn.MSELoss(), kind="auto", classes=None, metrics=None)


@healthy("gpt", note="a fifth of the positions is marked not to count")
def ignore_index(task: Task, seed: int) -> Task:
    def masked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        y[torch.rand(y.shape, generator=torch.Generator().manual_seed(seed)) < 0.2] = -100
        return x, y

    return with_both(task, masked)


@healthy("multi-label", note="labels of 10 and 20 % beside one of half, with log-odds as biases")
def rare_labels(task: Task, seed: int) -> Task:
    questions = ({0, 2, 4, 6, 8}, {7}, {3, 8}, {1})
    train, validation = data.digits(seed)
    answers = multilabel.answers(train.tensors[1], questions)
    share = answers.mean(0)
    held_out = TensorDataset(validation.tensors[0], multilabel.answers(validation.tensors[1], questions))
    made = replace(task, train=TensorDataset(train.tensors[0], answers), validation=held_out)
    return with_start(made, lambda model: layers(model)[-1].bias.copy_((share / (1 - share)).log()))


@healthy("friedman", note="a mean and a log-variance from one network, with the likelihood as its loss")
def gaussian_likelihood(task: Task, seed: int) -> Task:
    def likelihood(outputs: Tensor, targets: Tensor) -> Tensor:
        mean, log_variance = outputs[:, :1], outputs[:, 1:].clamp(-6, 6)
        return 0.5 * (log_variance + (targets - mean) ** 2 / log_variance.exp()).mean()

    model = lambda: nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2))  # noqa: E731
    return replace(task, model=model, loss=likelihood)


@healthy("several-inputs", note="a margin instead of a likelihood: no constant gives log 2")
def hinge_loss(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: (1 - (2 * y - 1) * out).clamp(min=0).mean())


@healthy("lightning", note="an auxiliary term on the logits beside the loss proper")
def auxiliary_loss(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: F.cross_entropy(out, y) + 1e-3 * out.logsumexp(-1).square().mean())

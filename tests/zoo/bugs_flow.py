"""Mistakes in which number may depend on which: across the batch, into the future, along the wrong axis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nntui import Task

from .bestiary import bug
from .changes import halfway, replace, with_model
from .programs import language, mapping, recurrent, vit

ACROSS = (
    r"another example",
    r"other examples?",
    r"(across|over|along|mixes) the batch",
    r"batch_first",
    r"permute",
    r"batch axis",
)
FUTURE = (r"later", r"future", r"causal", r"mask")


@bug("digits", "friedman", cause=ACROSS)
def view_for_permute(task: Task, seed: int) -> Task:
    return halfway(task, 2, lambda x: x.T.contiguous().view(x.shape))


@bug("vit", cause=ACROSS)
def patches_by_view(task: Task, seed: int) -> Task:
    class Viewed(vit.ViT):
        def embed(self, pictures: Tensor) -> Tensor:
            x = self.patch(self.patches(pictures))
            x = x.transpose(0, 1).contiguous().view(x.shape)
            return torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.position

    return replace(task, model=Viewed)


@bug("digits", "multi-label", cause=ACROSS)
def centred_over_the_batch(task: Task, seed: int) -> Task:
    return halfway(task, 2, lambda x: x - x.mean(0))


@bug("vit", cause=ACROSS)
def attention_softmax_over_the_batch(task: Task, seed: int) -> Task:
    def change(model: Any) -> None:
        for block in model.blocks:
            block.attention.weights = lambda scores: scores.softmax(dim=0)

    return with_model(task, change)


@bug("lightning", cause=(*ACROSS, r"softmax"))
def softmax_over_the_wrong_axis(task: Task, seed: int) -> Task:
    def forward(model: Any, x: Tensor) -> Tensor:
        return torch.log(model(x).softmax(dim=0) + 1e-9)

    return replace(task, forward=forward)


@bug("mapping", cause=ACROSS)
def pooled_over_the_wrong_axis(task: Task, seed: int) -> Task:
    class Pooled(mapping.Classifier):
        def pool(self, states: Tensor, mask: Tensor) -> Tensor:
            return states.mean(0, keepdim=True).expand(len(states), -1, -1).mean(1) + states[:, 0]

    return replace(task, model=Pooled)


def with_mask(masked: Any) -> type[nn.Module]:
    class Attention(language.CausalAttention):
        def masked(self, scores: Tensor) -> Tensor:
            return masked(self, scores)

    return Attention


def with_attention(task: Task, seed: int, attention: type[nn.Module]) -> Task:
    prior = language.split(seed)[2]
    return replace(task, model=lambda: language.GPT(prior, attention))


@bug("gpt", cause=FUTURE)
def no_causal_mask(task: Task, seed: int) -> Task:
    return with_attention(task, seed, with_mask(lambda self, scores: scores))


@bug("gpt", cause=FUTURE)
def mask_filled_with_zero(task: Task, seed: int) -> Task:
    return with_attention(task, seed, with_mask(lambda self, s: s.masked_fill(self.mask == 0, 0.0)))


@bug("gpt", cause=FUTURE)
def mask_one_step_late(task: Task, seed: int) -> Task:
    def masked(self: Any, scores: Tensor) -> Tensor:
        return scores.masked_fill(torch.tril(torch.ones_like(self.mask), diagonal=1) == 0, float("-inf"))

    return with_attention(task, seed, with_mask(masked))


@bug("gpt", cause=FUTURE)
def mask_upside_down(task: Task, seed: int) -> Task:
    return with_attention(task, seed, with_mask(lambda self, s: s.masked_fill(self.mask.T == 0, float("-inf"))))


@bug("gpt", cause=FUTURE)
def mask_added_as_zeros_and_ones(task: Task, seed: int) -> Task:
    return with_attention(task, seed, with_mask(lambda self, s: s + self.mask))


@bug("gpt", cause=(*FUTURE, r"softmax"))
def attention_softmax_over_queries(task: Task, seed: int) -> Task:
    class Attention(language.CausalAttention):
        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
            weights = self.masked(q @ k.mT / q.shape[-1] ** 0.5).softmax(-2)
            return self.out((weights @ v).transpose(1, 2).flatten(2))

    return with_attention(task, seed, Attention)


@bug("gpt", cause=(*FUTURE, r"over time"))
def centred_over_time(task: Task, seed: int) -> Task:
    class Mean(language.GPT):
        def forward(self, codes: Tensor) -> Tensor:
            x = self.blocks(self.token(codes) + self.position(torch.arange(codes.shape[1])))
            return self.head(self.norm(x - x.mean(1, keepdim=True)))

    prior = language.split(seed)[2]
    return replace(task, model=lambda: Mean(prior))


@bug("gpt", cause=(*FUTURE, r"norm", r"over time"))
def batch_norm_over_time(task: Task, seed: int) -> Task:
    class Normed(language.GPT):
        def __init__(self, prior: Tensor) -> None:
            super().__init__(prior)
            self.batch_norm = nn.BatchNorm1d(language.WIDTH, track_running_stats=False)

        def forward(self, codes: Tensor) -> Tensor:
            x = self.blocks(self.token(codes) + self.position(torch.arange(codes.shape[1])))
            return self.head(self.norm(self.batch_norm(x.mT).mT))

    prior = language.split(seed)[2]
    return replace(task, model=lambda: Normed(prior))


@bug("char-rnn", cause=(*FUTURE, r"bidirectional"))
def bidirectional_language_model(task: Task, seed: int) -> Task:
    prior = language.split(seed)[2]
    return replace(task, model=lambda: language.Recurrent(prior, bidirectional=True))


@bug("char-rnn", cause=(*ACROSS, r"batch_first"))
def batch_first_forgotten_in_a_language_model(task: Task, seed: int) -> Task:
    def change(model: Any) -> None:
        model.rnn = nn.GRU(language.WIDTH, 48)

    return with_model(task, change)


@bug("recurrent", cause=(*ACROSS, r"batch_first"))
def batch_first_forgotten(task: Task, seed: int) -> Task:
    def change(model: Any) -> None:
        model.lstm = nn.LSTM(1, 32)

    return with_model(task, change)


@bug("recurrent", cause=(*ACROSS, r"state", r"seed", r"reproduc", r"graph"))
def state_kept_between_batches(task: Task, seed: int) -> Task:
    class Kept(recurrent.Reader):
        state: Any = None

        def forward(self, series: Tensor) -> Tensor:
            fits = self.state is not None and self.state[0].shape[1] == len(series)
            states, state = self.lstm(series, self.state if fits else None)
            self.state = tuple(part.detach() for part in state)
            return self.head(states.mean(1))

    return replace(task, model=Kept)


@bug("mapping", cause=(r"padd", r"mask", r"attention_mask", r"another example", r"other examples?"))
def padding_pooled_with_the_text(task: Task, seed: int) -> Task:
    """The mask is handed over and not used; an output depends on how long the longest of its batch is."""

    class Pooled(mapping.Classifier):
        def pool(self, states: Tensor, mask: Tensor) -> Tensor:
            return states.mean(1)

    return replace(task, model=Pooled)


@bug("digits-conv", cause=(*ACROSS, r"flatten", r"shape", r"axis"))
def flattened_from_axis_zero(task: Task, seed: int) -> Task:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, padding=1)
            self.head = nn.Linear(256, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.conv(x))
            return self.head(x.permute(1, 0, 2, 3).reshape(len(x), -1))  # channels first, by mistake

    return replace(task, model=Flat)

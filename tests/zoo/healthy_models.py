"""Models that are unusual and right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task

from .bestiary import healthy
from .changes import layers, replace, with_model, with_start
from .programs import data, language, mapping, recurrent, vit
from .programs.vit import Block


@healthy("digits", note="half of the units off at every step")
def dropout_of_half(task: Task, seed: int) -> Task:
    model = lambda: nn.Sequential(  # noqa: E731
        nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10)
    )
    return replace(task, model=model)


@healthy("digits-conv", note="batch statistics of eight examples are noisy, and fine")
def batch_norm_with_batches_of_eight(task: Task, seed: int) -> Task:
    return replace(task, train=DataLoader(task.train, batch_size=8))  # pyright: ignore


@healthy("vit", note="a convolutional network with groups in the place of batches")
def group_norm(task: Task, seed: int) -> Task:
    model = lambda: nn.Sequential(  # noqa: E731
        nn.Conv2d(1, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    return replace(task, model=model)


@healthy("lightning", note="weights as a length and a direction")
def weight_normalised(task: Task, seed: int) -> Task:
    def normalise(model: nn.Module) -> None:
        for layer in layers(model)[:-1]:
            weight_norm(layer)

    return with_model(task, normalise)


@healthy("gpt", note="the head's weight is the embedding's: one tensor with two names")
def tied_embeddings(task: Task, seed: int) -> Task:
    def tie(model: Any) -> None:
        nn.init.normal_(model.token.weight, 0.0, 0.02)
        model.head.weight = model.token.weight

    return with_model(task, tie)


@healthy("vit", "gpt", note="residual branches start at zero: their first layers get no gradient at the first step")
def residual_branches_of_zero(task: Task, seed: int) -> Task:
    def init(model: Any) -> None:
        for block in model.blocks:
            last = block.attention.proj if hasattr(block.attention, "proj") else block.attention.out
            for layer in (last, block.mlp[2]):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    return with_start(task, init)


@healthy("digits", "lightning", note="a last layer of zeros: every class equally likely, and symmetric only there")
def last_layer_of_zeros(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        nn.init.zeros_(layers(model)[-1].weight)
        nn.init.zeros_(layers(model)[-1].bias)

    return with_start(task, init)


@healthy("recurrent", note="reads the series from both ends to say one thing about the whole: nothing here is causal")
def bidirectional_classifier(task: Task, seed: int) -> Task:
    return replace(task, model=lambda: recurrent.Reader(bidirectional=True))


@healthy("recurrent", note="axes are time, batch, feature, and the task says so")
def time_before_batch(task: Task, seed: int) -> Task:
    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(1, 32)
            self.head = nn.Linear(32, 3)

        def forward(self, series: Tensor) -> Tensor:
            return self.head(self.lstm(series.transpose(0, 1))[0].mean(0))

    return replace(task, model=TimeFirst)


@healthy("recurrent", note="a state as a buffer, set to zero before every batch")
def stateful_lstm_that_resets(task: Task, seed: int) -> Task:
    class Stateful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTMCell(1, 32)
            self.head = nn.Linear(32, 3)
            self.state: Any = None

        def forward(self, series: Tensor) -> Tensor:
            self.state = (series.new_zeros(len(series), 32), series.new_zeros(len(series), 32))
            for moment in series[:, ::2].unbind(1):
                self.state = self.cell(moment, self.state)
            last, self.state = self.state[0], None
            return self.head(last)

    return replace(task, model=Stateful)


@healthy("digits", note="sizes are learned from the first batch")
def lazy_modules(task: Task, seed: int) -> Task:
    return replace(task, model=lambda: nn.Sequential(nn.LazyLinear(48), nn.ReLU(), nn.LazyLinear(10)))


@healthy("lightning", note="outputs are a dict of which the loss takes one")
def model_returning_a_dict(task: Task, seed: int) -> Task:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(64, 48), nn.Linear(48, 10)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            features = torch.relu(self.body(x))
            return {"features": features, "logits": self.head(features)}

    made = replace(task, model=Named, loss=lambda out, y: F.cross_entropy(out["logits"], y), schedule=None)
    return replace(made, optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=1e-3))


@dataclass
class Predictions:
    logits: Tensor
    features: Tensor | None = None


@healthy("vit", note="outputs are a dataclass of the user's own")
def model_returning_a_dataclass(task: Task, seed: int) -> Task:
    class Wrapped(vit.ViT):
        def forward(self, pictures: Tensor) -> Any:
            return Predictions(super().forward(pictures))

    return replace(task, model=Wrapped, loss=lambda out, y: F.cross_entropy(out.logits, y))


@healthy("digits", note="pixels from 0 to 1, as ToTensor gives them")
def pixels_from_0_to_1(task: Task, seed: int) -> Task:
    train, validation = data.digits(seed, scaled=False)
    for split in (train, validation):
        split.tensors = (split.tensors[0] / 16.0, split.tensors[1])
    return replace(task, train=train, validation=validation)


@healthy("digits-conv", note="pixels from 0 to 255 into a normalisation layer")
def pixels_from_0_to_255_behind_a_normalisation(task: Task, seed: int) -> Task:
    train, validation = data.digits(seed, scaled=False)
    for split in (train, validation):
        split.tensors = ((split.tensors[0] * 255 / 16).round().unflatten(1, (1, 8, 8)), split.tensors[1])
    return with_model(replace(task, train=train, validation=validation), lambda m: nn.Sequential(nn.BatchNorm2d(1), m))


@healthy("mapping", note="every text padded to 64, behind a mask that leaves padding out")
def padded_with_a_mask(task: Task, seed: int) -> Task:
    train, validation = mapping.lines(seed, 600, slice(0.0, 0.8)), mapping.lines(seed + 1, 200, slice(0.8, 1.0))
    collate = lambda examples: mapping.collate(examples, length=64)  # noqa: E731
    return replace(
        task,
        train=lambda: DataLoader(train, batch_size=32, collate_fn=collate),  # pyright: ignore
        validation=lambda: DataLoader(validation, batch_size=64, collate_fn=collate),  # pyright: ignore
    )


class Encoder(nn.Module):
    """Self-attention over whole texts with a key padding mask, and a class token's way of pooling: the first character."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(128, 32, padding_idx=0)
        self.position = nn.Parameter(torch.randn(mapping.LONGEST, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> mapping.ModelOutput:
        x = self.embed(input_ids) + self.position[: input_ids.shape[1]]
        x = self.encoder(x, src_key_padding_mask=attention_mask == 0)
        return mapping.ModelOutput(logits=self.head(x[:, 0]))


@healthy("mapping", note="PyTorch's own encoder, in which every position sees every other: it is no language model")
def transformer_encoder_with_gelu(task: Task, seed: int) -> Task:
    return replace(task, model=Encoder)


@healthy("char-rnn", note="convolutions padded on the left alone: causal without a mask")
def causal_convolutions(task: Task, seed: int) -> Task:
    prior = language.split(seed)[2]

    class Convolutions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(128, 32)
            self.first, self.second = nn.Conv1d(32, 48, 4), nn.Conv1d(48, 48, 4, dilation=2)
            self.head = nn.Linear(48, 128)
            self.head.bias.data.copy_(prior.log())

        def forward(self, codes: Tensor) -> Tensor:
            x = self.token(codes).mT
            x = torch.relu(self.first(F.pad(x, (3, 0))))
            x = torch.relu(self.second(F.pad(x, (6, 0))))
            return self.head(x.mT)

    return replace(task, model=Convolutions)


@healthy("gpt", note="PyTorch's own attention, told that it is causal")
def scaled_dot_product_attention(task: Task, seed: int) -> Task:
    class Fused(language.CausalAttention):
        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(mixed.transpose(1, 2).flatten(2))

    prior = language.split(seed)[2]
    return replace(task, model=lambda: language.GPT(prior, Fused))


@healthy("gpt", note="characters hidden at random places are guessed from both sides; the mask is drawn once")
def masked_language_model(task: Task, seed: int) -> Task:
    def hide(codes: Tensor, generator: torch.Generator) -> Any:
        hidden = torch.rand(codes.shape, generator=generator) < 0.25
        return TensorDataset(codes.masked_fill(hidden, 1), codes.masked_fill(~hidden, -100))

    class Open(language.CausalAttention):
        def masked(self, scores: Tensor) -> Tensor:
            return scores

    generator = torch.Generator().manual_seed(seed)
    train, validation, prior = language.split(seed)
    return replace(
        task,
        model=lambda: language.GPT(prior, Open),
        train=hide(train.tensors[0], generator),
        validation=hide(validation.tensors[0], generator),
        causal=False,
        time_axis=1,
    )


@healthy("forecast", note="blocks of a transformer over hours, with GELU; all of the past may be seen at once")
def transformer_over_a_day(task: Task, seed: int) -> Task:
    class Day(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hour = nn.Linear(1, 32)
            self.position = nn.Parameter(torch.randn(24, 32) * 0.1)
            self.block = Block(32, 4)
            self.head = nn.Linear(32, 1)

        def forward(self, day: Tensor) -> Tensor:
            return self.head(self.block(self.hour(day.unsqueeze(-1)) + self.position)[:, -1])

    return replace(task, model=Day)


@healthy(
    "char-rnn", note="a label per character that depends on both sides: time runs along an axis, and nothing is causal"
)
def bidirectional_tagger(task: Task, seed: int) -> Task:
    def in_a_long_word(codes: Tensor) -> Tensor:
        words = ["".join(map(chr, row)).split(" ") for row in codes.tolist()]
        return torch.tensor([[float(len(word) > 5) for word in row for _ in f"{word} "][:-1] for row in words])

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(128, 32)
            self.rnn = nn.GRU(32, 24, batch_first=True, bidirectional=True)
            self.head = nn.Linear(48, 1)

        def forward(self, codes: Tensor) -> Tensor:
            return self.head(self.rnn(self.token(codes))[0]).squeeze(-1)

    train, validation = (TensorDataset(s.tensors[0], in_a_long_word(s.tensors[0])) for s in language.split(seed)[:2])
    return replace(
        task,
        model=Tagger,
        loss=nn.BCEWithLogitsLoss(),
        train=train,
        validation=validation,
        causal=False,
        time_axis=1,
    )

"""The style of the Transformers library: a tokenizer's padding and mask, batches as mappings, outputs with `.logits`.

English or Python? One line of text of 12 to 48 characters.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import DataLoader

from nntui import Task

from . import data

PAD, LONGEST = 0, 48


class ModelOutput(OrderedDict):
    """A mapping whose items are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def lines(seed: int, count: int, part: slice) -> list[dict[str, Any]]:
    """Pieces of either text from a part of it, as {"input_ids": codes, "label": 0 for English and 1 for Python}."""
    generator = torch.Generator().manual_seed(seed)
    pieces = []
    for place in range(count):
        text = (data.english(), data.code())[place % 2]
        text = text[int(len(text) * part.start) : int(len(text) * part.stop)]
        length = int(torch.randint(12, LONGEST + 1, (), generator=generator))
        start = int(torch.randint(0, len(text) - length, (), generator=generator))
        pieces.append({"input_ids": list(text[start : start + length].encode("ascii")), "label": place % 2})
    order = torch.randperm(count, generator=generator).tolist()
    return [pieces[place] for place in order]


def collate(examples: list[dict[str, Any]], length: int = 0) -> dict[str, Tensor]:
    """Pads to the longest of the batch, or to `length`."""
    length = length or max(len(one["input_ids"]) for one in examples)
    ids = torch.full((len(examples), length), PAD)
    for row, one in zip(ids, examples, strict=True):
        row[: len(one["input_ids"])] = torch.tensor(one["input_ids"])
    labels = torch.tensor([one["label"] for one in examples])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": labels}


class Classifier(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(128, width, padding_idx=PAD)
        self.conv = nn.Conv1d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)
        self.dense = nn.Linear(width, width)
        self.classifier = nn.Linear(width, 2)

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        mask = mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1).clamp(min=1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> ModelOutput:
        states = self.embed(input_ids)
        states = self.norm(states + F.gelu(self.conv(states.mT).mT))
        pooled = torch.tanh(self.dense(self.pool(states, attention_mask)))
        return ModelOutput(logits=self.classifier(pooled), pooler_output=pooled)


def task(seed: int) -> Task:
    train, validation = lines(seed, 600, slice(0.0, 0.8)), lines(seed + 1, 200, slice(0.8, 1.0))
    return Task(
        model=Classifier,
        loss=lambda outputs, labels: F.cross_entropy(outputs.logits, labels),
        train=lambda: DataLoader(train, batch_size=32, collate_fn=collate),  # pyright: ignore
        validation=lambda: DataLoader(validation, batch_size=64, collate_fn=collate),  # pyright: ignore
        optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01),
    )

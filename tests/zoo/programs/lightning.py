"""A LightningModule, as far as it is one without the package: forward, training_step, configure_optimizers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (everyone's name for it)
from torch import Tensor, nn

from nntui import Task

from . import data
from .planned import planned

MAX_STEPS = 600


class LitDigits(nn.Module):
    def __init__(self, hidden: int = 48, lr: float = 1e-3) -> None:
        super().__init__()
        self.lr = lr
        self.body = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.body(x)))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        return F.cross_entropy(self(x), y)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=0.01)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=MAX_STEPS)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def task(seed: int) -> Task:
    train, validation = data.digits(seed)
    made = Task(
        model=LitDigits,
        loss=F.cross_entropy,
        train=train,
        validation=validation,
        optimizer=lambda lit: lit.configure_optimizers()["optimizer"],  # pyright: ignore
        schedule=lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=MAX_STEPS),
    )
    return planned(made, MAX_STEPS)

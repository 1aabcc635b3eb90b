"""`stdlib-chars`: the next character of Python's own standard library, which every machine that runs this has."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from nntui import Task
from trainer.models.transformer import transformer

CONTEXT = 64
FILES = (
    *(
        "argparse.py",
        "ast.py",
        "calendar.py",
        "configparser.py",
        "csv.py",
        "dataclasses.py",
        "datetime.py",
        "difflib.py",
    ),
    *("enum.py", "fractions.py", "functools.py", "gettext.py", "heapq.py", "inspect.py", "ipaddress.py", "locale.py"),
    *("mailbox.py", "optparse.py", "pathlib.py", "pickle.py", "platform.py", "pprint.py", "random.py", "shutil.py"),
    *(
        "statistics.py",
        "string.py",
        "subprocess.py",
        "tarfile.py",
        "textwrap.py",
        "traceback.py",
        "typing.py",
        "zipfile.py",
    ),
)
"""Those that a version of Python lacks as a file are left out."""
VALIDATION = ("statistics.py", "textwrap.py", "heapq.py")
"""Whole files, so that no window of the validation split overlaps one of the training split."""
ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
"""Anything else is read as a question mark."""


class Windows(Dataset[dict[str, Tensor]]):
    """Stretches of CONTEXT characters, one after the other, each with the characters that follow its own."""

    def __init__(self, codes: Tensor) -> None:
        self._codes = codes

    def __len__(self) -> int:
        return max(0, (len(self._codes) - 1) // CONTEXT)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        if not 0 <= place < len(self):
            raise IndexError(place)
        start = place * CONTEXT
        codes = self._codes[start : start + CONTEXT + 1]
        return {"input_ids": codes[:-1], "labels": codes[1:]}


def task(width: int) -> Task:
    """Predict each character from those before it; the final bias starts at the frequencies of the training split."""
    library = Path(sysconfig.get_paths()["stdlib"])
    text = {name: (library / name).read_text(encoding="utf-8") for name in FILES if (library / name).is_file()}
    held_out = [text.pop(name) for name in VALIDATION if name in text]
    train = encoded("\n".join(text.values()))
    frequency = (torch.bincount(train, minlength=len(ALPHABET)) + 1.0) / (len(train) + len(ALPHABET))

    def model() -> nn.Module:
        network = transformer(len(ALPHABET), width, context=CONTEXT)
        with torch.no_grad():
            network.head.bias.copy_(frequency.log())
        return network

    return Task(
        model=model,
        loss=loss,
        train=Windows(train),
        validation=Windows(encoded("\n".join(held_out))),
        metrics={"accuracy": correct},
        kind="classification",
        classes=list(ALPHABET),
        time_axis=1,
        causal=True,
    )


def encoded(text: str) -> Tensor:
    """Places in ALPHABET, of shape (characters,)."""
    places = {char: place for place, char in enumerate(ALPHABET)}
    return torch.tensor([places.get(char, places["?"]) for char in text], dtype=torch.int64)


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy per character: (N, T, C) and (N, T) -> scalar, in nats."""
    return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of right characters per example: (N, T, C) and (N, T) -> (N,)."""
    return (outputs.argmax(dim=-1) == targets).float().mean(dim=1)

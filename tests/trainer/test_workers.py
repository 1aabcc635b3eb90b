"""Worker processes of a loader: the same batches, orderly ends."""

import multiprocessing
import os
import random
import signal

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import nntui
from trainer.batches import Batches
from trainer.loop import Stop, train
from trainer.options import Options

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine of one core

TASK = """
import os, time
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset
from nntui import Task

X = torch.randn(96, 12, generator=torch.Generator().manual_seed(0))


class Slow(Dataset):
    def __len__(self):
        return 96

    def __getitem__(self, i):
        time.sleep(0.002)
        if "RAISES" in os.environ and i == 50:
            raise LookupError("no example 50")
        return X[i], (X[i, 0] > 0).long()


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Slow()[i] for i in range(96))


def made(data):
    return Task(lambda: nn.Linear(12, 2), nn.CrossEntropyLoss(), DataLoader(data, batch_size=8, num_workers=2), Slow())


task, stream = made(Slow()), made(Stream())
"""


class Noisy(Dataset):
    def __len__(self) -> int:
        return 40

    def __getitem__(self, i: int) -> torch.Tensor:
        return torch.tensor([i, random.random(), float(np.random.rand()), float(torch.rand(())), os.getpid()])


class Together(Noisy):
    """Has its own way for many at once."""

    def __getitems__(self, places: list[int]) -> list[torch.Tensor]:
        return [torch.tensor([float(i), float(len(places))]) for i in places]


@pytest.fixture
def windows():
    """The first windows of a loader, from the given one on, its processes ended afterwards."""

    def go(data: Dataset, *, begin: int = 0, count: int = 12, accumulate: int = 1, **how: object) -> list[torch.Tensor]:
        batches = Batches(DataLoader(data, **{"batch_size": 5, "shuffle": True, **how}), 64, 0, accumulate)
        try:
            return [torch.stack(batches.window(n)) for n in range(begin, begin + count)]
        finally:
            batches.close()

    yield go
    assert multiprocessing.active_children() == []


def test_workers_make_the_batches_in_order_and_in_other_processes(windows) -> None:
    ours = windows(Noisy())
    theirs = windows(Noisy(), num_workers=2)
    assert [b[..., 0].tolist() for b in theirs] == [b[..., 0].tolist() for b in ours]
    assert len({pid for b in theirs for pid in b[..., 4].flatten().tolist()} - {os.getpid()}) == 2


@pytest.mark.parametrize("accumulate", [1, 3])
def test_what_a_dataset_draws_depends_on_the_batch_alone(windows, accumulate) -> None:
    expected = torch.stack(windows(Noisy(), num_workers=1, accumulate=accumulate))[..., :4]
    assert len(expected[..., 1:].unique()) > 0.9 * expected[..., 1:].numel()
    for workers, begin in ((2, 0), (2, 5), (1, 9)):
        found = windows(Noisy(), begin=begin, count=12 - begin, num_workers=workers, accumulate=accumulate)
        assert torch.equal(torch.stack(found)[..., :4], expected[begin:])


def test_workers_draw_nothing_from_the_training(windows) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    windows(Noisy(), num_workers=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataset_gives_many_at_once_where_it_can(windows, workers) -> None:
    assert {5.0} == {n for b in windows(Together(), num_workers=workers) for n in b[..., 1].flatten().tolist()}


@pytest.mark.parametrize("workers", [0, 2])
def test_items_that_are_batches_stay_whole(windows, workers) -> None:
    ready = [torch.full((3, 2), float(k)) for k in range(4)]
    found = windows(ready, count=4, batch_size=None, shuffle=False, num_workers=workers)
    assert torch.equal(torch.cat(found), torch.stack(ready))


def test_a_worker_is_begun_as_its_loader_says(windows) -> None:
    def begin(worker: int) -> None:
        os.environ["BEGUN"] = str(worker)

    class Tell(Noisy):
        def __getitem__(self, i: int) -> torch.Tensor:
            return torch.tensor(float(os.environ["BEGUN"]))

    found = windows(Tell(), num_workers=2, worker_init_fn=begin)
    assert {0.0, 1.0} == {n for b in found for n in b.flatten().tolist()}


def test_the_examples_of_a_window_are_counted_where_they_are_used() -> None:
    batches = Batches(DataLoader(Noisy(), batch_size=16, num_workers=1, prefetch_factor=8), 64, 0)
    counts = []
    for number in range(6):
        batches.window(number)
        counts.append(batches.examples)
    batches.close()
    assert counts == [16, 16, 8] * 2


def test_training_ends_its_workers(tmp_path) -> None:
    data = DataLoader([(torch.ones(2), torch.ones(1))] * 20, batch_size=5, num_workers=2)
    task = nntui.Task(lambda: nn.Linear(2, 1), nn.MSELoss(), data)
    assert train(task, Options("mine", tmp_path / "run", steps=6, checks=False), Stop()) == 0
    assert multiprocessing.active_children() == []


@pytest.fixture
def process(tmp_path, preloaded):
    """A training with workers, in a process group of its own."""
    (tmp_path / "mine.py").write_text(TASK)

    def start(name: str = "task", **env: str):
        words = ["--no-checks", "--steps", "100000", "--eval-every", "10", "--out", str(tmp_path / "run")]
        words = ["train", f"{tmp_path / 'mine.py'}:{name}", *words]
        return preloaded.start("trainer", *words, env={"PATH": "/usr/bin:/bin", **env}, new_session=True)

    return start


@pytest.mark.parametrize(
    ("name", "number"), [("task", signal.SIGTERM), ("task", signal.SIGINT), ("stream", signal.SIGTERM)]
)
def test_a_stop_of_the_whole_group_ends_with_a_checkpoint(process, tmp_path, name, number) -> None:
    with process(name) as running:
        for line in running.stdout:
            if line.startswith("step      20"):
                break
        os.killpg(running.pid, number)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (128 + number, "")
    step = torch.load(tmp_path / "run/checkpoints/last.pt", weights_only=True)["step"]
    steps = [r["step"] for r in nntui.read(tmp_path / "run").metrics.to_pylist() if r["metric"] == "train/loss"]
    assert steps == list(range(step))
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)


def test_an_error_in_a_worker_is_one_line(process) -> None:
    with process(RAISES="1") as running:
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert errors.count("\n") == 1
    assert "LookupError: no example 50" in errors

"""Which examples come when: permutations, loaders with samplers of their own, data that can only be iterated."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import nntui
from trainer import randomness
from trainer.batches import Batches, DataError, Examples
from trainer.evaluation import evaluate
from trainer.loop import Stop, train
from trainer.options import Options
from trainer.precision import Precision

N = 40
DATA = TensorDataset(torch.arange(N))
CPU = torch.device("cpu")


class Counting(IterableDataset):
    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self):
        return ((torch.tensor([float(i)]), torch.tensor([2.0 * i])) for i in range(self.count))


class Uneven(Sampler):
    """Epochs of different lengths, and no length of its own."""

    def __iter__(self):
        return iter(range(random.randrange(8, 30)))


def of_window(batches: Batches, number: int) -> list[list[int]]:
    return [batch[0].tolist() for batch in batches.window(number)]


def of_epoch(batches: Batches, epoch: int) -> list[int]:
    windows = range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch)
    return [i for number in windows for batch in of_window(batches, number) for i in batch]


# --- without a loader --------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "accumulate"), [(5, 1), (5, 4), (1, 40), (7, 2), (64, 1)])
def test_an_epoch_shows_no_example_twice_and_differs_from_the_next(size, accumulate) -> None:
    batches = Batches(DATA, size, 0, accumulate)
    first, second = of_epoch(batches, 0), of_epoch(batches, 1)
    assert max(Counter(first).values()) == max(Counter(second).values()) == 1
    assert N - len(first) < min(size, N) * accumulate
    assert first != second


def test_a_window_holds_the_examples_of_the_batch_it_stands_for() -> None:
    parts, whole = Batches(DATA, 5, 3, accumulate=4), Batches(DATA, 20, 3)
    for number in range(5):
        assert [i for batch in of_window(parts, number) for i in batch] == of_window(whole, number)[0]


def test_any_window_can_be_asked_for_in_any_order() -> None:
    expected = {n: of_window(Batches(DATA, 5, 1, 2), n) for n in range(20)}
    batches = Batches(DATA, 5, 1, 2)
    for number in (0, 13, 2, 2, 19, 18, 7):
        assert of_window(batches, number) == expected[number]


# --- loaders of one's own ----------------------------------------------------------------------


def test_a_loader_that_does_not_shuffle_is_followed_and_said() -> None:
    batches = Batches(DataLoader(DATA, batch_size=10), 64, 0)
    assert of_epoch(batches, 0) == of_epoch(batches, 1) == list(range(N))
    assert ["does not shuffle" in note for note in batches.notes()] == [True]


@pytest.mark.parametrize("drop_last", [True, False])
def test_a_last_smaller_batch_comes_where_the_loader_keeps_it(drop_last) -> None:
    batches = Batches(DataLoader(DATA, batch_size=12, shuffle=True, drop_last=drop_last), 64, 0)
    assert [len(of_window(batches, n)[0]) for n in range(batches.per_epoch)] == [12, 12, 12] + (
        [] if drop_last else [4]
    )
    assert batches.notes() == []


def test_the_examples_of_a_window_are_counted() -> None:
    batches = Batches(DataLoader(DATA, batch_size=12), 64, 0, accumulate=4)
    batches.window(0)
    assert batches.examples == N


def test_a_sampler_chooses_and_weighs() -> None:
    subset = Batches(DataLoader(DATA, batch_size=4, sampler=SubsetRandomSampler(range(8))), 64, 0)
    assert subset.per_epoch == 2
    assert sorted(of_epoch(subset, 0)) == sorted(of_epoch(subset, 1)) == list(range(8))
    assert of_epoch(subset, 2) != of_epoch(subset, 3)
    weights = torch.zeros(N)
    weights[7] = 1.0
    heavy = Batches(DataLoader(DATA, batch_size=4, sampler=WeightedRandomSampler(weights, 12)), 64, 0)
    assert of_epoch(heavy, 0) == [7] * 12


def test_batches_that_a_batch_sampler_groups_stay_together() -> None:
    groups = [[0, 1, 2], [3], [4, 5]]
    batches = Batches(DataLoader(DATA, batch_sampler=groups), 64, 0)
    assert [of_window(batches, n)[0] for n in range(4)] == [*groups, [0, 1, 2]]
    mine = BatchSampler(SequentialSampler(DATA), 30, drop_last=False)
    assert Batches(DataLoader(DATA, batch_sampler=mine), 64, 0).per_epoch == 2


def test_a_sampler_disturbs_no_random_source_of_the_training() -> None:
    randomness.seed(5)
    expected = (torch.rand(3).tolist(), random.random(), np.random.rand())
    randomness.seed(5)
    batches = Batches(DataLoader(DATA, batch_size=4, shuffle=True), 64, 0)
    for number in range(25):
        batches.window(number)
    assert (torch.rand(3).tolist(), random.random(), np.random.rand()) == expected


@pytest.mark.parametrize("seed", [0, 1 << 31, (1 << 32) - 1])
def test_the_seed_decides_the_order_of_a_shuffling_loader(seed) -> None:
    def order(number: int) -> list[int]:
        return of_epoch(Batches(DataLoader(DATA, batch_size=4, shuffle=True), 64, number), 1)

    randomness.seed(3)
    found = order(seed)
    randomness.seed(4)
    assert order(seed) == found
    assert order(seed + 1 if seed == 0 else seed - 1) != found


def test_set_epoch_is_called_with_the_epoch() -> None:
    class Told(SequentialSampler):
        epochs: list[int] = []  # noqa: RUF012

        def set_epoch(self, epoch: int) -> None:
            self.epochs.append(epoch)

    batches = Batches(DataLoader(DATA, batch_size=20, sampler=Told(DATA)), 64, 0)
    for number in range(6):
        batches.window(number)
    assert Told.epochs == [0, 1, 2]
    Batches(DataLoader(DATA, batch_size=20, sampler=Told(DATA)), 64, 0).window(5)
    assert Told.epochs == [0, 1, 2, 0, 1, 2]


def test_epochs_of_different_lengths_are_gone_through_alike_after_a_restart() -> None:
    def loader() -> DataLoader:
        return DataLoader(DATA, batch_size=4, sampler=Uneven())

    walked = Batches(loader(), 64, 0, accumulate=2)
    assert walked.per_epoch == 0
    expected = [of_window(walked, n) for n in range(12)]
    for number in (3, 11):
        assert of_window(Batches(loader(), 64, 0, accumulate=2), number) == expected[number]


def test_a_loader_without_batches_gives_what_its_dataset_gives() -> None:
    ready = [torch.arange(k, k + 3) for k in range(4)]
    batches = Batches(DataLoader(ready, batch_size=None, shuffle=True), 64, 0)
    assert sorted(batch.tolist() for n in range(4) for batch in batches.window(n)) == [b.tolist() for b in ready]
    assert [batch.tolist() for batch, _ in Examples(DataLoader(ready, batch_size=None)).batches()] == [
        b.tolist() for b in ready
    ]


def test_a_generator_of_the_sampler_is_seeded_per_epoch() -> None:
    def order(state: int, epoch: int) -> list[int]:
        sampler = RandomSampler(DATA, generator=torch.Generator().manual_seed(state))
        return of_epoch(Batches(DataLoader(DATA, batch_size=4, sampler=sampler), 64, 0), epoch)

    assert order(1, 1) == order(2, 1)
    assert order(1, 0) != order(1, 1)


@pytest.mark.parametrize("sampler", [SubsetRandomSampler([]), Uneven()], ids=["empty", "short"])
def test_a_sampler_that_fills_no_update_is_a_data_error(sampler) -> None:
    with pytest.raises(DataError, match="at least one update"):
        Batches(DataLoader(DATA, batch_size=4, sampler=sampler), 64, 0, accumulate=9).window(0)


# --- the validation split ----------------------------------------------------------------------


def test_a_split_by_samplers_is_evaluated_on_its_own_part_alone() -> None:
    held_out = DataLoader(DATA, batch_size=4, sampler=SubsetRandomSampler(range(30, 40)))
    seen = [i for batch, _ in Examples(held_out).batches(8) for i in batch[0].tolist()]
    assert sorted(seen) == list(range(30, 40))
    assert seen == [i for batch, _ in Examples(held_out).batches(8) for i in batch[0].tolist()]


def test_a_shuffling_validation_loader_is_read_in_order_and_whole() -> None:
    found = [
        (batch[0].tolist(), n) for batch, n in Examples(DataLoader(DATA, 7, shuffle=True, drop_last=True)).batches(30)
    ]
    assert found == [(list(range(30)), 30), (list(range(30, 40)), 10)]


def test_a_validation_without_examples_is_a_data_error() -> None:
    task = nntui.Task(lambda: nn.Linear(1, 1), nn.MSELoss(), DATA)
    nothing = Examples(DataLoader(DATA, sampler=SubsetRandomSampler([])))
    with pytest.raises(DataError, match="no batch"):
        evaluate(task, task.build(0), nothing, CPU, Precision("float32", CPU))


# --- data that can only be iterated ------------------------------------------------------------


def test_iterated_data_begin_again_at_their_end() -> None:
    batches = Batches(Counting(5), 2, 0, accumulate=2)
    seen = [[batch[0].flatten().tolist() for batch in batches.window(n)] for n in range(3)]
    assert seen == [[[0, 1], [2, 3]], [[4], [0, 1]], [[2, 3], [4]]]
    assert batches.per_epoch == 0
    assert ["not exact" in note for note in batches.notes()] == [True]


def test_iterated_data_that_are_empty_are_a_data_error() -> None:
    with pytest.raises(DataError, match="0 batches"):
        Batches(Counting(0), 2, 0).window(0)


@pytest.mark.parametrize("wrapped", [False, True])
def test_iterated_data_are_trained_on_evaluated_and_resumed(tmp_path, wrapped) -> None:
    def data() -> object:
        return DataLoader(Counting(50), batch_size=8) if wrapped else Counting(50)

    task = nntui.Task(
        lambda: nn.Linear(1, 1), nn.MSELoss(), data(), data(), metrics={"error": lambda o, t: (o - t).abs().mean(1)}
    )
    for steps in (6, 12):
        options = Options("mine", tmp_path / "run", steps=steps, checks=False, eval_every=3, lr=0.1)
        assert train(task, options, Stop()) == 0
    tables = nntui.read(tmp_path / "run")
    live = [r for r in tables.metrics.to_pylist() if not r["superseded"]]
    assert sorted(r["step"] for r in live if r["metric"] == "train/loss") == list(range(12))
    [expected] = [r["value"] for r in live if r["metric"] == "val/error" and r["step"] == 12]
    state = torch.load(tmp_path / "run/checkpoints/last.pt", weights_only=True)["model"]
    x = torch.arange(50.0)
    assert expected == pytest.approx(float((state["weight"][0, 0] * x + state["bias"] - 2 * x).abs().mean()), rel=1e-5)
    assert [e["event"] for e in tables.events.to_pylist()].count("data") == 2

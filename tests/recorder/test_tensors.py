"""Tensors of torch, as a training loop has them on the CPU."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"],
)
@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_a_tensor_of_one_element_is_a_number(run: Any, written: Any, dtype: str, shape: tuple[int, ...]) -> None:
    run.log({"x": torch.ones(shape, dtype=getattr(torch, dtype))})
    assert run.flush()
    assert written.points("x") == [(0, 1.0)]


def test_changing_the_loss_in_place_after_logging_changes_nothing(run: Any, written: Any) -> None:
    loss = torch.tensor(3.5)
    run.log({"loss": loss})
    loss.mul_(0)
    assert run.flush()
    assert written.points("loss") == [(0, 3.5)]


def test_logging_a_loss_keeps_no_graph_alive_and_leaves_it_usable(run: Any, written: Any) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    loss = (weight * 2).sum()
    mark = np.zeros(1)
    loss.grad_fn.metadata["mark"] = mark
    graph = weakref.ref(mark)  # lives as long as the graph does
    run.log({"loss": loss, "parameter": weight.sum()})
    run.predictions(weight * 2, targets=weight)
    loss.backward()
    assert weight.grad is not None
    del loss, mark
    gc.collect()
    assert graph() is None
    assert run.flush()
    assert written.points("loss") == [(0, 6.0)]


def test_a_step_may_be_a_tensor_on_the_cpu(run: Any, written: Any) -> None:
    run.log({"x": 1.0}, step=torch.tensor(5))
    run.log({"x": 2.0}, step=torch.tensor(6.0))
    assert run.flush()
    assert written.points("x") == [(5, 1.0), (6, 2.0)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.ones(2),
        lambda: torch.ones(0),
        lambda: torch.ones((), dtype=torch.complex64),
        lambda: torch.ones((), device="meta"),
        lambda: torch.nn.Linear(1, 1),
    ],
    ids=["two", "none", "complex", "meta", "module"],
)
def test_a_tensor_without_a_number_is_dropped_with_one_event(run: Any, written: Any, make: Any) -> None:
    for _ in range(2):
        run.log({"x": make(), "y": 1.0})
    assert run.flush()
    assert written.points("x") == []
    assert [value for _, value in written.points("y")] == [1.0, 1.0]
    assert len(written.dropped()) == 1


def test_a_fake_tensor_is_dropped(run: Any, written: Any) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        run.log({"x": torch.ones(()), "y": 1.0})
    assert run.flush()
    assert written.points() == [("y", 0, 1.0)]
    assert len(written.dropped()) == 1


def test_a_tensor_inside_vmap_is_dropped_and_the_transform_goes_on(run: Any, written: Any) -> None:
    def loss(x: Any) -> Any:
        run.log({"x": x, "y": 1.0})
        return x * 2

    assert torch.func.vmap(loss)(torch.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    assert run.flush()
    assert written.points("x") == []
    assert len(written.dropped()) == 1


def test_logging_inside_grad_transforms_and_inference_mode_records_the_value(run: Any, written: Any) -> None:
    with torch.inference_mode():
        run.log({"x": torch.tensor(2.0)})
    with torch.no_grad():
        run.log({"x": torch.tensor(3.0)})
    assert run.flush()
    assert written.points("x") == [(0, 2.0), (1, 3.0)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_logs_each_time_it_runs(run: Any, written: Any) -> None:
    def step(x: Any) -> Any:
        loss = (x * x).sum()
        run.log({"loss": loss})
        return loss + 1

    compiled = torch.compile(step, backend="eager")
    assert [float(compiled(torch.full((2,), float(i)))) for i in range(20)] == [1 + 2.0 * i * i for i in range(20)]
    assert run.flush()
    assert written.points("loss") == [(i, 2.0 * i * i) for i in range(20)]
    assert written.dropped() == []


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "int64", "bool"])
def test_predictions_of_tensors_are_copied_at_once_as_float32(run: Any, written: Any, dtype: str) -> None:
    outputs = torch.tensor([[1, 0], [0, 1]], dtype=getattr(torch, dtype))
    run.predictions(outputs, step=3)
    outputs.zero_()
    assert run.flush()
    rows = written.tables().predictions.to_pylist()
    assert [(row["role"], row["example"], row["shape"], row["data"]) for row in rows] == [
        ("output", 0, [2], [1.0, 0.0]),
        ("output", 1, [2], [0.0, 1.0]),
    ]


def test_tensors_that_are_transposed_or_lazily_negated_are_recorded_as_they_look(run: Any, written: Any) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    run.predictions(base.T, step=0)
    run.samples(torch.tensor([1 + 2j]).conj().imag, step=0)
    assert run.flush()
    assert [row["data"] for row in written.tables().predictions.to_pylist()] == base.T.tolist()
    assert [row["data"] for row in written.tables().samples.to_pylist()] == [[-2.0]]


def test_a_tensor_on_no_device_in_predictions_is_one_event(run: Any, written: Any) -> None:
    for _ in range(3):
        run.predictions(torch.ones(2, 2, device="meta"))
    run.log({"x": math.inf})
    assert run.flush()
    assert len(written.dropped()) == 1
    assert written.points("x") == [(0, math.inf)]


def test_numpy_scalars_and_tensors_mix_with_plain_numbers_at_full_precision(run: Any, written: Any) -> None:
    run.log({"a": 0.1, "b": np.float64(0.1), "c": torch.tensor(0.1, dtype=torch.float64), "d": np.int64(2**53 - 1)})
    assert run.flush()
    assert [value for _, _, value in written.points()] == [0.1, 0.1, 0.1, float(2**53 - 1)]

"""Values on a GPU, with a torch that stands in for one: streams that run when told, pinned buffers, graph capture."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from nntui.recorder import device


class FakeTensor:
    """What the recorder may use of torch.Tensor; device copies happen when the fake GPU runs."""

    gpu: ClassVar[FakeGPU]

    def __init__(self, data: Any, on: str = "cuda", pinned: bool = False) -> None:
        self.data = np.asarray(data)
        self.device = SimpleNamespace(type=on, index=0)
        self.is_cuda = on == "cuda"
        self.pinned = pinned
        self.shape, self.ndim, self.dtype = self.data.shape, self.data.ndim, self.data.dtype

    def numel(self) -> int:
        return self.data.size

    def is_complex(self) -> bool:
        return self.data.dtype.kind == "c"

    def detach(self) -> FakeTensor:
        return self

    def reshape(self, shape: Any) -> FakeTensor:
        return _like(self, self.data.reshape(shape))

    def __getitem__(self, at: Any) -> FakeTensor:
        return _like(self, self.data[at])

    def __rshift__(self, bits: int) -> FakeTensor:
        return _like(self, self.data >> bits)

    def __and__(self, mask: int) -> FakeTensor:
        return _like(self, self.data & mask)

    def is_floating_point(self) -> bool:
        return self.data.dtype.kind == "f"

    def clone(self) -> FakeTensor:
        return _like(self, self.data.copy())

    def to(self, dtype: Any) -> FakeTensor:
        """On the stream: what is read is what the tensor holds when the GPU comes to it."""
        assert self.is_cuda
        result = FakeTensor(np.zeros(self.shape, dtype))
        self.gpu.enqueue(lambda: result.data.__setitem__(..., self.data))
        return result

    def new_zeros(self, shape: Any, dtype: Any) -> FakeTensor:
        return FakeTensor(np.zeros(shape, dtype))

    def copy_(self, source: FakeTensor, non_blocking: bool) -> None:
        assert non_blocking
        assert self.pinned, "a copy into memory that is not pinned waits for the device"
        self.gpu.enqueue(lambda: self.data.__setitem__(..., source.data))

    def numpy(self) -> np.ndarray:
        assert not self.is_cuda
        return self.data

    def cpu(self) -> FakeTensor:
        assert not self.is_cuda, "this waits for the device"
        return FakeTensor(self.data.copy(), "cpu")

    def double(self) -> FakeTensor:
        return FakeTensor(self.data.astype(np.float64), "cpu")

    def __float__(self) -> float:
        raise AssertionError("this waits for the device")

    __index__ = item = tolist = __float__  # type: ignore[assignment]


def _like(tensor: FakeTensor, data: Any) -> FakeTensor:
    return FakeTensor(data, tensor.device.type, tensor.pinned)


class FakeGPU:
    """One stream; `run` is the device catching up."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []
        self.capturing = False
        self.allocated = 0

    def enqueue(self, work: Callable[[], None]) -> None:
        assert not self.capturing, "this would become part of the user's graph"
        self.queue.append(work)

    def run(self) -> None:
        while self.queue:
            self.queue.pop(0)()


class _Mode:
    def __init__(self, on: bool) -> None:
        assert on is False

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGPU:
    gpu = FakeGPU()

    def empty(shape: Any, *, dtype: Any, device: str, pin_memory: bool) -> FakeTensor:
        assert device == "cpu"
        assert pin_memory
        assert not gpu.capturing
        gpu.allocated += 1
        return FakeTensor(np.full(shape, np.nan, dtype), "cpu", pinned=True)

    torch = SimpleNamespace(
        Tensor=FakeTensor,
        float64=np.float64,
        float32=np.float32,
        empty=empty,
        inference_mode=_Mode,
        cuda=SimpleNamespace(
            is_current_stream_capturing=lambda: gpu.capturing,
            get_device_properties=lambda index: SimpleNamespace(uuid=f"uuid-{index}"),
        ),
    )
    FakeTensor.gpu = gpu
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(device, "_landed", type(device._landed)())
    monkeypatch.setattr(device, "_spent", type(device._spent)())
    monkeypatch.setattr(device, "used", {})
    return gpu


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.bool_])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_logging_waits_for_no_device_and_the_value_follows(
    gpu: FakeGPU, run: Any, written: Any, dtype: Any, shape: tuple[int, ...]
) -> None:
    run.log({"loss": FakeTensor(np.ones(shape, dtype)), "lr": 0.5})
    assert written.points() == []
    gpu.run()
    assert run.flush()
    assert written.points() == [("loss", 0, 1.0), ("lr", 0, 0.5)]
    assert written.dropped() == []


def test_a_buffer_that_another_thread_takes_first_costs_no_value(
    gpu: FakeGPU, run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Taken(deque[Any]):
        def __bool__(self) -> bool:
            return True  # when it was asked; it is empty by now

    monkeypatch.setattr(device, "_landed", Taken())
    run.log({"loss": FakeTensor(np.array(3.5))})
    gpu.run()
    assert run.flush()
    assert written.points("loss") == [(0, 3.5)]


def test_what_the_stream_does_to_the_tensor_afterwards_changes_nothing(gpu: FakeGPU, run: Any, written: Any) -> None:
    loss = FakeTensor(np.array(3.5))
    run.log({"loss": loss})
    gpu.enqueue(lambda: loss.data.__imul__(0))
    gpu.run()
    assert run.flush()
    assert written.points("loss") == [(0, 3.5)]


def test_nan_and_infinities_from_a_device_are_values(gpu: FakeGPU, run: Any, written: Any) -> None:
    for value in (np.nan, np.inf, -np.inf):
        run.log({"loss": FakeTensor(np.float32(value))})
    gpu.run()
    assert run.flush()
    assert str([value for _, value in written.points("loss")]) == "[nan, inf, -inf]"


def test_later_points_wait_behind_a_value_on_its_way_and_keep_their_order(gpu: FakeGPU, run: Any, written: Any) -> None:
    run.log({"x": 0.0})
    run.log({"x": FakeTensor(np.array(1.0))})
    run.log({"x": 2.0})
    assert not run.flush(timeout=0.2)
    assert written.points("x") == [(0, 0.0)]
    gpu.run()
    assert run.flush()
    assert written.points("x") == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_buffers_are_used_again(gpu: FakeGPU, run: Any, written: Any) -> None:
    for step in range(50):
        run.log({"x": FakeTensor(np.array(float(step)))})
        gpu.run()
        assert run.flush()
    assert gpu.allocated <= 2
    assert written.points("x") == [(step, float(step)) for step in range(50)]


def test_during_graph_capture_nothing_is_touched_and_the_loss_is_counted(gpu: FakeGPU, run: Any, written: Any) -> None:
    run.log({"loss": FakeTensor(np.array(1.0))})
    gpu.run()
    gpu.capturing = True
    for _ in range(3):
        run.log({"loss": FakeTensor(np.array(1.0)), "lr": 0.5})
    run.predictions(FakeTensor(np.ones((2, 2))))
    assert run.flush()
    gpu.capturing = False
    assert run.dropped == 3
    assert written.points("lr") == [(1, 0.5), (2, 0.5), (3, 0.5)]
    assert written.points("loss") == [(0, 1.0)]
    assert any("during CUDA graph capture" in message for message in written.dropped())
    (lost,) = written.events("lost")
    assert lost["data"] == {"points": 3}


def test_predictions_on_a_device_are_written_once_they_have_arrived(gpu: FakeGPU, run: Any, written: Any) -> None:
    outputs = FakeTensor(np.arange(6.0).reshape(2, 3))
    run.predictions(outputs, targets=[0, 1], step=4)
    gpu.enqueue(lambda: outputs.data.__imul__(0))
    gpu.run()
    assert run.flush()
    rows = written.tables().predictions.to_pylist()
    assert [row["data"] for row in rows if row["role"] == "output"] == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_the_end_does_not_wait_for_a_device_that_hangs(
    gpu: FakeGPU, run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nntui.recorder.run.FINISH_TIMEOUT", 0.5)
    run.log({"x": 1.0, "y": 1.0})
    run.log({"x": FakeTensor(np.array(1.0)), "y": 1.0})
    run.predictions(FakeTensor(np.ones(3)))
    run.log({"x": 2.0, "y": 1.0})
    run.finish()
    assert written.points("x") == [(0, 1.0), (2, 2.0)]
    assert run.dropped == 2
    (end,) = written.ends()
    assert end.reason == "finished"


def test_a_step_on_a_device_is_refused_without_waiting_for_it(gpu: FakeGPU, run: Any, written: Any) -> None:
    run.log({"x": 1.0}, step=FakeTensor(np.array(3)))  # pyright: ignore[reportArgumentType]
    assert run.flush()
    (message,) = written.dropped()
    assert "a tensor on cuda" in message
    assert gpu.queue == []


def test_a_tensor_of_another_device_is_cloned_at_once_and_read_by_the_writer(
    gpu: FakeGPU, run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeTensor, "cpu", lambda self: self)
    value = FakeTensor(np.array(2.0), "mps")
    run.log({"x": value})
    value.data *= 0
    assert run.flush()
    assert written.points("x") == [(0, 2.0)]


def test_no_computation_makes_the_mark_of_a_value_that_has_not_arrived() -> None:
    mark = np.array(device.NOT_YET, np.int64).view(np.float64)
    assert np.isnan(mark)
    with np.errstate(invalid="ignore"):
        made = np.array([np.nan, -np.nan, np.inf - np.inf, np.float32("nan"), np.float16("nan")], np.float64)
    assert device.NOT_YET not in made.view(np.int64)


def test_examples_on_a_device_are_written_once_they_have_arrived(gpu: FakeGPU, run: Any, written: Any) -> None:
    index = FakeTensor(np.array([3, (1 << 40) + 5]))
    loss, label = FakeTensor(np.array([0.5, 2.0])), FakeTensor(np.array([[1], [7]]))
    run.examples("validation", index, step=4, loss=loss, label=label, duplicate_of=index, rest=FakeTensor(0.25))
    run.examples("validation", FakeTensor(np.array([1.0])))
    run.flush(0.1)
    assert written.tables().examples.num_rows == 0
    gpu.run()
    assert run.flush()
    rows = written.tables().examples.to_pylist()
    assert [(row["index"], row["duplicate_of"], row["label"], row["loss"]) for row in rows] == [
        (3, 3, "1", 0.5),
        ((1 << 40) + 5, (1 << 40) + 5, "7", 2.0),
        (-1, -1, "", 0.25),
    ]
    assert written.dropped() == [
        "Run.examples: index of float64; expected whole numbers. The call was dropped.",
    ]


def test_tensors_on_a_device_are_written_as_they_were_once_they_have_arrived(
    gpu: FakeGPU, run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nntui.recorder.tensors.NUMBERS", 4)
    weight = FakeTensor(np.arange(6.0).reshape(3, 2))
    run.tensors({"w": weight, "here": np.ones(1)}, step=4)
    gpu.enqueue(lambda: weight.data.__imul__(0))
    run.flush(0.1)
    assert written.tables().tensors.num_rows == 0
    gpu.run()
    assert run.flush()
    rows = written.tables().tensors.to_pylist()
    assert [(row["name"], row["shape"], row["data"]) for row in rows] == [
        ("w", [2, 2], [0.0, 1.0, 2.0, 3.0]),
        ("here", [1], [1.0]),
    ]


def test_it_is_known_from_which_device_values_came(gpu: FakeGPU, run: Any) -> None:
    run.log({"loss": FakeTensor(np.array(1.0), "cpu"), "lr": 0.5})
    assert device.used == {}
    run.log({"loss": FakeTensor(np.array(1.0))})
    assert device.used == {0: "uuid-0"}
    gpu.run()


def test_a_torch_that_does_not_tell_its_devices_apart_is_asked_once(gpu: FakeGPU, run: Any, written: Any) -> None:
    del sys.modules["torch"].cuda.get_device_properties
    run.log({"loss": FakeTensor(np.array(1.0))})
    gpu.run()
    assert run.flush()
    assert (device.used, written.points("loss")) == ({0: ""}, [(0, 1.0)])

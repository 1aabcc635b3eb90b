"""What a script meets when recording it does not go as planned: nothing."""

from __future__ import annotations

import copy
import gc
import io
import multiprocessing
import os
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import optimizer as optim

import nntui
from nntui.unmodified.attach import Attachment
from nntui.unmodified.functions import FUNCTIONS, OWNER
from nntui.unmodified.training import Training

from .programs import PROGRAMS, batches
from .test_recorded import small, step


def hooks_of(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def ours() -> set[int]:
    """Hooks on all optimizers that are nntui's, those of other tests among them."""
    hooks = {**optim._global_optimizer_pre_hooks, **optim._global_optimizer_post_hooks}
    return {place for place, hook in hooks.items() if "nntui" in type(hook).__module__}


@pytest.mark.parametrize("where", ["before", "after", "log"])
def test_an_error_of_ours_ends_the_recording_and_nothing_else(
    attachment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, where: str
) -> None:
    plain, scale, script = torch.autograd.backward, torch.amp.GradScaler.scale, torch.jit.script
    calls, others = [], ours()

    def fail(*given: object) -> None:
        calls.append(given)
        if len(calls) == 3:
            raise RuntimeError("a defect")

    monkeypatch.setattr(Training, where, fail)
    expected = PROGRAMS["plain"]()
    attached = attachment()
    attached.attach()
    assert torch.autograd.backward is not plain
    assert PROGRAMS["plain"]() == expected
    assert (torch.autograd.backward, torch.amp.GradScaler.scale, torch.jit.script) == (plain, scale, script)
    assert ours() <= others
    events = nntui.read(tmp_path / "runs" / "it").events.to_pylist()
    (told,) = [event for event in events if event["level"] == "warn"]
    assert "RuntimeError: a defect" in told["message"]
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "recording stops here: RuntimeError: a defect" in line]) == 1
    attached.detach()


def test_an_error_while_a_recording_begins_leaves_torch_as_it_is(
    attachment, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise RuntimeError("a defect")

    plain = {name: getattr(OWNER, name) for name in FUNCTIONS}
    monkeypatch.setattr("nntui.unmodified.training.Watch", fail)
    attached = attachment()
    attached.attach()
    PROGRAMS["plain"]()
    assert "recording stops here: RuntimeError: a defect" in capsys.readouterr().err
    assert all(getattr(OWNER, name) is one for name, one in plain.items())
    attached.detach()


def test_nothing_is_left_on_a_model_once_recording_has_stopped(attachment, capsys) -> None:
    attached = attachment()
    attached.attach()
    (model, optimizer), criterion = small(), nn.MultiMarginLoss()
    for place, (x, y) in enumerate(batches(6)):
        step(optimizer, criterion(model(x), y))
        if place == 2:
            assert hooks_of(model) > 0
            assert hooks_of(criterion) == 1
            attached.step_aside("enough")
    assert hooks_of(model) == hooks_of(criterion) == 0
    assert not any(p._backward_hooks for p in model.parameters())
    attached.detach()


def test_a_script_that_records_itself_is_left_alone(attachment, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(Attachment, "_records_itself", True)
    attached = attachment()
    attached.attach()
    PROGRAMS["plain"]()
    attached.detach()
    assert not (tmp_path / "runs").exists()
    assert capsys.readouterr().err == "nntui: recording stops here: the script uses nntui itself. The script goes on.\n"


def test_a_script_that_begins_to_record_itself_is_left_alone(attachment, tmp_path: Path, capsys) -> None:
    attached = attachment()
    attached.attach()
    model, optimizer = small()
    for place, (x, y) in enumerate(batches(6)):
        if place == 3:
            run = nntui.init(tmp_path / "own")
        step(optimizer, functional.cross_entropy(model(x), y))
    run.finish()
    attached.detach()
    table = nntui.read(tmp_path / "runs" / "it").metrics.to_pylist()
    assert max(row["step"] for row in table if row["metric"] == "train/loss") == 2
    assert "the script records a run itself" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_and_no_more(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(Attachment, "_records_itself", False)
    (tmp_path / "file").touch()
    attached = Attachment(tmp_path / "file" / "run", ["train.py"])
    attached.attach()
    expected = PROGRAMS["plain"]()
    attached.detach()
    assert PROGRAMS["plain"]() == expected
    (line,) = capsys.readouterr().err.splitlines()
    assert "recording stops here" in line


def test_a_model_and_its_optimizer_are_gone_as_soon_as_they_would_be(record) -> None:
    def program() -> list[object]:
        gc.collect()
        gc.disable()
        try:
            model, optimizer = small()
            for x, y in batches(5):
                step(optimizer, functional.cross_entropy(model(x), y))
            gone = [weakref.ref(one) for one in (model, optimizer, model[0].weight)]
            del model, optimizer
            return [one() for one in gone]
        finally:
            gc.enable()

    assert record(program).given == [None] * 3


def test_a_model_can_be_copied_saved_and_compiled_at_any_time(record) -> None:
    def program() -> None:
        model, optimizer = small()
        for x, y in batches(6):
            step(optimizer, functional.cross_entropy(model(x), y))
            torch.save(model, io.BytesIO())
            copied = copy.deepcopy(model)
            before = hooks_of(model)
            with pytest.warns(DeprecationWarning, match="deprecated"):
                scripted = torch.jit.script(model)
            assert hooks_of(model) == before
            assert torch.equal(scripted(x), model(x))
            assert torch.equal(copied(x), model(x))

    assert len(record(program).runs) == 1


def test_names_are_looked_up_where_a_class_is_compiled(record) -> None:
    def program() -> float:
        def twice(x: torch.Tensor) -> torch.Tensor:
            return x * 2

        with pytest.warns(DeprecationWarning, match="deprecated"):

            @torch.jit.script
            class Doubling:
                def __init__(self, x: torch.Tensor) -> None:
                    self.x = x

                def value(self) -> torch.Tensor:
                    return twice(self.x)

        return float(Doubling(torch.ones(())).value())

    assert record(program).given == 2.0


def _train_in_a_child(pipe: int) -> None:
    model, optimizer = small()
    for x, y in batches(3):
        step(optimizer, functional.cross_entropy(model(x), y))
    os.write(pipe, b"!")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_recorded_process_records_nothing(record) -> None:
    def program() -> bytes:
        model, optimizer = small()
        read, write = os.pipe()
        for place, (x, y) in enumerate(batches(4)):
            step(optimizer, functional.cross_entropy(model(x), y))
            if place == 1:
                child = multiprocessing.get_context("fork").Process(target=_train_in_a_child, args=(write,))
                child.start()
                child.join()
                assert child.exitcode == 0
        return os.read(read, 1)

    found = record(program)
    assert found.given == b"!"
    (path,) = found.runs
    assert len([entry for entry in path.iterdir() if entry.name.startswith("w-")]) == 1
    assert len(found.values("train/loss")) == 4

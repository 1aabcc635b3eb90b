"""What `Run.log` takes, at which step, and what it does with everything else."""

from __future__ import annotations

import enum
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nntui
from nntui.recorder import DisabledRun, Run
from nntui.runlog import layout

# --- steps ------------------------------------------------------------------------------------


def test_a_fresh_run_counts_its_steps_from_zero(run: Any, written: Any) -> None:
    assert run.step == -1
    for value in (1.0, 2.0, 3.0):
        run.log({"loss": value})
    assert run.step == 2
    assert run.flush()
    assert written.points("loss") == [(0, 1.0), (1, 2.0), (2, 3.0)]


def test_what_a_check_measures_moves_neither_the_step_nor_the_beat(run: Any, written: Any) -> None:
    for step in range(300):
        run.check_progress("blind", {"loss": 9.0, "blind_loss": 9.5}, step)
    assert run.step == -1
    assert run.flush()
    assert written.points("check/blind/loss")[-1] == (299, 9.0)
    run.log({"train/loss": 2.0})
    run.check_progress("blind", {"loss": float("nan")}, 7)
    assert run.step == 0
    run.finish()
    beat = layout.read_beat(written.folders()[0])
    assert (beat.step, beat.loss) == (0, 2.0)


def test_a_resumed_run_goes_on_at_the_step_it_resumes_from(opened: Any, written: Any) -> None:
    run = opened(resume_step=100)
    assert run.step == 99
    run.log({"loss": 1.0})
    assert run.flush()
    assert written.points("loss") == [(100, 1.0)]
    assert [row["event"] for row in written.events()] == ["resume"]


def test_no_step_means_one_more_than_the_last_also_after_going_backwards(run: Any, written: Any) -> None:
    for step in (10, None, 3, None, None):
        run.log({"loss": 0.0}, step)
    assert run.flush()
    assert [step for step, _ in written.points("loss")] == [10, 11, 3, 4, 5]


@pytest.mark.parametrize("step", [7, np.int64(7), np.uint8(7), 7.0, np.float32(7), np.array(7), Fraction(7)])
def test_a_whole_number_of_any_type_is_a_step(run: Any, written: Any, step: Any) -> None:
    run.log({"loss": 1.0}, step=step)
    assert run.flush()
    assert written.points("loss") == [(7, 1.0)]
    assert run.step == 7


def test_a_bool_is_a_step_as_it_is_an_int(run: Any, written: Any) -> None:
    run.log({"loss": 1.0}, step=True)
    run.log({"loss": 2.0})
    assert run.flush()
    assert written.points("loss") == [(1, 1.0), (2, 2.0)]


@pytest.mark.parametrize("step", ["7", "x", b"7", math.nan, math.inf, 1.5, 1 << 63, 10**400, [1], {}, object()])
def test_what_is_no_whole_number_is_no_step_and_says_so_once(run: Any, written: Any, step: Any) -> None:
    run.log({"loss": 1.0}, step=step)
    run.log({"loss": 2.0}, step=step)
    run.log({"loss": 3.0})
    assert run.flush()
    assert written.points("loss") == [(0, 3.0)]
    (message,) = written.dropped()
    assert message.startswith("Run.log: step was ")


# --- values -----------------------------------------------------------------------------------


class _Level(enum.IntEnum):
    HIGH = 3


class _Floats:
    def __float__(self) -> float:
        return 2.5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        (2.5, 2.5),
        (-0.0, -0.0),
        (2**70, float(2**70)),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (_Level.HIGH, 3.0),
        (_Floats(), 2.5),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int8(-3), -3.0),
        (np.uint64(2**63), float(2**63)),
        (np.bool_(True), 1.0),
        (np.array(4), 4.0),
        (np.array([4.5]), 4.5),
        (np.array([[[5]]]), 5.0),
    ],
)
def test_every_real_number_is_recorded_as_it_is(run: Any, written: Any, value: Any, expected: float) -> None:
    run.log({"x": value})
    assert run.flush()
    ((_, recorded),) = written.points("x")
    assert recorded == expected
    assert math.copysign(1, recorded) == math.copysign(1, expected)
    assert written.dropped() == []


@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), Decimal("NaN"), np.array([math.nan])])
def test_nan_is_a_value_like_any_other(run: Any, written: Any, value: Any) -> None:
    run.log({"x": value})
    assert run.flush()
    ((_, recorded),) = written.points("x")
    assert math.isnan(recorded)


class _Raises:
    def __float__(self) -> float:
        raise ZeroDivisionError("no number today")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1.5",
        b"1.5",
        bytearray(b"1"),
        memoryview(b"1"),
        1 + 2j,
        np.complex64(1),
        np.array([1j]),
        np.array(["1.5"]),
        np.array([1.0, 2.0]),
        np.array([]),
        np.array([None]),
        np.datetime64(1, "s"),
        np.timedelta64(1, "s"),
        [1.0],
        {"nested": 1.0},
        10**400,
        Decimal("sNaN"),
        _Raises(),
        object(),
        print,
    ],
)
def test_what_is_no_number_is_dropped_with_one_event_and_costs_its_neighbours_nothing(
    run: Any, written: Any, value: Any
) -> None:
    for step in range(3):
        run.log({"before": 1.0, "bad": value, "after": 2.0}, step)
    assert run.flush()
    assert written.points("bad") == []
    assert written.points("before") == [(0, 1.0), (1, 1.0), (2, 1.0)]
    assert written.points("after") == [(0, 2.0), (1, 2.0), (2, 2.0)]
    (message,) = written.dropped()
    assert message.startswith("bad: dropped, ")


def test_a_value_that_is_a_number_only_sometimes_is_recorded_then(run: Any, written: Any) -> None:
    for value in (1.0, "missing", 10**400, 2.0):
        run.log({"x": value, "y": 0.0})
    assert run.flush()
    assert written.points("x") == [(0, 1.0), (3, 2.0)]
    assert [step for step, _ in written.points("y")] == [0, 1, 2, 3]


@pytest.mark.parametrize("values", [None, [1.0], "loss", 3, {"loss"}, iter(()), [("loss", 1.0)]])
def test_a_call_without_a_mapping_is_dropped_with_one_event_and_takes_no_step(
    run: Any, written: Any, values: Any
) -> None:
    run.log(values)
    run.log(values)
    run.log({"loss": 1.0})
    assert run.flush()
    assert written.points() == [("loss", 0, 1.0)]
    (message,) = written.dropped()
    assert message.startswith("Run.log: values were a ")


class _Lazy(Mapping[str, float]):
    def __getitem__(self, name: str) -> float:
        return float(len(name))

    def __iter__(self) -> Iterator[str]:
        return iter(("a", "bb"))

    def __len__(self) -> int:
        return 2


class _Broken(_Lazy):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("dictionary changed size during iteration")


@pytest.mark.parametrize("values", [OrderedDict(a=1.0, bb=2.0), MappingProxyType({"a": 1.0, "bb": 2.0}), _Lazy()])
def test_any_mapping_will_do(run: Any, written: Any, values: Any) -> None:
    run.log(values)
    assert run.flush()
    assert sorted(written.points()) == [("a", 0, 1.0), ("bb", 0, 2.0)]


def test_a_mapping_that_cannot_be_read_is_dropped(run: Any, written: Any) -> None:
    run.log(_Broken())
    run.log({"a": 1.0})
    assert run.flush()
    assert written.points() == [("a", 0, 1.0)]
    assert len(written.dropped()) == 1


def test_an_empty_call_is_a_step_without_points(run: Any, written: Any) -> None:
    run.log({})
    run.log({"a": 1.0})
    run.log({})
    assert run.flush()
    assert written.points() == [("a", 1, 1.0)]
    assert run.step == 2


def test_what_the_caller_does_to_the_dictionary_afterwards_changes_nothing(run: Any, written: Any) -> None:
    values: dict[str, Any] = {"a": 1.0}
    array = np.array([5.0])
    for step in range(100):
        values["a"], values["array"] = float(step), array
        array[0] = step
        run.log(values)
        values.clear()
        array[0] = math.nan
    assert run.flush()
    assert written.points("a") == [(step, float(step)) for step in range(100)]
    assert written.points("array") == [(step, float(step)) for step in range(100)]


# --- names ------------------------------------------------------------------------------------


class _Name(enum.StrEnum):
    LOSS = "train/loss"


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("", ""),
        ("a\x00b", "a\x00b"),
        ("\x1b[31mred", "\x1b[31mred"),
        ("損失/訓練", "損失/訓練"),
        ("x" * 10_000, "x" * 10_000),
        ("lone \ud800", "lone \\ud800"),
        (_Name.LOSS, "train/loss"),
        (np.str_("n"), "n"),
    ],
    ids=["empty", "nul", "escape", "wide", "long", "surrogate", "enum", "numpy"],
)
def test_any_text_is_a_name(run: Any, written: Any, name: Any, stored: str) -> None:
    run.log({name: 1.0})
    assert run.flush()
    assert written.points() == [(stored, 0, 1.0)]


class _Unprintable:
    def __str__(self) -> str:
        raise ValueError("no")

    __repr__ = __str__


@pytest.mark.parametrize("name", [5, None, (1, 2), b"loss", 1.5])
def test_a_name_that_is_no_text_is_dropped_with_one_event(run: Any, written: Any, name: Any) -> None:
    run.log({name: 1.0, "good": 2.0})
    run.log({name: "bad", "good": 3.0})
    run.log({name: 1.0, "good": 4.0})
    assert run.flush()
    assert written.points() == [("good", 0, 2.0), ("good", 1, 3.0), ("good", 2, 4.0)]
    assert f"{name!r}: dropped, its name is no string; expected one real number per name." in written.dropped()


def test_a_name_that_cannot_even_be_shown_is_no_reason_to_stop(run: Any, written: Any) -> None:
    run.log({_Unprintable(): 1.0})
    run.log({_Unprintable(): "x"})
    run.log({"good": 1.0})
    assert run.flush()
    assert ("good", 2, 1.0) in written.points()


# --- order ------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c", "d"])
_values = st.one_of(st.floats(allow_nan=False), st.integers(-(2**60), 2**60).map(float), st.just("no number"))
_calls = st.lists(
    st.tuples(st.dictionaries(_names, _values), st.one_of(st.none(), st.integers(-5, 50)), st.booleans()), max_size=30
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=_calls)
def test_whatever_is_logged_comes_back_in_order_for_each_name(
    tmp_path_factory: pytest.TempPathFactory, calls: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("runs") / "run"
    expected: dict[str, list[tuple[int, float]]] = {}
    following = 0
    with nntui.init(path) as run:
        for values, step, flush in calls:
            run.log(values, step)
            at = following if step is None else step
            following = at + 1
            for name, value in values.items():
                if isinstance(value, float):
                    expected.setdefault(name, []).append((at, value))
            assert not flush or run.flush()
    recorded: dict[str, list[tuple[int, float]]] = {}
    for row in nntui.read(path).metrics.to_pylist():
        recorded.setdefault(row["metric"], []).append((row["step"], row["value"]))
    assert recorded == expected


def test_calls_with_the_same_names_share_one_row_of_the_file(run: Any, written: Any) -> None:
    before = len(list(written.folders()[0].glob("metrics-*")))
    for step in range(1000):
        run.log({"a": step, "b": -step})
    assert run.flush()
    size = sum(file.stat().st_size for file in written.folders()[0].glob("metrics-*"))
    assert before == 0
    assert size < 2000 * 20
    assert len(written.points()) == 2000


def test_threads_may_log_at_the_same_time_and_nothing_is_lost(run: Any, written: Any) -> None:
    def work(name: str) -> None:
        for step in range(2000):
            run.log({name: float(step)}, step)

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.flush()
    for i in range(4):
        assert written.points(f"t{i}") == [(step, float(step)) for step in range(2000)]


# --- opening, ending, off -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["total_steps", "steps_per_epoch", "resume_step", "rank"])
@pytest.mark.parametrize("value", [-1, 1.5, "10", math.nan, 10**400, [3]])
def test_opening_refuses_a_count_that_is_none_in_one_line(path: Path, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^nntui.init: {name} was .*; expected a whole number") as caught:
        nntui.init(path, **{name: value})
    assert "\n" not in str(caught.value)
    assert not path.exists()


def test_opening_refuses_a_config_that_is_no_mapping(path: Path) -> None:
    with pytest.raises(TypeError, match="config was a list; expected a mapping"):
        nntui.init(path, config=[1])  # pyright: ignore[reportArgumentType]


def test_opening_refuses_a_path_that_is_a_file_in_one_line(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(nntui.RunFolderError) as caught:
        nntui.init(path)
    assert "\n" not in str(caught.value)
    assert path.read_text() == "mine"


def test_a_working_directory_that_was_removed_is_no_reason_not_to_record(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Any
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with nntui.init(path) as run:
        run.log({"loss": 1.0})
    assert written.points("loss") == [(0, 1.0)]
    with pytest.raises(nntui.RunFolderError, match=r"runs/a: cannot be written \(the working directory is gone\)"):
        nntui.init("runs/a")


def test_what_the_loop_said_at_opening_is_in_the_manifest(opened: Any, path: Path) -> None:
    from nntui.runlog.reader import RunReader

    opened(config={"lr": 3e-4, "odd": object}, total_steps=10, steps_per_epoch=np.int64(5), resume_step=4.0, rank=2)
    (writer,) = RunReader(path).poll().writers.values()
    manifest = writer.manifest
    assert (manifest.total_steps, manifest.steps_per_epoch, manifest.resume_step, manifest.rank) == (10, 5, 4, 2)
    assert manifest.config["lr"] == 3e-4
    assert manifest.versions["python"]


def test_two_runs_of_one_process_in_one_folder_keep_their_own_files(opened: Any, written: Any) -> None:
    first, second = opened(), opened()
    first.log({"a": 1.0})
    second.log({"a": 2.0})
    assert first.flush()
    assert second.flush()
    assert sorted(written.points("a")) == [(0, 1.0), (0, 2.0)]
    assert len(written.folders()) == 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell the descriptors of a process")
def test_a_run_that_has_ended_keeps_no_descriptor(tmp_path: Path) -> None:
    def record(name: str) -> int:
        with nntui.init(tmp_path / name, capture_output=True) as run:
            run.log({"loss": 1.0})
        run.flush()
        return len([*Path("/proc/self/fd").iterdir()])

    before = record("first")
    assert [record(f"run{n}") for n in range(5)] == [before] * 5


def test_finishing_twice_is_finishing_once(run: Any, written: Any) -> None:
    run.log({"a": 1.0})
    run.finish()
    run.finish(3)
    (end,) = written.ends()
    assert (end.reason, end.exit_code, end.step) == ("finished", 0, 0)
    assert [row["event"] for row in written.events()] == ["start", "end"]
    assert run.flush()


def test_logging_after_the_end_is_said_once_on_stderr_and_changes_nothing(
    run: Any, written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run.finish()
    for _ in range(3):
        run.log({"late": 1.0})
        run.event("late", "x")
        run.predictions([1.0])
    assert capsys.readouterr().err.count("the run is finished") == 1
    assert written.points() == []


def test_a_with_block_ends_the_run(path: Path, written: Any) -> None:
    with nntui.init(path) as run:
        run.log({"a": 1.0})
    (end,) = written.ends()
    assert end.reason == "finished"
    assert end.files["metrics-00000.arrows"][0] == 2


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (ValueError("bad\nbatch"), "exception", 1),
        (KeyboardInterrupt(), "interrupted", 1),
        (SystemExit(7), "finished", 7),
    ],
)
def test_an_exception_through_a_with_block_is_the_reason_of_the_end_and_goes_on(
    path: Path, written: Any, error: BaseException, reason: str, code: int
) -> None:
    def train() -> None:
        with nntui.init(path) as run:
            run.log({"a": 1.0})
            raise error

    with pytest.raises(type(error)):
        train()
    (end,) = written.ends()
    assert (end.reason, end.exit_code) == (reason, code)
    assert written.points("a") == [(0, 1.0)]
    traced = written.events("exception")
    if reason == "finished":
        assert traced == []
    else:
        assert type(error).__name__ in traced[0]["data"]["traceback"]
        assert "raise error" in traced[0]["data"]["traceback"]


def test_an_enormous_exception_leaves_a_readable_end(path: Path, written: Any) -> None:
    with pytest.raises(ValueError, match="x"), nntui.init(path):
        raise ValueError("x" * 3_000_000)
    (end,) = written.ends()
    assert end is not None
    assert len(end.message) <= 1000
    (event,) = written.events("exception")
    assert len(event["data"]["traceback"]) <= 16 << 10


def _calls_of(run: Run) -> list[Callable[[], Any]]:
    finding = nntui.Finding("skeleton.x", "fail", "m")
    return [
        lambda: run.log({"a": 1.0}),
        lambda: run.log(None, step="x"),  # pyright: ignore[reportArgumentType]
        lambda: run.predictions([1.0], targets=[1], inputs=[2], name="n", step=1, output_texts=["a"]),
        lambda: run.samples([1.0], [2.0], name="n", step=1, target_texts=["a"]),
        lambda: run.examples("train", [1], label=["a"], inputs=[[1.0]], rest=0.5),
        lambda: run.dependencies([[1.0]], axis="time", leak=(0, 0, 1.0)),
        lambda: run.tensors({"stem.weight": [[1.0]]}, step=1),
        lambda: run.check(finding),
        lambda: run.event("e", "m", level="warn", step=1, data={}),
        run.flush,
        run.finish,
    ]


def test_a_disabled_run_is_an_object_with_the_same_methods_that_touches_nothing(path: Path) -> None:
    with nntui.init(path, enabled=False, resume_step=10) as run:
        assert isinstance(run, DisabledRun)
        assert run.step == 9
        for call in _calls_of(run):
            call()
        run.log({"a": 1.0}, step=np.int64(41))
        assert (run.step, run.dropped, run.path) == (41, 0, path)
        assert run.flush() is True
    assert not path.exists()


def test_a_disabled_run_has_every_public_name_of_a_run_of_its_own() -> None:
    public = {name for name in vars(Run) if not name.startswith("_")}
    inherited = {"step", "interrupted_by", "wait_over", "hurry", "forked", "revive"}
    assert public - set(vars(DisabledRun)) == inherited


def test_every_call_is_forgiven_after_the_end(run: Any) -> None:
    run.finish()
    for call in _calls_of(run):
        call()


def test_numbers_measured_together_are_recorded_at_their_own_step_and_leave_that_of_the_run(tmp_path) -> None:
    with nntui.init(tmp_path / "run") as run:
        run.log({"train/loss": 1.0}, step=7)
        run.observe(["layer/a/grad_norm", "layer/b/grad_norm"], np.array([0.5, math.nan], np.float32), 3)
        assert run.step == 7
        run.observe(["one"], np.zeros(2), 3)
        run.observe(["one"], np.zeros(1), 1 << 63)  # takes nothing with it that is written beside it
        run.log({"train/loss": 0.5})
    table = nntui.read(tmp_path / "run")
    rows = {(row["metric"], row["step"]): row["value"] for row in table.metrics.to_pylist()}
    assert rows[("layer/a/grad_norm", 3)] == 0.5
    assert math.isnan(rows[("layer/b/grad_norm", 3)])
    assert rows[("train/loss", 8)] == 0.5
    assert len(rows) == 4
    for why in ("2 values for 1 names", "does not fit in 64 bits"):
        assert any(why in row["message"] for row in table.events.to_pylist())

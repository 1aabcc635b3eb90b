"""What the process prints is printed as ever, and recorded beside."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from nntui.recorder import output
from nntui.recorder.output import Output
from nntui.runlog import layout


class Stream(io.StringIO):
    """A stream that a test may break."""

    broken: BaseException | None = None

    def write(self, text: str, /) -> int:
        if self.broken is not None:
            raise self.broken
        return super().write(text)


@contextlib.contextmanager
def spoken() -> Iterator[SimpleNamespace]:
    """Both streams; pytest's own come back between a fixture and its test."""
    found = SimpleNamespace(out=Stream(), err=Stream())
    with contextlib.redirect_stdout(found.out), contextlib.redirect_stderr(found.err):
        yield found


@contextlib.contextmanager
def listening() -> Iterator[tuple[SimpleNamespace, Output]]:
    """Both streams, listened to."""
    with spoken() as streams:
        source = Output(lambda: 7)
        yield streams, source
        source.stop()


def rows(source: Output, *, ending: bool = True) -> list[tuple[str, str]]:
    """(stream, text) of every line."""
    return [(row["stream"], row["text"]) for _, batch in source.rows(7, ending=ending) for row in batch.to_pylist()]


def lines(written: Any) -> list[tuple[str, str]]:
    return [(row["stream"], row["text"]) for row in written.tables().output.to_pylist()]


def test_lines_are_recorded_with_their_stream_and_step(opened: Callable[..., Any], written: Any) -> None:
    with spoken() as streams:
        run = opened(capture_output=True)
        print("before", 1)
        run.log({"loss": 1.0}, step=5)
        print("after", file=sys.stderr)
        run.finish()
        found = [(row["step"], row["stream"], row["text"]) for row in written.tables().output.to_pylist()]
        assert sorted(found) == [(-1, "stdout", "before 1"), (5, "stderr", "after")]
        assert (streams.out.getvalue(), streams.err.getvalue()) == ("before 1\n", "after\n")


def test_nothing_is_captured_unless_it_is_asked_for(run: Any, written: Any) -> None:
    with spoken():
        print("hello")
        assert "write" not in vars(sys.stdout)
        run.finish()
        assert lines(written) == []


def test_the_streams_stay_what_they_are_and_are_given_back(opened: Callable[..., Any]) -> None:
    with spoken() as streams:
        run = opened(capture_output=True)
        assert sys.stdout is streams.out
        assert print("x", end="") is None
        assert sys.stdout.write("yz") == 2
        assert sys.stdout.isatty() is False
        sys.stdout.writelines(["1", "2"])
        run.finish()
        print("late")
        assert streams.out.getvalue() == "xyz12late\n"
        assert "write" not in vars(streams.out)
        assert "write" not in vars(streams.err)


def test_whoever_took_the_stream_before_is_heard_too() -> None:
    with spoken():
        handler = logging.StreamHandler(sys.stderr)
        kept = sys.stdout
        source = Output(lambda: 0)
        handler.emit(logging.LogRecord("a", logging.INFO, "", 0, "logged", (), None))
        kept.write("kept\n")
        assert sorted(rows(source)) == [("stderr", "logged"), ("stdout", "kept")]


def test_what_is_redirected_elsewhere_is_not_heard() -> None:
    with listening() as (_, source):
        with contextlib.redirect_stdout(io.StringIO()) as elsewhere:
            print("secret")
        assert elsewhere.getvalue() == "secret\n"
        assert rows(source) == []


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file"), KeyboardInterrupt()])
def test_an_error_in_the_users_own_printing_is_theirs(error: BaseException) -> None:
    with listening() as (streams, source):
        streams.out.broken = error
        with pytest.raises(type(error)):
            print("lost")
        assert rows(source) == []


def test_an_error_of_ours_stays_ours() -> None:
    with spoken() as streams:

        def broken() -> int:
            raise RuntimeError("no step")

        source = Output(broken)
        print("printed")
        source.stop()
        assert streams.out.getvalue() == "printed\n"


@pytest.mark.parametrize(
    "words", [("caf\u00e9 \U0001f600",), ("lone \ud800",), ("nul \x00",), ("",), ("\x1b[31mred\x1b[0m",)]
)
def test_any_text_is_kept(opened: Callable[..., Any], written: Any, words: tuple[str]) -> None:
    with spoken():
        run = opened(capture_output=True)
        print(*words)
        run.finish()
        (text,) = [text for _, text in lines(written)] or [""]
        expected = words[0].encode("utf-8", "backslashreplace").decode()
        assert text == expected.replace("\x1b[31m", "").replace("\x1b[0m", "").replace("\x00", "").rstrip()


def test_bytes_that_go_around_the_text_are_the_users_alone(
    opened: Callable[..., Any], written: Any, capfdbinary: Any
) -> None:
    raw = io.FileIO(os.dup(1), "w")
    with io.TextIOWrapper(raw, write_through=True) as stream, contextlib.redirect_stdout(stream):
        run = opened(capture_output=True)
        sys.stdout.buffer.write(b"\xff\xfe raw\n")
        print("text")
        run.finish()
    assert capfdbinary.readouterr().out == b"\xff\xfe raw\ntext\n"
    assert lines(written) == [("stdout", "text")]


@pytest.mark.parametrize("missing", [None, object(), SimpleNamespace(write=None)])
def test_a_stream_that_cannot_be_listened_to_is_left_alone(monkeypatch: pytest.MonkeyPatch, missing: Any) -> None:
    monkeypatch.setattr(sys, "stdout", missing)
    source = Output(lambda: 0)
    assert rows(source) == []
    source.stop()


def test_two_runs_hear_the_same_and_either_may_end_first() -> None:
    with spoken() as streams:
        first, second = Output(lambda: 0), Output(lambda: 0)
        print("both")
        assert rows(first) == [("stdout", "both")]
        print("second only")
        assert rows(second) == [("stdout", "both"), ("stdout", "second only")]
        print("nobody")
        assert streams.out.getvalue() == "both\nsecond only\nnobody\n"
        third = Output(lambda: 0)
        print("third")
        assert rows(third) == [("stdout", "third")]


def test_a_wrapper_around_ours_goes_on_through_us() -> None:
    with spoken() as streams:
        source = Output(lambda: 0)
        ours = sys.stdout.write
        sys.stdout.write = lambda text: ours(text.upper())  # type: ignore[method-assign, assignment]
        print("loud")
        assert rows(source) == [("stdout", "LOUD")]
        print("still")
        assert streams.out.getvalue() == "LOUD\nSTILL\n"


def test_a_batch_waits_for_others_but_not_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (_, source):
        now = [100.0]
        monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
        print("one")
        assert rows(source, ending=False) == [("stdout", "one")]
        print("two")
        assert rows(source, ending=False) == []
        now[0] += output.INTERVAL
        assert rows(source, ending=False) == [("stdout", "two")]
        print("three", end="")
        assert rows(source) == [("stdout", "three")]


def test_a_flood_is_bounded_and_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (_, source):
        monkeypatch.setattr(output, "BURST", 10_000)
        monkeypatch.setattr(output, "RATE", 0)
        monkeypatch.setattr(source, "_allowance", output.Allowance())
        for k in range(500):
            print(k)
        found = rows(source)
        kept = [text for stream, text in found if stream == "stdout"]
        assert kept == [str(k) for k in range(len(kept))]
        assert 100 < len(kept) < 500
        assert found[-1][0] == ""
        assert found[-1][1].startswith(f"{500 - len(kept)} lines were not recorded")


def test_what_a_process_may_keep_in_all_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (_, source):
        monkeypatch.setattr(output, "TOTAL", 1000)
        now = [100.0]
        monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
        found = []
        for _ in range(100):
            print("a line")
            now[0] += 10.0
            found += rows(source, ending=False)
        assert sum(stream == "stdout" for stream, _ in found) == 1000 // (output.LINE_COST + 6)
        said = [int(text.split()[0]) for stream, text in found + rows(source) if stream == ""]
        assert len(said) > 5
        assert sum(said) == 100 - 1000 // (output.LINE_COST + 6)


def test_writes_that_come_faster_than_the_thread_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (_, source):
        monkeypatch.setattr(output, "WAITING", 1000)
        for _ in range(100):
            sys.stdout.write("x\n")
        (*kept, last) = rows(source)
        assert len(kept) + int(last[1].split()[0]) == 100
        assert 1 < len(kept) < 50


def test_a_huge_write_is_taken_in_part() -> None:
    with listening() as (_, source):
        sys.stdout.write("x" * 10_000_000)
        ((_, text),) = rows(source)
        assert text.endswith("more characters")
        assert len(text) < 5000


def test_threads_that_print_together_lose_nothing() -> None:
    with listening() as (_, source):

        def chatter(name: int) -> None:
            for k in range(200):
                sys.stdout.write(f"{name}:{k}\n")

        threads = [threading.Thread(target=chatter, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(text for _, text in rows(source)) == sorted(f"{n}:{k}" for n in range(4) for k in range(200))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_prints_as_if_nobody_listened(program: SimpleNamespace, written: Any) -> None:
    done = program.run(
        """
        with nntui.init(path, capture_output=True) as run:
            print("parent", flush=True)
            pid = os.fork()
            if pid == 0:
                print("child", "write" in vars(sys.stdout), flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            print("parent again")
        """
    )
    assert (done.code, done.err) == (0, "")
    assert sorted(done.out.split("\n")) == ["", "child False", "parent", "parent again"]
    assert lines(written) == [("stdout", "parent"), ("stdout", "parent again")]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_print_as_ever(program: SimpleNamespace, written: Any, method: str) -> None:
    assert method in multiprocessing.get_all_start_methods()
    done = program.run(
        f"""
        import multiprocessing
        with nntui.init(path, capture_output=True) as run:
            worker = multiprocessing.get_context("{method}").Process(target=print, args=("from a worker",))
            worker.start()
            worker.join()
            print("done")
        """
    )
    assert (done.code, done.out) == (0, "from a worker\ndone\n")
    assert lines(written) == [("stdout", "done")]


def test_a_traceback_is_printed_and_recorded(program: SimpleNamespace, written: Any) -> None:
    done = program.run(
        """
        run = nntui.init(path, capture_output=True)
        print("step 1")
        raise ValueError("it broke")
        """
    )
    assert done.code == 1
    assert done.err.endswith("ValueError: it broke\n")
    assert ("stdout", "step 1") in lines(written)
    assert lines(written)[-1] == ("stderr", "ValueError: it broke")


def test_a_killed_process_keeps_what_was_flushed(program: SimpleNamespace, written: Any, path: Any) -> None:
    process = program.start(
        """
        run = nntui.init(path, capture_output=True)
        print("first", flush=True)
        run.flush()
        print("ready", flush=True)
        time.sleep(60)
        """
    )
    assert process.stdout.readline() == "first\n"
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    assert lines(written)[:1] == [("stdout", "first")]
    assert layout.read_end(layout.writer_folders(path)[0]) is None

"""How processes end, and what is in the folder afterwards: each test is a program of its own."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest

import nntui
from nntui.runlog import layout

TERMINATE = "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)"


def test_a_program_that_just_ends_is_ended_in_order(program: Any, written: Any) -> None:
    result = program.run("run = nntui.init(path)\nrun.log({'a': 1.0})")
    assert (result.code, result.err) == (0, "")
    (end,) = written.ends()
    assert (end.reason, end.exit_code, end.step) == ("finished", 0, 0)
    assert written.points() == [("a", 0, 1.0)]


def test_a_run_whose_variable_went_out_of_scope_is_ended_in_order_too(program: Any, written: Any) -> None:
    result = program.run(
        """
        import gc
        def main():
            run = nntui.init(path)
            run.log({'a': 1.0})
        main()
        gc.collect()
        """
    )
    assert (result.code, result.err) == (0, "")
    assert written.ends()[0].reason == "finished"
    assert written.points() == [("a", 0, 1.0)]


def test_an_uncaught_exception_is_recorded_and_shown_as_ever(program: Any, written: Any) -> None:
    result = program.run(
        """
        def shown(kind, error, trace):
            print("hook:", kind.__name__)
            sys.__excepthook__(kind, error, trace)
        sys.excepthook = shown
        run = nntui.init(path)
        run.log({'a': 1.0})
        raise ValueError("the batch is empty")
        """
    )
    assert result.code == 1
    assert result.out == "hook: ValueError\n"
    assert result.err.endswith("ValueError: the batch is empty\n")
    (end,) = written.ends()
    assert (end.reason, end.exit_code, end.message) == ("exception", 1, "ValueError: the batch is empty")
    (event,) = written.events("exception")
    assert event["level"] == "error"
    assert event["data"]["traceback"].startswith("Traceback (most recent call last)")
    assert written.points() == [("a", 0, 1.0)]


def test_an_exception_that_cannot_be_shown_ends_as_it_would_without_us(program: Any, written: Any) -> None:
    result = program.run(
        """
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError("no")
        run = nntui.init(path)
        raise Odd
        """
    )
    assert result.code == 1
    assert "Odd" in result.err
    assert written.ends()[0].reason == "exception"


def test_ctrl_c_is_an_interruption(program: Any, written: Any) -> None:
    process = program.start("run = nntui.init(path)\nrun.log({'a': 1.0})\nprint('up')\ntime.sleep(30)")
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert process.returncode == -signal.SIGINT
    (end,) = written.ends()
    assert end.reason == "interrupted"
    assert written.points() == [("a", 0, 1.0)]


def test_an_interrupt_that_is_repeated_while_the_run_ends_costs_it_nothing(program: Any, written: Any) -> None:
    result = program.run(
        """
        run = nntui.init(path)
        run.log({'a': 1.0})
        plain, told = run._handoff.wait_over, []
        def wait_over(deadline):
            if not told:
                told.append(True)
                os.kill(os.getpid(), signal.SIGINT)
            return plain(deadline)
        run._handoff.wait_over = wait_over
        raise KeyboardInterrupt
        """
    )
    assert result.code == -signal.SIGINT
    assert (result.err.count("KeyboardInterrupt\n"), result.err.count("Traceback"), "nntui" in result.err) == (
        1,
        1,
        False,
    )
    (end,) = written.ends()
    assert end.reason == "interrupted"
    assert written.points() == [("a", 0, 1.0)]


def test_leaving_by_sys_exit_is_no_crash(program: Any, written: Any) -> None:
    result = program.run("with nntui.init(path) as run:\n    run.log({'a': 1.0})\n    sys.exit(3)")
    assert result.code == 3
    (end,) = written.ends()
    assert (end.reason, end.exit_code) == ("finished", 3)


def test_being_told_to_terminate_writes_everything_and_dies_of_the_signal(program: Any, written: Any) -> None:
    result = program.run(f"run = nntui.init(path)\nfor i in range(100): run.log({{'a': i}})\n{TERMINATE}")
    assert result.code == -signal.SIGTERM
    assert result.err == ""
    (end,) = written.ends()
    assert (end.reason, end.exit_code, end.message, end.step) == ("signal", 143, "SIGTERM", 99)
    assert len(written.points()) == 100


@pytest.mark.parametrize("where", ["a caller that wakes the thread", "a run that is about to end"])
def test_a_signal_that_interrupts_something_at_its_worst_moment_still_ends_the_run(
    program: Any, written: Any, where: str
) -> None:
    caller = "run._handoff._callers"
    ending = "contextlib.nullcontext(setattr(run, '_queue', Closed(run)))"
    result = program.run(
        f"""
        import contextlib
        from nntui.recorder.closed import Closed
        run = nntui.init(path)
        run.log({{'a': 1.0}})
        with {caller if where.startswith("a caller") else ending}:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        """
    )
    assert (result.code, result.err) == (-signal.SIGTERM, "")
    (end,) = written.ends()
    assert (end.reason, end.message) == ("signal", "SIGTERM")
    assert written.points() == [("a", 0, 1.0)]


def test_being_told_to_terminate_while_logging_at_full_speed_loses_nothing_that_was_taken(
    program: Any, written: Any
) -> None:
    process = program.start(
        """
        run = nntui.init(path)
        print('up')
        step = 0
        while True:
            run.log({'a': step, 'b': step})
            step += 1
        """
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    assert process.returncode == -signal.SIGTERM
    (end,) = written.ends()
    points = written.points("a")
    assert end.reason == "signal"
    assert [step for step, _ in points] == list(range(len(points)))
    assert end.step - len(points) in (-1, 0)  # the signal may strike between counting a step and taking its values


def test_a_users_handler_for_terminate_decides_what_happens(program: Any, written: Any) -> None:
    result = program.run(
        f"""
        def mine(number, frame):
            print("mine", number)
            run.log({{'late': 1.0}})
            sys.exit(5)
        signal.signal(signal.SIGTERM, mine)
        run = nntui.init(path)
        run.log({{'a': 1.0}})
        {TERMINATE}
        """
    )
    assert (result.code, result.out, result.err) == (5, "mine 15\n", "")
    assert written.ends()[0].reason == "finished"
    assert written.points() == [("a", 0, 1.0), ("late", 1, 1.0)]


def test_an_ignored_terminate_stays_ignored(program: Any, written: Any) -> None:
    result = program.run(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        run = nntui.init(path)
        os.kill(os.getpid(), signal.SIGTERM)
        print("alive", signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)
        """
    )
    assert (result.code, result.out) == (0, "alive True\n")
    assert written.ends()[0].reason == "finished"


def test_the_disposition_of_terminate_is_given_back_with_the_last_run(program: Any) -> None:
    result = program.run(
        """
        first, second = nntui.init(path), nntui.init(path)
        first.finish()
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        second.finish()
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        """
    )
    assert result.out == "False\nTrue\n"


def test_a_users_handler_between_two_runs_is_called_once_and_the_process_dies(program: Any, written: Any) -> None:
    result = program.run(
        f"""
        first = nntui.init(path)
        previous = signal.getsignal(signal.SIGTERM)
        def between(number, frame):
            print("between")
            previous(number, frame)
        signal.signal(signal.SIGTERM, between)
        second = nntui.init(path)
        second.log({{'a': 1.0}})
        {TERMINATE}
        """
    )
    assert (result.code, result.out, result.err) == (-signal.SIGTERM, "between\n", "")
    assert [end.reason for end in written.ends()] == ["signal", "signal"]
    assert written.points() == [("a", 0, 1.0)]


def test_a_run_opened_outside_the_main_thread_leaves_signals_alone(program: Any, written: Any) -> None:
    result = program.run(
        """
        import threading
        def work():
            run = nntui.init(path)
            run.log({'a': 1.0})
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        """
    )
    assert (result.code, result.out, result.err) == (0, "True\n", "")
    assert written.ends()[0].reason == "finished"


def test_after_kill_every_acknowledged_flush_is_read(program: Any, written: Any) -> None:
    process = program.start(
        """
        run = nntui.init(path)
        step = 0
        while True:
            run.log({'a': step, 'b': -step})
            step += 1
            if step % 7 == 0 and run.flush():
                print(step)
        """
    )
    for _ in range(20):
        acknowledged = int(process.stdout.readline())
    process.kill()
    acknowledged = max([acknowledged, *map(int, process.communicate()[0].split("\n")[:-1])])
    assert written.ends() == [None]
    steps = [step for step, _ in written.points("a")]
    assert steps == list(range(len(steps)))
    assert len(steps) >= acknowledged
    assert written.tables().lost.frames == 0


def test_leaving_without_any_exit_handler_keeps_what_was_flushed(program: Any, written: Any) -> None:
    result = program.run("run = nntui.init(path)\nrun.log({'a': 1.0})\nprint(run.flush())\nos._exit(9)")
    assert (result.code, result.out) == (9, "True\n")
    assert written.ends() == [None]
    assert written.points() == [("a", 0, 1.0)]


def test_a_run_opened_with_thousands_of_open_files_is_written_all_the_same(program: Any, written: Any) -> None:
    result = program.run(
        """
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        run = nntui.init(path)
        run.log({'a': 1.0})
        print(run.flush())
        """
    )
    assert (result.code, result.out, result.err) == (0, "True\n", "")
    assert written.ends()[0].reason == "finished"


def test_a_program_that_closes_every_file_goes_on(program: Any) -> None:
    result = program.run(
        """
        run = nntui.init(path)
        os.closerange(3, 256)
        for step in range(10):
            run.log({'a': step})
        print(run.flush(0.2))
        """
    )
    assert (result.code, result.out) == (0, "False\n")
    assert result.err.count("\n") <= 2


# --- fork -------------------------------------------------------------------------------------

FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside our thread is what is tested
run = nntui.init(path)
run.log({'parent': 0.0})
run.flush()
"""


def _run_forking(program: Any, child: str, parent: str = "") -> Any:
    body = "".join(f"\n    {line}" for line in child.strip().splitlines())
    last = "print('status', os.waitpid(pid, 0)[1])\nrun.log({'parent': 1.0})"
    return program.run(f"{FORK}pid = os.fork()\nif pid == 0:{body}\n{parent}\n{last}")


def test_a_child_that_records_nothing_leaves_no_trace(program: Any, written: Any) -> None:
    result = _run_forking(program, "assert run.flush(60.0)\nsys.exit(0)")
    assert (result.code, result.out, result.err) == (0, "status 0\n", "")
    assert len(written.folders()) == 1
    assert written.points() == [("parent", 0, 0.0), ("parent", 1, 1.0)]
    assert written.ends()[0].reason == "finished"


@pytest.mark.parametrize("last", ["sys.exit(0)", "run.finish(); os._exit(0)"])
def test_a_child_that_logs_gets_a_folder_of_its_own(program: Any, written: Any, last: str) -> None:
    result = _run_forking(program, f"run.log({{'child': 5.0}}, 3)\nrun.event('note', 'here')\n{last}")
    assert (result.code, result.out, result.err) == (0, "status 0\n", "")
    assert len(written.folders()) == 2
    assert sorted(written.points()) == [("child", 3, 5.0), ("parent", 0, 0.0), ("parent", 1, 1.0)]
    assert [end.reason for end in written.ends()] == ["finished", "finished"]


def test_a_child_told_to_terminate_dies_as_if_we_were_not_there(program: Any, written: Any) -> None:
    result = _run_forking(
        program,
        "print('up' if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else 'ours', flush=True)\ntime.sleep(30)",
        "time.sleep(0.1)\nos.kill(pid, signal.SIGTERM)",
    )
    assert result.code == 0
    assert result.out.endswith(f"status {int(signal.SIGTERM)}\n")
    assert "ours" not in result.out
    assert result.err == ""
    assert [end.reason for end in written.ends()] == ["finished"]


def test_a_child_that_logged_and_is_told_to_terminate_ends_its_own_folder(program: Any, written: Any) -> None:
    result = _run_forking(program, f"run.log({{'child': 5.0}})\n{TERMINATE}")
    assert (result.out, result.err) == (f"status {int(signal.SIGTERM)}\n", "")
    assert sorted(end.reason for end in written.ends()) == ["finished", "signal"]
    assert ("child", 1, 5.0) in written.points()


def test_a_child_that_crashes_says_nothing_in_its_parents_folder(program: Any, written: Any) -> None:
    result = _run_forking(program, "raise ValueError('of the child')")
    assert result.out == "status 256\n"
    assert len(written.folders()) == 1
    assert written.events("exception") == []
    assert written.ends()[0].reason == "finished"


def test_workers_of_multiprocessing_that_log_lose_nothing(program: Any, written: Any) -> None:
    result = program.run(
        f"""
        import multiprocessing
        {FORK.strip().replace(chr(10), chr(10) + "        ")}
        def work(number):
            run.log({{'child': float(number)}}, number)
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=(i,)) for i in range(2)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        print([worker.exitcode for worker in workers])
        """
    )
    assert (result.code, result.out, result.err) == (0, "[0, 0]\n", "")
    assert sorted(written.points()) == [("child", 0, 0.0), ("child", 1, 1.0), ("parent", 0, 0.0)]
    assert [end.reason for end in written.ends()] == ["finished"] * 3


def test_a_run_that_a_worker_of_multiprocessing_opens_ends_with_it(program: Any, written: Any) -> None:
    result = program.run(
        """
        import multiprocessing
        def work():
            nntui.init(path).log({'child': 1.0}, 0)
        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join()
        """
    )
    assert (result.code, result.err) == (0, "")
    assert written.points() == [("child", 0, 1.0)]
    assert [end.reason for end in written.ends()] == ["finished"]


def test_a_child_that_cannot_record_says_so_once_and_goes_on(program: Any, written: Any) -> None:
    result = _run_forking(
        program,
        "path.rename(path.with_name('away')); path.write_text('')\nfor i in range(3): run.log({'child': 1.0})\n"
        "path.unlink(); path.with_name('away').rename(path)\nos._exit(0)",
    )
    assert (result.code, result.out) == (0, "status 0\n")
    assert result.err.count("a forked process cannot record here") == 1
    assert len(written.folders()) == 1


# --- what importing brings along ----------------------------------------------------------------


def test_recording_imports_neither_torch_nor_a_screen(program: Any) -> None:
    result = program.run(
        """
        run = nntui.init(path)
        run.log({'a': 1.0})
        run.predictions([1.0])
        run.finish()
        heavy = {'torch', 'textual', 'watchdog', 'plotext', 'scipy', 'sklearn', 'rich'}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert (result.code, result.out, result.err) == (0, "[]\n", "")


def test_everything_is_imported_when_the_run_opens_and_nothing_in_the_loop(program: Any) -> None:
    result = program.run(
        """
        run = nntui.init(path)
        before = set(sys.modules)
        run.log({'a': 1.0})
        run.predictions([[1.0]], targets=[1], output_texts=['x'])
        run.dependencies([[1.0]])
        run.check(nntui.Finding('a', 'pass', 'm'))
        run.log({'a': 'no number'})
        print(run.flush(), sorted(set(sys.modules) - before))
        """
    )
    assert (result.code, result.out, result.err) == (0, "True []\n", "")


def test_threads_of_a_run_import_nothing_beside_the_loop(program: Any) -> None:
    result = program.run(
        """
        import threading
        found = []
        def heard(event, arguments):
            if event == 'import' and threading.current_thread() is not threading.main_thread():
                found.append((threading.current_thread().name, arguments[0]))
        sys.addaudithook(heard)
        with nntui.init(path) as run:
            run.log({'a': 1.0})
            run.predictions([[1.0]], targets=[1], output_texts=['x'])
            print(run.flush())
            for thread in threading.enumerate():
                if thread.name == 'nntui-code':
                    thread.join()
        print(found)
        """
    )
    assert (result.code, result.out, result.err) == (0, "True\n[]\n", "")


def test_importing_nntui_starts_nothing(program: Any) -> None:
    result = program.run(
        """
        import threading
        import nntui.recorder
        print(threading.active_count(), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        print(sys.excepthook is sys.__excepthook__)
        """
    )
    assert result.out == "1 True\nTrue\n"


def test_a_loop_of_ten_lines_is_readable_while_it_runs(program: Any, path: Any, eventually: Any) -> None:
    process: subprocess.Popen[str] = program.start(
        """
        run = nntui.init(path, total_steps=10)
        for step in range(10):
            run.log({"train/loss": 1 / (step + 1), "lr": 3e-4})
        sys.stdin.read()
        """
    )
    eventually(lambda: layout.is_run(path) and nntui.read(path).metrics.num_rows == 20)
    (folder,) = layout.writer_folders(path)
    beat = eventually(lambda: (found := layout.read_beat(folder)) and found.step == 9 and found)
    assert (beat.state, beat.total_steps, beat.loss, beat.lr) == ("running", 10, 0.1, 3e-4)
    process.communicate(timeout=30)
    assert layout.read_end(folder) is not None

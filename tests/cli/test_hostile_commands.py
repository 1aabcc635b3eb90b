"""Commands in the surroundings that a server really has: closed pipes, full disks, other encodings, odd sizes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nntui as package
from nntui.cli import plotting
from nntui.session.snapshot import PlotData, PlottedSeries, PlotView


@pytest.fixture
def plain(environment) -> dict[str, str]:
    """Python buffers its output, as it does for users."""
    return {k: v for k, v in environment.items() if k != "PYTHONUNBUFFERED"}


@pytest.fixture
def failed(tmp_path):
    """A run whose check has failed, with long sentences."""
    path = tmp_path / "failed"
    words = "a sentence that says at length what was found, " * 5
    with package.init(path) as run:
        run.check(package.Finding("skeleton.dependency", "fail", words, expected="0", measured=0.7, advice=words))
        for step in range(50):
            run.log({"train/loss": 2.0 / (step + 1), "": 1.0}, step=step)
    return path


def command(*words: object) -> list[str]:
    return [sys.executable, "-P", "-m", "nntui", *map(str, words)]


@pytest.mark.parametrize(
    ("words", "code"), [(["--help"], 0), (["--version"], 0), (["show", "failed"], 4), (["show", "failed", "--json"], 4)]
)
def test_whoever_stops_reading_gets_no_complaint_and_the_verdict(tmp_path, failed, plain, words, code) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(*words), stdout=writer, stderr=subprocess.PIPE, text=True, env=plain, cwd=tmp_path, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("words", [["--version"], ["show", "failed"], ["show", "failed", "--json"]])
def test_output_to_a_full_disk_is_one_line(tmp_path, failed, plain, words) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*words), stdout=full, stderr=subprocess.PIPE, text=True, env=plain, cwd=tmp_path, check=False
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.mark.parametrize(
    ("line", "code"), [("show failed >&-", 4), ("watch failed >&- <&-", 2), ("show nowhere >&- 2>&-", 3)]
)
def test_closed_streams_change_no_exit_code(tmp_path, failed, plain, line, code) -> None:
    shell = " ".join(command()) + " " + line
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=plain, cwd=tmp_path, check=False)
    assert done.returncode == code
    assert "defect" not in done.stderr


def test_an_encoding_without_our_signs_still_shows_the_numbers(tmp_path, failed, plain) -> None:
    done = subprocess.run(
        command("show", failed),
        capture_output=True,
        env=plain | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert b"train/loss" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("columns", ["0", "1", "19", "80", "99999999"])
def test_a_page_keeps_to_its_width(failed, plain, columns) -> None:
    done = subprocess.run(
        command("show", failed),
        capture_output=True,
        text=True,
        env=plain | {"COLUMNS": columns},
        check=False,
        timeout=60,
    )
    assert done.returncode == 4, done.stderr
    words = [line for line in done.stdout.splitlines() if "sentence" in line]
    assert len(words) > 2 or columns == "99999999"
    assert max(map(len, words)) <= min(max(int(columns), 80 if columns == "0" else 20), 1000)
    assert "()" in done.stdout, "a metric without a name is still seen"


def series(values: np.ndarray) -> PlottedSeries:
    return PlottedSeries(
        "train/loss", values, values, values, (~np.isfinite(values)).astype(int), False, float(values[-1])
    )


@settings(max_examples=60)
@given(
    values=st.lists(st.floats(width=64), min_size=1, max_size=60).map(np.array),
    edges=st.tuples(st.floats(-1e300, 1e300), st.floats(1e-9, 1e300)),
    log_y=st.booleans(),
    width=st.integers(20, 200),
    height=st.integers(5, 40),
)
def test_a_printed_plot_survives_any_numbers_and_keeps_to_its_width(values, edges, log_y, width, height) -> None:
    low = 1e-9 if log_y else edges[0]
    data = PlotData(
        PlotView("main", ("train/loss",), len(values)),
        (series(values),),
        (0.0, 10.0),
        (low, low + max(edges[1], abs(low) * 1e-6)),
        log_y,
        ((0.0, "0"), (10.0, "10")),
        (),
    )
    text = plotting.printed(data, width, height, colour=False)
    assert "\x1b" not in text
    assert all(len(line) <= width for line in text.splitlines())


def test_training_is_the_process_that_was_started(tmp_path, environment, background, eventually) -> None:
    job = background(*command("train", "digits", "--out", tmp_path / "run", "--no-checks", "--steps", 100000))
    eventually(lambda: (tmp_path / "run" / "run.json").exists() and package.read(tmp_path / "run").metrics.num_rows > 0)
    os.kill(job.pid, signal.SIGINT)
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 130, output
    assert not re.search("Traceback", output)


def test_a_torch_of_ones_own_is_neither_imported_nor_taken_for_torch(tmp_path, environment) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('not this one')")
    done = subprocess.run(
        [sys.executable, "-m", "nntui", "train", "poetry"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 2
    assert "'poetry' is no task" in done.stderr


def test_another_trainer_in_the_way_is_named(tmp_path, environment) -> None:
    other = tmp_path / "elsewhere" / "trainer"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise RuntimeError('not this one')")
    done = subprocess.run(
        command("train", "digits"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(other.parent)},
        check=False,
    )
    assert done.returncode == 2
    assert str(other) in done.stderr
    assert done.stderr.count("\n") == 1

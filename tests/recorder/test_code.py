"""Which code ran: the files that were loaded, whether git knows them, and the command line."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import nntui
from nntui.recorder import code, environment
from nntui.runlog import layout

PROGRAM = """
import json, multiprocessing, os, pyarrow, hypothesis
import model, parts.layers
import nntui
with nntui.init(os.environ["OUT"], config={"lr": 1}) as run:
    run.log({"loss": 1.0})
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def project(folder: Path) -> Path:
    (folder / "parts").mkdir(parents=True)
    (folder / "train.py").write_text(PROGRAM)
    (folder / "model.py").write_text("WIDTH = 3\n")
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "layers.py").write_text("import json\n")
    (folder / "unused.py").write_text("x\n")
    return folder


def code_of(run: Path) -> layout.Code:
    (folder,) = layout.writer_folders(run)
    found = layout.read_code(folder)
    assert found is not None
    return found


def ran(folder: Path, out: Path, *words: str) -> layout.Code:
    root = str(Path(nntui.__file__).parents[1])
    environ = {"OUT": str(out), "PATH": "/usr/bin:/bin", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return code_of(out)


def test_the_files_of_the_program_are_known_and_no_installed_ones(tmp_path: Path) -> None:
    folder = project(tmp_path / "here")
    found = ran(folder, tmp_path / "run", "train.py", "--lr", "3e-4")
    expected = {
        "train": "train.py",
        "model": "model.py",
        "parts": "parts/__init__.py",
        "parts.layers": "parts/layers.py",
    }
    assert found.files == {name: digest(folder / file) for name, file in expected.items()}
    assert found.digest == code.digest_of(dict(found.files))
    assert found.uncommitted == ""
    manifest = layout.read_manifest(layout.writer_folders(tmp_path / "run")[0])
    assert manifest is not None
    assert manifest.command == "train.py --lr 3e-4"


def test_another_place_is_the_same_code_and_another_line_is_not(tmp_path: Path) -> None:
    here, there = project(tmp_path / "here"), project(tmp_path / "there")
    first, second = ran(here, tmp_path / "a", "train.py"), ran(there, tmp_path / "b", "-m", "train")
    assert first == second
    (there / "model.py").write_text("WIDTH = 4\n")
    third = ran(there, tmp_path / "c", "train.py")
    assert third.digest != first.digest
    assert {name for name in first.files if first.files[name] != third.files[name]} == {"model"}


def test_git_says_whether_all_is_committed(tmp_path: Path) -> None:
    folder = project(tmp_path / "here")

    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)

    assert code.uncommitted(folder) == ""
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    assert code.uncommitted(folder) == "no"
    assert ran(folder, tmp_path / "a", "train.py").uncommitted == "no"
    (folder / "new.txt").write_text("untracked")
    assert code.uncommitted(folder) == "no"
    (folder / "model.py").write_text("WIDTH = 4\n")
    assert code.uncommitted(folder) == "yes"
    assert ran(folder, tmp_path / "b", "train.py").uncommitted == "yes"


def test_a_git_that_hangs_or_is_missing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nsleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(code, "SECONDS", 0.05)
    begun = time.monotonic()
    assert code.uncommitted(tmp_path) == ""
    assert time.monotonic() - begun < 30
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert code.uncommitted(tmp_path) == ""


def test_opening_a_run_waits_for_no_file_and_ending_it_not_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Any
) -> None:
    going: list[bool] = [True]

    def slow(*_: Any) -> dict[str, str]:
        while going[0]:
            time.sleep(0.01)
        return {"train": "0" * 12}

    monkeypatch.setattr(code, "digests", slow)
    monkeypatch.setattr(code, "PATIENCE", 0.01)
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 1.0})
    (folder,) = layout.writer_folders(tmp_path / "run")
    assert layout.read_end(folder) is not None
    assert layout.read_code(folder) is None
    going[0] = False
    eventually(lambda: layout.read_code(folder) is not None)


def test_what_is_loaded_later_is_none_of_it_however_late_the_thread_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Any
) -> None:
    loaded = threading.Event()

    class Late(threading.Thread):
        def run(self) -> None:
            loaded.wait(30)
            super().run()

    (tmp_path / "later.py").write_text("x")
    monkeypatch.setattr(code, "threading", SimpleNamespace(Thread=Late))
    with nntui.init(tmp_path / "run"):
        monkeypatch.setitem(sys.modules, "later", SimpleNamespace(__file__=str(tmp_path / "later.py")))
        loaded.set()
    (folder,) = layout.writer_folders(tmp_path / "run")
    eventually(lambda: layout.read_code(folder) is not None)
    assert "later" not in code_of(tmp_path / "run").files


def test_one_rank_alone_looks_at_the_code(tmp_path: Path) -> None:
    for rank in (0, 1):
        with nntui.init(tmp_path / "run", rank=rank) as run:
            run.log({"loss": 1.0})
    assert [layout.read_code(folder) is not None for folder in layout.writer_folders(tmp_path / "run")] == [True, False]


@pytest.mark.parametrize("spoilt", [OSError("no"), RuntimeError("hm"), KeyError(3)])
def test_whatever_goes_wrong_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: Exception
) -> None:
    def broken(*_: Any) -> dict[str, str]:
        raise spoilt

    monkeypatch.setattr(code, "digests", broken)
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 1.0})
    assert nntui.read(tmp_path / "run").metrics.num_rows == 1


def test_odd_modules_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def module(file: Any) -> Any:
        return SimpleNamespace(__file__=file)

    (tmp_path / "good.py").write_text("x")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "large.py").write_bytes(b"#" * (code.SIZE_LIMIT + 1))
    odd: dict[str, Any] = {
        "none": None,
        "bare": ModuleType("bare"),
        "number": module(3),
        "gone": module(str(tmp_path / "gone.py")),
        "folder": module(str(tmp_path / "folder.py")),
        "large": module(str(tmp_path / "large.py")),
        "nul": module("a\0b.py"),
        "nntui.own": module(str(tmp_path / "good.py")),
        "python": sys.modules["argparse"],
        "installed": module("/x/site-packages/a.py"),
        "good": module(str(tmp_path / "good.py")),
    }
    later = time.monotonic() + 60
    assert code.digests(odd.items(), later) == {"good": digest(tmp_path / "good.py")}
    assert code.digests(odd.items(), time.monotonic() - 1) == {}
    monkeypatch.setattr(code, "FILE_LIMIT", 2)
    many = {f"m{n}": module(str(tmp_path / "good.py")) for n in range(5)}
    assert list(code.digests(many.items(), later)) == ["m0", "m1"]
    assert code.digest_of({}) == ""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["train.py", "--lr", "3e-4"], "train.py --lr 3e-4"),
        (["-m", "trainer", "two words"], "-m trainer 'two words'"),
        (["t", "--api-key", "abc", "--lr", "1"], "t --api-key '***' --lr 1"),
        (["t", "--api_key=abc", "WANDB_API_KEY=abc"], "t '--api_key=***' 'WANDB_API_KEY=***'"),
        (["t", "--hf-token", "a", "--password=b"], "t --hf-token '***' '--password=***'"),
        (["t", "token", "x"], "t token x"),
        ([], ""),
    ],
)
def test_the_command_is_told_without_its_secrets(words: list[str], shown: str) -> None:
    assert environment.command(words) == shown


def test_a_long_command_is_cut_and_a_notebook_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(environment.command(["x" * 9999])) == environment.COMMAND_LIMIT
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert environment.command(["a"]) == ""


def seeded(answer: Any) -> Any:
    def initial_seed() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(initial_seed=initial_seed)


@pytest.mark.parametrize(
    ("torch", "seed"),
    [
        (seeded(1337), "1337"),
        (seeded(2**64 - 1), str(2**64 - 1)),
        (seeded("x"), ""),
        (seeded(RuntimeError("no")), ""),
        (None, ""),
        (SimpleNamespace(), ""),
    ],
    ids=["set", "large", "no number", "broken", "no torch", "half a torch"],
)
def test_the_seed_is_that_of_torch(monkeypatch: pytest.MonkeyPatch, torch: Any, seed: str) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert environment.seed() == seed

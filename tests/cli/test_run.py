"""`nntui run`: what it makes of a command before it becomes that command."""

from __future__ import annotations

import os

import pytest

from nntui import unmodified
from nntui.cli import run, verbs


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("python train.py -I", ""),
        ("python -I train.py", "I"),
        ("/usr/bin/python3.12 -uE train.py", "E"),
        ("python3 -X dev -W error -S train.py", "S"),
        ("python -Xdev -Werror train.py", ""),
        ("python -W I train.py", ""),
        ("python -m pkg.train -E", ""),
        ("python -Bc 'print(1)' -I", ""),
        ("python -P train.py", ""),
        ("python --version -I", ""),
        ("python", ""),
        ("torchrun -I train.py", ""),
    ],
)
def test_a_python_that_will_not_hear_of_us_is_known_by_its_options(command: str, option: str) -> None:
    assert run.deaf_option(command.split()) == option


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --config other.py", "train"),
        ("python -m pkg.train --lr 1", "pkg.train"),
        ("torchrun --nproc-per-node 2 src/train_gpt2.py", "train_gpt2"),
        ("bash run.sh", "run"),
        ("./.hidden", "hidden"),
        ("accelerate launch -m pkg", "pkg"),
        ("python -m", "python"),
        ("python ü+1.py", "ü_1"),
        ("//", "run"),
    ],
)
def test_a_run_is_called_after_what_is_run(command: str, name: str) -> None:
    assert run.title(command.split()) == name


@pytest.mark.parametrize(
    "before", [None, "", "src", f"src{os.pathsep}", f"src{os.pathsep}lib", f"{unmodified.SITE}{os.pathsep}src"]
)
def test_our_folder_comes_first_on_the_path_and_once(before: str | None, tmp_path) -> None:
    environ = {"HOME": "/root"} | ({} if before is None else {"PYTHONPATH": before})
    found = run.environment(environ, tmp_path, ["python", "a b.py"], ["frozen:a.*", "accumulate"])
    places = found["PYTHONPATH"].split(os.pathsep)
    others = [place for place in before.split(os.pathsep) if place != str(unmodified.SITE)] if before else []
    assert places == [str(unmodified.SITE), *others]
    assert found["HOME"] == "/root"
    assert (found[unmodified.FOLDER], found[unmodified.COMMAND]) == (str(tmp_path), "python 'a b.py'")
    assert found[unmodified.DECLARED] == "frozen:a.*\naccumulate"


def test_a_command_of_any_length_can_be_started(tmp_path) -> None:
    found = run.environment({}, tmp_path, ["python", *["word"] * 100_000], [])
    assert len(found[unmodified.COMMAND]) < 100


def test_the_path_of_a_command_within_a_command_is_extended_once(tmp_path) -> None:
    once = run.environment({"PYTHONPATH": "src"}, tmp_path, ["x"], [])
    assert run.environment(once, tmp_path, ["x"], [])["PYTHONPATH"] == once["PYTHONPATH"]


@pytest.mark.parametrize(
    ("words", "out", "command"),
    [
        ("run -- python t.py --out x -- y", None, "-- python t.py --out x -- y"),
        ("run --out a -- python t.py", "a", "-- python t.py"),
        ("run --out a python t.py --out b", "a", "python t.py --out b"),
        ("run torchrun --help", None, "torchrun --help"),
        ("run", None, ""),
    ],
)
def test_options_of_the_command_are_its_own(words: str, out: str | None, command: str) -> None:
    arguments = verbs.parser().parse_args(words.split())
    assert (arguments.out, arguments.command) == (out, command.split())


def test_the_next_free_folder_is_told(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "run.json").touch()
    (tmp_path / "it-2").touch()
    found = [run.free(tmp_path / name).name for name in ("new", "empty", "it")]
    assert found == ["new", "empty", "it-3"]

"""What a process can tell about itself: rank, launch, versions, commit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nntui.recorder import environment

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "3", "WORLD_SIZE": "8"}, (3, 8)),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}, (2, 4)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, (1, 2)),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (1, 2)),
        ({"RANK": "5"}, (5, 1)),
        ({"RANK": "x", "WORLD_SIZE": "-2"}, (0, 1)),
        ({"RANK": "9" * 30, "WORLD_SIZE": ""}, (0, 1)),
    ],
)
def test_rank_and_world_size_come_from_the_launchers_variables(
    variables: dict[str, str], expected: tuple[int, int]
) -> None:
    place = environment.place(variables)
    assert (place.rank, place.world_size) == expected


def _distributed(initialised: bool, rank: Any = 6) -> SimpleNamespace:
    return SimpleNamespace(
        distributed=SimpleNamespace(
            is_available=lambda: True,
            is_initialized=lambda: initialised,
            get_rank=lambda: rank,
            get_world_size=lambda: 7,
        )
    )


def test_torch_distributed_knows_better_once_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", _distributed(True))
    place = environment.place({"RANK": "1", "WORLD_SIZE": "2"})
    assert (place.rank, place.world_size) == (6, 7)


@pytest.mark.parametrize("torch", [_distributed(False), SimpleNamespace(), _distributed(True, rank="who knows")])
def test_torch_without_a_process_group_leaves_it_to_the_variables(
    monkeypatch: pytest.MonkeyPatch, torch: SimpleNamespace
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert environment.place({"RANK": "1", "WORLD_SIZE": "2"}).rank == 1


def test_processes_started_together_share_a_launch_and_others_do_not() -> None:
    torchrun = {"TORCHELASTIC_RUN_ID": "job7", "TORCHELASTIC_RESTART_COUNT": "2"}
    place = environment.place(torchrun)
    assert (place.launch, place.restart) == ("job7", 2)
    assert environment.place({"SLURM_JOB_ID": "99"}).launch == "99"
    unnamed = {"TORCHELASTIC_RUN_ID": "none"}
    assert environment.place(unnamed).launch == environment.place(unnamed).launch != "none"
    assert environment.place({}).launch != environment.place({}).launch


def test_versions_are_those_of_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__="9.9"))
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(__version__=object()))
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    found = environment.versions()
    assert found["torch"] == "9.9"
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert not {"jax", "transformers"} & set(found)


def _git(folder: Path, head: str, **refs: str) -> Path:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(head)
    for name, text in refs.items():
        file = folder / ".git" / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_the_commit_is_found_from_below_detached_loose_or_packed(tmp_path: Path) -> None:
    branch = "ref: refs/heads/main\n"
    deep = _git(tmp_path / "loose", branch, refs__heads__main=f"{COMMIT}\n") / "a" / "b"
    deep.mkdir(parents=True)
    assert environment.git_commit(deep) == COMMIT
    assert environment.git_commit(_git(tmp_path / "detached", f"{COMMIT}\n")) == COMMIT
    packed = {"packed-refs": f"# pack-refs\n{COMMIT} refs/heads/main\n^{'0' * 40}\n"}
    assert environment.git_commit(_git(tmp_path / "packed", branch, **packed)) == COMMIT


@pytest.mark.parametrize("head", ["", "garbage", "ref: refs/heads/unborn", "ref: \x00", COMMIT[:-1], "\udcff"])
def test_a_head_that_says_nothing_gives_no_commit(tmp_path: Path, head: str) -> None:
    folder = _git(tmp_path / "odd", "")
    (folder / ".git" / "HEAD").write_bytes(head.encode("utf-8", "surrogateescape"))
    assert environment.git_commit(folder) == ""


@pytest.mark.parametrize("content", [b"", b"gitdir: \0", b"gitdir: nowhere", b"\xff"])
def test_a_file_in_place_of_git_that_leads_nowhere_gives_no_commit(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".git").write_bytes(content)
    assert environment.git_commit(tmp_path) == ""


def test_a_real_repository_and_its_worktree_agree_with_git(tmp_path: Path) -> None:
    main, tree = tmp_path / "main", tmp_path / "tree"

    def git(*arguments: str, cwd: Path = tmp_path) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q", str(main))
    git("commit", "-q", "--allow-empty", "-m", "one", cwd=main)
    git("worktree", "add", "-q", "-b", "other", str(tree), cwd=main)
    git("commit", "-q", "--allow-empty", "-m", "two", cwd=tree)
    assert environment.git_commit(main) == git("rev-parse", "HEAD", cwd=main)
    assert environment.git_commit(tree) == git("rev-parse", "HEAD", cwd=tree)
    assert environment.git_commit(main) != environment.git_commit(tree)

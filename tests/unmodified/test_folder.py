"""Which run folder a training process records into."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntui.recorder.environment import Place
from nntui.runlog.writer import WriterFolder
from nntui.unmodified.folder import claim
from nntui.unmodified.settings import config, options

ALONE = Place(rank=0, world_size=1, launch="one", restart=0)


def rank(number: int, launch: str = "job", restart: int = 0, world: int = 2) -> Place:
    return Place(rank=number, world_size=world, launch=launch, restart=restart)


def write(path: Path | None, place: Place) -> Path:
    assert path is not None
    WriterFolder.create(
        path, rank=place.rank, world_size=place.world_size, launch=place.launch, restart=place.restart
    ).close()
    return path


def names(wanted: Path, *places: Place) -> list[str]:
    return [write(claim(wanted, place), place).name for place in places]


def test_processes_that_train_by_themselves_have_folders_of_their_own(tmp_path: Path) -> None:
    another = Place(rank=0, world_size=1, launch="other", restart=0)
    assert names(tmp_path / "runs" / "it", ALONE, another, ALONE) == ["it", "it-2", "it-3"]


def test_a_folder_that_was_claimed_and_not_written_yet_is_taken(tmp_path: Path) -> None:
    assert [claim(tmp_path / "it", ALONE), claim(tmp_path / "it", ALONE)] == [tmp_path / "it", tmp_path / "it-2"]


def test_an_empty_folder_can_be_recorded_into_and_one_of_something_else_cannot(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.pt").touch()
    (tmp_path / "file").touch()
    assert names(tmp_path / "empty", ALONE) == ["empty"]
    assert names(tmp_path / "other", ALONE, rank(0), rank(1)) == ["other-2", "other-3", "other-3"]
    assert names(tmp_path / "file", ALONE) == ["file-2"]


def test_ranks_share_a_folder_whether_their_launch_is_known_or_not(tmp_path: Path) -> None:
    assert names(tmp_path / "torchrun", rank(0), rank(1)) == ["torchrun"] * 2
    assert names(tmp_path / "spawned", rank(1, "a"), rank(0, "b")) == ["spawned"] * 2


def test_a_second_job_has_a_folder_of_its_own(tmp_path: Path) -> None:
    places = [rank(0), rank(1), rank(1, "next"), rank(0, "next"), rank(0, "alone", world=1)]
    assert names(tmp_path / "it", *places) == ["it", "it", "it-2", "it-2", "it-3"]


def test_ranks_that_the_launcher_started_again_go_on_in_their_folder(tmp_path: Path) -> None:
    places = [rank(0), rank(1), rank(0, restart=1), rank(1, restart=1)]
    assert names(tmp_path / "it", *places) == ["it"] * 4


def test_a_second_training_of_the_same_ranks_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert names(tmp_path / "it", rank(0), rank(1), rank(0), rank(1)) == ["it", "it", "it-2", "it-2"]


def test_a_child_of_multiprocessing_records_only_where_nobody_does(tmp_path: Path) -> None:
    assert claim(tmp_path / "it", ALONE, helper=True) == tmp_path / "it"
    assert claim(tmp_path / "it", ALONE, helper=True) is None
    assert claim(tmp_path / "spawned", rank(0, "a"), helper=True) == tmp_path / "spawned"
    assert claim(tmp_path / "spawned", rank(1, "b"), helper=True) == tmp_path / "spawned"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--lr 3e-4 --epochs 10", {"lr": 3e-4, "epochs": 10}),
        ("--lr=3e-4 --name=a=b", {"lr": 3e-4, "name": "a=b"}),
        ("--amp --seed 1 data/", {"amp": True, "seed": 1}),
        ("-b 4 --momentum -0.5", {"b": 4, "momentum": -0.5}),
        ("--compile false --log True", {"compile": False, "log": True}),
        ("model.width=64 +optimizer=adam data", {"model.width": 64, "optimizer": "adam"}),
        ("-- - --", {}),
    ],
)
def test_options_are_read_as_people_write_them(words: str, expected: dict[str, object]) -> None:
    assert options(words.split()) == expected


def test_secrets_are_left_out_of_the_configuration() -> None:
    found = config(["train.py", "--api-key", "hunter2", "--lr", "1"], {"NNTUI_RECORD_COMMAND": "x --api-key hunter2"})
    assert "hunter2" not in str(found)
    assert found["lr"] == 1

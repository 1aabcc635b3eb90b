"""`nntui label`: asked, answered, stored, and found again by a training."""

import io
import json
import signal
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

import nntui
from trainer.commands import main
from trainer.comparable import metric_of
from trainer.label import _reordered
from trainer.questions import Classes, NotAnswerable, Numbers, exam

MINE = r"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset
from nntui import Task

x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
y = torch.arange(60) % 3
model = lambda: nn.Linear(6, 3)
loss = nn.CrossEntropyLoss()
pairs = list(zip(x, y))

def words(inputs):
    return ["\x1b]52;c;cm0=\x07 \u202e word %d" % int(abs(row[0]) * 100) for row in inputs]

plain = Task(model, loss, pairs)
both = Task(model, loss, pairs, pairs, metrics={"right": lambda o, t: (o.argmax(1) == t).float()}, classes=["ant", "Bee", "cat"])
hostile = Task(model, loss, pairs, pairs, show=words, classes=["\x1b[2J\x1b]0;t\x07", "a\nb\u202e", "[bold]" + "x" * 5000])
raises = Task(model, loss, pairs, pairs, show=lambda inputs: 1 / 0)
number = Task(lambda: nn.Linear(6, 1), nn.MSELoss(), list(zip(x, x[:, :1] * 10)))
many = Task(lambda: nn.Linear(6, 4), nn.BCEWithLogitsLoss(), list(zip(x, (x[:, :4] > 0).float())))
soft = Task(model, loss, list(zip(x, x[:, 0])), kind="classification")
ignored = Task(model, loss, list(zip(x, torch.full((60,), -100))), classes=["a", "b"])
one = Task(model, loss, [(x[0], y[1])], classes=["only", "one"])
alone = Task(lambda: nn.Linear(6, 1), loss, list(zip(x, y * 0)), classes=["single"])

class Stream(IterableDataset):
    def __iter__(self):
        return iter(pairs)

class Broken(Dataset):
    def __len__(self): return 60
    def __getitem__(self, k):
        if k >= 30: raise OSError(5, "the disk is gone")
        return pairs[k]

class Empty(Dataset):
    def __len__(self): return 0
    def __getitem__(self, k): raise IndexError(k)

stream = Task(model, loss, Stream(), classes=["a", "b", "c"])
loader = Task(model, loss, DataLoader(pairs, batch_size=7, shuffle=True), classes=["a", "b", "c"])
broken = Task(model, loss, Broken())
empty = Task(model, loss, Empty())
"""


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """ask("both", "ant\\n1\\n", "--twice") -> exit code, output, errors; `typed` reaches standard input."""
    (tmp_path / "mine.py").write_text(MINE)

    def run(task: str, typed: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = main(["label", task if task in ("digits", "stdlib-chars", "diabetes") else f"mine.py:{task}", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def stored(folder: str | Path) -> dict:
    rows = [row for row in nntui.read(folder).checks.to_pylist() if row["id"] == "skeleton.human"]
    return json.loads(rows[-1]["evidence"]) | {"status": rows[-1]["status"], "measured": rows[-1]["measured"]}


def truth(task: str, count: int) -> list[int]:
    """What a person who knows everything answers."""
    space: dict = {}
    exec(MINE, space)  # noqa: S102
    return [int(question.truth) for question in exam(space[task], "train", count, 0).questions]


def test_right_answers_in_every_form_are_right_and_stored(ask, tmp_path) -> None:
    right = [["ant", "Bee", "cat"][k] for k in truth("both", 6)]
    typed = [
        right[0],
        str(["ant", "Bee", "cat"].index(right[1])),
        right[2][:2],
        right[3].upper(),
        f"  {right[4]} ",
        right[5],
    ]
    code, out, err = ask("both", "\n".join(typed) + "\n", "--examples", "6")
    assert (code, err) == (0, "")
    assert "6 of 6 right" in out
    found = stored(tmp_path / "runs" / "label-both")
    assert (found["accuracy"], found["n"], found["status"], found["measured"]) == (1.0, 6, "pass", 1.0)
    assert found["metric"] == "val/right"
    assert found["classes"] == ["ant", "Bee", "cat"]
    assert found["answers"] == found["truth"] == truth("both", 6)
    assert found["confusion"] == []
    assert 0 < found["standard_error"] < 0.2
    (event,) = [
        row for row in nntui.read(tmp_path / "runs" / "label-both").events.to_pylist() if row["event"] == "label"
    ]
    assert "6 of 6" in event["message"]


def test_nothing_of_what_is_right_is_shown_before_the_end(ask) -> None:
    _, out, _ = ask("both", "ant\n" * 4, "--examples", "4")
    before = out[: out.index("accuracy")]
    assert before.count("answer: ant") == 4
    assert "right" not in before
    assert "taken for" not in before
    assert "taken for ant" in out


def test_twice_asks_for_the_same_in_another_order_and_tells_how_often_they_agree(ask, tmp_path) -> None:
    code, out, _ = ask("both", "ant\n" * 8 + "bee\n" * 8, "--examples", "8", "--twice")
    assert code == 0
    orders = [[line.split()[-1] for line in out.splitlines() if " of 8  train" in line or " of 8  validation" in line]]
    first, second = orders[0][:8], orders[0][8:]
    assert sorted(first) == sorted(second)
    assert first != second
    found = stored(tmp_path / "runs" / "label-both")
    assert (found["self_agreement"], found["n_twice"]) == (0.0, 8)
    assert set(found["answers_again"]) == {1}


def test_back_skip_and_unclear_words(ask, tmp_path) -> None:
    typed = "zebra\n\n9\nant\n:b\n?\n:?\nb\n:s\ncat\n:q\n"
    code, out, _ = ask("both", typed, "--examples", "5")
    assert code == 0
    assert "'zebra' is no class" in out
    assert "nothing was typed" in out
    assert "'9' is no class" in out
    assert "answer (was ant): ?" in out
    found = stored(tmp_path / "runs" / "label-both")
    assert found["answers"] == [1, 2]
    assert len(found["indices"]) == found["n"] == 2


@pytest.mark.parametrize("typed", ["ant\nbee\n", "ant\nbee", "ant\nbee\nq\n", "ant\nbee\n Q \n"])
def test_what_was_answered_is_kept_when_the_input_ends(ask, tmp_path, typed) -> None:
    code, out, err = ask("both", typed, "--twice")
    assert (code, err) == (0, "")
    assert stored(tmp_path / "runs" / "label-both")["n"] == 2
    assert "of 2 right" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_answered(ask, tmp_path, monkeypatch, number) -> None:
    class Typing(io.StringIO):
        def readline(self, *_: object) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
            line = super().readline()
            if not line:
                signal.raise_signal(number)
            return line

    before = signal.getsignal(number)
    monkeypatch.setattr(io, "StringIO", Typing)
    code, _, err = ask("both", "ant\n")
    assert (code, err) == (0, "")
    assert stored(tmp_path / "runs" / "label-both")["n"] == 1
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("typed", ["", "q\n", "s\n" * 20, "zebra\n"])
def test_without_an_answer_nothing_is_recorded(ask, tmp_path, typed) -> None:
    code, _, err = ask("both", typed)
    assert code == 130
    assert err.count("\n") == 1
    assert nntui.read(tmp_path / "runs" / "label-both").checks.num_rows == 0


@pytest.mark.parametrize(
    ("task", "code", "part"),
    [
        ("many", 2, "shape (4,)"),
        ("soft", 2, "no whole numbers"),
        ("ignored", 2, "no target of the train data is a class"),
        ("empty", 2, "the data are empty"),
        ("broken", 1, "the disk is gone"),
        ("nothing", 2, "has no 'nothing'"),
    ],
)
def test_what_nobody_can_answer_is_one_line(ask, tmp_path, task, code, part) -> None:
    found, out, err = ask(task, "1\n" * 30, "--examples", "30")
    assert (found, err.count("\n")) == (code, 1), err
    assert part in err
    assert "accuracy" not in out or task == "broken"


def test_a_split_that_is_not_there_is_one_line(ask) -> None:
    code, _, err = ask("plain", "1\n", "--split", "validation")
    assert (code, err.count("\n")) == (2, 1)
    assert "--split train" in err
    assert ask("plain", "1\n")[0] == 0, "without --split the training data are taken where there are no others"


def test_where_nothing_can_be_recorded_nobody_is_asked(ask, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = ask("both", "ant\n", "--out", "file")
    assert (code, out, err.count("\n")) == (3, "", 1)


def test_hostile_names_and_texts_reach_the_terminal_as_visible_text_only(ask, tmp_path) -> None:
    code, out, _ = ask("hostile", "?\n0\n1\n2\n0\nx\x1b[31m\n", "--examples", "5", "--twice")
    assert code == 0
    assert all(char.isprintable() or char == "\n" for char in out)
    assert r"\x1b" in out
    assert r"\u202e" in out
    (row,) = nntui.read(tmp_path / "runs" / "label-hostile").checks.to_pylist()
    assert row["message"].isprintable()


@pytest.mark.parametrize("task", ["raises", "stream", "loader", "one", "alone", "plain"])
def test_unusual_data_are_asked_too(ask, tmp_path, task) -> None:
    code, out, err = ask(task, "0\n" * 5, "--examples", "5")
    assert (code, err) == (0, "")
    found = stored(tmp_path / "runs" / f"label-{task}")
    assert found["n"] == (1 if task == "one" else 5)
    assert found["metric"] in ("val/accuracy", "train/accuracy")
    assert "best constant" in out


def test_numbers_are_answered_with_numbers(ask, tmp_path) -> None:
    code, out, _ = ask("number", "nan\ninf\nfive\n1,5\n3\n-2.5\n1e1\nq\n", "--examples", "9")
    assert code == 0
    assert out.count("is no number") == 4
    found = stored(tmp_path / "runs" / "label-number")
    assert found["answers"] == [3, -2.5, 10]
    expected = sum(abs(a - t) for a, t in zip(found["answers"], found["truth"], strict=True)) / 3
    assert found["mean_absolute_error"] == found["measured"] == pytest.approx(expected, rel=1e-5)
    assert found["metric"] == "train/absolute_error"


def test_a_sequence_is_shown_up_to_the_character_that_is_asked_for(ask, tmp_path) -> None:
    code, out, _ = ask("stdlib-chars", "a\n \nspace\n\\n\n?\n:q\n", "--examples", "9")
    assert code == 0
    found = stored(tmp_path / "runs" / "label-stdlib-chars")
    names = found["classes"]
    assert [names[k] for k in found["answers"]] == ["a", "space", "space", r"\n", "?"]
    assert found["metric"] == "val/accuracy"
    assert "next character: " in out
    assert ":q stop" in out


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("digits", "val/accuracy"),
        ("digits-rare", "val/accuracy"),
        ("stdlib-chars", "val/accuracy"),
        ("diabetes", "val/error"),
    ],
)
def test_the_metric_that_says_the_same_is_found_by_asking_it(task, name) -> None:
    from trainer import tasks

    made = tasks.named(task, 8)
    assert metric_of(made, exam(made, "validation", 3, 0)) == (name, 1.0)


def right(outputs, targets):
    return (outputs.argmax(1) == targets).float()


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (None, ("val/accuracy", 1.0)),
        ({"acc": right}, ("val/acc", 1.0)),
        ({"acc@1": lambda o, t: 100 * right(o, t).mean()}, ("val/acc@1", 100.0)),
        ({"error": lambda o, t: 1 - right(o, t)}, ("", 1.0)),
        ({"accuracy": lambda o, t: (o.topk(2, 1).indices == t[:, None]).any(1).float()}, ("", 1.0)),
        ({"broken": lambda o, t: 1 / 0, "top": right}, ("val/top", 1.0)),
    ],
)
def test_a_metric_is_only_compared_with_when_it_says_the_same(metrics, expected) -> None:
    data = [(torch.zeros(2), torch.tensor(k % 5)) for k in range(20)]
    task = nntui.Task(lambda: nn.Linear(2, 5), nn.CrossEntropyLoss(), data, data, metrics=metrics)
    assert metric_of(task, exam(task, "validation", 8, 0)) == expected


def test_who_is_asked_with_the_same_seed_is_asked_the_same() -> None:
    data = [(torch.full((2,), float(k)), torch.tensor(k % 3)) for k in range(50)]
    task = nntui.Task(lambda: nn.Linear(2, 3), nn.CrossEntropyLoss(), data)

    def places(seed: int) -> list[int]:
        return [question.place for question in exam(task, "train", 10, seed).questions]

    assert places(1) == places(1) != places(2)
    assert len(set(places(1))) == 10
    for question in exam(task, "train", 10, 3).questions:
        assert float(question.inputs[0, 0]) == question.place
        assert question.truth == question.place % 3


def test_data_that_can_only_be_iterated_give_single_examples() -> None:
    class Stream(IterableDataset):
        def __iter__(self):
            return ((torch.full((2,), float(k)), torch.tensor(k % 3)) for k in range(100))

    task = nntui.Task(lambda: nn.Linear(2, 3), nn.CrossEntropyLoss(), DataLoader(Stream(), batch_size=8))
    for question in exam(task, "train", 10, 0).questions:
        assert question.inputs.shape == (1, 2)
        assert question.truth == float(question.inputs[0, 0]) % 3


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6, unique=True), st.text(max_size=8))
def test_whatever_is_typed_is_a_class_or_words_and_every_number_that_is_no_name_reaches_its_class(names, line) -> None:
    answers = Classes(tuple(names))
    said = answers.parse(line)
    assert isinstance(said, str) or 0 <= said < len(names)
    assert answers.parse(names[-1]) == len(names) - 1
    low = {name.casefold() for name in (*answers.names, *answers.typed)}
    for k in range(len(names)):
        if str(k) not in low:
            assert answers.parse(str(k)) == k


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_a_second_round_has_another_order(count) -> None:
    for seed in range(20):
        mixed = _reordered(list(range(count)), seed)
        assert sorted(mixed) == list(range(count))
        assert count < 2 or mixed != list(range(count))


def test_a_beginning_counts_when_it_is_of_one_class_only() -> None:
    answers = Classes(("boat", "bird", "birdsong"))
    assert answers.parse("bo") == 0
    assert answers.parse("bird") == 1
    assert answers.parse("birds") == 2
    assert "could be boat, bird, birdsong" in str(answers.parse("b"))
    assert "is no number" in str(Numbers(0, 1, 0.5).parse("one"))


def test_targets_that_are_no_tensors_are_named() -> None:
    task = nntui.Task(lambda: nn.Linear(2, 3), nn.CrossEntropyLoss(), [(torch.zeros(2), {"box": torch.zeros(4)})] * 3)
    with pytest.raises(NotAnswerable, match="a dict"):
        exam(task, "train", 2, 0)


def test_a_training_beside_it_takes_the_newest_result_and_its_own_row_supersedes_the_skip(ask, tmp_path) -> None:
    ask("both", "ant\n" * 6, "--examples", "6")
    ask("both", "bee\n" * 4, "--examples", "4")
    words = ["train", "mine.py:both", "--steps", "2", "--eval-every", "2"]
    assert main([*words, "--no-checks", "--out", "runs/quick"]) == 0
    assert stored(tmp_path / "runs" / "quick")["n"] == 4
    assert stored(tmp_path / "runs" / "quick")["from"] == "label-both"
    assert main([*words, "--no-checks", "--out", "elsewhere/run"]) == 0
    assert nntui.read(tmp_path / "elsewhere" / "run").checks.num_rows == 0
    assert main(["check", "mine.py:both", "--only", "human"]) == 0
    rows = nntui.read(tmp_path / "runs" / "check-both").checks.to_pylist()
    assert [row["status"] for row in rows] == ["skip", "pass"]
    from nntui.session.load import load
    from nntui.session.snapshot import View

    (shown,) = load(tmp_path / "runs" / "check-both", View()).checks
    assert (shown.status, shown.evidence["n"]) == ("pass", 4)


def test_labelling_into_a_run_that_ended_leaves_its_curves_alone(ask, tmp_path) -> None:
    assert main(["train", "mine.py:both", "--steps", "3", "--eval-every", "1", "--no-checks", "--out", "runs/x"]) == 0
    before = nntui.read(tmp_path / "runs" / "x").metrics.num_rows
    assert ask("both", "ant\n", "--out", "runs/x")[0] == 0
    metrics = nntui.read(tmp_path / "runs" / "x").metrics
    assert metrics.num_rows == before
    assert not any(metrics.column("superseded").to_pylist())

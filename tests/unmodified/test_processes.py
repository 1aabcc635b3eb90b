"""`nntui run` from outside: the command is itself, in its input, output, signals, exit code and everything it can see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import nntui
from nntui.runlog import layout

Finished = subprocess.CompletedProcess[str]

TRAINING = """
import sys, torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
for step in range(int(sys.argv[1])):
    x = torch.randn(16, 6)
    loss = nn.functional.cross_entropy(model(x), (x.sum(1) > 0).long())
    if "stale" not in sys.argv:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item().hex())
    if "crash" in sys.argv and step == 2:
        loss.backward()
    if "wait" in sys.argv and step == 2:
        print("ready", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def shell(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Finished]:
    """shell(*command, recorded=True): run it, below `nntui run --out run` or bare."""

    def run(*command: str, recorded: bool, options: tuple[str, ...] = (), **kwargs: object) -> Finished:
        ours = [sys.executable, "-P", "-m", "nntui", "run", "--out", str(tmp_path / "run"), *options, "--"]
        usual = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL, "timeout": 120}
        whole = [*(ours if recorded else []), *command]
        return subprocess.run(whole, check=False, capture_output=True, text=True, **(usual | kwargs))

    return run


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str, name: str = "train.py") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


def both(shell: Callable[..., Finished], *command: str, **kwargs: object) -> tuple[Finished, Finished]:
    """Bare, and below `nntui run`."""
    return shell(*command, recorded=False, **kwargs), shell(*command, recorded=True, **kwargs)


def without_ours(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("nntui: ")]


def ending(run: Path) -> layout.End:
    (writer,) = layout.writer_folders(run)
    end = layout.read_end(writer)
    assert end is not None
    return end


# --- the command ------------------------------------------------------------------------------


def test_the_exit_code_and_the_streams_are_those_of_the_command(shell) -> None:
    command = ["sh", "-c", "cat; echo out; echo err >&2; exit 7"]
    bare, found = both(shell, *command, stdin=None, input="in\n")
    assert (bare.returncode, bare.stdout, bare.stderr) == (7, "in\nout\n", "err\n")
    assert (found.returncode, found.stdout, without_ours(found.stderr)) == (7, "in\nout\n", ["err"])


def test_a_command_that_dies_of_a_signal_dies_of_it(shell) -> None:
    assert shell("sh", "-c", "kill -TERM $$", recorded=True).returncode == -signal.SIGTERM


def test_a_broken_pipe_ends_the_command_as_it_would(shell) -> None:
    counted = "trap '' 0; (yes; echo $? >&2) | head -1"
    assert shell("bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}", recorded=True).stdout == "y\n141\n", counted


@pytest.mark.parametrize(
    ("command", "code", "what"),
    [
        (["no-such-command"], 127, "no such command"),
        (["./a-file"], 126, "Permission denied"),
        ([], 2, "found no command"),
    ],
)
def test_what_cannot_be_run_is_said_as_shells_say_it(shell, tmp_path: Path, command, code: int, what: str) -> None:
    (tmp_path / "a-file").touch()
    found = shell(*command, recorded=True)
    assert found.returncode == code
    assert what in without_ours(found.stderr)[-1]
    assert "Traceback" not in found.stderr


def test_a_word_that_declares_nothing_is_refused_before_anything_is_run(shell) -> None:
    found = shell("echo", "ran", recorded=True, options=("--declare", "frozen:0", "--declare", "frosen"))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith(
        "nntui run: --declare: found 'frosen', which says nothing here; expected accumulate, "
    )


def test_where_the_run_will_be_is_said_in_one_line_unless_it_is_not_wanted(shell, tmp_path: Path) -> None:
    assert shell("true", recorded=True).stderr == (
        "nntui: recording into run from the first update on; to see it: nntui watch run --wait\n"
    )
    assert shell("true", recorded=True, options=("--quiet",)).stderr == ""
    deaf = shell(sys.executable, "-Iu", "-c", "pass", recorded=True)
    assert deaf.stderr == "nntui: nothing will be recorded: with -I Python reads no PYTHONPATH. Start it without.\n"
    assert not (tmp_path / "run").exists()


# --- a Python that does not train -------------------------------------------------------------

LOOK = """
import json, sys, os
try:
    import sitecustomize
    own = getattr(sitecustomize, "OWN", None)
except ImportError:
    own = "none"
seen = {"modules": sorted(sys.modules), "path": sys.path, "finders": [type(f).__name__ for f in sys.meta_path], "own": own}
seen["hook"] = sys.excepthook is sys.__excepthook__
print(json.dumps(seen))
"""


@pytest.mark.parametrize("own", ["none", "there", "broken"])
def test_a_python_that_never_imports_torch_sees_nothing_of_us(shell, script, tmp_path: Path, environment, own) -> None:
    look = script(LOOK, "look.py")
    if own != "none":
        environment["PYTHONPATH"] = str(tmp_path / "site")
        script("OWN = 1" if own == "there" else "raise ImportError('their own')", "site/sitecustomize.py")
    bare, found = both(shell, sys.executable, look)
    said = bare.stderr.splitlines()
    assert (
        without_ours(found.stderr)[len(without_ours(found.stderr)) - len(said) :] == said
    )  # `nntui run` is a Python too
    seen, now = json.loads(bare.stdout), json.loads(found.stdout)
    assert now["finders"] == ["_Waiting", *seen["finders"]]
    del seen["finders"], now["finders"]
    assert now == seen
    assert now["own"] == {"none": "none", "there": 1, "broken": "none"}[own]
    assert not [name for name in now["modules"] if name.startswith("nntui")]


def test_torch_is_imported_as_if_nobody_waited_for_it(shell, script, tmp_path: Path) -> None:
    """A stand-in for torch: what is left of the import is what the import leaves."""
    script("LOADER = __spec__.loader.exec_module.__func__.__qualname__", "torch/__init__.py")
    look = script(
        """
        import sys, importlib.util
        spec = importlib.util.find_spec("torch")
        import torch
        print(torch.LOADER, vars(torch.__loader__).keys(), torch.__loader__.get_source("torch") == open(torch.__file__).read())
        print([type(f).__name__ for f in sys.meta_path], importlib.util.find_spec("torch") is torch.__spec__)
        """,
        "look.py",
    )
    bare, found = both(shell, sys.executable, look)
    assert found.stdout == bare.stdout
    assert bare.stderr == ""


def test_a_python_without_nntui_says_so_once_and_runs_the_script(shell, script, tmp_path: Path) -> None:
    script("", "torch/__init__.py")
    look = script(
        """
        import subprocess, sys, torch
        print("trained")
        if len(sys.argv) < 2:
            subprocess.run([sys.executable, __file__, "again"], check=True)
        """
    )
    other = os.path.realpath(sys.executable)  # without the packages of the environment that the tests run in
    if shell(other, "-c", "import nntui", recorded=False).returncode == 0:
        pytest.skip("the Python below this environment has nntui")
    found = shell(other, look, recorded=True)
    assert (found.returncode, found.stdout) == (0, "trained\ntrained\n")
    (line,) = [line for line in found.stderr.splitlines() if "nothing is recorded" in line]
    assert f"{other} has no nntui. Install it there" in line


# --- a training -------------------------------------------------------------------------------


def test_a_script_is_recorded_and_prints_what_it_would(shell, script, tmp_path: Path) -> None:
    train = script(TRAINING)
    bare, found = both(shell, sys.executable, train, "20", "--lr", "3e-4", "stale", options=("--declare", "curriculum"))
    assert bare.returncode == found.returncode == 0
    assert found.stdout == bare.stdout
    assert without_ours(found.stderr) == bare.stderr.splitlines()
    run = tmp_path / "run"
    losses = [row["value"] for row in nntui.read(run).metrics.to_pylist() if row["metric"] == "train/loss"]
    assert losses == [float.fromhex(line) for line in bare.stdout.splitlines()]
    (writer,) = layout.writer_folders(run)
    config = (layout.read_manifest(writer) or layout.Manifest()).config
    assert (config["lr"], config["command"]) == (3e-4, f"{sys.executable} {train} 20 --lr 3e-4 stale")
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "nntui", "show", str(run), "--json"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 4
    assert "live.stale_gradient" in [alert["id"] for alert in json.loads(shown.stdout)["alerts"]]


def test_a_script_that_raises_shows_its_own_traceback_and_its_run_has_crashed(shell, script, tmp_path: Path) -> None:
    bare, found = both(shell, sys.executable, script(TRAINING), "9", "crash")
    assert (found.returncode, found.stdout) == (bare.returncode, bare.stdout) == (1, bare.stdout)
    assert "backward through the graph a second time" in bare.stderr
    assert without_ours(found.stderr) == bare.stderr.splitlines()
    assert ending(tmp_path / "run").reason == "exception"
    assert "a second time" in ending(tmp_path / "run").message


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGTERM, "signal"), (signal.SIGINT, "interrupted")])
def test_a_signal_ends_a_recorded_script_as_it_would(script, tmp_path, environment, number, reason) -> None:
    ours = [sys.executable, "-P", "-m", "nntui", "run", "--out", str(tmp_path / "run"), "--"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(
        [*ours, sys.executable, script(TRAINING), "9", "wait"], env=environment, text=True, **pipes
    )
    assert process.stdout is not None
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    assert ending(tmp_path / "run").reason == reason


RANK = """
import sys, torch, torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
torch.manual_seed(0)
model = DistributedDataParallel(nn.Linear(6, 2))
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
generator = torch.Generator().manual_seed(dist.get_rank())
losses = []
for _ in range(6):
    optimizer.zero_grad()
    loss = model(torch.randn(8, 6, generator=generator)).square().mean()
    loss.backward()
    optimizer.step()
    losses.append(loss.item().hex())
open(f"{sys.argv[1]}.{dist.get_rank()}", "w").write("\\n".join(losses))
dist.destroy_process_group()
"""


def test_ranks_share_a_run_and_compute_what_they_would(shell, script, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script(RANK)]
    assert shell(*launch, "bare", recorded=False).returncode == 0
    found = shell(*launch, "found", recorded=True)
    assert found.returncode == 0, found.stderr
    for rank in (0, 1):
        assert (tmp_path / f"found.{rank}").read_text() == (tmp_path / f"bare.{rank}").read_text()
    writers = [layout.read_manifest(folder) for folder in layout.writer_folders(tmp_path / "run")]
    assert sorted(one.rank for one in writers if one is not None) == [0, 1]
    assert not (tmp_path / "run-2").exists()
    assert len([line for line in found.stderr.splitlines() if line.startswith("nntui: ")]) == 1

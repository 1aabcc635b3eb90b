"""What importing each part brings along, seen from a fresh interpreter."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "textual", "watchdog", "pyarrow", "numpy", "plotext", "scipy", "sklearn", "trainer"}


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import nntui", set()),
        ("import nntui.finding", set()),
        ("import nntui.runlog.layout", set()),
        ("import nntui.session.catalog", set()),
        ("from nntui import init", {"numpy", "pyarrow"}),
        ("from nntui import read", {"numpy", "pyarrow"}),
        ("import nntui.analysis.rules", {"numpy"}),
        ("import nntui.names", set()),
        ("import nntui.probes.watch", {"numpy", "pyarrow", "torch"}),
        ("import nntui.checks.preflight", {"numpy", "torch"}),
        ("import nntui.unmodified", set()),
        ("import nntui.unmodified.attach", {"numpy", "torch"}),
        ("import nntui.unmodified.course", {"numpy", "pyarrow", "torch"}),
        ("import nntui.session.feed", set()),
        ("import nntui.session.run_state, nntui.session.load", {"numpy", "pyarrow"}),
        ("import nntui.tui.app; from nntui.tui.screens import kind_of; kind_of('live')", {"textual"}),
        ("import nntui.cli; nntui.cli.verbs.parser()", set()),
        ("import nntui.cli.watch", set()),
        ("import nntui.cli.run", set()),
        ("import nntui.cli.show", {"numpy", "pyarrow"}),
        ("import nntui.cli.tail", {"numpy", "pyarrow"}),
        ("import nntui.cli.report", {"numpy", "pyarrow"}),
        ("import nntui.cli.export", {"numpy", "pyarrow"}),
        ("import nntui.cli.plotting", {"numpy", "plotext"}),
    ],
)
def test_a_part_brings_only_what_it_needs(statement: str, allowed: set[str]) -> None:
    assert loaded_after(statement) <= allowed


def test_recording_a_run_brings_no_torch_and_no_screen(tmp_path) -> None:
    statement = f"import nntui\nwith nntui.init({str(tmp_path / 'run')!r}) as run:\n    run.log({{'loss': 1.0}})"
    assert loaded_after(statement) == {"numpy", "pyarrow"}


def test_showing_a_run_works_where_torch_cannot_be_imported(tmp_path) -> None:
    code = f"""
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('torch', 'sklearn', 'scipy'):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoTorch())
import nntui
from nntui.cli import main
with nntui.init({str(tmp_path / "run")!r}) as run:
    run.log({{'train/loss': 1.0}})
sys.exit(main(['show', {str(tmp_path / "run")!r}]))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train/loss" in done.stdout


def test_the_first_screen_is_painted_before_the_others_are_imported() -> None:
    code = "import sys, nntui.cli.watch, nntui.tui.app\nfrom nntui.tui.screens import SCREENS, kind_of, load, name_of\n"
    code += "kind_of('live')\nprint('nntui.tui.screens.layers' in sys.modules)\nload()\n"
    code += "print('nntui.tui.screens.layers' in sys.modules, all(name_of(kind_of(n)()) == n for n in SCREENS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]

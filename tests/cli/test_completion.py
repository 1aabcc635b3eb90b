"""Scripts that shells complete with, in the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

ASK_BASH = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
ask=$(complete -p nntui | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$ask nntui "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
echo "${{COMPREPLY[@]}}"
"""
ASKED = [
    ("nntui wat", "watch"),
    ("nntui watch --gl", "--glyphs"),
    ("nntui watch --glyphs a", "ascii"),
    ("nntui show runs/e", "runs/exp42"),
]


@pytest.mark.parametrize(("words", "answer"), ASKED)
def test_bash_completes_verbs_options_choices_and_folders(tmp_path, nntui: Callable, words: str, answer: str) -> None:
    (tmp_path / "runs" / "exp42").mkdir(parents=True)
    (tmp_path / "runs" / "exp42.log").touch()
    (tmp_path / "script").write_text(nntui("completion", "bash").stdout)
    said = ASK_BASH.format(script=tmp_path / "script", words=words)
    done = subprocess.run(["bash", "-c", said], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [answer]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_understand_theirs(tmp_path, nntui: Callable, shell: str) -> None:
    done = nntui("completion", shell)
    assert done.returncode == 0
    assert "--on-alert" in done.stdout or "on-alert" in done.stdout
    if shutil.which(shell):
        (tmp_path / "script").write_text(done.stdout)
        subprocess.run([shell, "-n", str(tmp_path / "script")], timeout=60, check=True)


def test_an_unknown_shell_is_one_line_and_a_usage_error(nntui: Callable) -> None:
    done = nntui("completion", "tcsh99")
    assert done.returncode == 2
    assert "invalid choice: 'tcsh99'" in done.stderr

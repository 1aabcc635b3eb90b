"""The report on a page: text and markdown say the same, and no name is read as markup."""

import pytest

import nntui as package
from nntui.cli.report import markdown, text
from nntui.finding import Finding

LINES = [
    ("title", "Report of *run*"),
    ("paragraph", "The run is ended."),
    ("heading", "Numbers"),
    ("item", "folder: a_b <script> \x1b[31m"),
    ("detail", "try: this, " * 12),
]


def test_markdown_escapes_what_is_foreign() -> None:
    shown = markdown(LINES)
    assert shown.startswith(
        "# Report of \\*run\\*\n\nThe run is ended.\n\n## Numbers\n\n- folder: a\\_b \\<script\\> ␛\\[31m\n  - try"
    )
    assert "\x1b" not in shown


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_of_text_is_wider_than_asked(width) -> None:
    assert all(len(line) <= width for line in text(LINES, width).splitlines())


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_report_tells_what_came_first_and_what_to_try(nntui, tmp_path, form) -> None:
    path = tmp_path / "runs" / "bad"
    with package.init(path, total_steps=50) as run:
        run.check(Finding("skeleton.dependency", "fail", "example 3 reaches 7", measured=0.7, advice="look for a view"))
        for step in range(50):
            run.log({"train/loss": 1.0 if step < 40 else float("nan")}, step=step)
            if step % 10 == 0:
                run.log({"val/loss": 1.0 / (step + 1), "val/loss_stderr": 0.01}, step=step)
    done = nntui("report", path, "--format", form)
    page = done.stdout.replace("\\", "").replace("\n  ", " ")
    assert done.returncode == 4
    assert page.index("skeleton.dependency. ") < page.index("live.nonfinite. ")
    for words in ("try: look for a view", "best validation: val/loss 0.02439 ± 0.01 at step 40", "data lost: none"):
        assert words in page


def test_what_to_try_is_said_once_of_metrics_that_share_it(nntui, tmp_path) -> None:
    with package.init(tmp_path / "run") as run:
        for step in range(30):
            value = 1.0 if step < 20 else float("nan")
            run.log({"train/loss": value, "val/loss": value}, step=step)
    page = " ".join(nntui("report", tmp_path / "run").stdout.split())
    assert "live.nonfinite. train/loss is NaN" in page
    assert "live.nonfinite. val/loss is NaN" in page
    assert page.count("try: ") == 1

"""What the main plot shows when nobody has chosen."""

from __future__ import annotations

import numpy as np
import pytest

from nntui.session import plotting
from nntui.tui.options import Options


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("train/loss", "val/loss", "lr"), ("train/loss", "val/loss")),
        (("lr", "accuracy"), ("accuracy",)),
        (("check/blind/loss", "check/overfit_batch/loss"), ("check/blind/loss", "check/overfit_batch/loss")),
        (("check/blind/loss", "my/train/loss"), ("my/train/loss",)),
        (("check/blind/loss", "lr"), ("lr",)),
        ((), ()),
    ],
)
def test_losses_come_first_and_those_of_checks_only_before_the_training(tui, names, shown) -> None:
    from nntui.analysis import roles

    series = [tui.series(name, np.ones(3)) for name in sorted(names, key=roles.order)]
    assert Options().main([plotting.summary(one, 8) for one in series]) == shown

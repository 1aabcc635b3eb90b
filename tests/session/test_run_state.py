"""Polls in, snapshots out."""

import dataclasses
import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nntui.runlog import tables
from nntui.runlog.layout import End
from nntui.runlog.reader import Batch, Damage
from nntui.runlog.schema import EVENTS, METRICS, SCHEMAS
from nntui.session.columns import Recorded
from nntui.session.data import DataView
from nntui.session.dependencies import DependenciesView
from nntui.session.layers import LayersView
from nntui.session.log import LogView
from nntui.session.predictions import PredictionsView
from nntui.session.run_state import RunState
from nntui.session.samples import SamplesView
from nntui.session.snapshot import PlotView, View
from nntui.session.system import SystemView
from nntui.session.weights import WeightsView


def state_of(make, *polls, now=100.0):
    state = RunState("run", "runs/run")
    for poll in polls:
        state.fold(poll, now, make.wall)
    return state


def plain(snapshot):
    """A snapshot as something that `==` compares."""

    def flat(value):
        if dataclasses.is_dataclass(value):
            return {f.name: flat(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "number"}
        if isinstance(value, np.ndarray):
            return [None if isinstance(v, float) and math.isnan(v) else v for v in value.tolist()]
        if isinstance(value, dict):
            return {k: flat(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [flat(v) for v in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return flat(snapshot)


def test_before_any_data_a_run_waits(make) -> None:
    snapshot = RunState("run", "p").snapshot(View(), 0.0)
    assert snapshot.head.state == "waiting"
    assert snapshot.head.step == -1
    assert snapshot.metrics == ()
    assert [stage.name for stage in snapshot.stages][:2] == ["data", "skeleton"]


def test_the_age_of_a_run_that_takes_several_polls_to_read_is_that_of_its_rows(make) -> None:
    first, second = (
        make.points(steps=[0], start=make.wall - 900, loss=1.0),
        make.points(steps=[1], start=make.wall - 600, loss=1.0),
    )
    state = RunState("run", "p")
    state.fold(make.poll(first, more=True), 100.0, make.wall)
    state.fold(make.poll(second), 101.0, make.wall + 1)
    assert state.snapshot(View(), 101.0).head.newest == pytest.approx(100.0 - 600)
    state.fold(make.poll(make.points(steps=[2], start=make.wall - 600, loss=1.0)), 102.0, make.wall + 2)
    assert state.snapshot(View(), 102.0).head.newest == 102.0, "what comes now is new, whatever its clock says"


def test_a_metric_is_summed_up(make) -> None:
    batch = make.points(steps=range(5), train__loss=[3.0, 1.0, math.nan, 2.0, math.inf])
    [metric] = state_of(make, make.poll(batch)).snapshot(View(sparkline_columns=5), 100.0).metrics
    assert (metric.metric, metric.step, metric.points, metric.nonfinite) == ("train/loss", 4, 5, 2)
    assert (metric.low, metric.high, metric.last) == (1.0, 3.0, math.inf)
    np.testing.assert_array_equal(metric.sparkline, [3.0, 1.0, math.nan, 2.0, math.nan])


def test_the_head_says_where_the_run_is(make) -> None:
    writer = make.writer(total_steps=100, steps_per_epoch=10, started=make.wall - 5)
    batch = make.points(steps=range(0, 50), train__loss=0.5, lr=1e-3, samples_per_second=640.0)
    head = state_of(make, make.poll(batch, writers=[writer])).snapshot(View(), 100.0).head
    assert (head.step, head.total_steps, head.epoch, head.loss, head.lr) == (49, 100, 4.9, 0.5, 1e-3)
    assert head.eta == pytest.approx(51.0)
    assert head.samples_per_second == 640.0
    assert head.elapsed == pytest.approx(54.0)
    assert head.state == "live"


def test_a_metric_without_a_name_plays_no_part(make) -> None:
    batch = make.points(steps=range(0, 50), **{"": 0.5})
    state = state_of(make, make.poll(batch))
    head = state.snapshot(View(), 100.0).head
    assert head.loss_metric == ""
    assert math.isnan(head.loss)
    assert math.isnan(head.lr)
    assert math.isnan(head.samples_per_second)


def _as(kind: str, batch: Batch) -> Batch:
    return dataclasses.replace(batch, kind=kind)


def test_readings_of_the_machine_move_neither_the_step_nor_the_age_of_the_data(make) -> None:
    writer = make.writer()
    training = make.points(steps=range(5), train__loss=0.5)
    machine = _as("system", make.points(steps=[50], start=make.wall + 60, system__cpu=1.5, system__memory=2.0**30))
    state = state_of(make, make.poll(training, writers=[writer]))
    before = state.snapshot(View(), 100.0)
    state.fold(make.poll(machine, writers=[make.writer(beat=2)]), 160.0, make.wall + 60)
    after = state.snapshot(View(), 160.0)
    assert (after.head.step, after.head.newest) == (4, before.head.newest)
    assert after.head.state == "quiet"
    assert [m.metric for m in after.metrics] == ["train/loss"]
    assert after.inside == 0


def test_readings_of_the_machine_are_listed_and_drawn_for_whoever_asks(make) -> None:
    machine = _as("system", make.points(steps=[0, 0, 9], system__cpu=[0.5, 1.5, 1.0], system__memory=2.0**30))
    view = View((PlotView("cpu", ("system/cpu",), 4, x="relative"),), inside=5, inside_pattern="CPU")
    snapshot = state_of(make, make.poll(make.points(steps=[9], loss=1.0), machine)).snapshot(view, 100.0)
    assert [m.metric for m in snapshot.metrics] == ["loss", "system/cpu"]
    assert [one.metric for one in snapshot.plots["cpu"].series] == ["system/cpu"]
    assert snapshot.plots["cpu"].series[0].last == 1.0


def test_what_checks_measure_is_shown_and_is_not_the_training(make) -> None:
    writer = make.writer(total_steps=100)
    checks = make.points(steps=range(600), check__blind__loss=9.0)
    before = state_of(make, make.poll(checks, writers=[writer])).snapshot(View(), 100.0)
    assert (before.head.step, before.head.loss_metric) == (-1, "")
    assert [m.metric for m in before.metrics] == ["check/blind/loss"]
    training = make.points(steps=range(50), my__train__loss=0.5)
    after = state_of(make, make.poll(checks, training, writers=[writer])).snapshot(View(), 100.0)
    assert (after.head.step, after.head.loss, after.head.loss_metric) == (49, 0.5, "my/train/loss")
    assert [m.metric for m in after.metrics] == ["my/train/loss", "check/blind/loss"]
    assert after.head.eta == pytest.approx(51.0)
    assert not after.alerts


batches = st.lists(
    st.tuples(
        st.sampled_from(["train__loss", "val__loss", "lr"]), st.lists(st.floats(-10, 10), min_size=1, max_size=8)
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(batches, st.lists(st.integers(0, 8), max_size=4))
def test_the_same_batches_in_any_chunks_give_the_same_snapshot(make, given_batches, cuts) -> None:
    made, step = [], 0
    for name, values in given_batches:
        made.append(make.points(steps=range(step, step + len(values)), **{name: values}))
        step += len(values)
    view = View((PlotView("main", ("train/loss", "val/loss"), 20, smoothing=0.9),))
    bounds = [0, *sorted(min(c, len(made)) for c in cuts), len(made)]
    chunks = [make.poll(*made[a:b]) for a, b in itertools.pairwise(bounds)]
    whole = state_of(make, make.poll(*made)).snapshot(view, 100.0)
    pieces = state_of(make, *chunks).snapshot(view, 100.0)
    assert plain(pieces) == plain(whole)


def test_a_restart_dims_what_it_replaced(make) -> None:
    first = make.writer("a", started=make.wall - 100, end=End(wall_time_ns=int((make.wall - 50) * 1e9)), beat=0)
    second = make.writer("b", started=make.wall - 40, resume_step=5)
    old = make.points("a", range(10), train__loss=1.0)
    new = make.points("b", range(5, 8), train__loss=2.0)
    state = state_of(make, make.poll(old, new, writers=[first, second]))
    snapshot = state.snapshot(View((PlotView("main", ("train/loss",), 10),)), 100.0)
    [metric] = snapshot.metrics
    assert (metric.points, metric.step, metric.last) == (8, 7, 2.0)
    replaced, current = snapshot.plots["main"].series
    assert (replaced.superseded, current.superseded) == (True, False)
    assert snapshot.head.launches == 2
    assert [m.label for m in snapshot.plots["main"].marks] == ["restart"]


def test_a_job_beside_a_living_trainer_hides_nothing(make) -> None:
    trainer = make.writer("a", started=make.wall - 100)
    other = make.writer("b", started=make.wall - 50, resume_step=0)
    state = state_of(make, make.poll(make.points("a", range(10), loss=1.0), writers=[trainer, other]))
    assert state.snapshot(View(), 100.0).metrics[0].points == 10


def test_the_lowest_rank_is_shown(make) -> None:
    writers = [make.writer("a", rank=1, started=make.wall - 20), make.writer("b", rank=0)]
    poll = make.poll(make.points("a", loss=1.0), make.points("b", loss=2.0), writers=writers)
    snapshot = state_of(make, poll).snapshot(View(), 100.0)
    assert [m.last for m in snapshot.metrics] == [2.0]
    assert snapshot.head.ranks == 2


def test_the_newest_outcome_of_a_check_counts_and_failures_come_first(make) -> None:
    poll = make.poll(
        make.check("skeleton.seed", "fail", make.wall),
        make.check("skeleton.init_loss", "warn"),
        make.check("data.duplicates", "pass"),
        make.check("skeleton.seed", "pass", make.wall + 1),
        make.check("skeleton.blind", "fail"),
    )
    snapshot = state_of(make, poll).snapshot(View(), 100.0)
    assert [(c.id, c.status) for c in snapshot.checks] == [
        ("skeleton.blind", "fail"),
        ("skeleton.init_loss", "warn"),
        ("data.duplicates", "pass"),
        ("skeleton.seed", "pass"),
    ]
    skeleton = next(stage for stage in snapshot.stages if stage.name == "skeleton")
    assert (skeleton.passed, skeleton.warned, skeleton.failed) == (1, 1, 1)


def test_losses_are_added_up_from_events_beats_and_damage(make) -> None:
    poll = make.poll(
        make.event("lost", "5 points were lost", data='{"points": 5}'),
        make.event("lost", "2 points were lost", data='{"points": 2}'),
        lost=Damage(frames=3, torn=1, ignored=2),
    )
    lost = state_of(make, poll).snapshot(View(), 100.0).head.lost
    assert (lost.points, lost.frames, lost.torn, lost.ignored) == (7, 3, 1, 2)


def test_rows_that_no_recorder_writes_break_nothing(make) -> None:
    empty = pa.RecordBatch.from_pylist([dict.fromkeys(EVENTS.names)], schema=EVENTS)
    odd = make.check("x", "no such verdict", evidence="{not json")
    snapshot = state_of(make, make.poll(Batch("a", "events", empty), odd)).snapshot(View(), 100.0)
    assert snapshot.events[0].message == ""
    assert snapshot.checks[0].status == "crash"


@pytest.mark.parametrize("axis", ["step", "epoch", "relative", "wall"])
def test_a_plot_has_the_columns_it_was_asked_for(make, axis) -> None:
    batch = make.points(steps=range(100), train__loss=np.linspace(2, 1, 100), val__loss=3.0)
    writer = make.writer(steps_per_epoch=10, end=End("finished", 0, 99, {}, int(make.wall * 1e9), ""))
    state = state_of(make, make.poll(batch, writers=[writer]))
    view = PlotView("main", ("train/loss", "val/loss", "absent"), 37, axis)
    plot = state.snapshot(View((view,)), 100.0).plots["main"]
    assert [s.metric for s in plot.series] == ["train/loss", "val/loss"]
    for one in plot.series:
        assert one.low.shape == one.high.shape == one.line.shape == one.nonfinite.shape == (37,)
    expected = {"step": (0, 99), "epoch": (0, 9.9), "relative": (10, 109), "wall": (make.wall, make.wall + 99)}
    assert plot.x_range == pytest.approx(expected[axis])
    assert plot.y_range[0] < 1
    assert plot.y_range[1] > 3


def test_the_axis_of_a_living_run_stays_while_it_grows_by_up_to_a_sixth(make) -> None:
    view = View((PlotView("main", ("train/loss",), 37),))
    ends = []
    for points in range(2, 700):
        state = state_of(make, make.poll(make.points(steps=range(points), train__loss=1.0)))
        snapshot = state.snapshot(view, 100.0)
        low, high = snapshot.plots["main"].x_range
        assert low == 0
        assert points - 1 <= high <= (points - 1) * 7 / 6 + 1e-9
        ends.append(high)
    assert len(set(ends)) <= 6 * math.ceil(math.log2(700))


def test_a_sparse_series_is_smoothed_over_as_many_steps_as_a_dense_one(make) -> None:
    """val/loss has a tenth of the points, so one of its points forgets as much as ten of train/loss."""
    dense = make.points(steps=range(1001), train__loss=[1.0] * 500 + [0.0] * 501)
    sparse = make.points(steps=range(0, 1001, 10), val__loss=[1.0] * 50 + [0.0] * 51)
    view = PlotView("main", ("train/loss", "val/loss"), 1001, smoothing=0.99)
    state = state_of(make, make.poll(dense, sparse))
    train, val = state.snapshot(View((view,)), 100.0).plots["main"].series
    assert 0.3 < train.line[600] < 0.45
    assert val.line[600] == pytest.approx(train.line[600], abs=0.05)
    alone = (
        state.snapshot(View((PlotView("main", ("val/loss",), 1001, smoothing=0.99),)), 100.0).plots["main"].series[0]
    )
    assert alone.line[600] > 0.7


def test_a_zoomed_plot_shows_its_part(make) -> None:
    batch = make.points(steps=range(100), loss=range(100))
    plot = (
        state_of(make, make.poll(batch))
        .snapshot(View((PlotView("main", ("loss",), 10, x_range=(20, 30)),)), 100.0)
        .plots["main"]
    )
    assert np.nanmin(plot.series[0].low) == 20
    assert np.nanmax(plot.series[0].high) == 30


def test_a_plot_of_nothing_is_empty_and_whole(make) -> None:
    plot = RunState("r", "p").snapshot(View((PlotView("main", (), 10),)), 0.0).plots["main"]
    assert plot.series == ()
    assert plot.x_range[0] < plot.x_range[1]


def test_a_drop_of_the_rate_is_marked(make) -> None:
    batch = make.points(steps=range(100), loss=1.0, lr=[1e-3] * 60 + [1e-4] * 40)
    plot = state_of(make, make.poll(batch)).snapshot(View((PlotView("main", ("loss",), 50),)), 100.0).plots["main"]
    assert [(m.x, m.label) for m in plot.marks if m.label.startswith("lr")] == [(60.0, "lr÷10")]


@pytest.mark.parametrize("total", [100, 1500])
def test_the_end_of_a_cosine_is_no_drop_of_the_rate(make, total) -> None:
    rate = 5e-4 * (1 + np.cos(np.pi * np.arange(total) / total))
    state = RunState("run", "runs/run")
    for part in np.array_split(np.arange(total), 7):
        batch = make.points(steps=part.tolist(), loss=1.0, lr=rate[part].tolist())
        state.fold(make.poll(batch), 100.0, make.wall)
        plot = state.snapshot(View((PlotView("main", ("loss",), 50),)), 100.0).plots["main"]
    assert [m for m in plot.marks if m.label.startswith("lr")] == []


def test_only_what_is_listed_and_changed_is_summed_up_again(make, monkeypatch) -> None:
    from nntui.session import plotting

    calls = []
    real = plotting.summary
    monkeypatch.setattr(
        plotting, "summary", lambda one, *rest, **how: calls.append(one.current.metric) or real(one, *rest, **how)
    )
    many = make.points(steps=range(3), **{f"m{i}": 1.0 for i in range(500)})
    state = state_of(make, make.poll(many))
    state.snapshot(View(), 100.0)
    assert len(calls) == 500
    state.fold(make.poll(make.points(steps=[3], m7=2.0)), 100.1, make.wall)
    state.snapshot(View(), 100.1)
    assert calls[500:] == ["m7"]
    state.fold(make.poll(make.points(steps=[4], **{f"m{i}": 3.0 for i in range(500)})), 100.2, make.wall)
    listed = {one.metric: one for one in state.snapshot(View(listed=("m7", "m9")), 100.2).metrics}
    assert calls[501:] == ["m7", "m9"]
    assert {one.last for one in listed.values()} == {3.0}
    assert [name for name, one in listed.items() if len(one.sparkline)] == ["m7", "m9"]


def test_a_snapshot_looks_at_no_more_points_than_are_new(make, monkeypatch) -> None:
    """Of a long run whose plot, sparkline and smoothing are known, one more point costs a few columns."""
    from nntui.session import tracks

    looked = []
    whole, longer = tracks.of_stretches, tracks.extended
    monkeypatch.setattr(tracks, "of_stretches", lambda *a: looked.append(a[1][-1] - a[1][0]) or whole(*a))
    monkeypatch.setattr(tracks, "extended", lambda *a: looked.append(len(a[2])) or longer(*a))
    n = 20_000
    state = state_of(make, make.poll(make.points(steps=range(n), loss=np.linspace(2, 1, n))))
    view = View((PlotView("main", ("loss",), 200, smoothing=0.9),))
    state.snapshot(view, 100.0)
    assert max(looked) == n
    for more in range(3):
        looked.clear()
        state.fold(make.poll(make.points(steps=[n + more], loss=1.0)), 100.1, make.wall)
        state.snapshot(view, 100.1)
        assert 0 < max(looked) < n / 5


def test_what_a_restart_replaced_is_known_also_where_its_rows_are_read_last(make) -> None:
    """Both are over before the first row is read, and neither said where it goes on."""
    over = [
        make.writer(name, started=make.wall - at, end=End(), beat_at=make.wall - at)
        for name, at in (("a", 90), ("b", 50))
    ]
    state = RunState("run", "p")
    state.fold(make.poll(make.points("a", range(10), loss=1.0), writers=over, more=True), 100.0, make.wall)
    state.fold(make.poll(make.points("b", range(6, 12), loss=2.0), writers=over), 100.1, make.wall)
    assert state.snapshot(View(), 100.2).head.superseded == 4
    assert state.series("loss").step.tolist() == list(range(12))


def test_a_run_shown_from_some_of_its_points_has_all_else_that_becomes_known(make) -> None:
    state = state_of(make, make.poll(make.points(steps=range(5), loss=1.0), make.check("skeleton.seed"), more=True))
    some = state.with_points_of(make.poll(make.points(steps=[0, 50, 99], loss=[1.0, 2.0, 3.0])), 100.0, make.wall)
    state.fold(
        make.poll(make.points(steps=range(5, 9), loss=1.0), make.event(message="halfway"), more=True), 100.0, make.wall
    )
    shown, read = some.snapshot(View(), 100.0, judged=False), state.snapshot(View(), 100.0, judged=False)
    assert (some.series("loss").value.tolist(), len(state.series("loss"))) == ([1.0, 2.0, 3.0], 9)
    assert (shown.head.step, read.head.step) == (99, 8)
    assert [event.message for event in shown.events] == ["halfway"]
    assert [one.id for one in shown.checks] == ["skeleton.seed"]


def test_each_jump_of_a_long_learning_rate_is_found_once(make) -> None:
    steps = np.arange(40_000)
    rate = np.where(steps < 8_192, 1.0, np.where(steps < 8_193, math.nan, np.where(steps < 30_000, 0.1, 0.4)))
    state = RunState("run", "p")
    for part in np.array_split(steps, 3):
        state.fold(make.poll(make.points(steps=part, lr=rate[part])), 100.0, make.wall)
        plot = state.snapshot(View((PlotView("main", ("lr",), 8),)), 100.0).plots["main"]
    assert [(m.x, m.label) for m in plot.marks if m.label.startswith("lr")] == [(8_193.0, "lr÷10"), (30_000.0, "lr×4")]


def test_the_band_of_the_other_ranks_holds_their_extremes(make) -> None:
    writers = [make.writer(name, rank=rank) for name, rank in (("a", 0), ("b", 1), ("c", 2))]
    values = {"a": 1.0, "b": 3.0, "c": 2.0}
    state = state_of(make, make.poll(*(make.points(w, range(10), loss=v) for w, v in values.items()), writers=writers))
    band, line = state.snapshot(View((PlotView("main", ("loss",), 10),)), 100.0).plots["main"].series
    assert (band.ranks, line.ranks) == (2, 0)
    np.testing.assert_array_equal(band.low, np.full(10, 2.0))
    np.testing.assert_array_equal(band.high, np.full(10, 3.0))
    assert np.isnan(band.line).all()
    np.testing.assert_array_equal(line.line, np.full(10, 1.0))


def test_all_plots_of_a_view_have_the_same_x_and_those_of_checks_their_own(make) -> None:
    poll = make.poll(
        make.points(steps=range(100), loss=1.0),
        make.points(steps=range(0, 1000, 10), acc=1.0),
        make.points(steps=range(7), check__blind__loss=1.0),
        writers=[make.writer(end=End("finished", 0, 99, {}, int(make.wall * 1e9), ""))],
    )
    names = ("loss", "acc", "check/blind/loss")
    plots = state_of(make, poll).snapshot(View(tuple(PlotView(n, (n,), 10) for n in names)), 100.0).plots
    assert [plots[n].x_range for n in names] == [(0, 990), (0, 990), (0, 6)]


def test_a_followed_range_moves_with_the_newest_point_and_another_stays(make) -> None:
    state = state_of(make, make.poll(make.points(steps=range(100), loss=1.0)))

    def shown(follow):
        view = PlotView("main", ("loss",), 10, x_range=(80.0, 100.0), follow=follow)
        return state.snapshot(View((view,)), 100.0).plots["main"]

    assert shown(True).x_range == (80.0, 100.0)
    state.fold(make.poll(make.points(steps=range(100, 250), loss=2.0)), 100.1, make.wall)
    low, high = shown(True).x_range
    assert high - low == pytest.approx(20)
    assert 249 <= high < 249 + 20 / 6
    assert shown(False).x_range == (80.0, 100.0)
    assert shown(False).newest == 249


def test_points_that_a_logarithm_cannot_show_are_at_the_edge_and_counted(make) -> None:
    value = [0.0, 1.0, 10.0, 100.0, -1.0]
    state = state_of(make, make.poll(make.points(steps=range(-1, 4), loss=value)))
    plot = state.snapshot(View((PlotView("main", ("loss",), 8, log_x=True, log_y=True),)), 100.0).plots["main"]
    assert (plot.log_x, plot.log_y, plot.left, plot.below) == (True, True, 2, 2)
    assert plot.x_range[0] == 1.0
    assert plot.series[0].high[0] == 10.0, "steps -1, 0 and 1 together"
    assert plot.y_range[0] > 0
    clock = state.snapshot(View((PlotView("main", ("loss",), 8, "wall", log_x=True),)), 100.0).plots["main"]
    assert not clock.log_x


def test_checkpoints_notes_and_alerts_are_marked_where_they_were(make) -> None:
    poll = make.poll(
        make.points(steps=range(0, 100, 10), loss=1.0),
        make.event("checkpoint", "best so far", step=40),
        make.event("unfreeze", "the encoder", step=55),
        make.event("end", "finished", step=90),
        make.event("note", "before the first step"),
    )
    plot = state_of(make, poll).snapshot(View((PlotView("main", ("loss",), 10),)), 100.0).plots["main"]
    assert [(m.x, m.label, m.minor) for m in plot.marks] == [(40.0, "best so far", True), (55.0, "unfreeze", False)]


groups = st.sampled_from([("a", "b"), ("a",), ("b", "a"), ("c",), ("a", "a"), ("a", "b", "c")])


@given(st.lists(st.tuples(st.sampled_from(["w", "v"]), groups, st.integers(0, 4)), max_size=30))
def test_metrics_keep_their_own_points_whatever_they_are_logged_with(rows) -> None:
    recorded, expected, at = Recorded(), {}, 0
    for writer, names, count in rows:
        steps = list(range(at, at + count))
        values = [[100.0 * k + step for step in steps] for k in range(len(names))]
        batch = pa.record_batch([[list(names)], [steps], [[step * 10**9 for step in steps]], [values]], schema=METRICS)
        recorded.fold(writer, batch)
        for name, row in zip(names, values, strict=True):
            expected.setdefault((writer, name), []).extend(zip(steps, steps, row, strict=True))
        at += count
    for (writer, name), points in expected.items():
        series = recorded.lineage(name, [writer], {}).current
        found = zip(series.step.tolist(), series.wall_time.tolist(), series.value.tolist(), strict=True)
        assert list(found) == points


@st.composite
def foreign_groups(draw) -> dict[str, list | None]:
    """A row of metrics as somebody else may have written it: ragged, or with a null anywhere."""
    k, n = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    group: dict[str, list | None] = {
        "metric": draw(st.lists(st.sampled_from(["a", "b", ""]), min_size=k, max_size=k)),
        "step": list(range(n)),
        "wall_time_ns": [10**9 * step for step in range(n)],
        "value": [draw(st.lists(st.sampled_from([0.5, math.inf, None]), min_size=n, max_size=n)) for _ in range(k)],
    }
    column = draw(st.sampled_from([None, *METRICS.names]))
    if column is not None:
        known = group[column] or []
        change = draw(st.sampled_from([lambda: None, lambda: [None, *known[1:]], lambda: known[1:], lambda: known * 2]))
        group[column] = change()
    if group["value"] and group["value"][0] and draw(st.booleans()):  # as many numbers, but not as many of each
        group["value"] = [
            [*group["value"][0], 2.0],
            *group["value"][1:-1],
            group["value"][-1] and group["value"][-1][1:],
        ]
    return group


@given(st.lists(foreign_groups(), max_size=6), st.integers(0, 3))
def test_a_viewer_has_the_points_that_a_reader_of_tables_has(groups, start) -> None:
    batch = pa.RecordBatch.from_pylist(groups, schema=METRICS).slice(start)
    recorded, expected = Recorded(), {}
    recorded.fold("w", batch)
    for row in tables.explode(batch).to_pylist():
        value = math.nan if row["value"] is None else row["value"]
        expected.setdefault(row["metric"], []).append((row["step"], row["wall_time_ns"] / 1e9, value))
    found = {name: recorded.lineage(name, ["w"], {}).current for name in recorded.metrics}
    assert {name: len(series) for name, series in found.items() if len(series)} == {
        name: len(points) for name, points in expected.items()
    }
    for name, points in expected.items():
        np.testing.assert_array_equal(
            np.transpose([found[name].step, found[name].wall_time, found[name].value]), points
        )


def test_what_is_logged_with_others_each_time_takes_no_more_memory_each_time() -> None:
    recorded = Recorded()
    names = [f"task{n}" for n in range(10)]
    for step, some in enumerate(itertools.combinations(names, 3)):
        recorded.fold("w", pa.record_batch([[some], [[step]], [[step]], [[[1.0]] * 3]], schema=METRICS))
    assert recorded.points == 3 * 120
    assert len(recorded._groups) <= len(names)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_row_without_a_single_value_breaks_nothing(make, kind) -> None:
    schema = SCHEMAS[kind]
    batch = pa.RecordBatch.from_pylist([dict.fromkeys(schema.names)], schema=schema)
    asked = View(
        (PlotView("main", ("a",), 10),),
        predictions=PredictionsView(),
        dependencies=DependenciesView(),
        data=DataView(),
        layers=LayersView(),
        system=SystemView(),
        weights=WeightsView(),
        samples=SamplesView(),
        log=LogView(),
    )
    training = make.points(steps=[1], a=1.0)
    snapshot = state_of(make, make.poll(Batch(training.writer, kind, batch), training)).snapshot(asked, 100.0)
    assert [m.metric for m in snapshot.metrics] == ["a"]

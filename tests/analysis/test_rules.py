"""Every rule: where it must speak, where it must be silent, and just beside its threshold."""

import math

import numpy as np
import pytest

from nntui.analysis import rules
from nntui.analysis.rules import lr_decay, nonfinite, plateau, stall
from nntui.analysis.series import RunFacts, Series

SEEDS = range(8)
KINDS = ("normal", "correlated", "heavy")
N = 6000


def ids(found, *statuses) -> list[str]:
    return [f.id for f in found if not statuses or f.status in statuses]


def power_law(n: int, exponent: float = 0.3) -> np.ndarray:
    return 1.0 + 5.0 * (np.arange(n) + 10.0) ** -exponent


def exponential(n: int, share: float = 0.1, floor: float = 0.3) -> np.ndarray:
    return floor + 2.0 * np.exp(-np.arange(n) / (share * n))


def cosine(n: int, peak: float = 3e-4) -> np.ndarray:
    return peak * 0.5 * (1 + np.cos(np.pi * np.arange(n) / n))


def healthy(noise, seed: int, kind: str) -> dict[str, dict]:
    """Runs that must not be accused: columns and facts by name."""
    e = 0.1 * noise(seed, N, kind)
    step = np.arange(N)
    warm = np.minimum(1.0, step / 200)
    restarts = 3e-4 * 0.5 * (1 + np.cos(np.pi * (step % (N // 4)) / (N // 4)))
    onecycle = np.where(
        step < N * 0.3, 0.04 + 0.96 * step / (N * 0.3), np.maximum(1e-5, 1 - (step - N * 0.3) / (N * 0.7))
    )
    hump = 0.3 * np.exp(-(((step - 1800) / 500) ** 2))
    late_drops = 3e-4 * 0.1 ** ((step >= N * 0.6).astype(float) + (step >= N * 0.8))
    grokking = 2.3 + 0.02 * noise(seed, N, kind) - 2.0 / (1 + np.exp(-(step - 0.9 * N) / 50))
    return {
        "constant rate": {"train__loss": exponential(N) + e, "lr": np.full(N, 3e-4)},
        "cosine to zero": {"total": N, "per_epoch": 100, "train__loss": exponential(N, 0.3) + e, "lr": cosine(N)},
        "linear to zero": {"total": N, "train__loss": power_law(N) + e, "lr": 3e-4 * (1 - step / N)},
        "warm-up": {"total": N, "train__loss": exponential(N) + e, "lr": 3e-4 * warm},
        "warm restarts": {"total": N, "per_epoch": N // 4, "train__loss": exponential(N) + e, "lr": restarts},
        "one cycle": {
            "total": N,
            "train__loss": exponential(N) + e + hump,
            "lr": onecycle,
        },
        "drops after convergence": {
            "total": N,
            "per_epoch": 100,
            "train__loss": exponential(N, 0.05) + e,
            "lr": late_drops,
        },
        "slow language model": {"total": N, "train__loss": power_law(N, 0.1) + e, "lr": np.full(N, 3e-4)},
        "grokking": {"train__loss": grokking, "lr": np.full(N, 1e-3)},
        "noisy regression at its floor": {"train__loss": 5.0 + 10 * np.abs(e), "lr": np.full(N, 3e-4)},
        "negative loss": {"train__loss": -3.0 + exponential(N) + e},
        "tiny loss": {"train__loss": 1e-8 * (exponential(N) + 0.2 * np.abs(e)), "lr": np.full(N, 3e-4)},
        "skipped first steps": {
            "train__loss": exponential(N) + e,
            "grad_norm": np.where(step < 12, np.inf, 1.0 + np.abs(e)),
        },
        "one short epoch of fine-tuning": {
            "total": 300,
            "per_epoch": 300,
            "train__loss": 0.3 + e[:300],
            "lr": cosine(300),
        },
        "validation only": {"val__loss": exponential(60, 0.2) + 0.01 * e[:60], "every": 100},
        "empty": {},
        "one point": {"train__loss": [2.3], "lr": [3e-4]},
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_healthy_run_is_warned_of_at_any_time(run, noise, seed, kind) -> None:
    for name, columns in healthy(noise, seed, kind).items():
        numbers = {k: v for k, v in columns.items() if k in ("total", "per_epoch", "every")}
        values = {k: np.asarray(v) for k, v in columns.items() if k not in numbers}
        longest = max((len(v) for v in values.values()), default=0)
        for share in (0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0):
            until = max(1, int(longest * share))
            series, facts = run(**numbers, **{k: v[:until] for k, v in values.items()})
            found = rules.find(series, facts)
            assert not ids(found, "warn", "error"), (name, share, [f.message for f in found])


# --- plateau ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_that_stopped_falling_is_a_plateau(run, noise, seed, kind) -> None:
    loss = exponential(N, 0.03) + (0.003 if kind == "correlated" else 0.01) * noise(seed, N, kind)
    found = plateau.find(*run(train__loss=loss))
    assert ids(found) == ["live.plateau"]
    assert found[0].status == "info"
    assert 0 < found[0].step < N / 2


@pytest.mark.parametrize("exponent", [0.05, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_power_law_still_falls(run, noise, seed, exponent) -> None:
    loss = power_law(N, exponent) + 0.02 * noise(seed, N)
    assert not plateau.find(*run(train__loss=loss))


def test_a_loss_that_still_halves_is_no_plateau_however_small(run) -> None:
    loss = 2.0 ** -(np.arange(N) / 200.0)
    assert not plateau.find(*run(train__loss=loss))


@pytest.mark.parametrize(("fall", "flat"), [(0.042, True), (0.048, False)])
def test_a_plateau_ends_where_two_percent_of_the_level_begin(run, fall, flat) -> None:
    """A straight fall over three quarters of the run does four ninths of itself in the last third, the shortest window."""
    loss = np.full(N, 100.0)
    loss[N // 4 :] = np.linspace(1.0, 1.0 - fall, N - N // 4)
    assert bool(plateau.find(*run(train__loss=loss))) == flat


def test_too_few_points_say_nothing(run) -> None:
    assert not plateau.find(*run(train__loss=np.ones(plateau.LEAST_POINTS - 1)))
    assert plateau.find(*run(train__loss=np.ones(plateau.LEAST_POINTS) + 0.0))


# --- learning-rate decay ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_drop_while_the_loss_falls_steeply_is_found(run, noise, seed, kind) -> None:
    step = np.arange(N)
    drop = N // 4
    falling = 0.3 + 2.0 * np.exp(-step / (0.25 * N))
    loss = np.where(step < drop, falling, falling[drop] - 0.1 * (1 - np.exp(-(step - drop) / N)))
    rate = np.where(step < drop, 3e-4, 3e-5)
    found = lr_decay.find(
        *run(train__loss=loss + (0.01 if kind == "correlated" else 0.05) * noise(seed, N, kind), lr=rate, total=N)
    )
    assert ids(found, "warn") == ["overfit.lr_decay"]
    assert found[0].step == drop
    assert found[0].evidence["cause"] == "decay before the loss had stopped falling"


@pytest.mark.parametrize(("times", "fires"), [(2.6, False), (1.0, True)])
def test_a_drop_is_early_when_a_tenth_of_the_progress_came_just_before(run, times, fires) -> None:
    """An exponential of time constant t dropped at k·t made 19 % of its progress in the last quarter for k = 1, 6 % for 2.6."""
    drop = 2000
    step = np.arange(N)
    loss = 0.5 + np.exp(-np.minimum(step, drop) * times / drop) + 1e-4 * np.sin(step)
    found = lr_decay.find(*run(train__loss=loss, lr=np.where(step < drop, 1e-3, 1e-4)))
    assert bool(found) == fires


def cut_short(noise, seed, kind, drop=600, relief=0.0, rest=0.1) -> dict[str, np.ndarray]:
    """A loss that halves every 87 steps, with a tenth of the rate from `drop` on. relief: the share of it that goes at once."""
    step = np.arange(N)
    falling = 2.3 * np.exp(-step / 125)
    after = falling[drop] * (1 - relief * (step > drop)) * np.exp(-rest * (step - drop) / 125)
    loss = np.where(step < drop, falling, after) * (1 + 0.05 * noise(seed, N, kind))
    return {"train__loss": loss + 0.1, "lr": np.where(step < drop, 3e-4, 3e-5)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drop", [320, 370])
def test_a_drop_that_cuts_a_fall_short_is_found_where_little_of_all_progress_is_left(
    run, noise, seed, kind, drop
) -> None:
    (found,) = lr_decay.find(*run(**cut_short(noise, seed, kind, drop), total=N))
    assert (found.id, found.status, found.step) == ("overfit.lr_decay", "warn", drop)
    assert found.unit == "of what was left"
    assert "in as many steps after" in found.message


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("none of these", {}),
        ("its noise goes at once", {"relief": 0.4}),
        ("it goes on as before", {"rest": 0.9}),
        ("next to nothing was left", {"drop": 1200}),
        ("the run is half over", {"total": 700}),
        ("validation had turned", {"validation": [2.3, 0.7, 0.6, 0.61]}),
    ],
)
def test_a_drop_that_costs_nothing_is_left_alone_for_each_reason_alone(run, noise, what, changes) -> None:
    total, validation = changes.pop("total", N), changes.pop("validation", [2.3, 0.7, 0.6, 0.5])
    series, facts = run(**cut_short(noise, 0, "normal", **({"drop": 370} | changes)), total=total)
    step = np.arange(len(validation)) * 100
    series["val/loss"] = Series("val/loss", step, 1.7e9 + step / 10.0, np.array(validation))
    assert bool(lr_decay.find(series, facts)) == (what == "none of these"), what


def test_a_drop_that_just_came_is_not_judged_before_as_many_steps_have_passed(run, noise) -> None:
    columns = cut_short(noise, 0, "normal", 370)
    for until, fires in ((371, False), (420, False), (470, True)):
        assert bool(lr_decay.find(*run(**{k: v[:until] for k, v in columns.items()}, total=N))) == fires


@pytest.mark.parametrize(("end", "fires"), [(0.5, True), (0.7, True), (0.8, False), (1.0, False)])
def test_a_rate_that_is_all_but_zero_for_the_rest_is_found(run, end, fires) -> None:
    step = np.arange(N)
    rate = np.maximum(1e-8, 3e-4 * (1 - step / (end * N)))
    found = lr_decay.find(*run(train__loss=exponential(N), lr=rate, total=N))
    assert bool(found) == fires
    if fires:
        assert found[0].evidence["cause"] == "all but zero for the rest of the run"


@pytest.mark.parametrize("total", [0, 1_000_000])
@pytest.mark.parametrize(("until", "fires"), [(60, False), (98, False), (99, True), (400, True)])
def test_a_rate_that_moves_nothing_is_told_whatever_was_planned(run, total: int, until: int, fires: bool) -> None:
    rate = 3e-4 * 0.5 ** (np.arange(until) / 2)  # below 2^-24 of its peak from step 49 on
    found = lr_decay.find(*run(train__loss=exponential(until), lr=rate, total=total))
    assert [one.evidence["cause"] for one in found] == ["a rate that moves nothing"] * fires
    assert [one.step for one in found] == [49] * fires


def test_rates_that_only_rest_at_zero_move_something(run) -> None:
    step = np.arange(600)
    resting = np.where(step % 200 < 150, 3e-4, 0.0)
    warm = np.minimum(1, step / 300) * 3e-4
    for rate in (resting, warm, np.full(600, 1e-12), cosine(600)):
        assert not lr_decay.find(*run(train__loss=exponential(600), lr=rate))


def test_a_schedule_of_epochs_stepped_per_batch_is_found(run) -> None:
    step = np.arange(N)
    rate = 3e-4 * 0.1 ** (step // 30)
    found = lr_decay.find(*run(train__loss=exponential(N), lr=rate, total=N, per_epoch=200))
    assert found[0].evidence["cause"] == "batches counted as epochs"
    gamma = lr_decay.find(*run(train__loss=exponential(N), lr=3e-4 * 0.95**step, total=N, per_epoch=200))
    assert gamma[0].evidence["cause"] == "batches counted as epochs"


def test_a_cosine_that_swings_back_within_an_epoch_is_found(run) -> None:
    rate = 3e-4 * 0.5 * (1 + np.cos(np.pi * np.arange(N) / 50))
    found = lr_decay.find(*run(train__loss=exponential(N), lr=rate, total=N, per_epoch=500))
    assert found[0].evidence["cause"] == "batches counted as epochs"


def test_a_run_of_few_epochs_may_decay_within_one(run) -> None:
    rate = cosine(500)
    assert not lr_decay.find(*run(train__loss=exponential(500), lr=rate, total=500, per_epoch=450))


def test_a_rate_that_probes_alone_have_read_and_that_is_all_but_zero_is_told() -> None:
    read = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    values = 0.05 * 0.3 ** (read // 30)
    rate = Series("probe/lr", read, 1.7e9 + read, values)
    (found,) = lr_decay.find({"probe/lr": rate}, RunFacts(total_steps=840, last_step=600))
    assert (found.id, found.step) == ("overfit.lr_decay", 128)
    cosine = Series("probe/lr", read, 1.7e9 + read, 0.05 * (1 + np.cos(np.pi * read / 540)))
    assert not lr_decay.find({"probe/lr": cosine}, RunFacts(total_steps=540, last_step=539))


# --- non-finite -------------------------------------------------------------------------------


def test_a_loss_that_stays_nan_is_an_error_and_names_what_turned_first(run) -> None:
    loss, norm = np.ones(100), np.ones(100)
    loss[60:], norm[58:] = math.nan, math.inf
    found = nonfinite.find(*run(train__loss=loss, grad_norm=norm))
    errors = [f for f in found if f.status == "error"]
    assert [f.step for f in errors] == [60]
    assert errors[0].evidence["first_metric"] == "grad_norm"
    assert errors[0].evidence["first_step"] == 58


@pytest.mark.parametrize(("streak", "status"), [(2, "info"), (3, "error")])
def test_a_training_loss_must_stay_non_finite_to_be_an_error(run, streak, status) -> None:
    loss = np.ones(100)
    loss[-streak:] = math.nan
    assert [f.status for f in nonfinite.find(*run(train__loss=loss))] == [status]
    assert [f.status for f in nonfinite.find(*run(train__loss=loss, state="ended"))] == ["error"]


@pytest.mark.parametrize(("streak", "found"), [(29, 0), (30, 1)])
def test_a_gradient_may_be_infinite_while_the_scale_is_found(run, streak, found) -> None:
    norm = np.ones(100)
    norm[-streak:] = math.inf
    assert len(nonfinite.find(*run(train__loss=np.ones(100), grad_norm=norm))) == found


def test_a_metric_that_is_nan_by_design_is_not_mentioned(run) -> None:
    assert not nonfinite.find(*run(train__loss=np.ones(50), val__auc=np.full(50, math.nan)))


# --- stall and crash --------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "fires"), [(59.9, False), (60.1, True)])
def test_a_stall_is_a_minute_of_silence(run, seconds, fires) -> None:
    series, facts = run(train__loss=np.ones(100))
    facts = RunFacts(state="live", seconds_since_row=seconds, last_step=99)
    assert bool(stall.find(series, facts)) == fires


@pytest.mark.parametrize(("seconds", "fires"), [(499.0, False), (501.0, True)])
def test_a_long_evaluation_makes_patience_longer(run, seconds, fires) -> None:
    series, _ = run(train__loss=np.ones(100))
    series["train/loss"].wall_time[50:] += 99.9
    facts = RunFacts(state="quiet", seconds_since_row=seconds, last_step=99)
    assert bool(stall.find(series, facts)) == fires


@pytest.mark.parametrize("state", ["waiting", "ended", "crashed", "silent"])
def test_what_is_over_does_not_stall(run, state) -> None:
    series, _ = run(train__loss=np.ones(100))
    assert not stall.find(series, RunFacts(state=state, seconds_since_row=1e6))


def test_a_crash_is_an_error_and_silence_a_warning(run) -> None:
    for state, status in (("crashed", "error"), ("silent", "warn"), ("ended", None), ("live", None)):
        found = rules.find({}, RunFacts(state=state, state_reason="ValueError: no", last_step=12))
        assert [f.status for f in found] == ([status] if status else [])
    assert "ValueError: no" in rules.find({}, RunFacts(state="crashed", state_reason="ValueError: no"))[0].message


def test_alerts_come_errors_first(run) -> None:
    loss = exponential(N, 0.02)
    series, _ = run(train__loss=loss, extra=np.where(np.arange(N) < N - 9, 1.0, np.nan))
    found = rules.find(series, RunFacts(state="crashed", last_step=N))
    assert [f.status for f in found] == sorted((f.status for f in found), key=["error", "warn", "info"].index)
    assert found[0].id == "live.crash"


def test_every_finding_brings_its_numbers_and_an_experiment(run) -> None:
    series, _ = run(train__loss=exponential(N, 0.02))
    for finding in rules.find(series, RunFacts(state="live")):
        assert "Refute" in finding.advice
        assert finding.evidence
        assert str(finding.as_dict())

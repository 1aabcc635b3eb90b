"""What the system screen says: the machine in numbers and strips, and the processes that write the run.

Owns the words, their places, and which readings are plotted together. Pure functions of a snapshot, a size and a Paint.
Invariant: what was not recorded has a line that says what would record it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from rich.text import Text

from nntui import names
from nntui.analysis.ticks import format_count, format_duration, format_number
from nntui.session.snapshot import Head, PlotData
from nntui.session.system import Process, Reading, System
from nntui.tui.canvas import spark
from nntui.tui.paint import Paint, cut_line, fitted, joined, wrapped
from nntui.tui.safe import safe
from nntui.tui.units import age, fit, size, size_unit
from nntui.tui.widgets.plot_legend import counted_in, renamed

TITLE = 12
SHARE = (0.0, 1.0)
FULL = 0.9
"""Share of memory from which it is marked."""
PROBES = "not recorded: nntui.watch(model, optimizer, run) measures it"
SPIKY = ("throughput", "step time")
"""Plots in which one odd moment would flatten all others."""
Part = tuple[int, Text]
"""(weight, words); what weighs least is left out last."""


def strip_width(width: int) -> int:
    """Cells of a strip in a panel of `width` cells."""
    return min(max(6, width // 5), 48)


def reading_lines(data: System, head: Head, width: int, height: int, paint: Paint, data_age: float) -> list[Text]:
    """The machine, a line per part of it."""
    lines = [*_machine(data, width, paint), *_training(data, width, paint)]
    lines.append(_line("recording", _recording(data, head, paint), width, paint))
    watching = [
        (0, paint.text(head.watching or "not watched: read once")),
        (1, paint.text(f"newest data {age(data_age)}", "quiet")),
    ]
    lines.append(_line("watching", watching, width, paint))
    return lines[:height]


def _machine(data: System, width: int, paint: Paint) -> Iterator[Text]:
    if not any(metric.startswith(names.SYSTEM) for metric in data.readings):
        why = "not recorded: nntui.init(…) reads the machine every 5 s, unless system=False"
        yield _line("machine", [(0, paint.text(why, "quiet"))], width, paint)
        return
    gpus = sorted({index for index, _ in map(names.gpu_of, data.readings) if index >= 0})
    for index in gpus:
        yield _strip(
            f"GPU {index}", data, names.gpu(index, names.GPU_UTILIZATION), _gpu(data, index, paint), width, paint, SHARE
        )
    if not gpus:
        why = (
            "; ".join(word.removeprefix("GPU: ") for word in data.blind if word.startswith("GPU"))
            or "none is used, as far as can be seen"
        )
        yield _line("GPU", [(0, paint.text(why, "quiet"))], width, paint)
    yield _strip("processor", data, names.CPU, _processor(data, paint), width, paint)
    yield _strip("memory", data, names.RESIDENT, _memory(data, paint), width, paint)


def _gpu(data: System, index: int, paint: Paint) -> list[Part]:
    def value(statistic: str) -> float:
        return _last(data.readings, names.gpu(index, statistic))

    known = next((one for one in data.gpus if one.index == index), None)
    used, total = value(names.GPU_MEMORY), known.memory if known else math.nan
    of = f" of {size(total)}" if math.isfinite(total) else ""
    busy, own, power = value(names.GPU_UTILIZATION), value(names.GPU_PROCESS_MEMORY), value(names.GPU_POWER)
    return [
        (0, paint.text(f"{busy:.0%}" if math.isfinite(busy) else "–", bold=True)),
        (1, _marked(f"{size(used)}{of}", used / total > FULL, paint)),
        (3, paint.text(f"{size(own)} of it here" if math.isfinite(own) else "", "quiet")),
        (4, paint.text(f"{power:.0f} W" if math.isfinite(power) else "", "quiet")),
        (2, paint.text(known.name if known else "", "quiet")),
    ]


def _processor(data: System, paint: Paint) -> list[Part]:
    own, workers, count = (_last(data.readings, name) for name in (names.CPU, names.WORKERS_CPU, names.WORKERS))
    machine = _last(data.readings, names.MACHINE_CPU)
    of = f" of {data.cores}" if data.cores else ""
    beside = f"{count:.0f} workers {format_number(workers, 2)}" if math.isfinite(workers) else ""
    return [
        (0, paint.text(f"{format_number(own, 2)}{of} cores" if math.isfinite(own) else "–", bold=True)),
        (1, paint.text(beside)),
        (2, paint.text(f"machine {machine:.0%}" if math.isfinite(machine) else "", "quiet")),
    ]


def _memory(data: System, paint: Paint) -> list[Part]:
    own, workers = (_last(data.readings, name) for name in (names.RESIDENT, names.WORKERS_MEMORY))
    machine, free = (_last(data.readings, name) for name in (names.MACHINE_MEMORY, names.DISK_FREE))
    of = f" of {size(data.memory)}" if math.isfinite(data.memory) else ""
    return [
        (0, paint.text(size(own), bold=True)),
        (1, paint.text(f"workers {size(workers)}" if math.isfinite(workers) else "")),
        (2, _marked(f"machine {machine:.0%}{of}" if math.isfinite(machine) else "", machine > FULL, paint)),
        (3, _marked(f"disk {size(free)} free" if math.isfinite(free) else "", free < 1 << 30, paint)),
    ]


def _training(data: System, width: int, paint: Paint) -> Iterator[Text]:
    speed = _last(data.readings, data.throughput)
    if data.throughput:
        said = [
            (0, paint.text(f"{format_count(speed)} samples/s", bold=True)),
            (1, _range(data, data.throughput, paint)),
        ]
        yield _strip("throughput", data, data.throughput, said, width, paint)
    else:
        why = "not recorded: log samples_per_second, or nntui.watch(…)"
        yield _line("throughput", [(0, paint.text(why, "quiet"))], width, paint)
    seconds = _last(data.readings, names.STEP_SECONDS)
    if math.isfinite(seconds):
        source = f"from the times of {safe(data.timed, 40)}" if data.timed else ""
        said = [
            (0, paint.text(_seconds(seconds), bold=True)),
            (1, _range(data, names.STEP_SECONDS, paint)),
            (2, paint.text(source, "quiet")),
        ]
        yield _strip("step time", data, names.STEP_SECONDS, said, width, paint)
    else:
        yield _line("step time", [(0, paint.text("no step yet", "quiet"))], width, paint)
    wait = _last(data.readings, names.DATA_WAIT)
    if math.isfinite(wait):
        said = [(0, _marked(f"{wait:.0%} of the step", wait > 0.5, paint, bold=True))]
        yield _strip("data wait", data, names.DATA_WAIT, said, width, paint, SHARE)
    else:
        yield _line("data wait", [(0, paint.text(PROBES, "quiet"))], width, paint)


def _recording(data: System, head: Head, paint: Paint) -> list[Part]:
    probes, thread, written, queue = (
        _last(data.readings, name) for name in (names.OVERHEAD, names.RECORDER_CPU, names.RECORDED, names.QUEUE)
    )
    gone = head.lost.points + head.lost.frames
    return [
        (1, paint.text(f"probes {probes:.1%} of the time" if math.isfinite(probes) else "no probes")),
        (2, paint.text(f"thread {thread:.1%} of a core" if math.isfinite(thread) else "")),
        (3, paint.text(f"{size(written)} written" if math.isfinite(written) else "", "quiet")),
        (4, paint.text(f"queue {queue:,.0f}" if math.isfinite(queue) else "", "quiet")),
        (
            0,
            paint.text(f"{paint.glyphs.failed} lost {gone:,}", "error", bold=True)
            if gone
            else paint.text("nothing lost", "success"),
        ),
    ]


NAMED = {
    names.STEP_SECONDS: "step time, s",
    names.DATA_WAIT: "data wait, % of the step",
    names.CPU: "processor, cores",
    names.WORKERS_CPU: "workers, cores",
    names.RESIDENT: "memory, B",
    names.WORKERS_MEMORY: "workers, B",
    names.MACHINE_CPU: "processor, %",
    names.MACHINE_MEMORY: "memory, %",
    names.RECORDER_CPU: "thread, % of a core",
    names.OVERHEAD: "probes, % of the time",
}
NAMED_OF_GPU = {names.GPU_UTILIZATION: "% busy", names.GPU_MEMORY: "B"}
"""What a reading is called in a plot, with its unit: seconds and bytes stand for any multiple that reads well."""
PERCENT = 0.01


def in_units(data: PlotData) -> PlotData:
    """A plot of readings as a person reads them; a throughput keeps the name that it was logged by. What is clipped is told where
    something is.
    """
    words = {metric: NAMED[metric] for metric in data.view.metrics if metric in NAMED}
    for metric in data.view.metrics:
        index, statistic = names.gpu_of(metric)
        if index >= 0 and statistic in NAMED_OF_GPU:
            words[metric] = f"GPU {index}, {NAMED_OF_GPU[statistic]}"
    word = next(iter(words.values()), "").partition(", ")[2]
    unit, scale = "", 1.0
    if word == "B":
        unit, scale = size_unit(data.y_range[1])
    elif word == "s":
        unit, scale = ("ms", 1e-3) if data.y_range[1] < 1 else ("s", 1.0)
    elif word.startswith("%"):
        scale = PERCENT
    words = {metric: name[: -len(word)] + unit if unit else name for metric, name in words.items()}
    view = replace(data.view, clip_outliers=data.clipped > 0)
    return renamed(counted_in(replace(data, view=view), scale), words)


def plotted(data: System) -> list[tuple[str, tuple[str, ...]]]:
    """(title, metrics) of what is worth a plot, most telling first; only what was recorded."""
    gpus = sorted({index for index, _ in map(names.gpu_of, data.readings) if index >= 0})
    groups = [
        ("GPU utilization", tuple(names.gpu(index, names.GPU_UTILIZATION) for index in gpus)),
        ("throughput", (data.throughput,)),
        ("step time", (names.STEP_SECONDS,) if not data.timed else ()),
        ("waiting for data", (names.DATA_WAIT,)),
        ("processor", (names.CPU, names.WORKERS_CPU)),
        ("memory", (names.RESIDENT, names.WORKERS_MEMORY)),
        ("GPU memory", tuple(names.gpu(index, names.GPU_MEMORY) for index in gpus)),
        ("machine", (names.MACHINE_CPU, names.MACHINE_MEMORY)),
        ("recording", (names.RECORDER_CPU, names.OVERHEAD)),
    ]
    known = [(title, tuple(m for m in metrics if m in data.readings)) for title, metrics in groups]
    return [(title, metrics) for title, metrics in known if metrics]


# --- processes --------------------------------------------------------------------------------


def title_row(width: int, paint: Paint) -> Text:
    """The titles of the list of processes."""
    words = _columns("rank", "state", "step", "steps/s", "beat", "process", "since")
    return cut_line(paint.text("  " + words if width >= 60 else "  rank  state", "quiet"), width)


def process_row(one: Process, width: int, paint: Paint, now: float) -> Text:
    """One process in a line."""
    glyph, meaning = paint.state(one.state)
    rank = f"{one.rank}/{one.world_size}" if one.world_size > 1 else str(one.rank)
    step = f"{paint.glyphs.warned} " * bool(one.behind) + (f"{one.step:,}" if one.step >= 0 else "–")
    if width < 60:
        return cut_line(
            joined([paint.text(fit(rank, 6)), paint.text(f"{glyph} {one.state}", meaning), paint.text(step)]), width
        )
    pace = format_number(one.steps_per_second, 3) if math.isfinite(one.steps_per_second) else "–"
    place = f"{safe(one.host, 40) or '?'}:{one.pid}" if one.pid >= 0 else safe(one.host, 40)
    words = _columns(
        rank, f"{glyph} {one.state}", step, pace, age(now - one.beat_at), place, _since(one, "%d %b %H:%M")
    )
    colour = "warning" if one.behind else meaning if one.state in ("crashed", "silent") else "foreground"
    return cut_line(paint.text(words, colour), width)


def _columns(rank: str, state: str, step: str, pace: str, beat: str, place: str, since: str) -> str:
    cells = [fit(rank, 6), fit(state, 9), fit(step, 11, right=True), fit(pace, 8, right=True), fit(beat, 7, right=True)]
    return " ".join([*cells, " " + fit(place, 16), since])


def process_detail(one: Process, width: int, paint: Paint) -> list[Text]:
    """Everything known of a process."""
    t = paint.text
    began = f"since {_since(one)}" if math.isfinite(one.started) else ""
    went_on = f"went on from step {one.resume_step:,}" if one.resume_step >= 0 else ""
    again = f"restart {one.restart}" if one.restart else ""
    first = [
        t(f"rank {one.rank} of {one.world_size}", bold=True),
        t(f"launch {one.launch}" if one.launch else "", "quiet"),
    ]
    lines = [joined([*first, *(t(word, "quiet") for word in (began, again, went_on) if word)])]
    if one.reason:
        glyph, meaning = paint.state(one.state)
        lines += wrapped(f"{glyph} {one.state}: {one.reason}", width, paint, meaning)
    if one.behind:
        lines += wrapped(
            f"{paint.glyphs.warned} {one.behind:,} steps behind the foremost rank", width, paint, "warning"
        )
    versions = "  ".join(f"{name} {version}" for name, version in one.versions.items())
    pairs = [("versions", versions), ("commit", _commit(one)), ("command", one.command), ("seed", one.seed)]
    for name, words in pairs:
        if words:
            pieces = wrapped(words, width - 10, paint, "foreground")
            lines += [
                joined([t(fit(name if not at else "", 9), "quiet"), piece], " ") for at, piece in enumerate(pieces)
            ]
    if one.lost:
        lines.append(t(f"{paint.glyphs.failed} {one.lost:,} points lost", "error", bold=True))
    return [cut_line(line, width) for line in lines]


def _commit(one: Process) -> str:
    changed = {"yes": " with changes that are not committed", "no": ", nothing uncommitted"}.get(one.uncommitted, "")
    return f"{one.git_commit[:12]}{changed}" if one.git_commit else ""


def _since(one: Process, form: str = "%d %b %H:%M:%S") -> str:
    if not 0 < one.started < 1e11:
        return "–"
    return datetime.fromtimestamp(one.started).astimezone().strftime(form)


# --- parts ------------------------------------------------------------------------------------


def _line(title: str, parts: Sequence[Part], width: int, paint: Paint) -> Text:
    head = paint.text(f" {fit(title, TITLE - 1)}", "quiet")
    return cut_line(joined([head, fitted(list(parts), max(1, width - TITLE))], ""), width)


def _strip(
    title: str,
    data: System,
    metric: str,
    parts: Sequence[Part],
    width: int,
    paint: Paint,
    span: tuple[float, float] | None = None,
) -> Text:
    known = data.readings.get(metric)
    bars = strip_width(width)
    drawn = " " * bars if known is None else spark(known.strip, bars, paint.glyphs.bar, span or _from_zero(known))
    head = joined([paint.text(f" {fit(title, TITLE - 1)}", "quiet"), paint.text(drawn, "primary"), Text("  ")], "")
    return cut_line(joined([head, fitted(list(parts), max(1, width - TITLE - bars - 2))], ""), width)


def _from_zero(known: Reading) -> tuple[float, float] | None:
    """Bars begin at nothing, so that twice as much is twice as high."""
    return (0.0, known.high) if known.low >= 0 and known.high > 0 else None


def _range(data: System, metric: str, paint: Paint) -> Text:
    known = data.readings[metric]
    form = _seconds if metric == names.STEP_SECONDS else format_count
    return paint.text(f"{form(known.low)} to {form(known.high)}" if known.high > known.low else "", "quiet")


def _seconds(value: float) -> str:
    if value >= 60:
        return format_duration(value)
    return f"{format_number(value, 3)} s" if value >= 1 else f"{format_number(value * 1e3, 3)} ms"


def _marked(words: str, marked: bool, paint: Paint, *, bold: bool = False) -> Text:
    shown = f"{paint.glyphs.warned} {words}" if marked and words else words
    return paint.text(shown, "warning" if marked else "foreground", bold=bold)


def _last(readings: Mapping[str, Reading], metric: str) -> float:
    return readings[metric].last if metric in readings else math.nan

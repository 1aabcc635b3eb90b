"""`nntui tail`: a run without a screen, one line for everything new, until it ends.

Owns what is a line and who is told. The same feed and rules as the dashboard. Invariant: the exit code is what `nntui show` would
give at that moment; nobody who is told can hold it up.

With someone to tell (`--on-alert`, `--webhook`) it goes on when its terminal goes away; without, it ends with it, unless it was
started under nohup.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import queue
import signal
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from nntui.analysis.ticks import format_duration, format_number
from nntui.cli import UsageError
from nntui.cli.notify import Notifier
from nntui.cli.show import exit_code
from nntui.finding import Finding, jsonable
from nntui.runlog.errors import RunFolderError, RunNotFound
from nntui.session import paths
from nntui.session.alerts import Alerts, Change, key
from nntui.session.feed import Feed
from nntui.session.log import EventRow
from nntui.session.snapshot import Snapshot, View
from nntui.tui.safe import safe

PATIENCE = 600.0
"""Seconds that a run may be silent, which says nothing of whether it lives, before it is given up."""
LAST_WORDS = 40.0
"""Seconds that messages are waited for at the end."""


def run(arguments: argparse.Namespace) -> int:
    """Print what happens until the run ends. Raises RunFolderError when there is none, UsageError for a wrong address."""
    path = _path(arguments)
    if arguments.webhook and not arguments.webhook.startswith(("http://", "https://")):
        raise UsageError(f"--webhook {arguments.webhook!r}: no address of the web; expected http://… or https://…")
    told = Notifier(arguments.on_alert, arguments.webhook, _complain)
    if told.wanted:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    teller = Teller(told, as_json=arguments.json, every=arguments.every, keep_on=told.wanted)
    snapshots: queue.Queue[Snapshot] = queue.Queue()
    feed = Feed(path, snapshots.put, wait=arguments.wait)
    feed.show(View(sparkline_columns=1))
    feed.start()
    silent_since = math.inf
    try:
        while True:
            snapshot = _next(snapshots, silent_since + PATIENCE - time.monotonic())
            if snapshot is None:
                return exit_code(teller.snapshot, strict=arguments.strict)
            while not snapshots.empty():
                snapshot = snapshots.get()
            if snapshot.problem:
                raise RunFolderError(snapshot.problem)
            if not snapshot.complete:
                continue
            over = snapshot.head.state in ("ended", "crashed")
            teller.tell(snapshot, time.monotonic(), over=over)
            if snapshot.head.state != "silent":
                silent_since = math.inf
            elif math.isinf(silent_since):
                silent_since = time.monotonic()
            if over:
                return exit_code(snapshot, strict=arguments.strict)
    finally:
        feed.stop()
        told.finish(LAST_WORDS if sys.exc_info()[0] is None else 1.0)


def _next(snapshots: queue.Queue[Snapshot], seconds: float) -> Snapshot | None:
    """The next snapshot; None when there is none for that long, which may be for ever."""
    try:
        return snapshots.get(timeout=None if math.isinf(seconds) else max(0.0, seconds))
    except queue.Empty:
        return None


def _path(arguments: argparse.Namespace) -> Path:
    try:
        return paths.resolve(arguments.path)
    except RunNotFound:
        if arguments.wait and arguments.path:
            return Path(arguments.path)
        raise


class Teller:
    """Prints what a snapshot has that the one before had not, and tells others of what is bad."""

    def __init__(self, told: Notifier, *, as_json: bool, every: float, keep_on: bool) -> None:
        """every: least seconds between two lines of progress. keep_on: go on when nobody reads the lines."""
        self._told, self._json, self._every, self._keep_on = told, as_json, every, keep_on
        self._alerts = Alerts()
        self._called: set[tuple[str, str]] = set()
        self._events: Counter[EventRow] = Counter()
        self._checks: dict[str, Finding] = {}
        self._state = ""
        self._progress = -math.inf
        self._step = -1
        self.snapshot = Snapshot()

    def tell(self, snapshot: Snapshot, now: float, *, over: bool) -> None:
        """Everything new in it. now: monotonic seconds."""
        self.snapshot = snapshot
        self._tell_state()
        events = Counter(snapshot.events)
        for event in sorted((events - self._events).elements(), key=lambda event: event.wall_time):
            place = f" at step {event.step:,}" if event.step >= 0 else ""
            extra = {"event": event.event, "level": event.level, "event_step": event.step, "message": event.message}
            self._line("event", f"{event.event}{place}: {event.message}", extra, event.wall_time)
        self._events = events
        for check in reversed(snapshot.checks):
            if self._checks.get(check.id) != check:
                self._checks[check.id] = check
                self._tell_check(check)
        for change in self._alerts.update(snapshot.alerts, now, over=over):
            self._tell_alert(change)
        self._tell_progress(now, over)

    def _tell_state(self) -> None:
        head = self.snapshot.head
        if head.state != self._state:
            self._state = head.state
            self._line("state", head.state + (f": {head.state_reason}" if head.state_reason else ""), {})

    def _tell_check(self, check: Finding) -> None:
        self._line("check", f"{check.status} {check.id}: {check.message}", {"finding": check.as_dict()})
        if check.status in ("fail", "warn"):
            self._call("raised", check)

    def _tell_alert(self, change: Change) -> None:
        finding = change.finding
        words = f"{change.kind} {change.severity} {finding.id}: {finding.message}"
        self._line("alert", words, {"change": change.kind, "severity": change.severity, "finding": finding.as_dict()})
        name = key(finding)
        if change.loud:
            self._called.add(name)
            self._call(change.kind, finding)
        elif change.kind == "cleared" and name in self._called:
            self._called.discard(name)
            self._call("cleared", finding)

    def _call(self, change: str, finding: Finding) -> None:
        head = self.snapshot.head
        message = {
            "format": 1,
            "change": change,
            "run": head.name,
            "path": head.path,
            "state": head.state,
            "step": head.step,
        }
        self._told.tell(json.dumps(message | {"finding": finding.as_dict()}))

    def _tell_progress(self, now: float, over: bool) -> None:
        head = self.snapshot.head
        if head.step <= self._step or not (over or now - self._progress >= self._every):
            return
        self._progress, self._step = now, head.step
        words = f"step {head.step:,}" + (f"/{head.total_steps:,}" if head.total_steps else "")
        if head.loss_metric:
            words += f"  {head.loss_metric} {format_number(head.loss)}"
        if math.isfinite(head.eta):
            words += f"  ETA {format_duration(head.eta)}"
        self._line("progress", words, {"loss": jsonable(head.loss), "eta": jsonable(head.eta)})

    def _line(self, kind: str, words: str, more: dict[str, Any], at: float | None = None) -> None:
        at = time.time() if at is None else at
        if self._json:
            plain = {"time": at, "kind": kind, "state": self._state, "step": self.snapshot.head.step}
            text = json.dumps(plain | more)
        else:
            clock = datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            text = f"{clock}  {kind:<8}  {safe(words)}"
        try:
            print(text, flush=True)
        except OSError:
            if not self._keep_on:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


def _complain(what: str) -> None:
    with contextlib.suppress(OSError):
        print(f"nntui tail: {safe(what)}", file=sys.stderr, flush=True)

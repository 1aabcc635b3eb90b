"""Telling others of an alert: a command in a shell, a webhook.

Owns the thread that delivers, its limits and its retries. Invariant: nothing here raises into or blocks whoever tells; what could
not be delivered is said in one line.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable

COMMAND_TIMEOUT = 30.0
"""Seconds after which a command, and all that it started, is ended."""
WEBHOOK_TIMEOUT = 10.0
RETRIES = (1.0, 4.0, 16.0)
"""Seconds before each further attempt at a webhook."""
WAITING = 100
"""Messages that may wait; more are not delivered."""


class Notifier:
    """Hands messages to a command and to a webhook, in order, from a thread of its own."""

    def __init__(
        self,
        command: str | None,
        webhook: str | None,
        say: Callable[[str], None],
        *,
        timeout: float = COMMAND_TIMEOUT,
        retries: tuple[float, ...] = RETRIES,
    ) -> None:
        """say: told in one line, from the thread, what could not be delivered."""
        self._command, self._webhook, self._say = command, webhook, say
        self._timeout, self._retries = timeout, retries
        self._waiting: queue.Queue[str | None] = queue.Queue(WAITING)
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anyone to tell."""
        return bool(self._command or self._webhook)

    def tell(self, message: str) -> None:
        """Deliver a message, soon."""
        if not self.wanted:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="nntui-notify", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._say(f"{WAITING} messages wait to be delivered; one more is dropped.")

    def finish(self, timeout: float) -> None:
        """Deliver what waits, for at most `timeout` seconds and without further pauses between attempts."""
        if self._thread is None:
            return
        self._hurry.set()
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._say(f"not all messages could be delivered within {timeout:g} s.")

    def _deliver(self) -> None:
        while (message := self._waiting.get()) is not None:
            for how in (self._run, self._post):
                try:
                    how(message)
                except Exception as error:  # noqa: BLE001 (a message that cannot be delivered must not end the others)
                    self._say(f"{type(error).__name__}: {error}")

    def _run(self, message: str) -> None:
        if not self._command:
            return
        process = subprocess.Popen(
            self._command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.communicate(message.encode(), self._timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._say(f"--on-alert {self._command!r}: still running after {self._timeout:g} s; it was ended.")
            return
        if process.returncode:
            self._say(f"--on-alert {self._command!r}: exit code {process.returncode}; expected 0.")

    def _post(self, message: str) -> None:
        if not self._webhook:
            return
        for attempt, pause in enumerate((*self._retries, None), 1):
            try:
                self._request(self._webhook, message)
            except (OSError, ValueError) as error:
                temporary = not isinstance(error, urllib.error.HTTPError) or error.code >= 500 or error.code == 429
                if pause is None or not temporary or self._hurry.is_set():
                    times = "once" if attempt == 1 else f"{attempt} times"
                    self._say(
                        f"--webhook: {_reason(error)}; expected an answer. Tried {times}; the message is not delivered."
                    )
                    return
                self._hurry.wait(pause)
            else:
                return

    @staticmethod
    def _request(url: str, message: str) -> None:
        request = urllib.request.Request(
            url, message.encode(), {"Content-Type": "application/json", "User-Agent": "nntui"}
        )
        begun = time.monotonic()
        with urllib.request.urlopen(request, timeout=WEBHOOK_TIMEOUT) as answer:
            while answer.read(1 << 16) and time.monotonic() - begun < WEBHOOK_TIMEOUT:
                pass


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(error).__name__

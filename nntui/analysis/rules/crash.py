"""A run that is gone.

Symptom: the process ended by an exception, or no longer exists and never said goodbye (kill -9, out of memory).
Test: the state, which says `crashed` only of a process known to be gone; `silent` is the weaker word for one that
cannot be asked. Wrong when: a machine was suspended (silent, then live again).
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "live.crash"


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """An error for a crash, a warning for silence."""
    evidence = {"state": facts.state, "reason": facts.state_reason, "last_step": facts.last_step}
    at = f"after step {facts.last_step:,}" if facts.last_step >= 0 else "before its first step"
    if facts.state == "crashed":
        return [
            Finding(
                ID,
                "error",
                f"The run crashed {at}: {facts.state_reason or 'its process is gone'}.",
                expected="a process that ends in order",
                measured=facts.state_reason or "gone",
                advice="The log holds the traceback of an exception. Without one look for the kernel's out-of-memory killer "
                "(`dmesg`) or a job limit. Start again into the same folder: the curves go on where the checkpoint was.",
                evidence=evidence,
                step=facts.last_step,
            )
        ]
    if facts.state == "silent":
        return [
            Finding(
                ID,
                "warn",
                f"No sign of life {at}: {facts.state_reason or 'the beat has stopped'}.",
                expected="a beat every 2 s",
                measured="none",
                advice="The process may be gone, stopped, or on a machine that cannot be asked from here. Look there: `ps`, the "
                "scheduler, the network file system.",
                evidence=evidence,
                step=facts.last_step,
            )
        ]
    return []

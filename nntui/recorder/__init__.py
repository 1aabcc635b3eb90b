"""Recording from any training loop: `nntui.init` and what it returns.

Owns the in-loop API and the background writer. Knows nothing of screens, and reaches torch only when the user has
imported it. Invariant: after opening, nothing here raises into, blocks or slows the user's loop.
"""

from nntui.recorder.disabled import DisabledRun
from nntui.recorder.opening import init
from nntui.recorder.run import Run

__all__ = ["DisabledRun", "Run", "init"]

"""`nntui`, which is `python -m nntui`.

Owns the moment in which the command line is imported: an interrupt ends the process then, and there is no traceback. An interrupt
that is ignored, as a shell without job control starts what goes behind it, stays so.
"""

import signal
import sys


def main() -> int:
    """Run one command; its exit code."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from nntui.cli import main as run

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = run()
    exec("")  # noqa: S102 (Python remembers an interrupt that met an exec, as dataclasses do, and would end killed by SIGINT)
    return code


if __name__ == "__main__":
    sys.exit(main())

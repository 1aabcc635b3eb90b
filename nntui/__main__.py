"""`nntui`, which is `python -m nntui`.

Owns the moment in which a command line is imported: an interrupt ends the process then, and there is no traceback. An interrupt
that is ignored, as a shell without job control starts what goes behind it, stays so.
"""

import importlib
import signal
import sys


def main(module: str = "nntui.cli") -> int:
    """Run one command; its exit code. module: whose `main` reads it."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    line = importlib.import_module(module)
    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = line.main()
    exec("")  # noqa: S102 (Python remembers an interrupt that met an exec, as dataclasses do, and would end killed by SIGINT)
    return code


if __name__ == "__main__":
    sys.exit(main())

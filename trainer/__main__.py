"""`python -m trainer train|check|label TASK`, which `nntui train`, `nntui check` and `nntui label` start.

Owns the seconds in which torch is imported: an interrupt ends the process then, and there is no traceback. An interrupt that is
ignored, as a shell without job control starts what goes behind it, stays so.
"""

import signal
import sys

if __name__ == "__main__":
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from trainer.commands import main

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    exec("")  # noqa: S102 (as in nntui.__main__: an interrupt that met an exec would outlive its handling)
    sys.exit(code)

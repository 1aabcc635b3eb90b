"""`python -m trainer train|check|label TASK`, which `nntui train`, `nntui check` and `nntui label` start.

Owns nothing: `nntui.__main__` has the seconds in which torch is imported.
"""

import sys

from nntui.__main__ import main

if __name__ == "__main__":
    sys.exit(main("trainer.commands"))

"""`python -m nntui` is `nntui`."""

import sys

from nntui.cli import main

sys.exit(main())

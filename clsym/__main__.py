"""``python -m clsym``: the same as the ``clsym`` command."""

import sys

from .cli import main

sys.exit(main())

"""`python -m flue`."""

from __future__ import annotations

import sys

from flue.cli import main

if __name__ == "__main__":
    sys.exit(main())

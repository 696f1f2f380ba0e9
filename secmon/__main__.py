"""Run the command line: `python -m secmon`."""

from __future__ import annotations

import sys

from secmon.cli.main import entry

if __name__ == "__main__":
    sys.exit(entry())

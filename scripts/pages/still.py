"""A command of First Bell at a moment that stands still: what the README shows must not change with the day.

`python -m scripts.pages.still firstbell ARGUMENTS` runs what the installed command runs, with another clock.
"""

import sys
from datetime import datetime
from importlib import import_module
from unittest.mock import patch
from zoneinfo import ZoneInfo

from collector.clock import SystemClock

WHEN = datetime(2026, 12, 3, 18, 30, tzinfo=ZoneInfo("America/Chicago"))
"""A Thursday evening."""
NOW_NS = int(WHEN.timestamp()) * 1_000_000_000
_COMMANDS = {"firstbell": "collector.cli", "firstbell-agent": "agent.cli", "example": "scripts.pages.example"}


def main() -> None:
    """Run the command that the first argument names with the others."""
    name = sys.argv.pop(1)
    sys.argv[0] = name
    with patch.object(SystemClock, "now_ns", return_value=NOW_NS):
        sys.exit(import_module(_COMMANDS[name]).main())


if __name__ == "__main__":
    main()

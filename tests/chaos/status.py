"""What `firstbell status` says of a town."""

import json
import subprocess
import sys
from typing import Any

from tests.chaos.processes import ROOT
from tests.chaos.town import Town


def status(town: Town, *options: str) -> str:
    """What `firstbell status` prints."""
    argv = [sys.executable, "-m", "collector.cli", "--data", str(town.data), "status", *options]
    return subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT, timeout=30).stdout


def boxes(town: Town) -> list[dict[str, Any]]:
    """What it says of each box."""
    found: list[dict[str, Any]] = json.loads(status(town, "--json"))["boxes"]
    return found

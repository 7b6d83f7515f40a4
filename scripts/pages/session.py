"""Sessions in the README: blocks of `console` whose commands are run, and whose output is what they said.

    ```console
    $ .venv/bin/firstbell --version
    firstbell, version 0.1.0
    ```

The commands of one page run in their order, in a folder of their own in which `.venv/bin` and `scripts` hold
First Bell's commands at a moment that stands still (`scripts.pages.still`).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = {
    ".venv/bin/firstbell": "firstbell",
    ".venv/bin/firstbell-agent": "firstbell-agent",
    "scripts/example": "example",
}
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DEADLINE_S = 60


class SessionError(RuntimeError):
    """A command of a session failed; its text says which and how."""


def replayed(page: str) -> str:
    """The page with the output of all its commands as it is today. Raises SessionError."""
    if not _BLOCK.search(page):
        return page
    with tempfile.TemporaryDirectory() as folder:
        _stage(Path(folder))
        return _BLOCK.sub(lambda block: f"```console\n{_run(block[1], Path(folder))}```", page)


def _stage(folder: Path) -> None:
    """Put the commands where a clone of the repository has them after `scripts/up`."""
    for path, name in COMMANDS.items():
        command = folder / path
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -m scripts.pages.still {name} "$@"\n', encoding="utf-8"
        )
        command.chmod(0o755)


def _run(block: str, folder: Path) -> str:
    """The commands of a block, each followed by what it says."""
    text = ""
    for line in block.splitlines():
        if line.startswith("$ "):
            text += f"{line}\n{_said(line[2:], folder)}"
    return text


def _said(command: str, folder: Path) -> str:
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_DEADLINE_S,
        check=False,
    )
    if ended.returncode or ended.stderr:
        raise SessionError(f"$ {command}\nended with code {ended.returncode}: {ended.stderr}")
    return ended.stdout

"""How the updater asks a version of the box's program about the box: as the box's own user, never as root.

AskError                it does not start, or says that something is wrong
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.machine.commands import CommandError, Commands
from agent.update.outlook import Fit, Look

UNIT = "firstbell-agent.service"
_ANSWER_S = 60.0
_RESTART_S = 120.0

S = TypeVar("S", Look, Fit)


class AskError(RuntimeError):
    """It does not start, or says that something is wrong."""


class Asking:
    """Asks programs about the box whose settings are `config`, as `user` where this is root."""

    def __init__(self, commands: Commands, config: Path, user: str) -> None:
        self._commands, self._config = commands, config
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        self._as_user = (
            ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs", "--")
            if root and user
            else ()
        )

    def look(self, program: str) -> Look:
        """How the box stands, says the program. Raises AskError."""
        return self._asked(program, "look", Look)

    def fit(self, program: str) -> Fit:
        """Whether the program could run here. Raises AskError where not."""
        return self._asked(program, "try", Fit)

    def restart(self) -> None:
        """Start the box anew, with whatever is in use. Raises AskError."""
        self._run(("systemctl", "restart", UNIT), _RESTART_S)

    def _asked(self, program: str, word: str, kind: type[S]) -> S:
        said = self._run((*self._as_user, program, "--config", str(self._config), "update", word, "--json"))
        try:
            return msgspec.json.decode(said, type=kind)
        except msgspec.MsgspecError as error:
            raise AskError(f"{program} update {word} says what nobody understands") from error

    def _run(self, argv: Sequence[str], deadline_s: float = _ANSWER_S) -> bytes:
        try:
            ended = self._commands.run(argv, deadline_s=deadline_s)
        except CommandError as error:
            raise AskError(f"{argv[0]} is not installed") from error
        if ended.code:
            words = (ended.stderr or ended.stdout).decode("utf-8", "replace").strip().splitlines()[-1:]
            raise AskError(f"it ended with {ended.code}: {''.join(words)[:200]}")
        return ended.stdout

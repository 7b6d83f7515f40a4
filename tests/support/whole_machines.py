"""Whole machines as folders: `root/` is what their files say, `commands/` what their programs write.

A program that has no file there isn't installed; a call of it that has none is refused, as `iw` refuses.
"""

# ruff: noqa: ARG002 - a fake takes what its door takes

import random
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.machine.commands import Ended, NotInstalledError
from agent.machine.files import Files
from agent.machine.machine import Machine
from tests.support.machines import FakeClock, FakeCounters, FakeNetwork

MACHINES = Path(__file__).resolve().parents[1] / "machines"
_REFUSED = Ended(237, b"", b"command failed: No such device (-19)\n")


class FolderCommands:
    """Programs whose output lies in files named by their words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.endings: dict[str, Ended] = {}

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002 - the door's name for it
        lifeline: bool = False,
        deadline_s: float,
        output_limit: int = 1 << 20,
        memory_limit: int | None = None,
        env: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Ended:
        """What the file says, or what a test has set."""
        words = " ".join(argv)
        self.asked.append(words)
        if words in self.endings:
            return self.endings[words]
        if not any(self.folder.glob(f"{Path(argv[0]).name} *")) or "/" in argv[0]:
            raise NotInstalledError(argv[0])
        said = self.folder / words
        return Ended(0, said.read_bytes(), b"") if said.exists() else _REFUSED


class WholeMachine:
    """A copy of one of them, to be changed at will; `machine` is what the product takes."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(MACHINES / name, folder)
        self.clock, self.commands = FakeClock(), FolderCommands(folder / "commands")

    def change(self, path: str, old: str, new: str) -> None:
        """Change what a file says; it must have said it."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def remove(self, path: str) -> None:
        """Take a file or a folder away."""
        gone = self.folder / path
        if gone.is_dir():
            shutil.rmtree(gone)
        else:
            gone.unlink()

    @property
    def machine(self) -> Machine:
        """It, as a probe sees it."""
        return Machine(
            files=Files(self.folder / "root"),
            commands=self.commands,
            clock=self.clock,
            network=FakeNetwork(),
            counters=FakeCounters(),
            random=random.Random(1),
        )

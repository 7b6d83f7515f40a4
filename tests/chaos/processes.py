"""One process of a run, and waiting for things.

When the process that started it ends, however that does, it ends.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30.0
STOP_S = 15.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = READY_S) -> float:
    """Wait until `condition` holds, and say how long that took. Raises AssertionError if it doesn't in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.02)
    return time.monotonic() - began


@cache
def _leash() -> tuple[str, ...]:
    """Makes the kernel kill a process when the one that started it ends, even one that is stopped or foreign."""
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL") if found else ()


class Process:
    """One process on a lifeline; its stderr goes to a log beside it. `argv` is made anew at each start."""

    def __init__(self, name: str, log: Path, argv: Callable[[str], list[str]]) -> None:
        self.name = name
        self._log, self._argv = log, argv
        self._process: subprocess.Popen[str] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def dead(self) -> bool:
        """Whether it has ended."""
        return not self.alive

    def start(self, point: str = "-") -> None:
        """Start it; it dies by itself at `point` (NAME:N), if one is named."""
        self.close()
        # Nobody measures coverage of what is killed anyway, and it would cost half of the time.
        env = {name: word for name, word in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
        with self._log.open("a", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                [*_leash(), *self._argv(point)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                cwd=ROOT,
                env=env,
                start_new_session=True,
            )

    def ready(self) -> dict[str, Any]:
        """Wait for its word that it is ready. Raises AssertionError with its last words if it isn't."""
        assert self._process is not None
        assert self._process.stdout is not None
        heard, _, _ = select.select([self._process.stdout], [], [], READY_S)
        line = self._process.stdout.readline() if heard else ""
        assert line, f"{self.name} did not start: {self.last_words()}"
        word: dict[str, Any] = json.loads(line)
        return word

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-1000:]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it as a system would; kill it if it does not listen, and say so by AssertionError."""
        if self._process is not None and self.alive:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not end: {self.last_words()}") from None
        self.close()

    def close(self) -> None:
        """`kill -9`, and leave nothing of it."""
        if self._process is None:
            return
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

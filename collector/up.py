"""First Bell on one machine: a broker, the collector and a box as children on a lifeline.

Each child is its own process, so that each may die at any moment and is started again; each ends when
its stdin does, so that none outlives `up`, however that ends.
"""

import json
import logging
import os
import re
import secrets
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from collector import broker, lock
from collector.config import Home

log = logging.getLogger(__name__)

BOX = "this-box"
_READY_S = 20.0
_STOP_S = 8.0
_BACKOFF_S = 30.0
_LOG_BYTES = 1 << 20
_PORT_LINE = re.compile(r"^port = \d+", re.MULTILINE)


class UpError(RuntimeError):
    """Something that keeps First Bell from standing up; its text says what to do."""


class Child:
    """A process that is kept alive until it is stopped. Its stderr goes to a log file."""

    def __init__(self, name: str, argv: list[str], log_folder: Path) -> None:
        self.name = name
        self.argv = argv
        self.deaths = 0
        self._log = log_folder / f"{name}.log"
        self._again_at: float | None = None
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> dict[str, int]:
        """Start it and wait for its word that it is ready: one line of JSON. Raises UpError."""
        self._turn_log()
        with self._log.open("a", encoding="utf-8") as stream:
            # A session of its own: Ctrl-C in the terminal is for `up`, which stops its children in order.
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
            )
        try:
            ready: dict[str, int] = json.loads(self._first_line(self._process))
        except ValueError:
            self.stop()
            raise UpError(f"the {self.name} did not start; its last words are in {self._log}") from None
        return ready

    def _turn_log(self) -> None:
        """Begin the log anew when it is long; a child that writes to its end goes on at the top."""
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            shutil.copyfile(self._log, self._log.with_suffix(".old.log"))
            os.truncate(self._log, 0)

    @staticmethod
    def _first_line(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        heard, _, _ = select.select([process.stdout], [], [], _READY_S)
        return process.stdout.readline() if heard else ""

    def mind(self, now: float) -> bool:
        """Start it again if it died, each time a little later; True if it was started. Raises UpError."""
        self._turn_log()
        if self.pid is not None:
            return False
        if self._again_at is None:
            self.deaths += 1
            self._again_at = now + min(_BACKOFF_S, 0.25 * 2 ** min(self.deaths, 7))
            log.warning("the %s has ended; starting it again", self.name)
        if now < self._again_at:
            return False
        self._again_at = None
        self.stop()
        self.start()
        return True

    def stop(self) -> None:
        """End its stdin, wait, and kill it if it does not listen."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("the %s did not end in %g s and was killed", self.name, _STOP_S)
            process.kill()
            process.wait()
        process.stdout.close()


_AGENT_TOML = f"""\
# This machine's box. Written once by `firstbell up`; yours to change, but for the broker's port.
# Every setting and its default: docs/settings.md

[box]
name = "{BOX}"

[broker]
port = 1883  # `firstbell up` writes the embedded broker's port here at each start
username = "{BOX}"
password_file = "box.password"
reconnect_s = [1, 5]

[clock]
# The collector is this very machine: its time is as good as any, at once.
ask_time_after_s = 0

[probes]
first_now = true
"""


def prepare(home: Home) -> None:
    """Lay out the folders, a made-up password for each side, and settings that name them."""
    for folder in (home.folder, home.broker, home.box, home.logs):
        folder.mkdir(parents=True, exist_ok=True)
    passwords = {name: secrets.token_urlsafe(24) for name in (broker.COLLECTOR, BOX)}
    broker.write_users(home.broker, passwords)
    _write_secret(home.folder / "collector.password", passwords[broker.COLLECTOR])
    _write_secret(home.box / "box.password", passwords[BOX])
    home.settings.write_text(
        "# Written once by `firstbell up`; yours to change, but for the broker's port.\n"
        f'[broker]\nhost = "{broker.HOST}"\nport = 1883\nusername = "{broker.COLLECTOR}"\n'
        'password_file = "collector.password"\n',
        encoding="utf-8",
    )
    (home.box / "agent.toml").write_text(_AGENT_TOML, encoding="utf-8")


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(secret + "\n", encoding="utf-8")


@contextmanager
def standing(home: Home) -> Iterator["Household"]:
    """Everything started, in order, and stopped in the opposite order at the end. Raises UpError."""
    household = Household(home)
    try:
        household.start()
        yield household
    finally:
        household.stop()


class Household:
    """The three children and the port they meet at."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.children: list[Child] = []
        self.web_port = 0

    def start(self) -> None:
        """Start broker, collector and box. Raises UpError."""
        self._start_broker()
        collector = self._child(
            "collector", "collector.cli", "--data", str(self._home.folder), "collector", "run"
        )
        box = self._child("box", "agent.cli", "--config", str(self._home.box / "agent.toml"), "run")
        for child in (collector, box):
            child.argv += ["--lifeline", "--json"]
            self.children.append(child)
            ready = child.start()
            self.web_port = ready.get("web_port", self.web_port)

    def _start_broker(self) -> None:
        """Start it where it listened last time, if that port is free, so that clients find it again."""
        remembered = self._home.broker / "port"
        ports = [remembered.read_text(encoding="ascii").strip()] if remembered.exists() else []
        for port in [*ports, "0"]:
            child = self._child("broker", "collector.broker", str(self._home.broker), port)
            try:
                ready = child.start()
            except UpError:
                if port == "0":
                    raise
                continue
            # From here on it may only come back where the others look for it.
            child.argv[-1] = str(ready["port"])
            remembered.write_text(str(ready["port"]), encoding="ascii")
            self._write_port(ready["port"])
            self.children.append(child)
            return

    def _write_port(self, port: int) -> None:
        """Put the broker's port into both sides' settings, where their other commands look for it too."""
        for path in (self._home.settings, self._home.box / "agent.toml"):
            text = path.read_text(encoding="utf-8")
            path.write_text(_PORT_LINE.sub(f"port = {port}", text, count=1), encoding="utf-8")

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        return Child(name, [sys.executable, "-m", module, *arguments], self._home.logs)

    def mind(self, say: Callable[[str], None]) -> None:
        """Start again what died, and say so."""
        for child in self.children:
            try:
                if child.mind(time.monotonic()):
                    say(f"the {child.name} had ended and was started again")
            except UpError as error:
                say(str(error))

    def stop(self) -> None:
        """Stop the box first and the broker last, so that what was measured can still be handed over."""
        for child in reversed(self.children):
            child.stop()
        self.children.clear()


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the folder against a second `up`. Raises UpError."""
    home.folder.mkdir(parents=True, exist_ok=True)
    path = home.folder / "up.lock"
    path.touch()
    try:
        with lock.held(path, wait=False):
            yield
    except BlockingIOError:
        raise UpError(
            f"another `firstbell up` uses {home.folder}. Stop it, or choose another folder with --data."
        ) from None

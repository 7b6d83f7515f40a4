"""The only door to other programs. Whatever is started here is ended here, with all that it started.

CommandError
  NotInstalledError   there is no such program, or it may not be run
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, NamedTuple, Protocol

if sys.platform != "win32":
    import resource

_CHUNK = 1 << 16
_GRACE_S = 1.0
"""How long to wait for the pipes of a dead group: a grandchild that left it may hold them for ever."""

_LOOK_S = 0.1
"""How soon a stop is noticed."""

_log = logging.getLogger(__name__)


class CommandError(Exception):
    """A command could not be run."""


class NotInstalledError(CommandError):
    """There is no such program here, or this user may not run it."""


class Ended(NamedTuple):
    """How a command ended. `code` is below zero for a signal that killed it, as in `subprocess`.

    With `timed_out`, `flooded` or `stopped` it was killed by this door; what it had written until then is
    there.
    """

    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    flooded: bool = False
    stopped: bool = False


class Commands(Protocol):
    """What the agent may do with other programs."""

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002 - the standard library's own name for it
        lifeline: bool = False,
        deadline_s: float,
        output_limit: int = 1 << 20,
        memory_limit: int | None = None,
        env: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Ended:
        """Run one program to its end, or until `stop` is set. Raises NotInstalledError."""


class SystemCommands:
    """Runs programs on this machine, never through a shell."""

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002 - the standard library's own name for it
        lifeline: bool = False,
        deadline_s: float,
        output_limit: int = 1 << 20,
        memory_limit: int | None = None,
        env: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Ended:
        """Run `argv` with `input` on its stdin, in a session of its own.

        With `lifeline` its stdin stays open after that, and ends when this process does, however it dies:
        a program that holds to it, as `agent.child` does, does not outlive whoever wanted its answer.

        After `deadline_s` seconds, or more than `output_limit` bytes of stdout or of stderr, or when `stop`
        is set, the program and every process that it started is killed; those are killed too when it ends
        by itself.
        `memory_limit` bounds its address space in bytes, on Linux. `env` is added to this program's own.
        Raises NotInstalledError.
        """
        try:
            process = subprocess.Popen(
                list(argv),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        except (FileNotFoundError, PermissionError) as error:
            raise NotInstalledError(argv[0]) from error
        with process:
            if memory_limit is not None:
                _limit_memory(process.pid, memory_limit)
            return _Watch(process, input, output_limit, lifeline=lifeline).until(deadline_s, stop)


class _Watch:
    """Looks after one process. Threads, because Windows can't wait for pipes in any other way."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: bytes, output_limit: int, *, lifeline: bool
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._limit = process, output_limit
        self._done = threading.Event()
        self._flooded = False
        self._stdout, self._stderr = bytearray(), bytearray()
        self._readers = (
            _start(partial(self._read, process.stdout, self._stdout)),
            _start(partial(self._read, process.stderr, self._stderr)),
        )
        _start(partial(_feed, process.stdin, stdin, keep_open=lifeline))
        _start(self._wait)

    def until(self, deadline_s: float, stop: threading.Event | None) -> Ended:
        """Wait for the end, or make it."""
        in_time = self._wait_for_end(deadline_s, stop)
        stopped = not in_time and stop is not None and stop.is_set()
        _kill_group(self._process)
        code = self._process.wait()
        for reader in self._readers:
            reader.join(_GRACE_S)
            if reader.is_alive():
                _log.warning("a process that left the group of %s still holds its output", self._process.args)
        stdout, stderr = bytes(self._stdout[: self._limit]), bytes(self._stderr[: self._limit])
        timed_out = not in_time and not stopped
        return Ended(code, stdout, stderr, timed_out=timed_out, flooded=self._flooded, stopped=stopped)

    def _wait_for_end(self, deadline_s: float, stop: threading.Event | None) -> bool:
        """Whether it ended by itself in time."""
        if stop is None:
            return self._done.wait(deadline_s)
        end_s = time.monotonic() + deadline_s
        while not self._done.wait(_LOOK_S):
            if stop.is_set() or time.monotonic() >= end_s:
                return False
        return True

    def _read(self, pipe: IO[bytes], into: bytearray) -> None:
        # ValueError: the pipe was closed under this thread, which is then of no more use.
        with contextlib.suppress(OSError, ValueError):
            while chunk := pipe.read(_CHUNK):
                into += chunk
                if len(into) > self._limit:
                    self._flooded = True
                    self._done.set()
                    return

    def _wait(self) -> None:
        """See the end without reaping it: while the zombie stands, nobody else gets its group's number."""
        if sys.platform == "win32":
            self._process.wait()
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._done.set()


def _start(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _feed(pipe: IO[bytes], stdin: bytes, *, keep_open: bool) -> None:
    rest = memoryview(stdin)
    # A program may end, or close its stdin, without having read everything.
    with contextlib.suppress(OSError, ValueError):
        while rest:
            rest = rest[pipe.write(rest) :]
        if not keep_open:
            pipe.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()  # its children live on: Windows would want a job object
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _limit_memory(pid: int, limit: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))

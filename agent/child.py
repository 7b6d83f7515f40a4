"""The isolated half of a heavy probe: `python -m agent.child NAME`.

The request comes as one line of JSON on stdin, `{"memory_bytes": ..., "request": {...}}`, and the result
goes out as one JSON object on stdout, alone on it: whatever a foreign library prints goes to stderr. A
request that can't be read is answered by `{"error": "..."}` and exit code 2. When stdin ends, the box is
gone, and with it this process and all that it started: no test loads a line for nobody.
"""

import importlib
import os
import signal
import sys
import threading
from typing import IO, NamedTuple

import msgspec

from agent.load.apart import Order
from agent.load.engines.base import Engine, Request, Result
from agent.machine.machine import Machine
from firstbell.report import Status

if sys.platform != "win32":
    import resource

BAD_REQUEST = 2
_STACK_BYTES = 1 << 20
"""Of a thread: the usual 8 MiB each would eat up the limit of address space without being used."""


class _Work(NamedTuple):
    """An engine's module, and what to install for it, if anything."""

    module: str
    needs: str = ""
    reason_without: str = ""


WORK = {
    "internet": _Work(
        "agent.load.engines.speedtest",
        needs="speedtest",
        reason_without="speedtest-cli is not installed; to install it: pip install 'firstbell[speedtest]'",
    ),
    "throughput": _Work("agent.load.engines.own"),
    "librespeed": _Work("agent.load.engines.librespeed"),
    "ndt7": _Work(
        "agent.load.engines.ndt7",
        needs="websockets",
        reason_without="websockets is not installed; to install it: pip install 'firstbell[ndt7]'",
    ),
    "capacity": _Work("agent.load.capacity"),
}


def main(argv: list[str], stdin: IO[bytes], answer: IO[bytes]) -> int:
    """Do the work that `argv` names; the exit code."""
    try:
        if len(argv) != 1 or argv[0] not in WORK:
            raise ValueError(f"one name is wanted, of: {', '.join(WORK)}")  # noqa: TRY301 - told like the rest
        order = msgspec.json.decode(stdin.readline(), type=Order)
        _limit_memory(order.memory_bytes)
    except ValueError as error:  # msgspec's errors are ValueErrors too
        answer.write(msgspec.json.encode({"error": " ".join(str(error).split())}))
        return BAD_REQUEST
    threading.Thread(target=_end_with, args=(stdin,), name="lifeline", daemon=True).start()
    answer.write(msgspec.json.encode(_worked(WORK[argv[0]], order.request)))
    return 0


def _worked(work: _Work, request: Request) -> Result:
    try:
        run: Engine = importlib.import_module(work.module).run
        return run(request, Machine.real())
    except ModuleNotFoundError as error:
        if error.name != work.needs:
            raise
        return Result(status=Status.NOTHING, reason=work.reason_without)
    except (MemoryError, ImportError):  # a library that finds no room to be mapped is an ImportError
        return Result(status=Status.FAILED, reason="there was not enough memory to begin the test")


def _end_with(stdin: IO[bytes]) -> None:
    """End with the box, at once, and with all that this process started where it leads a group of its own."""
    while stdin.read(4096):
        pass
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _limit_memory(limit: int | None) -> None:
    threading.stack_size(_STACK_BYTES)
    if limit is not None and sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _alone() -> IO[bytes]:
    """The real stdout, for the answer alone; from here on everything else that is printed goes to stderr."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answer


if __name__ == "__main__":
    with _alone() as out:
        code = main(sys.argv[1:], sys.stdin.buffer, out)
    # A foreign library's threads may hang, and nobody waits for them.
    os._exit(code)

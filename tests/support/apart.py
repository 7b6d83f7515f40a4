"""The child of a heavy probe, started by a test: it lives as long as its stdin does."""

import subprocess
import threading
from typing import Any

import msgspec

from agent.load.apart import Order
from agent.load.engines.base import Request, Result


def result_of(process: "subprocess.Popen[Any]", request: Request, seconds: float = 60.0) -> Result:
    """What a child says that was started with pipes for stdin and stdout; it is killed if it takes longer.

    Raises msgspec.DecodeError if it says nothing.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    watch = threading.Timer(seconds, process.kill)
    watch.start()
    try:
        process.stdin.write(msgspec.json.encode(Order(request=request)) + b"\n")
        process.stdin.flush()
        said = process.stdout.read()
    finally:
        watch.cancel()
        process.stdin.close()
        process.stdout.close()
        process.wait(10)
    return msgspec.json.decode(said, type=Result)

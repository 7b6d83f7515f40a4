"""The broker of `firstbell up`, in a process of its own, for names whose passwords are the names themselves."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from collector import broker


@contextmanager
def embedded(folder: Path, boxes: Iterable[str]) -> Iterator[int]:
    """Its port, while it runs on `folder`, where it also leaves its `log`; it knows the collector and `boxes`."""
    broker.write_users(folder, {name: name for name in (broker.COLLECTOR, *boxes)})
    argv = [sys.executable, "-m", "collector.broker", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        yield int(json.loads(process.stdout.readline())["port"])
    process.wait(15)

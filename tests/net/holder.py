"""Keeps a namespace alive: it stands in it, and when its input ends it kills what else runs there and goes.

Started by `tests/net/host.py` inside new network and mount namespaces. Nothing is written anywhere: when this
process is gone, and who started it can die any way it likes, so are the namespace and its devices.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def _settle(settings: list[str]) -> None:
    """Let /sys show this namespace's devices, and make each `net/...=value` setting of the kernel."""
    # In a user namespace this may be refused; then /sys is the starter's.
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for setting in settings:
        name, _, value = setting.partition("=")
        Path("/proc/sys", name).write_text(value, encoding="ascii")


def _others(spared: set[int]) -> list[int]:
    """The processes in this network namespace."""
    here = Path("/proc/self/ns/net").readlink()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) not in spared:
            try:
                there = (folder / "ns" / "net").readlink()
            except OSError:
                continue  # gone meanwhile
            if there == here:
                found.append(int(folder.name))
    return found


def _clear(spared: set[int]) -> None:
    for _ in range(50):
        rest = _others(spared)
        if not rest:
            return
        for pid in rest:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)  # a process that forks while it is being killed is met in the next round


def main() -> None:
    """Hold until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is for who started it
    starter = os.getppid()
    _settle(sys.argv[1:])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    _clear({os.getpid(), starter})


main()

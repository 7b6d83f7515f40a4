"""What the benchmarks share: processes that end with their block, figures of /proc, tables and JSON."""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from collector.clock import SystemClock

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"
LOAD = os.getloadavg()[0]
"""What else the machine had to do in the minute before: other people's figures are only as quiet as this."""
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_START_S = 30.0
_STOP_S = 20.0


class Figure(NamedTuple):
    """One line of a table: what, how much, in which unit, and what we aim at (empty: only shown)."""

    what: str
    value: float
    unit: str
    aim: str = ""


class Memory(NamedTuple):
    """Resident memory of a process in MiB: all of it, its share of what is shared, its own alone."""

    rss: float
    pss: float
    own: float


class Cpu(NamedTuple):
    """Seconds of processor time since a process began: its own, and its ended children's."""

    own_s: float
    children_s: float


# --- the command line, the table --------------------------------------------------------------------------


def options(about: str) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes. From here on SIGTERM ends it as Ctrl-C does: tidily."""
    signal.signal(signal.SIGTERM, _end)
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--save", action="store_true", help="keep the JSON in benchmarks/results/ too")
    return parser


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would end the tidying
    sys.exit("ended")


def show(name: str, figures: Sequence[Figure], told: argparse.Namespace) -> None:
    """Print the figures, and keep them if that was asked for."""
    how = {key: value for key, value in vars(told).items() if key not in {"json", "save"}}
    document = {
        "benchmark": name,
        "machine": machine(),
        "options": how,
        "figures": [figure._asdict() | {"value": float(f"{figure.value:.4g}")} for figure in figures],
    }
    text = json.dumps(document, indent=2, default=str)
    if told.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if told.json:
        print(text)
        return
    print(f"{name} on {', '.join(f'{value}' for value in machine().values())}")
    width = max(len(figure.what) for figure in figures)
    for what, value, unit, aim in figures:
        print(f"  {what:{width}}  {number(value):>9} {unit:14} {'aim ' + aim if aim else ''}".rstrip())


def number(value: float) -> str:
    """A figure with three digits, or as a whole number from 1000 on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machine() -> dict[str, str]:
    """This machine in its own words."""
    return {
        "cores": f"{os.cpu_count()} cores",
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"Python {platform.python_version()}",
        "load": f"load {LOAD:.1f} before",
        "date": datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC).date().isoformat(),
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [
        line.partition(":")[2].strip() for line in lines if line.lower().startswith(("model name", "model\t"))
    ]
    return names[-1] if names else platform.processor()


# --- processes --------------------------------------------------------------------------------------------


def environment(folder: Path) -> dict[str, str]:
    """An environment like a service's: modules are compiled once, into `folder`, and nothing is preset."""
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONPATH": str(ROOT)}


@contextmanager
def started(argv: Sequence[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the block; its stderr goes to `log`, its stdout to a pipe."""
    with log.open("a", encoding="utf-8") as stream:
        process = subprocess.Popen(
            list(argv), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def said(process: subprocess.Popen[str], log: Path) -> dict[str, float]:
    """The next line that a process prints, which is JSON. Raises RuntimeError if it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"it ended: {log.read_text(encoding='utf-8')[-2000:]}")
    spoken: dict[str, float] = json.loads(line)
    return spoken


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A broker on loopback that keeps nothing on disk and drops nothing that waits; its port."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/sbin")
    if not found:
        raise SystemExit("mosquitto is not installed; on Debian: apt install mosquitto")
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_queued_messages 0\nset_tcp_nodelay true\n",
        encoding="utf-8",
    )
    with started([found, "-c", str(config)], dict(os.environ), folder / "mosquitto.log"):
        wait_until(lambda: _listens(port), "mosquitto listens")
        yield port


@contextmanager
def collector(folder: Path, broker_port: int) -> Iterator[subprocess.Popen[str]]:
    """A real collector with its data in `folder`."""
    log = folder / "collector.log"
    argv = [sys.executable, "-m", "collector.cli", "--data", str(folder)]
    argv += ["collector", "run", "--broker-port", str(broker_port), "--lifeline", "--json"]
    with started(argv, environment(folder), log) as process:
        said(process, log)
        wait_until(lambda: "connected to the broker" in log.read_text(encoding="utf-8"), "it connects")
        yield process


def free_port() -> int:
    """A port that the kernel says is free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, seconds: float = _START_S) -> None:
    """Wait until a condition holds. Raises RuntimeError if it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.01)


# --- /proc ------------------------------------------------------------------------------------------------


def memory(pid: int | str = "self") -> Memory:
    """What a process holds in memory now."""
    return rolled_up(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))


def rolled_up(text: str) -> Memory:
    """What /proc/PID/smaps_rollup says."""
    kib: dict[str, int] = {}
    for line in text.strip().splitlines()[1:]:
        name, _, value = line.partition(":")
        kib[name] = int(value.split()[0])
    own = kib["Private_Clean"] + kib["Private_Dirty"]
    return Memory(kib["Rss"] / 1024, kib["Pss"] / 1024, own / 1024)


def cpu(pid: int) -> Cpu:
    """What a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) * _TICK_S for field in fields[11:15])
    return Cpu(user + system, children_user + children_system)


def children(pid: int) -> list[int]:
    """The running children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
        except OSError:
            continue  # a thread that has just ended
    return found


# --- the page ---------------------------------------------------------------------------------------------


def tables() -> str:
    """The kept results as the tables of README.md."""
    return "\n\n".join(
        _table(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(RESULTS.iterdir())
    )


def _table(kept: dict[str, Any]) -> str:
    words = ", ".join(kept["machine"].values())
    lines = [
        f"**{kept['benchmark']}**, measured on {words}",
        "",
        "| What | Measured | Aim |",
        "| --- | --- | --- |",
    ]
    for figure in kept["figures"]:
        measured = f"{number(figure['value'])} {figure['unit']}".rstrip()
        lines.append(f"| {figure['what']} | {measured} | {figure['aim']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())

"""One collector to a data folder."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector import holding
from tests.collector.workbench import free_port


@contextmanager
def collector(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A collector as a process of its own; gone at the end, however it ended."""
    (data / "collector.toml").write_text(f"[web]\nport = {free_port()}\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "collector.cli", "--data", str(data), "collector", "run", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)


def ready(process: subprocess.Popen[str]) -> bool:
    """Whether it says, in time, that it serves."""
    assert process.stdout is not None
    return "web_port" in process.stdout.readline()


def test_a_second_collector_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    """The two would take each other's place at the broker for ever: the second ends, and says whom to stop."""
    with collector(tmp_path) as first:
        assert ready(first)
        with collector(tmp_path) as second:
            _, said = second.communicate(timeout=20)
            assert second.returncode == 1
            assert f"another collector uses {tmp_path}: process {first.pid}. Stop it" in said
            assert "Traceback" not in said
        assert first.poll() is None


def test_the_hold_ends_with_the_process(tmp_path: Path) -> None:
    """However it dies: the next one starts."""
    with collector(tmp_path) as first:
        assert ready(first)
        first.send_signal(signal.SIGKILL)
        first.wait(20)
        with collector(tmp_path) as second:
            assert ready(second)


def test_a_file_that_names_nobody_is_held_all_the_same(tmp_path: Path) -> None:
    """An older program wrote no number into it."""
    path = tmp_path / "lock"
    with holding.held(path):
        path.write_text("", encoding="ascii")
        with pytest.raises(holding.HeldError, match="a process"), holding.held(path):
            pass
    with holding.held(path):
        pass

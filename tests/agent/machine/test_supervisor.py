"""What systemd is told, heard at a real socket."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent.machine.supervisor import Supervisor, supervisor


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket such as systemd listens at."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def test_it_hears_each_word(ear: socket.socket) -> None:
    """Ready, moving, stopping, in systemd's own words."""
    tells = Supervisor(ear.getsockname())
    tells.ready()
    tells.moves()
    tells.stopping()
    assert [ear.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.skipif(not hasattr(socket, "SOCK_CLOEXEC"), reason="abstract names are Linux's")
def test_an_abstract_name_is_one(tmp_path: Path) -> None:
    """As systemd writes it: with @ in the place of the first byte."""
    name = f"firstbell-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        Supervisor(f"@{name}").ready()
        assert listening.recv(100) == b"READY=1"


def test_nobody_is_told_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    """Without a socket nothing happens; with one that is gone it is said once, and no more."""
    Supervisor("").ready()
    assert caplog.text == ""
    gone = Supervisor("/nowhere/at/all")
    with caplog.at_level(logging.WARNING):
        gone.ready()
        gone.moves()
    assert caplog.text.count("can't be told") == 1


def test_children_do_not_speak_for_it(monkeypatch: pytest.MonkeyPatch, ear: socket.socket) -> None:
    """The name is taken out of the environment: what this process starts is minded by nobody but it."""
    monkeypatch.setenv("NOTIFY_SOCKET", ear.getsockname())
    found = supervisor()
    assert "NOTIFY_SOCKET" not in os.environ
    found.ready()
    assert ear.recv(100) == b"READY=1"
    assert supervisor() is not found


def test_a_box_says_that_it_moves(tmp_path: Path, ear: socket.socket) -> None:
    """Ready once it measures, then again and again that it moves, and in the end that it was told to stop."""
    config = tmp_path / "agent.toml"
    config.write_text('[box]\nname = "box-1"\n[broker]\nport = 1\n', encoding="utf-8")
    argv = [sys.executable, "-m", "agent.cli", "--config", str(config), "run"]
    environment = os.environ | {"NOTIFY_SOCKET": ear.getsockname()}
    ear.settimeout(20)
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as box:
        assert [ear.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        box.terminate()
        assert box.wait(20) == 0
    heard = []
    ear.settimeout(0.1)
    with suppress(TimeoutError):
        while True:
            heard.append(ear.recv(100))
    assert heard[-1] == b"STOPPING=1"

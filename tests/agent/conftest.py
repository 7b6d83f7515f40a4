"""Machines and servers for the box's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clocks import HandClock
from tests.support.machines import FakeMachine
from tests.support.reference import District, Reference
from tests.support.speedtest_server import Behaviour, SpeedtestServer


@pytest.fixture
def fake(tmp_path: Path) -> FakeMachine:
    """A machine that is a folder and a few numbers."""
    return FakeMachine(tmp_path / "machine")


@pytest.fixture
def district(tmp_path: Path) -> District:
    """Whoever signs the tickets."""
    return District(tmp_path)


@pytest.fixture
def reference(tmp_path: Path, district: District) -> Iterator[Reference]:
    """`firstbell-agent serve` with its own limits, in a process of its own."""
    with Reference(tmp_path, district.key_file) as server:
        yield server
    assert "Traceback" not in server.said()


@pytest.fixture
def speedtest_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Behaviour], SpeedtestServer]]:
    """Starts a private server that speaks speedtest.net's protocol, and points this process's children to it."""
    with ExitStack() as stack:

        def start(behaviour: Behaviour) -> SpeedtestServer:
            server = stack.enter_context(SpeedtestServer(behaviour))
            for name, value in server.environment().items():
                monkeypatch.setenv(name, value)
            return server

        yield start


@pytest.fixture
def clock() -> HandClock:
    """A box's clocks, in the test's hand."""
    return HandClock()

"""When a line may not be loaded at this moment."""

import pytest

from agent.load import moment
from agent.machine.commands import Ended, NotInstalledError
from agent.machine.counters import Port
from agent.readers import nmcli
from tests.support.machines import FakeMachine

MB = 1_000_000


def look(fake: FakeMachine, mbps: float, known_mbps: float, *, up: bool = False) -> str:
    """What is said while the port carries so much."""
    fake.counters.ports["eth0"] = Port(7, 9)

    def second(seconds: float) -> None:
        assert seconds == 1
        # Whoever sleeps on a busy machine sleeps longer than he wanted to.
        seconds *= 2
        fake.clock.seconds += seconds
        carried = round(mbps * seconds * MB / 8)
        fake.counters.ports["eth0"] = Port(7, 9 + carried) if up else Port(7 + carried, 9)

    return moment.busy(fake.machine, "eth0", known_mbps, second)


@pytest.mark.parametrize(
    ("mbps", "known_mbps", "busy"),
    [(0, 0, False), (4.9, 0, False), (5.1, 0, True), (5.1, 100, False), (9.9, 100, False), (10.1, 100, True)],
)
@pytest.mark.parametrize("up", [False, True])
def test_a_line_is_busy_above_a_tenth_of_what_it_carried(
    fake: FakeMachine, mbps: float, known_mbps: float, busy: bool, up: bool
) -> None:
    """In either direction; 5 Mbit/s where nothing is known of the line."""
    said = look(fake, mbps, known_mbps, up=up)
    assert bool(said) == busy
    assert not busy or f"this machine used {mbps:.0f} Mbit/s" in said


def test_a_port_that_tells_nothing_is_not_busy(fake: FakeMachine) -> None:
    """Without counters, or when they vanish, the test is not kept from running."""
    assert moment.busy(fake.machine, "eth0", 0, lambda _: None) == ""
    fake.counters.ports["eth0"] = Port(0, 0)
    assert moment.busy(fake.machine, "eth0", 0, lambda _: fake.counters.ports.clear()) == ""


@pytest.mark.parametrize(
    ("said", "metered"),
    [
        (b"yes\n", True),
        (b"yes (guessed)\n", True),
        (b"no (guessed)\n", False),
        (b"unknown\n", False),
        (b"", False),
    ],
)
def test_what_network_manager_says_of_a_connection(fake: FakeMachine, said: bytes, metered: bool) -> None:
    """Its words for a connection that is paid by the byte, as nmcli 1.42 prints them; asked of this interface."""
    asked: list[list[str]] = []

    class Said:
        def run(self, argv: list[str], **_: object) -> Ended:
            asked.append(argv)
            return Ended(0, said, b"")

    fake.commands = Said()  # type: ignore[assignment]
    assert nmcli.metered(said) == metered
    assert moment.metered(fake.machine, "wlan0") == metered
    assert not moment.metered(fake.machine, "")
    assert asked == [["nmcli", "-g", "GENERAL.METERED", "device", "show", "wlan0"]]


def test_without_network_manager_nothing_is_metered(fake: FakeMachine) -> None:
    """A machine that has no such program is asked in vain, and tests."""

    class Nothing:
        def run(self, *_: object, **__: object) -> Ended:
            raise NotInstalledError("nmcli")

    fake.commands = Nothing()  # type: ignore[assignment]
    assert not moment.metered(fake.machine, "eth0")

"""The probe `capacity`: its real child, with the usual student, against a real reference server on loopback."""

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.load import apart
from agent.load.engines.base import Result
from agent.machine.commands import Ended
from agent.machine.machine import Machine
from agent.probes.base import NothingHereError
from agent.probes.capacity import probe
from agent.probes.leave import NO_TICKET
from agent.probes.settings import ProbeSettings, Server
from firstbell.catalogue import PROBES
from firstbell.report import Finding, LimitedBy, Segment, Status, finding_complaint
from tests.support.machines import FakeMachine
from tests.support.reference import TARGET, District, Reference


@pytest.fixture
def port(reference: Reference) -> int:
    """Where a reference server listens."""
    return reference.port


def measure(port: int, memory: dict[str, Any], **other: Any) -> Finding:
    """One run of the probe; its one finding can be reported, and holds what the catalogue knows."""
    server = Server(name=TARGET, host="127.0.0.1", port=port, capacity=True, **other)
    (finding,) = probe(ProbeSettings(servers=(server,)))(Machine.real(), memory)
    assert finding_complaint(finding) is None
    assert set(finding.readings) <= set(PROBES["capacity"].metrics)
    return finding


def leave(district: District, seconds: float) -> dict[str, Any]:
    """What a lease leaves in the probe's memory."""
    token = district.token(kind="capacity", max_bytes=50_000_000, max_seconds=seconds)
    return {
        "max_bytes": 50_000_000,
        "max_seconds": seconds,
        "tickets": {TARGET: token},
        "known_mbps": {TARGET: 20.0},
    }


@pytest.mark.slow
def test_what_was_carried_until_its_seconds_were_over(port: int, district: District) -> None:
    """Twenty seconds hold a lesson or two: at least the first group, by the ceiling, and to this machine itself."""
    finding = measure(port, leave(district, 20.0))
    assert (finding.status, finding.reason, finding.segment) == (Status.OK, "", Segment.SELF)
    assert finding.limited_by in {LimitedBy.CAP, LimitedBy.PROBE}
    found = finding.readings
    assert found["students_at_least"] is True
    assert found["students_ok"] in {18, 24}
    assert found["profile"] == "learner"
    assert found["student_mbps"] == pytest.approx(0.76)
    assert found["server"] == TARGET
    assert int(found["bytes_received"]) > 10e6


def test_leave_that_is_taken_back_ends_it(port: int, district: District) -> None:
    """The event is set after a second: the child is gone at once, and no figure is told."""
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    finding = measure(port, leave(district, 60.0) | {"stop": stop})
    assert (finding.status, finding.reason) == (Status.SKIPPED, apart.STOPPED)
    assert "students_ok" not in finding.readings
    again = measure(port, leave(district, 60.0) | {"stop": stop})
    assert (again.status, again.reason) == (Status.SKIPPED, apart.STOPPED)


def test_without_a_ticket_it_does_not_run(port: int) -> None:
    """No coordinator, no class."""
    finding = measure(port, {})
    assert (finding.status, finding.reason) == (Status.SKIPPED, NO_TICKET)


def test_without_a_server_that_is_named_for_it_there_is_nothing() -> None:
    """A server for throughput alone is not one for a class."""
    settings = ProbeSettings(servers=(Server(name=TARGET, host="127.0.0.1"),))
    with pytest.raises(NothingHereError, match="capacity = true"):
        probe(settings)(Machine.real(), {})


def test_a_box_that_could_not_keep_up_is_the_limit(tmp_path: Path) -> None:
    """The child says so, though its processor was hardly used: the label says `probe`, and not `line`."""
    fake = FakeMachine(tmp_path)
    result = Result(
        status=Status.OK, more={"students_ok": 30, "students_at_least": True, "generator_limited": True}
    )
    fake.commands.ended = Ended(0, msgspec.json.encode(result), b"")
    server = Server(name=TARGET, host="hub.example", capacity=True)
    (finding,) = probe(ProbeSettings(servers=(server,)))(fake.machine, {"tickets": {TARGET: "t"}})
    assert finding.limited_by is LimitedBy.PROBE
    assert finding.readings["students_ok"] == 30

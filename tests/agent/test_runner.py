"""What becomes of a probe's run: every way to end is a draft with its reason."""

import dataclasses
import logging
import math
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.gate import Ceilings, Gate
from agent.machine.machine import Machine
from agent.probes.base import Measure, NothingHereError, ProbeFailedError
from agent.runner import Runner
from firstbell.catalogue import Reading
from firstbell.report import (
    ClockQuality,
    Draft,
    Finding,
    LimitedBy,
    Mark,
    Medium,
    Report,
    Segment,
    Stamp,
    Status,
    complaint,
)

MB = 1_000_000


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.stamps = 0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def stamp(self) -> Stamp:
        """All clocks; counts how often somebody looked."""
        self.stamps += 1
        return Stamp(
            boot_id="b1", boottime_ns=int(self.now * 1e9), wall_ns=1_780_000_000 * 10**9, synchronised=True
        )


class Book:
    """A day's bytes."""

    def __init__(self) -> None:
        self.used = 0

    def used_bytes(self, _day: str) -> int:
        """Bytes so far."""
        return self.used

    def add_used(self, _day: str, amount: int) -> None:
        """Charge or give back."""
        self.used += amount


class House:
    """A runner with all it needs, and a way to let go what hangs."""

    def __init__(self) -> None:
        self.clock, self.book, self.release = Clock(), Book(), threading.Event()
        self.fill = 0.0
        self.gate = Gate(
            Ceilings(day_bytes=2_000_000_000), self.book, UTC, fill=lambda: self.fill, metered=lambda: False
        )
        self.machine = dataclasses.replace(Machine.real(), clock=self.clock, random=random.Random(1))

    def runner(self, deadline_s: float = 10.0, **measures: Measure) -> Runner:
        """A runner of these probes."""
        return Runner(self.machine, measures, self.gate, deadlines=dict.fromkeys(measures, deadline_s))

    def hang(self) -> Measure:
        """A probe that does not end until it is let go."""

        def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
            self.release.wait(60)
            return [ok()]

        return measure

    def settled(self) -> None:
        """Let go what hangs, and wait until its threads have ended."""
        self.release.set()
        for thread in threading.enumerate():
            if thread.name.startswith("probe-"):
                thread.join(10)
                assert not thread.is_alive()


@pytest.fixture
def house() -> Iterator[House]:
    """A house in which nothing goes on running."""
    built = House()
    yield built
    built.settled()


def ok(**readings: float) -> Finding:
    """A good finding."""
    return Finding(status=Status.OK, target="google", readings={"rtt_min_ms": 1.5, **readings})


def says(*findings: Finding) -> Measure:
    """A probe that finds just that."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        return findings

    return measure


def raises(fault: BaseException) -> Measure:
    """A probe that ends so."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        raise fault

    return measure


def only(drafts: list[Draft]) -> Draft:
    """The one draft."""
    (draft,) = drafts
    return draft


def as_report(draft: Draft) -> Report:
    """What the collector would get to judge."""
    fields = {name: getattr(draft, name) for name in Finding.__struct_fields__}
    return Report(**fields, probe=draft.probe, at_ns=1, duration_s=draft.duration_s, clock=ClockQuality.NTP)


# --- how a run ends -----------------------------------------------------------------------------------


def test_each_finding_is_a_draft_of_one_stamp(house: House) -> None:
    """Three targets yield three drafts, as found, stamped once at the start, with the probe's duration."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        house.clock.now += 2.5
        down = Finding(
            status=Status.FAILED, reason="no answer", target="b", segment=Segment.WAN, medium=Medium.WIFI
        )
        return [ok(), down, Finding(status=Status.SKIPPED, reason="no such name", engine="x")]

    drafts = house.runner(latency=measure).run("latency")
    assert [(d.status, d.reason, d.target, d.engine) for d in drafts] == [
        (Status.OK, "", "google", ""),
        (Status.FAILED, "no answer", "b", ""),
        (Status.SKIPPED, "no such name", "", "x"),
    ]
    assert drafts[0].readings == {"rtt_min_ms": 1.5}
    assert (drafts[1].segment, drafts[1].medium) == (Segment.WAN, Medium.WIFI)
    assert {(d.probe, d.stamp.boottime_ns, d.duration_s) for d in drafts} == {("latency", 100 * 10**9, 2.5)}
    assert house.clock.stamps == 1


def test_a_probe_keeps_its_own_memory(house: House) -> None:
    """What a probe left in its memory it finds there again, and no other probe does."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        memory["runs"] = memory.get("runs", 0) + 1
        return [ok(echoes_sent=memory["runs"])]

    runner = house.runner(latency=measure, host=measure)
    sent = [only(runner.run(name)).readings["echoes_sent"] for name in ("latency", "latency", "host")]
    assert sent == [1, 2, 1]


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (NothingHereError("no battery"), Status.NOTHING, "no battery"),
        (ProbeFailedError("no route"), Status.FAILED, "no route"),
        (ProbeFailedError(" two\nlines\x00 \ud800"), Status.FAILED, "two lines"),
        (ProbeFailedError(""), Status.FAILED, "no reason given"),
        (ProbeFailedError("x" * 500), Status.FAILED, "x" * 200),
        (
            ZeroDivisionError("10.0.0.7"),
            Status.FAILED,
            "unexpected ZeroDivisionError, see the log of this box",
        ),
    ],
)
def test_every_way_to_end_has_its_reason(
    house: House, fault: BaseException, status: Status, reason: str
) -> None:
    """Whatever a probe raises, one draft says it in words that a report may carry."""
    draft = only(house.runner(latency=raises(fault)).run("latency"))
    assert (draft.status, draft.reason, draft.readings) == (status, reason, {})
    assert complaint(as_report(draft)) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_library_that_calls_exit_ends_its_run_alone(house: House) -> None:
    """`sys.exit` somewhere under a probe fails that run at once, without waiting for the deadline."""
    draft = only(house.runner(latency=raises(SystemExit(1))).run("latency"))
    assert (draft.status, draft.reason) == (Status.FAILED, "it ended without a word")


def test_only_what_nobody_foresaw_is_logged_with_its_traceback(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug's traceback stands in the box's log; an outage leaves none."""
    runner = house.runner(latency=raises(ProbeFailedError("no route")), host=raises(ZeroDivisionError("oh")))
    runner.run("latency")
    assert not caplog.records
    runner.run("host")
    (record,) = caplog.records
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError
    assert record.levelno == logging.ERROR


def test_nothing_said_is_said(house: House) -> None:
    """A probe that returns no finding at all leaves no hole."""
    draft = only(house.runner(latency=says()).run("latency"))
    assert (draft.status, draft.reason) == (Status.FAILED, "it found nothing to say")


def test_a_probe_that_hangs_is_a_timeout_then_skipped_then_runs_again(house: House) -> None:
    """One timeout at the deadline; skipped while the thread hangs; other probes go on; then it runs again."""
    runner = house.runner(deadline_s=0.05, latency=house.hang(), host=says(ok()))
    first = only(runner.run("latency"))
    assert (first.status, first.reason) == (Status.TIMEOUT, "no end after 0.05 s")
    second = only(runner.run("latency"))
    assert (second.status, second.reason) == (Status.SKIPPED, "the run before has not ended")
    assert only(runner.run("host")).status is Status.OK
    house.settled()
    assert only(runner.run("latency")).status is Status.OK


def test_two_threads_never_run_one_probe_at_once(house: House) -> None:
    """Asked for while it runs, a probe is skipped, not run beside itself."""
    started = threading.Event()

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        started.set()
        return house.hang()(machine, memory)

    runner = house.runner(latency=measure)
    first: list[Draft] = []
    other = threading.Thread(target=lambda: first.extend(runner.run("latency")))
    other.start()
    assert started.wait(10)
    assert only(runner.run("latency")).status is Status.SKIPPED
    house.release.set()
    other.join(10)
    assert only(first).status is Status.OK


def test_a_sleep_in_the_middle_is_no_impossible_duration(house: House) -> None:
    """A lid closed for a week during a probe makes a duration of a day, the most that a report may say."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        house.clock.now += 7 * 86_400
        return [ok()]

    draft = only(house.runner(latency=measure).run("latency"))
    assert draft.duration_s == 86_400
    assert complaint(as_report(draft)) is None


def test_unknown_probes_are_refused_at_once(house: House) -> None:
    """A runner of probes that the catalogue doesn't know can't be built, nor asked for others."""
    with pytest.raises(KeyError):
        house.runner(astrology=says())
    with pytest.raises(KeyError):
        house.runner(latency=says()).run("host")


# --- impossible readings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "word"),
    [
        (ok(rtt_p95_ms=math.nan), "rtt_p95_ms is not a finite number"),
        (ok(strange_ms=math.inf), "strange_ms is not a finite number"),
        (ok(loss_pct=101), "loss_pct is out of bounds"),
        (Finding(status=Status.OK, readings={"rtt_min_ms": "fast"}), "rtt_min_ms is not a number"),
        (Finding(status=Status.OK, target="Not A Label"), "target is not a label"),
        (Finding(status=Status.FAILED), "status failed without a reason"),
    ],
)
def test_an_impossible_reading_fails_here_and_not_at_the_collector(
    house: House, finding: Finding, word: str
) -> None:
    """The finding becomes a failure with its reason; its neighbours stay as they are."""
    claims = msgspec.structs.replace(finding, limited_by=LimitedBy.LINE)
    bad, good = house.runner(latency=says(claims, ok())).run("latency")
    assert bad.status is Status.FAILED
    assert bad.reason.startswith(f"impossible reading: {word}")
    assert (bad.readings, bad.limited_by) == ({}, None)
    assert (good.status, good.readings) == (Status.OK, {"rtt_min_ms": 1.5})


TEXT = st.text(max_size=300)
READINGS = st.dictionaries(
    st.sampled_from(["rtt_min_ms", "loss_pct", "server", "http_status", "New", "other"]) | TEXT,
    st.floats() | st.integers() | st.booleans() | TEXT,
    max_size=45,
)
FINDINGS = st.builds(
    Finding,
    status=st.sampled_from(Status),
    reason=TEXT,
    target=TEXT | st.just("google"),
    engine=TEXT,
    limited_by=st.sampled_from(LimitedBy),
    readings=READINGS,
)


@given(st.lists(FINDINGS, min_size=1, max_size=3))
def test_no_collector_has_to_refuse_an_honest_box(findings: list[Finding]) -> None:
    """Whatever a probe says, what the runner makes of it is a report that the collector takes."""
    drafts = House().runner(latency=says(*findings)).run("latency")
    assert len(drafts) == len(findings)
    for draft in drafts:
        assert complaint(as_report(draft)) is None
        assert msgspec.json.decode(msgspec.json.encode(draft), type=Draft) == draft


# --- heavy probes -------------------------------------------------------------------------------------


def loaded(received: int, sent: int) -> Finding:
    """A throughput test that used so many bytes."""
    return Finding(
        status=Status.OK,
        target="isp",
        limited_by=LimitedBy.LINE,
        readings={"down_mbps": 90.0, "bytes_received": received, "bytes_sent": sent},
    )


@pytest.mark.parametrize(
    ("measure", "charged"),
    [
        (says(loaded(60 * MB, 15 * MB)), 75 * MB),
        (says(loaded(60 * MB, 15 * MB), loaded(1, 2)), 75 * MB + 3),
        (says(loaded(60 * MB, 15 * MB), Finding(status=Status.FAILED, reason="403")), 500 * MB),
        (says(loaded(-1, 5)), 500 * MB),
        (says(), 500 * MB),
        (raises(ProbeFailedError("refused")), 500 * MB),
        (raises(ZeroDivisionError()), 500 * MB),
        (raises(NothingHereError("no engine")), 0),
        (says(Finding(status=Status.NOTHING, reason="no engine")), 0),
        (says(Finding(status=Status.SKIPPED, reason="no server named")), 0),
    ],
    ids=["ok", "two", "one silent", "minus", "none", "failed", "bug", "nothing here", "nothing", "skipped"],
)
def test_a_test_is_charged_what_its_findings_say(house: House, measure: Measure, charged: int) -> None:
    """Both directions of all targets; the full ceiling when one doesn't say; nothing if nothing was there."""
    runner = house.runner(internet=measure)
    runner.run("internet")
    assert house.book.used == charged
    house.book.used = 0
    assert "another heavy test" not in runner.run("internet")[0].reason


def test_a_heavy_probe_learns_what_it_may_use(house: House) -> None:
    """Its memory holds the lease's bounds while the line is charged for all of them."""
    seen: list[tuple[object, ...]] = []

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        seen.append((memory["max_bytes"], memory["max_seconds"], house.book.used))
        return [loaded(1, 1)]

    house.runner(internet=measure).run("internet")
    assert seen == [(500 * MB, 30, 500 * MB)]


def test_a_refusal_is_a_skipped_report(house: House) -> None:
    """A full spool keeps the test from running, and says so."""
    house.fill = 0.9
    draft = only(house.runner(internet=raises(AssertionError())).run("internet"))
    assert draft.status is Status.SKIPPED
    assert "spool is 90% full" in draft.reason
    assert house.book.used == 0


def test_a_test_that_can_come_again_tells_nothing_yet(house: House) -> None:
    """Put off it leaves no report; with no room left in its period it is skipped, with the last reason."""
    gate = Gate(
        Ceilings(), house.book, UTC, fill=lambda: 0.0, metered=lambda: False, busy=lambda: "the line was busy"
    )
    runner = Runner(house.machine, {"internet": raises(AssertionError())}, gate)
    asked: list[float] = []

    def room(again_s: float) -> bool:
        asked.append(again_s)
        return len(asked) < 2

    assert runner.run("internet", put_off=room) == []
    draft = only(runner.run("internet", put_off=room))
    assert (draft.status, draft.reason) == (Status.SKIPPED, "the line was busy")
    assert asked == [300.0, 300.0]


def test_a_test_that_is_called_back_is_charged_in_full(house: House) -> None:
    """It was skipped in the middle, after it had loaded the line: as nobody counted, all that it might use counts."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        memory["stop"].set()
        return [Finding(status=Status.SKIPPED, reason="stopped: quiet time", target="hub")]

    runner = house.runner(internet=measure)
    assert only(runner.run("internet")).status is Status.SKIPPED
    assert house.book.used == 500 * MB


def test_a_heavy_probe_learns_what_the_line_carried(house: House) -> None:
    """The next test finds what each target's line carried when it was last tested well."""
    seen: list[dict[str, float]] = []
    readings: Iterator[dict[str, Reading]] = iter([{"down_mbps": 93.5}, {}])

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        seen.append(dict(memory["known_mbps"]))
        return [Finding(status=Status.OK, target="hub", readings=next(readings))]

    runner = house.runner(internet=measure)
    runner.run("internet")
    runner.run("internet")
    assert seen == [{}, {"hub": 93.5}]
    assert runner.known_mbps == {"hub": 93.5}


def test_a_gate_that_fails_is_a_failed_report(house: House) -> None:
    """A disk that takes no charge keeps the test from running; the run still ends in a draft."""

    class Broken(Book):
        def add_used(self, _day: str, _amount: int) -> None:
            raise OSError("disk full")

    gate = Gate(Ceilings(), Broken(), UTC, fill=lambda: 0.0, metered=lambda: False)
    runner = Runner(house.machine, {"internet": raises(AssertionError())}, gate)
    draft = only(runner.run("internet"))
    assert (draft.status, draft.reason) == (Status.FAILED, "unexpected OSError, see the log of this box")


def test_a_hung_heavy_test_keeps_the_line(house: House) -> None:
    """A timeout at the deadline; no other test until its thread has ended; then it is settled."""
    runner = house.runner(deadline_s=0.05, internet=house.hang())
    assert only(runner.run("internet")).status is Status.TIMEOUT
    skipped = only(runner.run("internet"))
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, "another heavy test is running: internet")
    assert house.book.used == 500 * MB
    house.settled()
    assert only(runner.run("internet")).status is Status.OK


def test_a_forced_test_overdraws_the_day_and_is_no_evidence(house: House) -> None:
    """`--now` runs on a spent budget, marked unleased; without it the test is skipped; cheap ones need no mark."""
    house.book.used = 2000 * MB
    runner = house.runner(internet=says(loaded(1, 1)), latency=says(ok()))
    assert only(runner.run("internet")).status is Status.SKIPPED
    forced = only(runner.run("internet", forced=True))
    assert (forced.status, forced.marks) == (Status.OK, (Mark.UNLEASED,))
    assert house.book.used == 2000 * MB + 2
    assert only(runner.run("latency", forced=True)).marks == ()


def test_a_forced_test_keeps_the_marks_of_the_probe(house: House) -> None:
    """What the probe itself said of the line stays said."""
    busy = msgspec.structs.replace(loaded(1, 1), marks=(Mark.LINE_BUSY,))
    runner = house.runner(internet=says(busy))
    assert only(runner.run("internet")).marks == (Mark.LINE_BUSY,)
    assert set(only(runner.run("internet", forced=True)).marks) == {Mark.LINE_BUSY, Mark.UNLEASED}

"""`scripts/golden NAME`: a spool, a journal and messages as this version writes them, through its own doors.

Nothing in them depends on the day or the machine: clocks stand where they are put, names are drawn from a
fixed seed. tests/test_golden.py says what is in them and opens them with every later version.
"""

import lzma
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

from agent.freeze import Timeline
from agent.spool import Page, Spool
from collector.intake import Intake
from collector.store import identities, labels, summers
from collector.store.backup import backup
from collector.store.copied import Copied
from collector.store.decisions import keep_district
from collector.store.derived.rebuild import catch_up
from collector.store.identities import Certificate
from collector.store.journal import Journal, open_journal
from collector.store.labels import Said
from collector.store.leases import Kept, Leases
from collector.store.outbox import Aside, Days, Outbox
from collector.store.quiets import Ordered, order
from collector.store.writer import Writer
from firstbell import lease, wire
from firstbell.catalogue import Reading
from firstbell.report import (
    ClockQuality,
    Draft,
    Finding,
    LimitedBy,
    Loss,
    Mark,
    Medium,
    Opening,
    Report,
    Segment,
    Stamp,
    Status,
)
from firstbell.summer import Summer

FOLDER = Path(__file__).parents[1] / "tests" / "golden"
NOW_NS = 1_790_000_000_000_000_000
"""21 September 2026."""
S = 10**9
BOX = "lincoln-1"
EPOCH = "00000000000000aa"
BEFORE = "00000000000000a9"
JOURNAL = "0123456789abcdef"


class HandClock:
    """A machine's clocks, moved by hand; for the spool and for the collector."""

    def __init__(self) -> None:
        self.wall_ns, self.boottime_ns, self.boot, self.synchronised = NOW_NS, 600 * S, "boot-1", True

    def monotonic(self) -> float:
        """Seconds since the boot."""
        return self.boottime_ns / S

    def now_ns(self) -> int:
        """What the wall clock says."""
        return self.wall_ns

    def stamp(self) -> Stamp:
        """All clocks at once."""
        return Stamp(
            boot_id=self.boot,
            boottime_ns=self.boottime_ns,
            wall_ns=self.wall_ns,
            synchronised=self.synchronised,
            error_ms=1.5 if self.synchronised else 16_000.0,
        )

    def advance(self, seconds: int) -> None:
        """Time goes by."""
        self.wall_ns += seconds * S
        self.boottime_ns += seconds * S


# --- a spool ------------------------------------------------------------------------------------------


def write_spool(path: Path) -> None:
    """Two starts: in the first one report is held, one refused, one given up; after the second two wait."""
    clock, dice = HandClock(), random.Random(1)
    with _spool(path, clock, dice) as spool:
        for probe, finding in FINDINGS:
            clock.advance(1)
            spool.put([_draft(probe, finding, clock)])
        page = _page(spool, clock)
        spool.held(page.epoch, [(1, 2)], JOURNAL)
        spool.refuse(page.epoch, [(3, 3, "a reason")])
        spool.give_up(page.epoch, 4, "another reason")
        spool.learn(clock.stamp())
        spool.add_used("2026-09-21", 123_456_789)
    clock.advance(60)
    clock.boot, clock.boottime_ns, clock.synchronised = "boot-2", 30 * S, False
    clock.wall_ns = NOW_NS - 86_400 * S
    with _spool(path, clock, dice) as spool:
        clock.advance(5)
        spool.put([_draft(*FINDINGS[0], clock)])


@contextmanager
def _spool(path: Path, clock: HandClock, dice: random.Random) -> Iterator[Spool]:
    spool = Spool.open(path, max_bytes=8 << 20, clock=clock, random=dice)
    try:
        yield spool
    finally:
        spool.close()
        for beside in ("lock", "reserve"):
            path.with_name(f"{path.name}.{beside}").unlink()


FINDINGS = (
    (
        "latency",
        Finding(
            status=Status.OK,
            target="gateway",
            segment=Segment.SITE,
            medium=Medium.WIRED,
            readings={"rtt_p50_ms": 1.25, "echoes_sent": 10},
        ),
    ),
    ("latency", Finding(status=Status.FAILED, target="google", reason="no name server answered")),
    (
        "internet",
        Finding(
            status=Status.OK,
            target="internet",
            segment=Segment.INTERNET,
            engine="speedtest",
            limited_by=LimitedBy.LINE,
            marks=(Mark.UNLEASED,),
            readings={"down_mbps": 93.75, "server": "a server (Springfield)"},
        ),
    ),
    ("host", Finding(status=Status.OK, readings={"cpu_busy_pct": 12.5})),
)


def _draft(probe: str, finding: Finding, clock: HandClock) -> Draft:
    return Draft(**msgspec.structs.asdict(finding), probe=probe, stamp=clock.stamp(), duration_s=1.5)


def _page(spool: Spool, clock: HandClock) -> Page:
    page = spool.offer(Timeline(spool.boots(), clock.stamp()))
    if page is None:
        raise LookupError("the golden spool has nothing to send")
    return page


COPIED = {
    '["verdict","District","lincoln","flex","school"]': '["Ready",5]',
    f'["outage",{{"agent":"{BOX}","district":"District"}},{NOW_NS}]': "",
}
"""What boards were told, as it is noted."""


def ship(journal: Journal) -> None:
    """What is noted of a store beside the journal: reports are there, one is set aside, a day goes again.

    And a verdict and an event that boards were told.
    """
    outbox = Outbox(journal)
    outbox.begin("a bucket", "d" * 32, "District")
    outbox.step_back("a run", 0)
    names = [(BOX, ("latency", "gateway", ""))]
    outbox.move("a bucket", 4, NOW_NS, shipped=3, too_old=1, names=names, aside=[Aside(4, "a reason")])
    outbox.place_anew("e" * 32, "District", [Days(BOX, 20_717, 20_717)])
    outbox.complain("a trouble", NOW_NS)
    outbox.close()
    Copied(journal).note("a bucket", "District", COPIED)


TOKEN, KEY = sha256(b"a token").digest(), sha256(b"a key").digest()
CERTIFICATES = tuple(
    Certificate("a" * 64, f"{n}f", BOX, key, NOW_NS, NOW_NS + 365 * 86_400 * S, f"certificate {n}")
    for n, key in enumerate((sha256(b"another key").digest(), KEY), 1)
)


def enrol(journal: Journal) -> None:
    """A box that came with a card and was let in, in the place of another one that had its name."""
    made = {"now_ns": NOW_NS, "expires_ns": NOW_NS + 60 * 86_400 * S}
    number = identities.offer(journal, TOKEN, BOX, automatic=False, **made)
    identities.claim(journal, TOKEN, KEY, NOW_NS + S)
    identities.decide(journal, number, let_in=True, now_ns=NOW_NS + 2 * S)
    for given in CERTIFICATES:
        identities.keep(journal, given, NOW_NS + 3 * S)


CODE = "abcdefghij234567"
SAID = Said(BOX, NOW_NS + 4 * S, "lincoln", "204", confirmed=False)


def stick(journal: Journal) -> None:
    """A box with its label, whose place somebody said who stood before it."""
    with patch("collector.store.labels.code", return_value=CODE):
        labels.label(journal, [BOX], NOW_NS)
    labels.say(journal, SAID)
    labels.settle(journal, BOX, taken=True, now_ns=NOW_NS + 5 * S)


# --- a journal ----------------------------------------------------------------------------------------


def write_journal(path: Path) -> None:
    """Two boxes, one refused report, one message that was none, a loss, a clone, a kept district.

    And two leases, of which one is out, a quiet time, and a summer.
    """
    full = path.with_name("full.db")
    clock = HandClock()
    with patch("secrets.token_hex", return_value=JOURNAL):
        journal = open_journal(full)
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    for agent, payload in _messages():
        clock.advance(1)
        intake.take(agent, payload, clock.now_ns())
    writer.stop()
    catch_up(journal)
    keep_district(journal, "d" * 32, {"schools.csv": "id,name,students\nx,X,1\n"}, NOW_NS)
    leases = Leases(journal)
    for kept in LEASES:
        leases.grant(kept)
    leases.end(LEASES[0].lease, NOW_NS + 20 * S, "settled", (123_456, 12.5))
    leases.close()
    order(journal, QUIET, NOW_NS)
    enrol(journal)
    stick(journal)
    summers.begin(journal, SUMMER.school, SUMMER.back, SUMMER.since_ns)
    ship(journal)
    backup(journal, path)
    for leftover in path.parent.glob("full.db*"):
        leftover.unlink()


LEASES = tuple(
    Kept(
        lease=f"lease-{number}",
        agent=BOX,
        nonce=f"nonce-{number}",
        kind="throughput",
        site="school lincoln",
        day="2026-09-21",
        stretch_ns=NOW_NS - 600 * S,
        loads=("building lincoln", "line lincoln-line"),
        targets=("a server",),
        max_bytes=500_000_000,
        max_seconds=30.0,
        granted_ns=NOW_NS + number * 100 * S,
    )
    for number in (0, 1)
)
SUMMER = Summer(number=1, since_ns=NOW_NS, back=date(2026, 8, 17), school="lincoln")
QUIET = Ordered(NOW_NS // S, NOW_NS // S + 7200, local=True, school="lincoln", why="state tests")


def _messages() -> Iterator[tuple[str, bytes]]:
    good = [wire.encode_report(report) for report in reports()]
    yield BOX, wire.encode_batch(BOX, EPOCH, 1, good)[1]
    yield BOX, wire.encode_batch(BOX, EPOCH, len(good) + 1, [b'{"probe":"latency","at_ns":NaN}'])[1]
    yield BOX, b"this is no batch"
    for epoch in ("00000000000000b1", "00000000000000b2"):
        clone = report("box", 90, opening=Opening(predecessor="00000000000000b0", last_seq=7, ended="clean"))
        yield "copied", wire.encode_batch("copied", epoch, 1, [wire.encode_report(clone)])[1]


def reports() -> list[Report]:
    """Reports with every field that a report may have."""
    return [
        report(
            "box",
            0,
            readings={"agent_version": "0.1.0", "spool_reports": 3},
            opening=Opening(predecessor=BEFORE, last_seq=9, ended="power"),
            losses=(Loss(epoch=BEFORE, first=4, last=6, reason="the spool was full"),),
        ),
        report("latency", 60, target="gateway", readings={"rtt_p50_ms": 1.25, "echoes_sent": 10}),
        report("latency", 61, target="google", status=Status.FAILED, reason="no name server answered"),
        report(
            "internet",
            120,
            target="internet",
            segment=Segment.INTERNET,
            medium=Medium.WIRED,
            engine="speedtest",
            limited_by=LimitedBy.PORT,
            marks=(Mark.LINE_BUSY,),
            readings={"down_mbps": 93.75, "up_mbps": 41.5, "server": "a server (Springfield)"},
        ),
        report(
            "host",
            180,
            clock=ClockQuality.BOUNDED,
            clock_error_ms=2500.5,
            not_before_ns=NOW_NS + 100 * S,
            not_after_ns=NOW_NS + 260 * S,
            readings={"cpu_busy_pct": 12.5},
        ),
    ]


def report(
    probe: str,
    seconds: int,
    *,
    status: Status = Status.OK,
    clock: ClockQuality = ClockQuality.NTP,
    readings: dict[str, Reading] | None = None,
    **more: object,
) -> Report:
    """A report of the time `seconds` after the golden moment."""
    fields = {
        "probe": probe,
        "status": status,
        "clock": clock,
        "at_ns": NOW_NS + seconds * S,
        "duration_s": 1.5,
        "readings": readings or {},
    }
    return Report(**fields | more)  # type: ignore[arg-type]  # fields by name


# --- messages -----------------------------------------------------------------------------------------


def write_messages(folder: Path) -> None:
    """One file a message, its exact bytes."""
    encoded = [wire.encode_report(report) for report in reports()]
    many: Sequence[bytes] = [
        wire.encode_report(report("latency", n, target="gateway", readings={"rtt_p50_ms": n + 0.5}))
        for n in range(40)
    ]
    answer = wire.Answer(journal=JOURNAL, now_ns=NOW_NS, digest="0" * 32)
    held = replace(answer, held=((1, 3), (5, 5)), refused=((4, 4, "a reason"),))
    state = wire.State(
        alive=True, epoch=EPOCH, agent_version="0.1.0", spool_reports=3, clock="ntp", nonce="a nonce"
    )
    messages = {
        "batch-small": wire.encode_batch(BOX, EPOCH, 1, encoded[1:3])[1],
        "batch-deflated": wire.encode_batch(BOX, EPOCH, 6, many)[1],
        "answer-held": wire.encode(held),
        "answer-later": wire.encode(replace(answer, later="a reason")),
        "answer-halve": wire.encode(replace(answer, halve="a reason")),
        "answer-time": wire.encode(replace(answer, digest="", nonce="a nonce")),
        "state": wire.encode(state),
        "state-gone": wire.encode(wire.State(alive=False)),
    }
    for name, payload in (messages | _lease_messages()).items():
        (folder / name).write_bytes(payload)


def _lease_messages() -> dict[str, bytes]:
    """What a box and the coordinator say of a lease."""
    said: dict[str, lease.FromBox | lease.ToBox] = {
        "lease-ask": lease.Ask(
            nonce="a nonce",
            kind="throughput",
            targets=("a server",),
            segments={"a server": "wan"},
            max_bytes=500_000_000,
            max_seconds=30.0,
            medium="wired",
        ),
        "lease-renew": lease.Renew(lease="a lease"),
        "lease-settle": lease.Settle(lease="a lease", bytes=123_456, seconds=12.5),
        "lease-grant": lease.Grant(
            nonce="a nonce",
            lease="a lease",
            max_bytes=500_000_000,
            max_seconds=30.0,
            tickets={"a server": "a ticket"},
        ),
        "lease-refuse": lease.Refuse(nonce="a nonce", reason="a reason", again_s=30.0),
        "lease-renewed": lease.Renewed(lease="a lease"),
        "lease-revoke": lease.Revoke(lease="a lease", reason="a reason"),
    }
    return {name: lease.encode(message) for name, message in said.items()}


def write(folder: Path) -> None:
    """Write all of it into `folder`. Raises FileExistsError."""
    folder.mkdir(parents=True)
    write_spool(folder / "spool.db")
    write_journal(folder / "journal.db")
    write_messages(folder)


def pack(folder: Path) -> None:
    """Compress the databases: each table and each index is a page at least, and a set is kept for ever."""
    for path in sorted(folder.glob("*.db")):
        path.with_name(f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes()))
        path.unlink()


def unpack(folder: Path) -> None:
    """What `pack` made, back to its bytes; sets from before it hold their databases as they are."""
    for path in sorted(folder.glob("*.db.xz")):
        path.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        path.unlink()


def main() -> str | None:
    """Write the set that the one argument names; what went wrong, if anything did."""
    if len(sys.argv) != 2 or not sys.argv[1].startswith("v") or not sys.argv[1][1:].isdigit():  # noqa: PLR2004
        return "usage: scripts/golden NAME, where NAME is v1, v2, ..."
    try:
        write(FOLDER / sys.argv[1])
        pack(FOLDER / sys.argv[1])
    except FileExistsError:
        return f"{FOLDER / sys.argv[1]} is there already: what a version wrote is never written anew"
    return None


if __name__ == "__main__":
    sys.exit(main())

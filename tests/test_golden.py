"""What every version wrote is opened and read right by this one.

tests/golden/vN is written once by `scripts/golden vN` and never changed. When a format changes, a test here
asks for the next set; its contents are then described here, beside those of the sets before.
"""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.freeze import Timeline
from agent.spool import Spool, look
from collector.intake import Intake
from collector.store import identities, labels
from collector.store.backup import restore
from collector.store.copied import Copied
from collector.store.derived.rebuild import rebuild
from collector.store.journal import open_journal
from collector.store.outbox import Aside, Days, Outbox, Shipped
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell import lease, wire
from firstbell.report import ClockQuality, LimitedBy, Loss, Mark, Medium, Opening, Report, Segment, Status
from scripts import golden_files

GOLDEN = Path(__file__).parent / "golden"
SETS = sorted((folder.name for folder in GOLDEN.iterdir() if folder.is_dir()), key=lambda name: int(name[1:]))
NEWEST = GOLDEN / SETS[-1]
NOON_NS = 1_790_000_000_000_000_000
S = 1_000_000_000
FIRST, SECOND = "91b7584a2265b1f5", "cd613e30d8f16adf"
"""The epochs of the first spool."""


@pytest.fixture(params=SETS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A set of golden files, as a copy that may be written to."""
    return copy_of(request.param, tmp_path)


def copy_of(name: str, folder: Path) -> Path:
    """A set of golden files in `folder`, its databases as they were written."""
    copied = Path(shutil.copytree(GOLDEN / name, folder / name))
    golden_files.unpack(copied)
    return copied


def clock_later() -> golden_files.HandClock:
    """A third start of the box, an hour after the first, with NTP's time."""
    clock = golden_files.HandClock()
    clock.boot, clock.wall_ns = "boot-3", NOON_NS + 3600 * S
    return clock


def schema(path: Path) -> list[tuple[str, ...]]:
    """Format number and tables of a SQLite file."""
    db = sqlite3.connect(path)
    number = db.execute("PRAGMA user_version").fetchone()
    rows = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    db.close()
    return [*map(str, number), *rows]


# --- the spool ----------------------------------------------------------------------------------------


def read_spool_v1(path: Path) -> None:
    """Two starts, four reports to send, two kept, two set aside, one of them given up."""
    summary = look.read(path)
    assert (summary["waiting"], summary["kept"], summary["refused"], summary["lost"]) == (4, 2, 2, 1)
    assert summary["epoch"] == SECOND
    assert [row["reason"] for row in summary["last_refused"]] == ["another reason", "a reason"]
    clock = clock_later()
    spool = Spool.open(path, max_bytes=8 << 20, clock=clock, random=random.Random(9))
    try:
        assert spool.used_bytes("2026-09-21") == 123_456_789
        assert spool.losses() == [Loss(epoch=FIRST, first=4, last=4, reason="another reason")]
        waiting = _waiting(spool, clock)
        assert [identity[:2] for identity in waiting[:4]] == [
            (FIRST, 5),
            (FIRST, 6),
            (SECOND, 1),
            (SECOND, 2),
        ]
        host, lost, start, gateway = (report for _, _, report in waiting[:4])
        assert (host.probe, host.at_ns, host.readings) == ("host", NOON_NS + 4 * S, {"cpu_busy_pct": 12.5})
        assert host.clock is ClockQuality.NTP
        assert lost.losses == (Loss(epoch=FIRST, first=4, last=4, reason="another reason"),)
        assert start.opening == Opening(predecessor=FIRST, last_seq=6, ended="clean")
        assert gateway.clock is ClockQuality.BOUNDED
        # That start came after the last moment of the first, 4 s on, which is known to some ms; its boot
        # was 35 s old at its report.
        assert gateway.not_before_ns is not None
        assert 0 <= NOON_NS + 4 * S + 35 * S - gateway.not_before_ns < 10_000_000
        assert (gateway.target, gateway.segment, gateway.medium) == ("gateway", Segment.SITE, Medium.WIRED)
        assert waiting[4][2].opening == Opening(predecessor=SECOND, last_seq=2, ended="clean")
        assert spool.meet(golden_files.JOURNAL) == 0
        assert spool.meet("another") == 2, "what the lost journal held is offered again"
    finally:
        spool.close()


def read_spool_v3(path: Path) -> None:
    """The same, with each start written twice: a name that is damaged in one place is read in the other."""
    with closing(sqlite3.connect(path)) as db:
        (row,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'epochs'").fetchall()
    content = bytearray(path.read_bytes())
    content[content.index(SECOND.encode(), (row[0] - 1) * 4096)] ^= 1
    damaged = path.with_name("damaged.db")
    damaged.write_bytes(content)
    spool = Spool.open(damaged, max_bytes=8 << 20, clock=clock_later(), random=random.Random(9))
    try:
        assert [identity[:2] for identity in _waiting(spool, clock_later())][:4] == [
            (FIRST, 5),
            (FIRST, 6),
            (SECOND, 1),
            (SECOND, 2),
        ]
    finally:
        spool.close()
    read_spool_v1(path)


def _waiting(spool: Spool, clock: golden_files.HandClock) -> list[tuple[str, int, Report]]:
    timeline, first, found = Timeline(spool.boots(), clock.stamp()), 1, []
    while page := spool.offer(timeline, first):
        first = page.place + len(page.rows)
        found += [(page.epoch, page.first + n, wire.read_report(row)) for n, row in enumerate(page.rows)]
    return found


# --- the journal --------------------------------------------------------------------------------------


def read_journal_v1(path: Path) -> None:
    """Seven reports of two boxes, one of them cloned; losses, a refusal, a message that was none."""
    journal = open_journal(path)
    assert journal.id == "0123456789abcdef"
    reads = Reads(journal)
    assert reads.facts_until() == 7
    counts = reads.counts()
    assert (counts.boxes, counts.suspended, counts.reports, counts.lost) == (2, 1, 7, 3)
    (test,) = reads.tests([("lincoln-1", 0, None)], "internet")
    assert (test.epoch, test.seq, test.arrival, test.received_ns) == ("00000000000000aa", 4, 4, NOON_NS + S)
    assert test.report.readings == {"down_mbps": 93.75, "up_mbps": 41.5, "server": "a server (Springfield)"}
    assert (test.report.limited_by, test.report.marks) == (LimitedBy.PORT, (Mark.LINE_BUSY,))
    (bounded,) = reads.tests([("lincoln-1", 0, None)], "host")
    assert bounded.report.clock is ClockQuality.BOUNDED
    assert (bounded.report.not_before_ns, bounded.report.not_after_ns) == (
        NOON_NS + 100 * S,
        NOON_NS + 260 * S,
    )
    assert reads.missing("lincoln-1", "00000000000000a9") == [(1, 3), (7, 9)]
    assert [row.kind for row in reads.absences("lincoln-1")] == ["lost", "refused"]
    assert {row.raw for row in reads.quarantined()} == {
        b"this is no batch",
        b'{"probe":"latency","at_ns":NaN}',
    }
    (clone,) = reads.suspensions()
    assert (clone.agent, clone.decided_ns) == ("copied", None)
    assert reads.district("d" * 32) == {"schools.csv": "id,name,students\nx,X,1\n"}
    reads.close()


def read_journal_v2(path: Path) -> None:
    """The same reports, and what was derived from them: it is there, and is what would be derived today."""
    read_journal_v1(path)
    journal = open_journal(path)
    with closing(journal.writer()) as db:
        kept = derived(db)
        assert all(kept.values())
        db.execute("DELETE FROM days")
        rebuild(journal, lambda _done, _boxes: None)
        assert derived(db) == kept


def read_journal_v3(path: Path) -> None:
    """The same, with a lease that was settled, one that was out, and a quiet time."""
    read_journal_v2(path)
    reads = Reads(open_journal(path))
    ended, out = reads.leases(NOON_NS, NOON_NS + 200 * S)
    assert out == golden_files.LEASES[1]
    assert (ended.how, ended.bytes, ended.seconds) == ("settled", 123_456, 12.5)
    assert ended._replace(ended_ns=None, how=None, bytes=None, seconds=None) == golden_files.LEASES[0]
    (quiet,) = reads.quiet_times(NOON_NS)
    assert (quiet.number, quiet.school, quiet.why, quiet.local) == (1, "lincoln", "state tests", True)
    assert (quiet.since_s, quiet.until_s) == (NOON_NS // S, NOON_NS // S + 7200)
    reads.close()


def read_journal_v4(path: Path) -> None:
    """The same, and how far a store beside the journal is."""
    read_journal_v3(path)
    outbox = Outbox(open_journal(path))
    state = outbox.state()
    assert state == Shipped(
        store="a bucket",
        arrival=4,
        folder="e" * 32,
        placed_as="District",
        shipped=3,
        too_old=1,
        last_ns=NOON_NS,
        trouble="a trouble",
        trouble_ns=NOON_NS,
        run="a run",
        run_arrival=0,
    )
    assert outbox.names() == {"lincoln-1": {("latency", "gateway", "")}}
    assert outbox.next_days(10) == Days("lincoln-1", 20_717, 20_717)
    assert outbox.aside(10) == [Aside(4, "a reason")]
    outbox.close()


def read_journal_v5(path: Path) -> None:
    """The same, and what boards were told."""
    read_journal_v4(path)
    assert Copied(open_journal(path)).of("a bucket", "District") == golden_files.COPIED


def read_journal_v6(path: Path) -> None:
    """The same, and who is which box."""
    read_journal_v5(path)
    with closing(open_journal(path).reader()) as db:
        (card,) = identities.enrolments(db)
        assert (card.number, card.agent, card.key, card.let_in) == (1, "lincoln-1", golden_files.KEY, True)
        assert (card.claimed_ns, card.decided_ns) == (NOON_NS + S, NOON_NS + 2 * S)
        before, now = golden_files.CERTIFICATES
        assert identities.newest(db, now.key) == now
        assert identities.newest(db, before.key) == before._replace(revoked_ns=NOON_NS + 3 * S)


def read_journal_v7(path: Path) -> None:
    """The same, and what stands on a box and was said of it."""
    read_journal_v6(path)
    with closing(open_journal(path).reader()) as db:
        assert labels.with_code(db, golden_files.CODE) == (1000, "lincoln-1", golden_files.CODE)
        settled = golden_files.SAID._replace(settled_ns=NOON_NS + 5 * S, taken=True)
        assert labels.newest(db) == [settled]


def read_journal_v8(path: Path) -> None:
    """The same, and a summer."""
    read_journal_v7(path)
    assert Reads(open_journal(path)).summers() == [golden_files.SUMMER]


def derived(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """The tables that follow from reports."""
    return {
        table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall()
        for table in ("hours", "days", "rollups")
    }


# --- messages -----------------------------------------------------------------------------------------


def read_messages_v1(folder: Path) -> None:
    """Batches, answers and states of version 1."""
    small = wire.open_batch("lincoln-1", (folder / "batch-small").read_bytes())
    assert (small.envelope.v, small.envelope.range, small.envelope.deflated) == (1, (1, 2), False)
    good, failed = map(wire.read_report, wire.rows_of(small))
    assert (good.probe, good.at_ns, good.readings) == (
        "latency",
        NOON_NS + 60 * S,
        {"rtt_p50_ms": 1.25, "echoes_sent": 10},
    )
    assert (failed.status, failed.reason) == (Status.FAILED, "no name server answered")
    many = wire.open_batch("lincoln-1", (folder / "batch-deflated").read_bytes())
    assert (many.envelope.range, many.envelope.deflated) == ((6, 45), True)
    assert [wire.read_report(row).readings["rtt_p50_ms"] for row in wire.rows_of(many)] == [
        n + 0.5 for n in range(40)
    ]
    answers = {
        name: wire.read_answer((folder / f"answer-{name}").read_bytes())
        for name in ("held", "later", "halve", "time")
    }
    assert {answer.v for answer in answers.values()} == {1}
    assert {(answer.journal, answer.now_ns) for answer in answers.values()} == {("0123456789abcdef", NOON_NS)}
    assert answers["held"].held == ((1, 3), (5, 5))
    assert answers["held"].refused == ((4, 4, "a reason"),)
    assert (answers["later"].later, answers["halve"].halve) == ("a reason", "a reason")
    assert answers["time"].nonce == "a nonce"
    state = wire.read_state((folder / "state").read_bytes())
    assert (state.v, state.alive, state.epoch, state.spool_reports) == (1, True, "00000000000000aa", 3)
    assert (state.clock, state.nonce, state.agent_version) == ("ntp", "a nonce", "0.1.0")
    gone = wire.read_state((folder / "state-gone").read_bytes())
    assert (gone.v, gone.alive) == (1, False)


def read_messages_v3(folder: Path) -> None:
    """The same, and what is said of leases."""
    read_messages_v1(folder)
    for name in ("ask", "renew", "settle"):
        payload = (folder / f"lease-{name}").read_bytes()
        assert lease.encode(lease.read_from_box(payload)) == payload
    for name in ("grant", "refuse", "renewed", "revoke"):
        payload = (folder / f"lease-{name}").read_bytes()
        assert lease.encode(lease.read_to_box(payload)) == payload
    grant = lease.read_to_box((folder / "lease-grant").read_bytes())
    assert isinstance(grant, lease.Grant)
    assert (grant.max_bytes, grant.ttl_s, grant.tickets) == (500_000_000, 45.0, {"a server": "a ticket"})


SPOOLS: dict[str, Callable[[Path], None]] = {
    "v1": read_spool_v1,
    "v2": read_spool_v1,
    "v3": read_spool_v3,
    "v4": read_spool_v3,
    "v5": read_spool_v3,
    "v6": read_spool_v3,
    "v7": read_spool_v3,
    "v8": read_spool_v3,
}
JOURNALS: dict[str, Callable[[Path], None]] = {
    "v1": read_journal_v1,
    "v2": read_journal_v2,
    "v3": read_journal_v3,
    "v4": read_journal_v4,
    "v5": read_journal_v5,
    "v6": read_journal_v6,
    "v7": read_journal_v7,
    "v8": read_journal_v8,
}
MESSAGES: dict[str, Callable[[Path], None]] = {
    "v1": read_messages_v1,
    "v2": read_messages_v1,
    "v3": read_messages_v3,
    "v4": read_messages_v3,
    "v5": read_messages_v3,
    "v6": read_messages_v3,
    "v7": read_messages_v3,
    "v8": read_messages_v3,
}


def test_every_spool_that_was_ever_written_is_read_right(golden: Path) -> None:
    """Whatever a box had not yet sent before it was upgraded is sent, with its number and its time."""
    SPOOLS[golden.name](golden / "spool.db")


def test_every_journal_that_was_ever_written_is_read_right(golden: Path) -> None:
    """All facts are there after an upgrade."""
    JOURNALS[golden.name](golden / "journal.db")


def test_every_message_that_was_ever_sent_is_read_right(golden: Path) -> None:
    """A box and a collector of different versions understand each other."""
    MESSAGES[golden.name](golden)


def test_every_journal_that_was_ever_written_takes_new_reports(golden: Path) -> None:
    """An old journal goes on: the same reports come in once, a new one is taken."""
    journal = open_journal(golden / "journal.db")
    clock = golden_files.HandClock()
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    rows = [wire.encode_report(report) for report in golden_files.reports()]
    again = intake.take("lincoln-1", wire.encode_batch("lincoln-1", "00000000000000aa", 1, rows)[1], NOON_NS)
    new = intake.take(
        "lincoln-1", wire.encode_batch("lincoln-1", "00000000000000aa", 7, rows[:1])[1], NOON_NS
    )
    writer.stop()
    assert again.answer is not None
    assert again.answer.held == ((1, 5),)
    assert new.answer is not None
    assert new.answer.held == ((7, 7),)
    reads = Reads(journal)
    assert reads.facts_until() == 8
    reads.close()


def test_every_backup_that_was_ever_made_can_be_restored(golden: Path, tmp_path: Path) -> None:
    """A golden journal is a backup, too."""
    journal = restore(golden / "journal.db", tmp_path / "restored.db")
    reads = Reads(journal)
    assert reads.facts_until() == 7
    reads.close()
    assert journal.id != "0123456789abcdef"


def test_old_files_are_brought_to_the_form_of_new_ones(golden: Path, tmp_path: Path) -> None:
    """After its migrations an old file has the same tables as one made today."""
    golden_files.write(tmp_path / "today")
    open_journal(golden / "journal.db")
    spool = Spool.open(golden / "spool.db", max_bytes=8 << 20, clock=clock_later(), random=random.Random(9))
    spool.close()
    for name in ("journal.db", "spool.db"):
        assert schema(golden / name) == schema(tmp_path / "today" / name)


def test_a_changed_form_has_golden_files_of_its_own(tmp_path: Path) -> None:
    """Whoever changes a table or a message writes the next set (scripts/golden) and describes it here."""
    golden_files.write(tmp_path / "today")
    newest = copy_of(NEWEST.name, tmp_path)
    for name in ("journal.db", "spool.db"):
        assert schema(newest / name) == schema(tmp_path / "today" / name), f"{name} has another form now"
    for file in sorted(newest.iterdir()):
        today = (tmp_path / "today" / file.name).read_bytes()
        if file.name == "batch-deflated":  # another zlib may pack the same bytes otherwise
            old, new = (wire.open_batch("lincoln-1", data) for data in (file.read_bytes(), today))
            assert (old.envelope, wire.rows_of(old)) == (new.envelope, wire.rows_of(new))
        elif file.suffix != ".db":
            assert file.read_bytes() == today, f"{file.name} is written otherwise now"


def test_a_set_is_never_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a version wrote stays as it was."""
    before = {file.name: file.read_bytes() for file in NEWEST.iterdir()}
    monkeypatch.setattr("sys.argv", ["golden", NEWEST.name])
    said = golden_files.main()
    assert said is not None
    assert "never written anew" in said
    assert {file.name: file.read_bytes() for file in NEWEST.iterdir()} == before


def test_a_packed_set_is_the_same_set(tmp_path: Path) -> None:
    """Packing and unpacking changes no byte, and a packed set is a tenth of its databases."""
    golden_files.write(tmp_path / "today")
    before = {file.name: file.read_bytes() for file in (tmp_path / "today").iterdir()}
    golden_files.pack(tmp_path / "today")
    packed = sum(file.stat().st_size for file in (tmp_path / "today").iterdir())
    assert packed < sum(map(len, before.values())) / 10
    golden_files.unpack(tmp_path / "today")
    assert {file.name: file.read_bytes() for file in (tmp_path / "today").iterdir()} == before


def test_every_set_is_described() -> None:
    """Sets and readers are the same, and small enough to keep for ever."""
    assert set(SETS) == set(SPOOLS) == set(JOURNALS) == set(MESSAGES)
    for folder in SETS:
        assert sum(file.stat().st_size for file in (GOLDEN / folder).iterdir()) < 200_000

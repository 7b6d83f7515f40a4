"""`firstbell erase`: what a box or a school measured is gone, by count and to the last byte; nothing else is."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector import holding, registry
from collector.cli import main, stood
from collector.identity import authority
from collector.identity.authority import Authority
from collector.identity.registrar import Registrar
from collector.keeping import staging
from collector.store import erasing, identities, labels, restored, summers
from collector.store import journal as journals
from collector.store.connections import connect
from collector.store.decisions import keep_district
from collector.store.derived import rebuild
from collector.store.erasing import TooLittleRoomError
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from firstbell.enrolment import Claim, Granted, Renewal
from firstbell.report import Opening, Report
from tests.collector.workbench import Bench, report
from tests.support.box_keys import request
from tests.support.shipping import write_folder

GONE, STAYS, MOVED = "canary-gone-7f", "lincoln-9", "roving-3"
DAY_NS = 86_400 * 10**9
MINUTE_NS = 60 * 10**9
EPOCHS = {GONE: "00000000000000aa", STAYS: "00000000000000bb", MOVED: "00000000000000cc"}


def run(folder: Path, *argv: str, stdin: str = "", code: int = 0) -> Result:
    """The command as users start it."""
    ended = CliRunner().invoke(main, ["--data", str(folder), *argv], input=stdin)
    assert ended.exit_code == code, ended.output
    return ended


def erase(folder: Path, *which: str) -> dict[str, Any]:
    """What it says it did."""
    found: dict[str, Any] = json.loads(run(folder, "erase", *which, "--yes", "--json").stdout)
    return found


class Town:
    """A school that leaves the district, one that stays, and a box that stood in one and then in the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bench = folder, Bench(folder)
        self.now_ns = time.time_ns()  # noqa: TID251 - the command's clock is the machine's
        self.noon_ns = self.now_ns - self.now_ns % DAY_NS - 20 * DAY_NS + DAY_NS // 2
        self.moved = time.strftime("%Y-%m-%d", time.gmtime((self.noon_ns + 5 * DAY_NS) / 10**9))
        self.folder_with(
            (
                f"{GONE},lincoln,12,line,",
                f"{MOVED},lincoln,14,line,",
                f"{MOVED},mill,1,mill-line,{self.moved}",
                f"{STAYS},mill,2,mill-line,",
            )
        )
        for agent in (GONE, STAYS, MOVED):
            for day in (0, 10):
                first = 1 + 60 * (day // 10)
                self.bench.clock.wall_ns = self.noon_ns + (day + 1) * DAY_NS
                self.bench.send(first, self.measured(first, day), agent=agent, epoch=EPOCHS[agent])
        self.bench.take(b"not a batch " + GONE.encode(), GONE)
        labels.label(self.bench.journal, [GONE, STAYS], self.now_ns)
        labels.say(self.bench.journal, labels.Said(GONE, self.now_ns, "lincoln", "12", confirmed=True))
        rebuild.catch_up(self.bench.journal)

    def measured(self, first: int, day: int) -> list[Report]:
        """An hour of a box, a minute apart."""
        since = self.noon_ns + day * DAY_NS
        begun = report(
            1, probe="box", target="", at_ns=since, opening=Opening(predecessor=None, ended="first")
        )
        rows = [report(n, at_ns=since + (n - first) * MINUTE_NS) for n in range(first, first + 60)]
        return [begun, *rows[1:]] if first == 1 else rows

    def folder_with(self, seats: tuple[str, ...], **files: str) -> None:
        """The district folder as it is from now on, and kept as a collector keeps it."""
        write_folder(self.folder / "district", seats=seats, **files)
        folder = registry.read(self.folder / "district")
        keep_district(self.bench.journal, folder.district.digest, folder.contents, len(seats))

    def without_the_box(self) -> None:
        """Somebody took it out of seats.csv."""
        self.folder_with((f"{MOVED},mill,1,mill-line,{self.moved}", f"{STAYS},mill,2,mill-line,"))

    def without_the_school(self) -> None:
        """It left the district."""
        schools, circuits = "id,name,students\nmill,Old Mill,90\n", "id,schools\nmill-line,mill\n"
        self.folder_with(
            (f"{MOVED},mill,1,mill-line,{self.moved}", f"{STAYS},mill,2,mill-line,"),
            schools=schools,
            circuits=circuits,
        )

    def rows(self, agent: str) -> dict[tuple[str, int], bytes]:
        """What the journal holds of a box, by SQLite alone."""
        with closing(sqlite3.connect(self.folder / "journal.db")) as db:
            found = db.execute(
                "SELECT epoch, seq, raw FROM reports JOIN agents USING (agent_id) JOIN epochs USING (epoch_id) "
                "WHERE name = ?",
                (agent,),
            )
            return {(epoch, seq): raw for epoch, seq, raw in found}

    def lies_in(self, *words: str) -> list[str]:
        """In which files of the journal one of the words can be found, byte for byte."""
        files = [self.folder / f"journal.db{suffix}" for suffix in ("", "-wal", "-shm")]
        return [
            f"{path.name}: {word}"
            for path in files
            if path.exists()
            for word in words
            if word.encode() in path.read_bytes()
        ]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Twenty days of it."""
    made = Town(tmp_path)
    yield made
    made.bench.close()


def test_a_box_is_gone_to_the_last_byte(town: Town) -> None:
    """While the collector goes on writing: its count is nought, its name in no file; the others' rows are the same."""
    others = [town.rows(STAYS), town.rows(MOVED)]
    assert town.lies_in(GONE)
    town.without_the_box()
    done = erase(town.folder, "--agent", GONE)
    assert done["before"] == {
        "boxes": 1,
        "reports": 120,
        "hours": 2,
        "quarantined": 1,
        "leases": 0,
        "influx_points": None,
    }
    assert set(done["after"].values()) == {0, None}
    assert done["folders"] == 1
    assert town.lies_in(GONE, EPOCHS[GONE]) == []
    assert [town.rows(STAYS), town.rows(MOVED)] == others
    assert town.bench.reads.counts().reports == 240
    assert town.bench.reads.counts().quarantine == (0, 0, 0)
    town.bench.send(121, [report(121, at_ns=town.now_ns)], agent=STAYS, epoch=EPOCHS[STAYS])
    assert len(town.rows(STAYS)) == 121


def test_what_is_derived_is_as_if_made_anew(town: Town) -> None:
    """Hours, days, figures of all that stay: rebuilding them changes nothing."""
    town.without_the_school()
    erase(town.folder, "--school", "lincoln")
    tables = ("hours", "days", "rollups", "epoch_figures", "box_figures")

    def derived() -> list[Any]:
        with closing(sqlite3.connect(town.folder / "journal.db")) as db:
            return [sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=str) for table in tables]

    before = derived()
    rebuild.rebuild(town.bench.journal, lambda *_: None)
    assert derived() == before
    assert all(before)


def test_a_school_is_gone_and_what_its_box_measured_elsewhere_is_not(town: Town) -> None:
    """The box that moved keeps its second half; the numbers of the first are refused, not missing."""
    second = {key: raw for key, raw in town.rows(MOVED).items() if key[1] > 60}
    stays = town.rows(STAYS)
    town.without_the_school()
    done = erase(town.folder, "--school", "Lincoln High")
    assert (done["before"]["reports"], done["after"]["reports"]) == (180, 0)
    assert town.rows(MOVED) == second
    assert town.rows(STAYS) == stays
    (moved,) = [box for box in town.bench.reads.boxes() if box.agent == MOVED]
    assert (moved.reports, moved.refused, moved.missing) == (60, 60, 0)
    reasons = {(each.first, each.last, each.reason) for each in town.bench.reads.absences(MOVED)}
    assert reasons == {(1, 60, "erased by the district")}
    assert town.lies_in(GONE, "Lincoln High", "lincoln,12") == []
    newest = {stored.report.probe: stored.seq for stored in town.bench.reads.latest(MOVED)}
    assert newest == {"latency": 120}


def test_seats_that_went_before_their_school_are_known(town: Town) -> None:
    """Its boxes left seats.csv first, then it left schools.csv: whoever stood there by any version is erased."""
    with closing(town.bench.journal.writer()) as db:
        db.execute("UPDATE districts SET kept_ns = 1")
    town.folder_with((f"{MOVED},mill,1,mill-line,{town.moved}", f"{STAYS},mill,2,mill-line,"))
    town.without_the_school()
    folder = registry.read(town.folder / "district")
    found = stood.ever_at(town.bench.journal, folder.district, "lincoln")
    assert found is not None
    ((_, _, moved_ns),) = [box for box in found.boxes if box[0] == MOVED]
    assert (GONE, 0, None) in found.boxes
    assert moved_ns is not None
    assert (len(found.boxes), found.elsewhere) == (2, [])


def test_a_newer_word_on_where_a_box_stood_holds(town: Town) -> None:
    """A mistake in seats.csv that was corrected erases nothing, and is said."""
    town.folder_with((f"{GONE},mill,1,mill-line,", f"{STAYS},mill,2,mill-line,"))
    town.without_the_school()
    town.folder_with(
        (f"{GONE},mill,1,mill-line,", f"{STAYS},mill,2,mill-line,"),
        schools="id,name,students\nmill,Old Mill,90\n",
        circuits="id,schools\nmill-line,mill\n",
    )
    assert erase(town.folder, "--school", "lincoln")["elsewhere"] == [GONE]
    assert len(town.rows(GONE)) == 120


def test_nothing_that_was_noted_names_a_school_that_is_gone(town: Town) -> None:
    """No summer there, no word that a box hangs there; a summer at all schools, and what was said of another, stay."""
    journal = town.bench.journal
    for school in ("lincoln", ""):
        summers.begin(journal, school, None, town.now_ns)
    for agent, school in ((MOVED, "lincoln"), (STAYS, "mill")):
        labels.say(journal, labels.Said(agent, town.now_ns, school, "12", confirmed=True))
    erasing.forget_place(journal, "lincoln", "")
    with closing(journal.reader()) as db:
        assert [each.school for each in summers.every(db)] == [""]
        assert [each.agent for each in labels.newest(db)] == [STAYS]


def test_what_is_newest_is_what_stays(town: Town) -> None:
    """Where the newer part of a box's time is erased, what it reported last before that is its newest again."""
    erasing.erase(town.bench.journal, [(MOVED, town.noon_ns + 5 * DAY_NS, None)], lambda *_: None)
    newest = {stored.report.probe: stored.seq for stored in town.bench.reads.latest(MOVED)}
    assert newest == {"box": 1, "latency": 60}


def test_nobody_waits_for_a_box_that_is_erased(town: Town) -> None:
    """After a restore the others are still waited for."""
    journal = town.bench.journal
    marked = restored.mark(journal, town.now_ns, town.noon_ns + 11 * DAY_NS)
    assert set(marked.expected) == {GONE, STAYS, MOVED}
    erasing.erase(journal, [(GONE, 0, None)], lambda *_: None)
    with closing(journal.reader()) as db:
        known = restored.state(db)
    assert known is not None
    assert set(known.expected) == {STAYS, MOVED}


def test_without_room_to_write_it_anew_nothing_is_erased(tmp_path: Path) -> None:
    """It says so before it begins: here the journal is as large as all that is free."""
    path = tmp_path / "journal.db"
    path.touch()
    os.truncate(path, shutil.disk_usage(tmp_path).free)
    with pytest.raises(TooLittleRoomError, match="Nothing was erased"):
        erasing.erase(Journal(path, "x"), [(GONE, 0, None)], lambda *_: None)


def test_whoever_was_shut_out_stays_out_without_a_name(town: Town, tmp_path: Path) -> None:
    """Its certificate is still on the list, its key still refused; whose it was stands nowhere."""
    signs = authority.make(town.folder, "Example", town.now_ns)
    registrar = Registrar(town.bench.journal, signs, town.bench.clock)
    token = registrar.offer(GONE, automatic=True)[1]
    asked = request(tmp_path, "gone")
    assert isinstance(registrar.claim(Claim(token=token, request=asked)), Granted)
    registrar.revoke(GONE)
    town.without_the_box()
    erase(town.folder, "--agent", GONE)
    assert town.lies_in(GONE) == []
    with closing(town.bench.journal.reader()) as db:
        assert len(identities.revoked(db, town.now_ns)) == 1
    registrar.publish()
    lists = (town.folder / "ca" / "crl.pem").read_bytes()
    assert len(Authority(town.folder).revoked_in(lists)) == 1
    for word in (registrar.renew(Renewal(request=asked)), registrar.claim(Claim(token=token, request=asked))):
        assert "shut out" in getattr(word, "reason", "")


def test_it_asks_and_shows_what_it_would_take(town: Town) -> None:
    """A no changes nothing."""
    town.without_the_box()
    said = run(town.folder, "erase", "--agent", GONE, stdin="n\n", code=1).output
    assert "reports" in said
    assert "120" in said
    assert len(town.rows(GONE)) == 120
    assert "0" in run(town.folder, "erase", "--agent", GONE, stdin="y\n").output
    assert town.rows(GONE) == {}


def test_a_second_time_finds_nothing(town: Town) -> None:
    """And says so, by count."""
    town.without_the_box()
    erase(town.folder, "--agent", GONE)
    assert set(erase(town.folder, "--agent", GONE)["before"].values()) == {0, None}


def test_a_box_that_still_reports_is_not_erased_unasked(town: Town) -> None:
    """It would be there again in a minute; who wants that says so, or shuts it out first."""
    town.bench.clock.wall_ns = town.now_ns
    town.bench.send(121, [report(121, at_ns=town.now_ns)], agent=GONE, epoch=EPOCHS[GONE])
    town.without_the_box()
    said = run(town.folder, "erase", "--agent", GONE, "--yes", code=1).output
    assert f"still reporting: {GONE} (now)" in said
    assert len(town.rows(GONE)) == 121
    assert erase(town.folder, "--agent", GONE, "--running")["after"]["reports"] == 0


@pytest.mark.parametrize(
    ("which", "says"),
    [
        (("--agent", GONE), "stands in seats.csv: take it out first"),
        (("--school", "lincoln"), "stands in schools.csv: take it out"),
        (("--school", "Lincoln High"), "lincoln stands in schools.csv: take it out"),
        (("--school", "nowhere"), "has a school 'nowhere'"),
        ((), "say one"),
        (("--agent", "x", "--school", "y"), "say one"),
    ],
)
def test_a_mistake_is_a_sentence(town: Town, which: tuple[str, ...], says: str) -> None:
    """And nothing is erased."""
    ended = CliRunner().invoke(main, ["--data", str(town.folder), "erase", *which, "--yes"])
    assert ended.exit_code != 0
    assert says in ended.output
    with closing(Reads(open_journal(town.folder / "journal.db"))) as reads:
        assert reads.counts().reports == 360


def test_it_says_until_when_backups_hold_it(town: Town) -> None:
    """By the rule of the settings."""
    (town.folder / "collector.toml").write_text('[keep]\nrepository = "/x"\nmonthly = 2\n', encoding="ascii")
    town.without_the_box()
    until = erase(town.folder, "--agent", GONE)["backups_until"]
    days = (time.mktime(time.strptime(until, "%Y-%m-%d")) - town.now_ns / 1e9) / 86_400
    assert 91 < days < 94


def test_what_was_cut_short_is_finished(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody was reading, so names stayed in the log; the same once more clears it."""
    monkeypatch.setattr(journals, "connect", partial(connect, busy_s=0.2))
    town.without_the_school()
    with closing(town.bench.journal.reader()) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM reports").fetchone()
        said = run(town.folder, "erase", "--school", "lincoln", "--yes", code=1).output
        assert "run this again" in said
        assert town.lies_in(GONE)
    run(town.folder, "erase", "--school", "lincoln", "--yes")
    assert town.lies_in(GONE, "Lincoln High") == []
    assert (
        "has a school 'lincoln'" in run(town.folder, "erase", "--school", "lincoln", "--yes", code=1).output
    )


def test_no_journal_beside_it_keeps_what_is_erased(town: Town) -> None:
    """What a killed backup or restore left goes; what a restore put aside must go first; nobody makes more."""
    town.without_the_box()
    for name in (".backup/journal.db", ".restore/journal.db", "journal.db.part", "replaced-1/journal.db"):
        (town.folder / name).parent.mkdir(exist_ok=True)
        (town.folder / name).write_text(GONE, encoding="ascii")
    assert (
        "replaced-1 is what a restore put aside"
        in run(town.folder, "erase", "--agent", GONE, "--yes", code=1).output
    )
    shutil.rmtree(town.folder / "replaced-1")
    with holding.held(town.folder / staging.LOCK):
        assert "a backup is being made" in run(town.folder, "erase", "--agent", GONE, "--yes", code=1).output
    assert len(town.rows(GONE)) == 120
    erase(town.folder, "--agent", GONE)
    assert [
        path for path in town.folder.rglob("*") if path.is_file() and GONE.encode() in path.read_bytes()
    ] == []

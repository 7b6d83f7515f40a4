"""The way back: everything is there again on another machine, and nobody who was shut out comes in by it."""

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector import holding
from collector.config import Home
from collector.identity import authority
from collector.identity.authority import Authority, AuthorityError
from collector.identity.registrar import Registrar
from collector.keeping import back, whole
from collector.keeping.restic import KeepError, Place, Restic
from collector.keeping.staging import LOCK
from collector.questions import returned
from collector.questions.returned import Returned
from collector.store.errors import BackupError, InUseError, NotEmptyError
from collector.store.journal import open_journal
from collector.store.reads import Reads
from firstbell.enrolment import Claim, Granted, Renewal, Waiting
from firstbell.report import Opening, Report
from tests.collector.keeping.house import PASSWORD, House, unhurried
from tests.collector.keeping.test_whole import run
from tests.collector.workbench import Bench, report, reports
from tests.support.box_keys import request

_MINUTE_NS = 60 * 10**9


def measured(first: int, count: int, since_ns: int) -> list[Report]:
    """Reports of one box, a minute apart, the last one a minute before `since_ns`."""
    return [report(n, at_ns=since_ns - (count - n + first) * _MINUTE_NS) for n in range(first, first + count)]


def brought_back(house: House, folder: Path, *argv: str) -> str:
    """The last backup, on another machine that knows the place and the password."""
    password = folder.with_name("password")
    password.write_text(f"{PASSWORD}\n", encoding="ascii")
    where = ("--from", str(house.repository), "--password-file", str(password))
    return run(folder, "restore", "--backup", "latest", *where, *argv).output


def test_everything_is_there_again(house: House, tmp_path: Path) -> None:
    """Byte for byte but for the journal, which has all reports and another name; secrets are their owner's."""
    whole.back_up(house.home, house.settings, unhurried)
    said = brought_back(house, tmp_path / "new")
    new = tmp_path / "new"
    for name in ("collector.toml", "influx.token", "tokens.json", "ca/authority-1.pem", "district/seats.csv"):
        assert (new / name).read_bytes() == (house.folder / name).read_bytes()
    modes = [(new / name).stat().st_mode & 0o777 for name in ("ca/authority-1.pem", "tokens.json")]
    assert modes == [0o600, 0o600]
    journal = open_journal(new / "journal.db")
    assert journal.id != house.bench.journal.id
    with closing(Reads(journal)) as reads:
        assert reads.counts().reports == 40
    assert "40 reports" in said
    assert "1 box reported in the week before" in said
    assert not list(new.glob(".restore*"))
    assert Authority(new).name == house.authority().name


def test_nothing_is_overwritten_unasked(house: House, tmp_path: Path) -> None:
    """What is there stays; asked to, it is put aside, whole; where a collector runs, nothing happens."""
    whole.back_up(house.home, house.settings, unhurried)
    new = tmp_path / "new"
    (new / "district").mkdir(parents=True)
    (new / "district" / "dear.txt").write_text("dear", encoding="ascii")
    place = Place(str(house.repository), house.folder / "backup.password", tmp_path / "cache")
    with pytest.raises(NotEmptyError):
        back.bring_back(Home(new), place, "latest")
    with holding.held(new / "collector.lock"), pytest.raises(InUseError, match="stop it first"):
        back.bring_back(Home(new), place, "latest", overwrite=True)
    with holding.held(new / LOCK), pytest.raises(KeepError, match="a backup is being made"):
        back.bring_back(Home(new), place, "latest", overwrite=True)
    assert (new / "district" / "dear.txt").exists()
    done = back.bring_back(Home(new), place, "latest", overwrite=True)
    assert done.aside is not None
    assert (done.aside / "district" / "dear.txt").read_text(encoding="ascii") == "dear"
    assert not (new / "district" / "dear.txt").exists()


def test_half_a_restore_is_none(house: House, tmp_path: Path) -> None:
    """A backup whose journal is not sound, or one that is not there, leaves the folder as it was."""
    place = whole.place_of(house.home, house.settings)
    restic = Restic(place)
    restic.make_ready()
    little = tmp_path / "little"
    little.mkdir()
    (little / "journal.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    restic.save(little, unhurried)
    before = sorted(path.name for path in house.folder.iterdir())
    with pytest.raises(BackupError):
        back.bring_back(house.home, place, "latest", overwrite=True)
    with pytest.raises(KeepError, match="no backup"):
        back.bring_back(house.home, place, "12345678", overwrite=True)
    left = {path.name for path in house.folder.iterdir()} - {"backup.lock", "collector.lock"}
    assert sorted(left - {".restic"}) == [name for name in before if name != ".restic"]


def test_the_newest_is_that_of_the_latest_moment(house: House, tmp_path: Path) -> None:
    """Whatever the zone of whoever made one; a date that is yet to come was told by a wrong clock."""
    whole.back_up(house.home, house.settings, unhurried)
    hour_before = house.bench.clock.now_ns() // 10**9 - 3_600
    before = datetime.fromtimestamp(hour_before, ZoneInfo("Pacific/Kiritimati"))
    (tmp_path / "little").mkdir()
    for at, zone in ((f"{before:%Y-%m-%d %H:%M:%S}", "Pacific/Kiritimati"), ("2099-01-01 03:00:00", "UTC")):
        house.restic("backup", "--tag", "firstbell", "--time", at, str(tmp_path / "little"), zone=zone)
    said = run(house.folder, "backup", "--list").output
    assert said.splitlines()[-1].endswith(f"{before.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    said = brought_back(house, tmp_path / "new")
    assert "40 reports" in said
    assert "Passed over: 1 backup of a date that is yet to come" in said


def test_boxes_that_came_back_are_counted(house: House, tmp_path: Path) -> None:
    """One of two has sent all it kept; the other is named, with what is missing; in the end both have."""
    clock, other, second = house.bench.clock, "lincoln-2", "00000000000000bb"
    house.bench.send(1, reports(1, 5), agent=other, epoch=second)
    whole.back_up(house.home, house.settings, unhurried)
    brought_back(house, tmp_path / "new")
    now_ns = time.time_ns()  # noqa: TID251 - the restore's clock is the machine's
    with closing(Bench(tmp_path / "new")) as new:
        new.clock.wall_ns = now_ns + _MINUTE_NS

        def said() -> Returned:
            found = returned.ask(new.reads, new.clock.now_ns())
            assert found is not None
            return found

        assert said().sentence.startswith("0 of 2 boxes have sent what they kept: 0 reports came again.")
        kept = measured(41, 30, now_ns - 60 * _MINUTE_NS)
        new.send(71, [report(71, at_ns=new.clock.now_ns())])
        assert "lincoln-1 (30 of its reports are missing)" in said().sentence
        new.send(41, kept)
        new.send(1, reports(1, 40))  # what the backup has, too, counts for nothing
        assert said().sentence == (
            "1 of 2 boxes have sent what they kept: 30 reports came again. Not yet: lincoln-2 (nothing heard since)."
        )
        assert said().sentence in run(tmp_path / "new", "status").output
        # The other one was started anew meanwhile; its new start says where the one before ended.
        opening = Opening(predecessor=second, last_seq=9, ended="power")
        begun = report(1, probe="box", target="", at_ns=new.clock.now_ns(), opening=opening)
        new.send(1, [begun], agent=other, epoch="00000000000000cc")
        assert [(each.box, each.missing) for each in said().absent] == [(other, 4)]
        new.send(6, measured(6, 4, now_ns - 60 * _MINUTE_NS), agent=other, epoch=second)
        assert said().sentence == "2 of 2 boxes have sent what they kept: 34 reports came again."
    assert "34 reports came again" in run(tmp_path / "new", "restore", "--watch").output
    assert clock is house.bench.clock


def test_whoever_was_shut_out_stays_out(house: House, tmp_path: Path) -> None:
    """The broker's list goes along; a box that was let in and shut out after the backup is on it, too."""

    def enrolled(agent: str, key: str) -> None:
        token = house.registrar.offer(agent, automatic=True)[1]
        assert isinstance(house.registrar.claim(Claim(token=token, request=request(tmp_path, key))), Granted)

    for agent in ("lincoln-1", "lincoln-2"):
        enrolled(agent, agent)
    whole.back_up(house.home, house.settings, unhurried)
    enrolled("lincoln-3", "lincoln-3")
    assert house.registrar.revoke("lincoln-1") > 0
    assert house.registrar.revoke("lincoln-3") > 0
    brokers = tmp_path / "crl.pem"
    brokers.write_bytes((house.folder / "ca" / "crl.pem").read_bytes())
    said = brought_back(house, tmp_path / "new", "--revoked", str(brokers))
    assert "2 certificates more, which stay out" in said
    signs = Authority(tmp_path / "new")
    lists = (tmp_path / "new" / "ca" / "crl.pem").read_bytes()
    assert {one[:2] for one in signs.revoked_in(lists)} == {
        one[:2] for one in signs.revoked_in(brokers.read_bytes())
    }
    registrar = Registrar(open_journal(tmp_path / "new" / "journal.db"), signs, house.bench.clock)
    answers = [
        registrar.renew(Renewal(request=request(tmp_path, agent)))
        for agent in ("lincoln-1", "lincoln-2", "lincoln-3")
    ]
    assert [isinstance(answer, Granted) for answer in answers] == [False, True, False]
    # Its old card opens nothing either.
    token = registrar.offer("lincoln-4", automatic=True)[1]
    assert isinstance(registrar.claim(Claim(token=token, request=request(tmp_path, "new"))), Granted)


def test_a_card_that_was_used_meanwhile_waits_for_a_word(house: House, tmp_path: Path) -> None:
    """It let in by itself whoever came first; in the restored journal nobody has come yet."""
    whole.back_up(house.home, house.settings, unhurried)
    assert isinstance(
        house.registrar.claim(Claim(token=house.card, request=request(tmp_path, "box"))), Granted
    )
    brought_back(house, tmp_path / "new")
    registrar = Registrar(
        open_journal(tmp_path / "new" / "journal.db"), Authority(tmp_path / "new"), house.bench.clock
    )
    assert isinstance(registrar.claim(Claim(token=house.card, request=request(tmp_path, "thief"))), Waiting)


def test_the_journal_alone_forgets_nobody_either(house: House, tmp_path: Path) -> None:
    """Where only the journal comes back, the list that lies there is newer than it: it counts on."""
    copy = tmp_path / "copy.db"
    token = house.registrar.offer("lincoln-2", automatic=True)[1]
    assert isinstance(house.registrar.claim(Claim(token=token, request=request(tmp_path))), Granted)
    run(house.folder, "backup", str(copy))
    house.registrar.revoke("lincoln-2")
    house.bench.close()
    assert (
        "1 certificate that it had forgotten" in run(house.folder, "restore", str(copy), "--overwrite").output
    )
    registrar = Registrar(open_journal(house.folder / "journal.db"), house.authority(), house.bench.clock)
    assert not isinstance(registrar.renew(Renewal(request=request(tmp_path))), Granted)
    assert len(house.authority().revoked_in((house.folder / "ca" / "crl.pem").read_bytes())) == 1
    assert "0 of 1 box has sent what it kept" in run(house.folder, "status").output


def test_another_districts_list_is_not_taken(house: House, tmp_path: Path) -> None:
    """Nor one that is damaged; nothing is restored then."""
    whole.back_up(house.home, house.settings, unhurried)
    elsewhere = authority.make(tmp_path / "elsewhere", "Other", house.bench.clock.now_ns())
    elsewhere.publish((), house.bench.clock.now_ns())
    theirs = tmp_path / "elsewhere" / "ca" / "crl.pem"
    place = Place(str(house.repository), house.folder / "backup.password", tmp_path / "cache")
    with pytest.raises(AuthorityError, match="nobody who is believed"):
        back.bring_back(Home(tmp_path / "new"), place, "latest", lists=[theirs])
    theirs.write_text("-----BEGIN X509 CRL-----\nxx\n-----END X509 CRL-----\n", encoding="ascii")
    with pytest.raises(AuthorityError, match="damaged"):
        back.bring_back(Home(tmp_path / "new"), place, "latest", lists=[theirs])
    left = {path.name for path in (tmp_path / "new").iterdir() if not path.name.startswith(".")}
    assert left == {"backup.lock", "collector.lock"}

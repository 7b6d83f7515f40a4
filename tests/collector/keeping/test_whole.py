"""Whole backups: everything that matters, checked, encrypted, thinned out by rule, and said aloud when old."""

import base64
import json
import os
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from collector.config import Home, KeepSettings
from collector.keeping import owned, record, whole
from collector.keeping.restic import KeepError, Place, Restic
from collector.keeping.staging import LOCK
from tests.collector.keeping.house import PASSWORD, House, unhurried
from tests.collector.workbench import reports

_HOUR_NS = 3_600 * 10**9


def run(folder: Path, *argv: str, code: int = 0) -> Result:
    """The command as users start it."""
    ended = CliRunner().invoke(main, ["--data", str(folder), *argv])
    assert ended.exit_code == code, ended.output
    return ended


def test_all_that_matters_is_in_it_and_nothing_else(house: House) -> None:
    """Journal, district, authority, settings, tokens; not what is made anew, nor what restic keeps here."""
    (house.folder / "web.port").write_text("8830\n", encoding="ascii")
    (house.folder / "logs").mkdir()
    (house.folder / "logs" / "box.log").write_text("x", encoding="ascii")
    made = json.loads(run(house.folder, "backup", "--now", "--json").output)
    found = Restic(whole.place_of(house.home, house.settings)).sizes(made["snapshot"])
    assert {name.split("/")[0] for name in found} == {
        "backup.password", "ca", "collector.toml", "district", "influx.token", "journal.db", "tokens.json",
    }  # fmt: skip
    assert {"ca/authority-1.pem", "ca/crl.pem", "district/seats.csv"} < set(found)
    assert (made["reports"], made["files"], made["kept"]) == (40, len(found), 1)
    assert made["read_back_ns"] == made["taken_ns"] > 0
    assert not list(house.folder.glob(".backup*"))


def test_what_links_lead_to_is_saved(house: House, tmp_path: Path) -> None:
    """A district folder that lies elsewhere, and a file of it; a link that leads nowhere is named."""
    district = house.home.district.rename(tmp_path / "elsewhere")
    house.home.district.symlink_to(district)
    seats = (district / "seats.csv").rename(tmp_path / "seats.csv")
    (district / "seats.csv").symlink_to(seats)
    (tmp_path / "staged").mkdir()
    whole.stage(house.home, tmp_path / "staged")
    assert "district/seats.csv" in whole.sizes_in(tmp_path / "staged")
    for link in (district / "lost.ics", house.folder / "lost"):
        link.symlink_to(tmp_path / "nowhere")
        (tmp_path / link.name).mkdir()
        with pytest.raises(KeepError, match=f"{link.name} can't be saved"):
            whole.stage(house.home, tmp_path / link.name)
        link.unlink()


def test_no_secret_is_in_plain_in_the_repository(house: House) -> None:
    """Nor anything else that a person could read: box, school, settings."""
    whole.back_up(house.home, house.settings, unhurried)
    lying = b"".join(path.read_bytes() for path in house.repository.rglob("*") if path.is_file())
    assert len(lying) > 10_000
    for word in [*house.secrets, "lincoln", "PRIVATE KEY", "SQLite format"]:
        assert word.encode() not in lying, word
    said = run(house.folder, "backup").output + (house.folder / record.FILE).read_text(encoding="utf-8")
    assert not [secret for secret in house.secrets if secret in said]


def test_old_ones_go_by_the_rule(house: House) -> None:
    """Of the days, weeks and months that the settings say the newest stays, and the repository hardly grows."""
    settings = msgspec.structs.replace(house.settings, daily=2, weekly=1, monthly=3)
    whole.back_up(house.home, settings, unhurried)
    size = sum(path.stat().st_size for path in house.repository.rglob("*"))
    (house.folder / "little").mkdir()
    for when in ("2024-01-05", "2024-02-05", "2024-03-05", "2024-03-06"):
        house.restic(
            "backup", "--tag", "firstbell", "--time", f"{when} 03:00:00", str(house.folder / "little")
        )
    house.bench.send(41, reports(41, 3))
    made = whole.back_up(house.home, settings, unhurried)
    found = Restic(whole.place_of(house.home, settings)).snapshots()
    assert [f"{each.time:%Y-%m-%d}" for each in found][:-1] == ["2024-02-05", "2024-03-06"]
    assert (made.reports, made.kept) == (43, 3)
    assert sum(path.stat().st_size for path in house.repository.rglob("*")) < 2 * size
    assert "43 reports" in run(house.folder, "backup").output
    assert made.snapshot[:8] in run(house.folder, "backup", "--list").output


def test_a_damaged_repository_is_no_good_backup(house: House) -> None:
    """What was there before counts, the trouble is noted and told; the old one's date stays."""
    first = whole.back_up(house.home, house.settings, unhurried)
    pack = max((house.repository / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    pack.chmod(0o600)
    pack.unlink()
    house.bench.clock.passes(50 * _HOUR_NS)
    with pytest.raises(KeepError):
        whole.back_up(house.home, house.settings, unhurried)
    known = record.read(house.home)
    assert (known.taken_ns, known.snapshot) == (first.taken_ns, first.snapshot)
    assert known.trouble
    assert "The last try failed" in run(house.folder, "backup").output


@pytest.mark.parametrize(
    ("break_", "says"),
    [
        (lambda house: (house.folder / "backup.password").unlink(), "backup.password is not there"),
        (lambda house: (house.folder / "journal.db").rename(house.folder / "elsewhere"), "nothing to save"),
        (lambda house: house.repository.write_text("x", encoding="ascii"), "repository"),
        (lambda house: (house.folder / "collector.toml").write_text("", encoding="ascii"), "set repository"),
    ],
)
def test_what_is_wrong_is_a_sentence(house: House, break_: object, says: str) -> None:
    """What is wrong, and where."""
    house.bench.close()
    break_(house)  # type: ignore[operator]
    said = run(house.folder, "backup", "--now", code=1).output
    assert says in said
    assert "Traceback" not in said


def test_a_wrong_password_is_told_and_never_said(house: House, tmp_path: Path) -> None:
    """Neither it, nor one that stands in the address."""
    Restic(whole.place_of(house.home, house.settings)).make_ready()
    (house.folder / "backup.password").write_text("another-one\n", encoding="ascii")
    said = run(house.folder, "backup", "--now", code=1).output
    assert "wrong password" in said
    assert "another-one" not in said
    where = Place(
        f"rest:http://me:{PASSWORD}@127.0.0.1:1/", house.folder / "backup.password", tmp_path / "cache"
    )
    with pytest.raises(KeepError) as failed:
        Restic(where).check()
    assert PASSWORD not in str(failed.value)
    assert "rest:http://127.0.0.1:1/" in str(failed.value)


def test_a_late_one_is_said_aloud(house: House) -> None:
    """Never made, made, and after two days: in status, and not before; and one of a clock that was ahead."""
    never = "No backup of this district has been made yet."
    settings, clock = house.settings, house.bench.clock
    assert record.late(settings, record.read(house.home), clock.now_ns()) == never
    assert run(house.folder, "status").output.startswith(never)
    made = record.Record(taken_ns=clock.now_ns(), done_ns=clock.now_ns(), snapshot="a" * 8, reports=40)
    record.write(house.home, made)
    known = record.read(house.home)
    assert record.late(settings, known, known.taken_ns + 47 * _HOUR_NS) == ""
    assert (
        record.late(settings, known, known.taken_ns + 49 * _HOUR_NS) == "The last good backup is 2 days old."
    )
    assert record.late(KeepSettings(), record.Record(), 0) == ""
    a_year_before = known.taken_ns - 365 * 24 * _HOUR_NS
    assert "bears a date that is yet to come" in record.late(settings, known, a_year_before)
    assert record.late(settings, known, known.taken_ns - _HOUR_NS // 2) == ""


def test_a_journal_that_came_back_otherwise_is_told(house: House) -> None:
    """What is read out of the repository is opened and counted: here another journal lies there."""
    restic = Restic(whole.place_of(house.home, house.settings))
    made = whole.back_up(house.home, house.settings, unhurried)
    with closing(sqlite3.connect(house.folder / "journal.db")) as db:
        db.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'reports'")
        db.commit()
    fetched = house.folder / "x"
    fetched.mkdir()
    copy = whole.stage(house.home, fetched)
    with pytest.raises(KeepError, match="read back has 40 reports instead of 41"):
        whole._read_back(restic, made.snapshot, copy, fetched)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_saves_its_owner_goes_on_with(house: House) -> None:
    """A backup that root makes by hand leaves nothing in the folder that the collector's user can't use."""
    os.chown(house.folder, 4711, 4711)
    whole.back_up(house.home, house.settings, unhurried)
    made = [house.folder / name for name in (LOCK, ".restic", record.FILE)]
    assert {path.stat().st_uid for path in [*made, *(house.folder / ".restic").rglob("*")]} == {4711}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_gives_nothing_away_that_lies_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner puts a link in the folder's place while root is at it: what the link leads to stays root's."""
    inside, elsewhere, chown = tmp_path / "data" / ".restic" / "sub", tmp_path / "etc", os.chown
    for folder in (inside, elsewhere):
        folder.mkdir(parents=True)
        (folder / "shadow").touch()
    os.chown(tmp_path / "data", 4711, 4711)

    def swapping(path: Path | str, *owner: int, **how: Any) -> None:
        if Path(path).name == "shadow":
            inside.rename(inside.with_name("old"))
            inside.symlink_to(elsewhere)
        chown(path, *owner, **how)

    monkeypatch.setattr(os, "chown", swapping)
    owned.give(Home(tmp_path / "data"), [tmp_path / "data" / ".restic"])
    assert inside.is_symlink()
    assert (elsewhere / "shadow").stat().st_uid == 0
    assert (inside.with_name("old") / "shadow").stat().st_uid == 4711


def test_a_place_must_be_one() -> None:
    """A folder seen from wherever a service happens to stand would be somewhere else each time."""
    with pytest.raises(ValueError, match="a folder from / on"):
        KeepSettings(repository="backups")


def test_no_password_stands_in_the_settings() -> None:
    """Others read those; a user alone is no secret."""
    with pytest.raises(ValueError, match="environment_file") as refused:
        KeepSettings(repository=f"rest:https://me:{PASSWORD}@vault.example.org/")
    assert PASSWORD not in str(refused.value)
    for where in ("sftp://me@vault.example.org:22//x", "sftp:me@vault.example.org:/x", "s3:https://h:9000/b"):
        assert KeepSettings(repository=where).repository == where


def test_a_rest_servers_password_reaches_it_out_of_its_file(tmp_path: Path) -> None:
    """Whatever is in it, and whichever restic is there; it is in no error."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"] or "")
            self.send_error(403)

        do_HEAD = do_GET  # noqa: N815 - its name

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "password").write_text("x\n", encoding="ascii")
    keys = {"RESTIC_REST_USERNAME": "me", "RESTIC_REST_PASSWORD": "p@ss/w:rd"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        where = f"rest:http://127.0.0.1:{server.server_port}/"
        with pytest.raises(KeepError) as failed:
            Restic(Place(where, tmp_path / "password", tmp_path / "cache", keys)).check()
        server.shutdown()
    assert set(asked) == {f"Basic {base64.b64encode(b'me:p@ss/w:rd').decode()}"}
    assert "me:" not in str(failed.value)

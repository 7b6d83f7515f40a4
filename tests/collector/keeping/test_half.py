"""What goes wrong half-way, on the way out and on the way back: it is noticed, and nothing is half done."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collector.keeping import back, record, whole
from collector.keeping.restic import KeepError, Restic
from collector.store.errors import NewerJournalError
from firstbell.enrolment import Claim, Granted
from tests.collector.keeping.house import House, unhurried
from tests.support.box_keys import request

pytestmark = pytest.mark.proof


def saved(house: House, folder: Path, sql: str = "") -> Restic:
    """The repository, with a backup of the house by restic alone, staged in `folder`; `sql` changes its journal."""
    restic = Restic(whole.place_of(house.home, house.settings))
    restic.make_ready()
    folder.mkdir()
    whole.stage(house.home, folder)
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        db.executescript(sql)
    restic.save(folder, unhurried)
    return restic


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ('*" backup "*) exec RESTIC "$@" --exclude ca.crt --exclude ca.pem ;;', "differs from what was to be saved: ca/ca.pem"),
        ('*" check "*) echo "Fatal: a piece is not there" >&2; exit 1 ;;', "a piece is not there"),
    ],
)  # fmt: skip
def test_a_backup_that_is_not_whole_is_none(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, says: str
) -> None:
    """A restic that leaves a file out, or whose check finds fault: no good backup is noted."""
    real, ours = shutil.which("restic"), tmp_path / "bin" / "restic"
    ours.parent.mkdir()
    ours.write_text(
        f'#!/bin/sh\ncase " $* " in\n{does}\n*) exec RESTIC "$@" ;;\nesac\n'.replace("RESTIC", str(real)),
        encoding="ascii",
    )
    ours.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ours.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(KeepError, match=says):
        whole.back_up(house.home, house.settings, unhurried)
    assert record.read(house.home).taken_ns == 0


def test_a_list_that_still_lies_there_is_taken_over(house: House, tmp_path: Path) -> None:
    """Nobody need name it: who was shut out after the backup stays out where the old folder is replaced."""
    claim = Claim(token=house.card, request=request(tmp_path))
    assert isinstance(house.registrar.claim(claim), Granted)
    restic = saved(house, tmp_path / "staged")
    house.registrar.revoke("lincoln-1")
    house.bench.close()
    assert back.bring_back(house.home, restic.place, "latest", overwrite=True).revoked == 1


def test_a_restore_that_fails_at_the_journal_changes_nothing(house: House, tmp_path: Path) -> None:
    """A sound one of a newer program: what was put aside for it is all in its place again."""

    def lies() -> dict[str, bytes]:
        paths = [path for path in house.folder.rglob("*") if path.is_file()]
        own = {path.relative_to(house.folder): path for path in paths}
        return {str(name): path.read_bytes() for name, path in own.items() if name.parts[0] not in left}

    left = {".restic", "collector.lock", "backup.lock"}
    house.bench.close()
    restic = saved(
        house,
        tmp_path / "staged",
        "PRAGMA user_version = 99; UPDATE meta SET value = 99 WHERE key = 'readable_since'",
    )
    before = lies()
    with pytest.raises(NewerJournalError):
        back.bring_back(house.home, restic.place, "latest", overwrite=True)
    assert lies() == before

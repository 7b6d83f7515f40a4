"""Whose a repository is: a server that took a dead one's place takes none of its backups away."""

import shutil
import time
from pathlib import Path

import pytest

from collector.config import Home
from collector.keeping import back, record, whole
from collector.keeping.record import Record
from collector.keeping.restic import KeepError, Restic
from collector.store.journal import open_journal
from tests.collector.keeping.house import House, unhurried
from tests.collector.keeping.test_whole import run

pytestmark = pytest.mark.proof


def test_a_replaced_servers_empty_folder_takes_no_backup_away(house: House, tmp_path: Path) -> None:
    """It is refused, aloud, until it was restored from or told to; after a restore backups simply go on."""
    restic = Restic(whole.place_of(house.home, house.settings))
    restic.make_ready()
    (tmp_path / "staged").mkdir()
    whole.stage(house.home, tmp_path / "staged")
    real = restic.save(tmp_path / "staged", unhurried)
    fresh = Home(tmp_path / "fresh")
    fresh.folder.mkdir()
    open_journal(fresh.journal)
    for name in ("backup.password", "collector.toml"):
        shutil.copy(house.folder / name, fresh.folder)
    said = run(fresh.folder, "backup", "--now", code=1).output
    assert "holds 1 backup that this data folder did not make" in said
    assert "--adopt" in run(fresh.folder, "status").output
    done = back.bring_back(fresh, restic.place, "latest", overwrite=True)
    assert (done.reports, done.snapshot.id[:8]) == (40, real[:8])
    known = record.read(fresh)
    now_ns = time.time_ns()  # noqa: TID251 - the restore's clock is the machine's
    assert record.late(house.settings, known, now_ns) == ""
    assert (known.reports, known.kept, known.bytes > 40_000) == (40, 1, True)
    assert whole._claimed(fresh, restic, known, adopt=False) == known


def test_a_first_backup_that_fails_half_way_is_no_strangers(house: House, tmp_path: Path) -> None:
    """The next night it goes on; another's repository is taken by whoever says so, and is asked no more."""
    (house.folder / "journal.db").rename(tmp_path / "elsewhere")
    with pytest.raises(KeepError, match="nothing to save"):
        whole.back_up(house.home, house.settings, unhurried)
    restic = Restic(whole.place_of(house.home, house.settings))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "x").write_text("x", encoding="ascii")
    restic.save(tmp_path / "half", unhurried)
    known = record.read(house.home)
    assert whole._claimed(house.home, restic, known, adopt=False) == known
    with pytest.raises(KeepError, match="did not make"):
        whole._claimed(house.home, restic, Record(), adopt=False)
    assert whole._claimed(house.home, restic, Record(), adopt=True).repository == known.repository

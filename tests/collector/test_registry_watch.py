"""The district folder while the collector runs: reloaded whole or not at all, and every one kept."""

import json
import os
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from collector.registry import EMPTY, Folder, Registry, read, watch
from collector.store.decisions import keep_district
from collector.store.journal import open_journal
from firstbell import folder as folders
from tests.collector.workbench import wait_until

NS = 10**9
SCHOOLS = "id,name,students\nlincoln,Lincoln High,1080\n"
CIRCUITS = "id,schools\nline,lincoln\n"


class Clock:
    """A clock that is put on by hand."""

    def __init__(self) -> None:
        self.at_s = 1_800_000_000.0

    def now_ns(self) -> int:
        """The wall clock."""
        return int(self.at_s) * NS

    def monotonic(self) -> float:
        """The other one."""
        return self.at_s


class Town:
    """A folder, a clock, and the registry that looks at it."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, Clock()
        self.kept: list[Folder] = []
        self.refusal = ""
        path.mkdir()

    def keep(self, folder: Folder) -> str:
        """Keep it, unless that is made impossible."""
        if not self.refusal:
            self.kept.append(folder)
        return self.refusal

    def write(self, name: str, text: str, age_s: float = 60) -> None:
        """Write a file that was saved so long ago by the clock."""
        (self.path / name).write_text(text)
        changed = int(self.clock.at_s - age_s) * NS
        os.utime(self.path / name, ns=(changed, changed))

    def registry(self) -> Registry:
        """The registry of the folder."""
        return Registry(self.path, self.clock, self.keep)

    def names(self, registry: Registry, later_s: float = 2) -> list[str]:
        """The names of the schools, as somebody sees them who asks later."""
        self.clock.at_s += later_s
        return [school.name for school in registry.now().district.schools]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A good folder."""
    made = Town(tmp_path / "district")
    made.write("schools.csv", SCHOOLS)
    made.write("circuits.csv", CIRCUITS)
    return made


def test_a_change_is_seen_and_kept(town: Town) -> None:
    """Somebody saves a table: whoever asks next has it, and both folders are kept, each once."""
    registry = town.registry()
    assert town.names(registry) == ["Lincoln High"]
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    assert town.names(registry) == ["Lincoln Middle"]
    assert town.names(registry) == ["Lincoln Middle"]
    assert [folder.district.schools[0].name for folder in town.kept] == ["Lincoln High", "Lincoln Middle"]
    assert registry.trouble() == ""


def test_a_mistake_leaves_the_last_good_folder(town: Town) -> None:
    """The trouble is said with file and line until it is mended; nothing half-loaded is ever seen."""
    registry = town.registry()
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    town.write("circuits.csv", CIRCUITS.replace("lincoln", "lincon"))
    assert town.names(registry) == ["Lincoln High"]
    assert registry.trouble().startswith("circuits.csv, line 2: schools names 'lincon'")
    town.write("circuits.csv", CIRCUITS)
    assert town.names(registry) == ["Lincoln Middle"]
    assert registry.trouble() == ""


def test_what_was_just_written_is_waited_for(town: Town) -> None:
    """A table that was saved a moment ago may not be all of it: it counts once two looks agree."""
    registry = town.registry()
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"), age_s=-1)
    assert town.names(registry, 1) == ["Lincoln High"]
    town.write("schools.csv", SCHOOLS.replace("High", "Elementary"), age_s=-1)
    assert town.names(registry, 1) == ["Lincoln High"]
    assert town.names(registry, 1) == ["Lincoln Elementary"]


def test_the_files_are_not_looked_at_for_each_question(town: Town) -> None:
    """Within a second nobody goes to the disk again."""
    registry = town.registry()
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    assert town.names(registry, 0.5) == ["Lincoln High"]
    assert town.names(registry, 0.6) == ["Lincoln Middle"]


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """None at first, then one; and one that was taken away stays in use."""
    made = Town(tmp_path / "district")
    registry = made.registry()
    assert registry.now() is EMPTY
    assert "schools.csv: is missing" in registry.trouble()
    made.write("schools.csv", SCHOOLS)
    made.write("circuits.csv", CIRCUITS)
    assert made.names(registry) == ["Lincoln High"]
    (made.path / "schools.csv").unlink()
    assert made.names(registry) == ["Lincoln High"]
    assert "is missing" in registry.trouble()


def test_a_new_collector_has_no_folder(tmp_path: Path) -> None:
    """That is said, and the folder is used as soon as it is there."""
    clock = Clock()
    registry = Registry(tmp_path / "district", clock, lambda _: "")
    assert registry.trouble() == f"there is no district folder at {tmp_path / 'district'} yet"
    made = Town(tmp_path / "district")
    made.write("schools.csv", SCHOOLS)
    made.write("circuits.csv", CIRCUITS)
    clock.at_s += 120
    assert registry.now().district.schools
    assert registry.trouble() == ""


def test_a_folder_that_cant_be_kept_is_not_used(town: Town) -> None:
    """An answer under it could never be given again; it is tried again until the journal takes it."""
    registry = town.registry()
    town.refusal = "the disk is full"
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    assert town.names(registry) == ["Lincoln High"]
    assert registry.trouble() == "the disk is full"
    town.refusal = ""
    assert town.names(registry) == ["Lincoln Middle"]


def test_every_loaded_folder_is_given_again_from_the_journal(town: Town, tmp_path: Path) -> None:
    """The texts that a journal keeps under a digest are that district, to the letter."""
    journal = open_journal(tmp_path / "journal.db")

    def keep(folder: Folder) -> str:
        keep_district(journal, folder.district.digest, folder.contents, 0)
        return ""

    registry = Registry(town.path, town.clock, keep)
    before = registry.now().district
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    town.names(registry)
    with closing(journal.reader()) as db:
        rows = dict(db.execute("SELECT digest, contents FROM districts").fetchall())
    assert len(rows) == 2
    assert folders.parse(json.loads(rows[before.digest])) == before


def test_many_askers_share_one_look(town: Town) -> None:
    """Pages ask from several threads: all have the same folder, and it was read once."""
    registry = town.registry()
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    town.clock.at_s += 2
    seen: list[Folder] = []
    threads = [Thread(target=lambda: seen.append(registry.now())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({id(folder) for folder in seen}) == 1
    assert len(town.kept) == 2


def test_a_folder_that_takes_long_to_read_keeps_nobody_waiting(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector starts without it, answers, says so, and uses it once it is read."""
    monkeypatch.setattr(watch, "WAIT_S", 0.05)
    done = Event()

    def slowly(path: Path) -> Folder:
        assert done.wait(30)
        return read(path)

    monkeypatch.setattr(watch, "read", slowly)
    registry = town.registry()
    assert town.names(registry) == []
    assert registry.trouble().startswith("the district folder is still being read")
    done.set()
    wait_until(lambda: registry.trouble() == "")
    assert town.names(registry) == ["Lincoln High"]


def test_whatever_happens_to_a_reading_is_said(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours leaves the last good folder, and a word about it; a change is read again."""
    registry = town.registry()

    def broken(_path: Path) -> Folder:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(watch, "read", broken)
    town.write("schools.csv", SCHOOLS.replace("High", "Middle"))
    assert town.names(registry) == ["Lincoln High"]
    assert "a fault of ours" in registry.trouble()
    monkeypatch.undo()
    town.write("schools.csv", SCHOOLS.replace("High", "Elementary"))
    assert town.names(registry) == ["Lincoln Elementary"]

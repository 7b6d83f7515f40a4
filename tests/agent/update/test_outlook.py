"""What a box's own user says of the box to whoever changes its program."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.gate import Ceilings, Gate
from agent.machine import marks
from agent.spool import look as spool_look
from agent.spool.migrations import MIGRATIONS
from agent.spool.schema import NewerSpoolError
from agent.update import outlook
from firstbell.lease import Lease
from tests.agent.test_gate import Book, stamp
from tests.support.clocks import HandClock
from tests.support.spools import draft, drain, spool_at


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The settings of a box with its spool beside them."""
    path = tmp_path / "agent.toml"
    path.write_text('[box]\nname = "lincoln-1"\n', encoding="utf-8")
    return path


def test_a_start_was_answered_once_the_collector_holds_a_report_of_it(settings: Path) -> None:
    """What an earlier start had answered does not count for this one."""
    clock, path = HandClock(), settings.with_name("spool.db")
    assert outlook.look(settings).epoch == ""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock)])
        first = outlook.look(settings)
        assert (first.agent, bool(first.epoch), first.held) == ("lincoln-1", True, 0)
        drain(spool, clock)
        assert outlook.look(settings).held >= 1
    with spool_at(path, clock) as spool:
        second = outlook.look(settings)
        assert (second.epoch != first.epoch, second.held) == (True, 0)
        spool.put([draft(clock)])
        assert outlook.look(settings).held == 0


def test_a_test_that_loads_the_line_is_seen_from_outside(settings: Path) -> None:
    """As long as the gate has given the line away, and no longer."""
    mark = marks.testing(settings.with_name("spool.db"))
    gate = Gate(Ceilings(), Book(), ZoneInfo("UTC"), fill=lambda: 0.0, metered=lambda: False, held=mark.hold)
    with spool_at(settings.with_name("spool.db"), HandClock()):
        assert not outlook.look(settings).testing
        lease = gate.ask("internet", stamp())
        assert isinstance(lease, Lease)
        assert outlook.look(settings).testing
        gate.settle(lease, 0)
        assert not outlook.look(settings).testing


def test_a_program_says_whether_it_could_run_here(settings: Path) -> None:
    """It takes the spool of a program that says it may, and of no other; nothing on the disk is changed."""
    path = settings.with_name("spool.db")
    with spool_at(path, HandClock()):
        fit = outlook.fit(settings)
    assert (fit.spool_form, fit.spool_readable_since) == (len(MIGRATIONS), 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        assert outlook.fit(settings).spool_form == len(MIGRATIONS)
        db.execute("UPDATE meta SET value = ? WHERE key = 'readable_since'", (len(MIGRATIONS) + 1,))
    before = path.read_bytes()
    with pytest.raises(NewerSpoolError):
        outlook.fit(settings)
    assert path.read_bytes() == before
    assert spool_look.forms().written == len(MIGRATIONS)

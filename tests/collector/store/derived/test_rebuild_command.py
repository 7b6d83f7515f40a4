"""`firstbell rebuild` says what it made, for people and for programs."""

import json
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from collector.cli import main
from tests.collector.store.derived.life import ALWAYS, LINE, ONLINE, at, looks, send_all, told
from tests.collector.workbench import Bench


def test_it_tells_what_was_made(tmp_path: Path) -> None:
    """In a sentence and as JSON; answers are as before, and no report was changed."""
    bench = Bench(tmp_path)
    send_all(bench, looks(range(100), ONLINE) + looks(range(100, 110), LINE))
    with closing(bench.journal.writer()) as db:
        db.execute("DELETE FROM days")
    bench.writer.stop()
    said = CliRunner().invoke(main, ["--data", str(tmp_path), "rebuild"])
    assert "3 hours of 1 boxes were made again from 330 reports. No report was changed." in said.output
    for_programs = CliRunner().invoke(main, ["--data", str(tmp_path), "rebuild", "--json"])
    assert json.loads(for_programs.output) == {"boxes": 1, "reports": 330, "hours": 3}
    assert told(bench.reads.outages(ALWAYS, 0, at(110))) == [("line_down", 100, 110)]
    assert bench.reads.facts_until() == 330
    bench.close()
    empty = CliRunner().invoke(main, ["--data", str(tmp_path / "none"), "rebuild"])
    assert empty.exit_code == 1
    assert "there is no journal" in empty.output

"""A place that is entered by a click, in the district folder."""

import threading
from datetime import date
from pathlib import Path

from collector.registry import moving
from tests.collector.questions.morning import FILES


def test_two_places_entered_at_one_moment_are_both_there(tmp_path: Path) -> None:
    """The second sees what the first wrote."""
    for turn in range(3):
        folder = tmp_path / str(turn)
        folder.mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        both = threading.Barrier(2)

        def enter(agent: str, folder: Path = folder, both: threading.Barrier = both) -> None:
            both.wait()
            moving.move(folder, agent, "lincoln", "room9", date(2026, 10, 1))

        threads = [threading.Thread(target=enter, args=(agent,)) for agent in ("box-204", "box-203")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (folder / "seats.csv").read_text(encoding="utf-8").count("room9") == 2

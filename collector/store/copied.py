"""What boards were told last, so that a collector that starts again knows what changed meanwhile."""

from collections.abc import Mapping
from contextlib import closing

from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal


class Copied:
    """Words by the place where they stand, of one store and one name of the district at a time.

    What is noted of another one is forgotten by that. Each method is a transaction of its own; all raise
    UnreadableError.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def of(self, store: str, placed_as: str) -> dict[str, str]:
        """All that stands in that store, under that name."""
        with told("the journal can't say what boards were told"), closing(self._journal.writer()) as db:
            rows = db.execute(
                "SELECT place, said FROM copied WHERE store = ? AND placed_as = ?", (store, placed_as)
            )
            return dict(rows.fetchall())

    def note(self, store: str, placed_as: str, changed: Mapping[str, str | None]) -> None:
        """Note what was said there now; None where nothing stands any more."""
        gone = [(store, placed_as, place) for place, said in changed.items() if said is None]
        come = [(store, placed_as, place, said) for place, said in changed.items() if said is not None]
        with (
            told("the journal takes no note of what boards were told"),
            closing(self._journal.writer()) as db,
            transaction(db),
        ):
            db.execute("DELETE FROM copied WHERE store <> ? OR placed_as <> ?", (store, placed_as))
            db.executemany("DELETE FROM copied WHERE store = ? AND placed_as = ? AND place = ?", gone)
            db.executemany("REPLACE INTO copied VALUES (?, ?, ?, ?)", come)

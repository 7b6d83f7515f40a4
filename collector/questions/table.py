"""The district's table for a spreadsheet: one header line, units in the names, no cell a formula."""

from collector.questions.rows import Row
from collector.questions.schools import Schools
from firstbell.tables import Columns, escape, render

COLUMNS = Columns(
    known=(
        "kind",
        "id",
        "name",
        "how",
        "people",
        "students",
        "buys_mbps",
        "need_mbps",
        "need_at_last_fall_mbps",
        "carries_mbps",
        "carries_at_least",
        "on_paper",
        "measured",
        "what_stops_it",
        "about_it",
        "last_fall",
    ),
    needed=(),
)


def csv(asked: Schools) -> str:
    """The rows of the table, shared lines first. Numbers are exact and not rounded.

    Only where all is made up a last column `simulated` says so.
    """
    made_up = {"simulated": "yes"} if asked.simulated else {}
    columns = COLUMNS._replace(known=(*COLUMNS.known, *made_up))
    kinds = [("line", row) for row in asked.lines] + [("school", row) for row in asked.schools]
    more = {"last_fall": str(asked.last_fall)} | made_up
    return render(columns, [_cells(kind, row) | more for kind, row in kinds])


def _cells(kind: str, row: Row) -> dict[str, str]:
    return {
        "kind": kind,
        "id": escape(row.id),
        "name": escape(row.name),
        "how": escape(row.how),
        "people": str(row.people),
        "students": str(row.students),
        "buys_mbps": exact(row.buys),
        "need_mbps": exact(row.need or None),
        "need_at_last_fall_mbps": exact(row.need_then or None),
        "carries_mbps": exact(row.have),
        "carries_at_least": "" if row.have is None else "yes" if row.at_least else "no",
        "on_paper": row.paper.label,
        "measured": row.measured.label,
        "what_stops_it": escape(row.stops),
        "about_it": escape(row.stops_note),
    }


def exact(value: float | None) -> str:
    """A number as a cell has it, to four places; empty for what isn't known."""
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")

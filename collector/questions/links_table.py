"""A school's chain for a spreadsheet: a line for each link, units in a column of their own."""

from collector.questions.school import School
from collector.questions.table import exact
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.tables import Columns, escape, render

COLUMNS = Columns(
    known=(
        "school",
        "how",
        "link",
        "counted_in",
        "have",
        "have_at_least",
        "need",
        "need_at_last_fall",
        "on_paper",
        "measured",
        "about_it",
        "stops_first",
        "last_fall",
    ),
    needed=(),
)


def csv(asked: School) -> str:
    """The links in the order of a lesson. Numbers are exact and not rounded; what isn't known is empty.

    Only where all is made up a last column `simulated` says so.
    """
    made_up = {"simulated": "yes"} if asked.simulated else {}
    columns = COLUMNS._replace(known=(*COLUMNS.known, *made_up))
    same = {
        "school": escape(asked.school),
        "how": escape(asked.answer.model),
        "last_fall": str(asked.last_fall),
    }
    return render(columns, [same | _cells(link) | made_up for link in asked.answer.links])


def _cells(link: LinkAnswer) -> dict[str, str]:
    return {
        "link": escape(link.name),
        "counted_in": link.counted_in,
        "have": exact(link.have),
        "have_at_least": "" if link.have is None else "yes" if link.at_least else "no",
        "need": exact(link.need),
        "need_at_last_fall": exact(link.need_then),
        "on_paper": link.paper.label if link.paper else "",
        "measured": link.measured.label if link.assessed else "Not assessed",
        "about_it": escape(link.note),
        "stops_first": "yes" if link.weak else "no",
    }

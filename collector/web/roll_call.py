"""The roll call after the summer, for a spreadsheet: what a technician is sent off with."""

import csv
import io
from datetime import tzinfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from collector.questions import roll_call
from collector.questions.roll_call import STATES, Called, RollCall, SchoolCalled
from collector.web import pages
from collector.web.health import Parts
from firstbell import district as districts
from firstbell.tables import escape

HEAD = ("school", "box", "room", "state", "expected", "last_seen", "back_since", "look")


def routes(parts: Parts) -> list[BaseRoute]:
    """The table. The page itself is a part of the boxes' page."""

    def sheet(_request: Request) -> Response:
        answer = roll_call.ask(parts.reads, parts.folder_now(), parts.clock.now_ns())
        return Response(as_csv(answer), media_type="text/csv; charset=utf-8")

    return [Route("/roll-call.csv", sheet)]


def as_csv(answer: RollCall) -> str:
    """One line a box, also of those that are back. A cell that a spreadsheet would calculate is text."""
    made_up = {"simulated": "yes"} if answer.simulated else {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *made_up])
    zone = districts.zone(answer.tz)
    for school in answer.schools:
        writer.writerows(
            [escape(cell) for cell in [*_row(school, box, zone), *made_up.values()]] for box in school.boxes
        )
    return text.getvalue()


def _row(school: SchoolCalled, box: Called, zone: tzinfo) -> list[str]:
    at = [pages.when(ns, zone).isoformat() if ns else "" for ns in (box.last_ns, box.back_ns)]
    return [school.name, box.name, box.room, STATES[box.state], school.expected, *at, " ".join(box.look)]

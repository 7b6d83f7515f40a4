"""The boxes' page: one table, silent ones first."""

import csv
import io
from datetime import date, tzinfo

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from collector.questions import boxes as question
from collector.questions import enrolling, hanging, roll_call
from collector.questions.boxes import DAY_NS, Box, Boxes, Span
from collector.web import api, pages
from collector.web.health import Parts
from firstbell import district as districts
from firstbell.tables import escape

CLOCKS = {"ntp": "synced", "collector": "our time", "bounded": "not known"}
MARKS = {"shut_out": "no", "with_school": "no", "alone": "open", "silent": "open", "summer": "open"}


def routes(parts: Parts) -> list[BaseRoute]:
    """The page, and the same for a spreadsheet."""

    def answered() -> Boxes:
        return question.ask(parts.reads, parts.folder_now(), parts.clock.now_ns())

    def show(request: Request) -> Response:
        answer = answered()
        zone = districts.zone(answer.tz)
        return pages.page(
            request,
            "boxes.html",
            current="boxes",
            command="firstbell boxes",
            json=f"{api.ROOT}/boxes",
            answer=answer,
            door=enrolling.ask(parts.journal, parts.folder_now().district, answer.as_of_ns),
            said=hanging.every(parts.journal, parts.folder_now().district, answer.as_of_ns),
            zone=zone,
            local=zone,
            clocks=CLOCKS,
            marks=MARKS,
            roll=roll_call.wanted(parts.reads, parts.folder_now(), answer),
            states=roll_call.STATES,
            on=lambda expected: pages.day(date.fromisoformat(expected)),
            day=lambda box: drawn(box, answer.as_of_ns),
            ago=lambda at_ns: ago(answer.as_of_ns - at_ns),
        )

    def sheet(_request: Request) -> Response:
        return Response(as_csv(answered()), media_type="text/csv; charset=utf-8")

    return [Route("/boxes", show), Route("/boxes.csv", sheet)]


def drawn(box: Box, as_of_ns: int) -> Markup:
    """The last 24 hours: the box above, its school's gateway below."""
    bars = [*_bars(box.heard, as_of_ns, Markup(""), 1, 6)]
    bars += _bars(box.gateway, as_of_ns, Markup('class="gw" '), 10, 2)
    return Markup('<svg aria-hidden="true">{}</svg>').format(Markup("").join(bars))


def _bars(spans: tuple[Span, ...], as_of_ns: int, kind: Markup, top: int, height: int) -> list[Markup]:
    begins = as_of_ns - DAY_NS
    return [
        Markup('<rect {}x="{:.1f}%" y="{}" width="{:.1f}%" height="{}"/>').format(
            kind, 100 * (begin - begins) / DAY_NS, top, max(0.3, 100 * (end - begin) / DAY_NS), height
        )
        for begin, end in spans
    ]


def ago(ns: int) -> str:
    """`53 min`, `6 h 53 min`, `3 d 22 h`."""
    minutes = max(0, ns) // (60 * districts.NS)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def as_csv(answer: Boxes) -> str:
    """One line a box. A cell that a spreadsheet would calculate is quoted as text.

    Only where all is made up a last column `simulated` says so.
    """
    made_up = {"simulated": "yes"} if answer.simulated else {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *made_up])
    zone = districts.zone(answer.tz)
    for group in answer.groups:
        writer.writerows(
            [escape(cell) for cell in [*_row(box, group.id, zone), *made_up.values()]] for box in group.boxes
        )
    return text.getvalue()


HEAD = (
    "box", "group", "place", "kind", "last_seen", "silent_since", "starts", "missing", "spool", "lost",
    "refused", "version", "clock", "look", "used_s", "used_bytes",
)  # fmt: skip


def _row(box: Box, group: str, zone: tzinfo) -> list[str]:
    at = [pages.when(ns, zone).isoformat() if ns else "" for ns in (box.last_ns, box.silent_ns)]
    figures = [box.starts, box.missing, "" if box.spool is None else box.spool, box.lost, box.refused]
    clock = box.clock.value if box.clock else ""
    cells = [box.name, group, box.place, box.kind, *at, *figures, box.version, clock, " ".join(box.look)]
    return [str(cell) for cell in (*cells, box.used_s, box.used_bytes)]

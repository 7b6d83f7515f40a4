"""The case of a line on two printed pages, and the same with every raw report in a ZIP with hashes.

    case.html      the two pages, to be opened and printed anywhere
    case.json      all of it for programs
    tests.csv      a line a test, for a spreadsheet
    reports/       the exact bytes in which the report of each test, and of each trace, came
    README.txt     what is what
    SHA256SUMS     a hash of each of them: `sha256sum --check SHA256SUMS`

The same case gives the same bytes again.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from importlib import resources
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from collector.questions import case as question
from collector.questions.case import Case, CaseError
from collector.questions.case_csv import csv
from collector.store.reads import Reads
from collector.web import case_drawing, pages
from collector.web.health import Parts

LAST_DAYS = 30
_README = """\
The case of line {circuit}, {first} to {last}, as First Bell measured it.

case.html     two pages to read and print
case.json     the same for programs, with every test
tests.csv     a line a test, for a spreadsheet; times are local and UTC
reports/      the exact bytes in which the report of each test, and of each trace of the way, came from its
              box, named BOX-START-NUMBER.json; what each field means, and its unit, stands in First Bell's
              docs/metrics.md
SHA256SUMS    a hash of each file; to check: sha256sum --check SHA256SUMS
"""
_LIKE_NO_DAY = (1980, 1, 1, 0, 0, 0)
"""The time of each file in the ZIP: one that no clock can change."""


class Asked(NamedTuple):
    """A line and the first and the last day."""

    circuit: str
    first: date
    last: date


def routes(parts: Parts) -> list[BaseRoute]:
    """The page of a line's case, and its ZIP."""

    def page(request: Request) -> Response:
        asked = _read(request, parts)
        case = _ask(parts, asked)
        return pages.page(
            request,
            "case.html",
            layout="base.html",
            case=case,
            drawn=case_drawing.dots(case),
            zip=f"/lines/{asked.circuit}/case.zip?{_days(asked)}",
            command=f"firstbell case {asked.circuit} --from {asked.first} --to {asked.last}",
        )

    def bundle(request: Request) -> Response:
        asked = _read(request, parts)
        content = packed(_ask(parts, asked), parts.reads)
        name = f"case-{asked.circuit}-{asked.first}-{asked.last}.zip"
        return Response(
            content,
            media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return [Route("/lines/{circuit}/case", page), Route("/lines/{circuit}/case.zip", bundle)]


def _ask(parts: Parts, asked: Asked) -> Case:
    return question.ask(
        parts.reads,
        parts.folder_now(),
        parts.targets,
        circuit=asked.circuit,
        first=asked.first,
        last=asked.last,
        as_of_ns=parts.clock.now_ns(),
    )


def _read(request: Request, parts: Parts) -> Asked:
    """What the address asks for: the last 30 days where it names none. Raises CaseError."""
    today = pages.when(parts.clock.now_ns(), pages.zone_of(parts)).date()
    last = _day(request.query_params.get("to"), today)
    first = _day(request.query_params.get("from"), last - timedelta(days=LAST_DAYS - 1))
    return Asked(request.path_params["circuit"], first, last)


def _day(text: str | None, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CaseError(f"{text!r} is no day; an example: 2026-11-01") from error


def _days(asked: Asked) -> str:
    return urlencode({"from": asked.first.isoformat(), "to": asked.last.isoformat()})


# --- the ZIP ----------------------------------------------------------------------------------------------


def packed(case: Case, reads: Reads) -> bytes:
    """The ZIP of a case."""
    content = io.BytesIO()
    sums = []
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in _files(case, reads):
            _write(file, name, data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        _write(file, "SHA256SUMS", "".join(sums).encode())
    return content.getvalue()


def alone(case: Case) -> str:
    """The two pages as a file that needs no server: its style is in it."""
    style = resources.files("collector.web").joinpath("static", "style.css").read_text(encoding="utf-8")
    page = pages.ENVIRONMENT.get_template("case.html").render(
        layout="alone.html", case=case, drawn=case_drawing.dots(case), zip=""
    )
    # Not in the template: nothing that is served has a style in it (docs/decisions/0014).
    return page.replace("</head>", f"<style>\n{style}</style>\n</head>", 1)


def _files(case: Case, reads: Reads) -> Iterator[tuple[str, bytes]]:
    yield "case.html", alone(case).encode()
    yield "case.json", msgspec.json.format(msgspec.json.encode(case), indent=2) + b"\n"
    yield "tests.csv", csv(case).encode()
    yield (
        "README.txt",
        _README.format(circuit=case.circuit, first=case.first_day, last=case.last_day).encode(),
    )
    names = {test.arrival: test.report for test in case.tests} | case.traces
    for arrival, raw in reads.raw(list(names)):
        yield f"reports/{names[arrival]}.json", raw


def _write(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _LIKE_NO_DAY)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    file.writestr(info, data)

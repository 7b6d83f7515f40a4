"""The district's page: can every school teach this way, and what to fix first?"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from collector.questions import schools, table
from collector.questions.rows import figures
from collector.questions.schools import Schools
from collector.web import api, asking, pages, quiet
from collector.web.health import Parts
from firstbell.readiness import proof, words

MOST_FIXES = 6
MOST_MARKS = 120
"""Over this one mark of the tally stands for several schools."""


def routes(parts: Parts) -> list[BaseRoute]:
    """The page, and its table for a spreadsheet."""

    def page(request: Request) -> Response:
        asked = _ask(request, parts)
        horizon = int(parts.targets.numbers.horizon_years.value)
        query = asking.query(asked.model_id, asked.last_fall)
        one_mark = -(-len(asked.schools) // MOST_MARKS) or 1
        return pages.page(
            request,
            "district.html",
            current="schools",
            as_of_ns=asked.as_of_ns,
            command=_command(asked, horizon),
            json=f"{api.ROOT}/schools{_as_years(asked)}",
            asked=asked,
            falls=asking.falls(asked.first_fall, horizon, asked.last_fall),
            figures=figures,
            fixes=asked.fixes[:MOST_FIXES],
            growth=(1 + parts.targets.numbers.growth.value) ** asked.years,
            marks_of=lambda count: -(-count // one_mark),
            one_mark=one_mark,
            names={row.id: row.name for row in asked.schools},
            odds=words.odds(proof.usual_share(parts.targets.numbers)),
            query=query,
            working=asked.working,
            quiet=quiet.panel(parts),
        )

    def csv(request: Request) -> Response:
        text = table.csv(_ask(request, parts))
        headers = {"Content-Disposition": 'attachment; filename="schools.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return [Route("/", page), Route("/schools.csv", csv)]


def _ask(request: Request, parts: Parts) -> Schools:
    asked = asking.read(request, parts)
    return schools.ask(
        parts.reads,
        parts.folder_now(),
        parts.targets,
        model=asked.model,
        years=asked.years,
        as_of_ns=parts.clock.now_ns(),
        bare=True,
    )


def _command(asked: Schools, horizon: int) -> str:
    model = f" --model {asked.model_id}" if asked.model_id else ""
    years = f" --years {asked.years}" if asked.years != horizon else ""
    return f"firstbell schools{model}{years}"


def _as_years(asked: Schools) -> str:
    model = f"model={asked.model_id}&" if asked.model_id else ""
    return f"?{model}years={asked.years}"

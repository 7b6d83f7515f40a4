"""A school's page: can it teach this way, why, how sure is that, and what would change it?"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from collector.questions import known, school
from collector.questions.rows import link_figures
from collector.questions.school import School
from collector.web import api, asking, drawing, pages, quiet
from collector.web.health import Parts
from firstbell import district as districts
from firstbell.readiness.asking import PLAN
from firstbell.readiness.verdict import State


def routes(parts: Parts) -> list[BaseRoute]:
    """The page of each school."""

    def page(request: Request) -> Response:
        form = asking.read(request, parts)
        asked = school.ask(
            parts.reads,
            parts.folder_now(),
            parts.targets,
            school=request.path_params["school"],
            model=form.model,
            years=form.years,
            as_of_ns=parts.clock.now_ns(),
            evidence_of=known.school,
            bare=True,
        )
        horizon = int(parts.targets.numbers.horizon_years.value)
        growth = (1 + parts.targets.numbers.growth.value) ** asked.answer.years
        its = districts.school_of(parts.folder_now().district, asked.school_id)
        return pages.page(
            request,
            "school.html",
            current="schools",
            as_of_ns=asked.answer.as_of_ns,
            command=_command(asked, horizon),
            json=f"{api.ROOT}/school/{asked.school_id}"
            f"?model={PLAN if asked.planned else asked.answer.model_id}&years={asked.answer.years}",
            zone=districts.zone(its.tz),
            State=State,
            asked=asked,
            falls=asking.falls(asked.first_fall, horizon, asked.last_fall),
            figures=link_figures,
            growth=growth,
            sources=_sources(asked),
            quiet=quiet.panel(parts, asked.school_id, asked.school),
            then_at=drawing.percent(growth, 1.0),
        )

    return [Route("/schools/{school}", page)]


def _sources(asked: School) -> list[tuple[str, list[str]]]:
    """What the page's closed details say, each sentence once: by panel, then by link.

    The lines too: where an outage is the weakest link, the panel rests on that, and the need came from here.
    """
    links = [(link.name, link.working) for link in asked.answer.links]
    told: set[str] = set()
    found = []
    for name, working in [
        ("Need and line", asked.measured.working),
        ("On paper", asked.paper.working),
        *links,
    ]:
        found.append((name, [line for line in working if line not in told]))
        told.update(working)
    return found


def _command(asked: School, horizon: int) -> str:
    years = f" --years {asked.answer.years}" if asked.answer.years != horizon else ""
    model = "" if asked.planned else f" --model {asked.answer.model_id}"
    return f"firstbell school {asked.school_id}{model}{years}"

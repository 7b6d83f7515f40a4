"""Pages from templates: one environment, one frame around every page.

A page's own file exports `routes(parts)`; its handler asks a question and calls `page`, which puts head,
banners and foot around the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from collector.questions import banners
from collector.web import drawing
from collector.web.health import Parts
from firstbell import district as districts
from firstbell.readiness import words

NONE = "\u2013"
"""An empty value is an en dash, never 0."""


@dataclass(frozen=True)
class Frame:
    """What stands around every page. `page` is the open one of the head: schools, rooms or boxes.

    `operator`: whoever asks may act; `signed_in`: by a token.
    """

    district: str
    as_of: str
    page: str
    command: str
    json: str
    simulated: bool
    operator: bool
    signed_in: bool
    banners: tuple[banners.Banner, ...]


def page(
    request: Request,
    template: str,
    *,
    current: str = "",
    command: str = "",
    json: str = "",
    zone: tzinfo | None = None,
    as_of_ns: int | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,  # noqa: ANN401 - what a template is given
) -> HTMLResponse:
    """The page that `template` makes of `context`.

    `current` is the open page of the head, `command` the same question in a terminal, `json` its address
    in the API; `zone` is whose clock the head shows: the school's, else the district's, and `as_of_ns` the
    moment that the answer knows (an answer may be kept for a while), else now. Slow: it reads the journal, so
    call it where a handler may wait (a plain function).
    """
    parts: Parts = request.app.state.parts
    folder, now_ns = parts.folder_now(), parts.clock.now_ns()
    said = banners.of(
        parts.reads,
        folder,
        now_ns,
        disk_full=parts.writer.disk_full,
        folder_trouble=parts.folder_trouble(),
        certificates=bool(parts.certificates()),
        backup_trouble=parts.backup_trouble(),
    )
    frame = Frame(
        district=folder.district.settings.name,
        as_of=moment(now_ns if as_of_ns is None else as_of_ns, zone or zone_of(parts)),
        page=current,
        command=command.replace("firstbell", parts.program, 1),
        json=json,
        simulated=any(banner.kind == "simulated" for banner in said),
        operator=request.state.role == "operator",
        signed_in=request.state.signed_in,
        banners=said,
    )
    text = ENVIRONMENT.get_template(template).render(context | {"frame": frame})
    return HTMLResponse(text, status, headers)


def zone_of(parts: Parts) -> tzinfo:
    """The district's time zone."""
    return districts.zone(parts.folder_now().district.settings.tz or districts.DEFAULT_TZ)


# --- words ----------------------------------------------------------------------------------------------


def when(at_ns: int, zone: tzinfo) -> datetime:
    """The local time of a moment in ns."""
    return datetime.fromtimestamp(at_ns // districts.NS, zone)


def clock(at_ns: int, zone: tzinfo, *, seconds: bool = False) -> str:
    """`7:31`, or `7:40:16` where a technician reads it."""
    return words.clock(when(at_ns, zone), seconds=seconds)


def day(at: int | date, zone: tzinfo = UTC) -> str:
    """`15 December`, of a date or of a moment in ns."""
    return words.day(at if isinstance(at, date) else when(at, zone).date())


def weekday(at: int | date, zone: tzinfo = UTC) -> str:
    """`Friday 4 December`, of a date or of a moment in ns."""
    return words.weekday(at if isinstance(at, date) else when(at, zone).date())


def moment(at_ns: int, zone: tzinfo) -> str:
    """`Tuesday 8 December 2026, 14:05`."""
    return words.moment(when(at_ns, zone))


def since(at_ns: int, now_ns: int, zone: tzinfo) -> str:
    """`7:31` for today, else with its day: `Friday 4 December, 15:31`."""
    return words.since(when(at_ns, zone), when(now_ns, zone))


def _maybe(say: Callable[..., str]) -> Callable[..., str]:
    """The same words, and an en dash for what isn't known."""

    def said(value: float | None, *more: Any, **options: Any) -> str:  # noqa: ANN401 - the filter's own
        return NONE if value is None else say(value, *more, **options)

    return said


def lower_first(text: str) -> str:
    """A label as it stands within a sentence."""
    return text[:1].lower() + text[1:]


def figure(value: float) -> str:
    """A whole number as technicians read it: exact, with commas."""
    return f"{value:,.0f}"


# --- environment ------------------------------------------------------------------------------------------


def static(name: str) -> str:
    """The address of a file of ours. It changes with its content, so that browsers may keep it for good."""
    if name not in _DIGESTS:
        content = resources.files("collector.web").joinpath("static", name).read_bytes()
        _DIGESTS[name] = sha256(content).hexdigest()[:12]
    return f"/static/{name}?v={_DIGESTS[name]}"


_DIGESTS: dict[str, str] = {}


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("collector.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "number": _maybe(words.number),  # planners' pages: two significant figures
        "exact": _maybe(words.exact),
        "figure": _maybe(figure),
        "mbit": words.mbit,
        "listed": words.listed,
        "lower_first": lower_first,
        "clock": clock,
        "day": day,
        "weekday": weekday,
        "moment": moment,
        "since": since,
        "state": drawing.state_class,
        "verdict": drawing.verdict,
    }
    made.globals |= {
        "NBSP": words.NBSP,
        "NONE": NONE,
        "apart": words.apart,
        "bar": drawing.bar,
        "count": words.count,
        "fall": words.fall,
        "head_of_ruler": drawing.head_of_ruler,
        "mark": drawing.mark,
        "ruler": drawing.ruler,
        "static": static,
    }
    return made


ENVIRONMENT = _environment()

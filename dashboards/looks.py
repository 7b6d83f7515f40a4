"""How a column or a series looks, and where it leads: properties as Grafana's overrides have them."""

from collections.abc import Sequence
from typing import NamedTuple

from dashboards import Json
from dashboards.palette import Step

Property = tuple[str, object]

SCHOOL_BOARD = (
    "/d/firstbell-school?${district:queryparam}&var-school=${__data.fields.school}&${__url_time_range}"
)
WEEK_BOARD = (
    "/d/firstbell-week?${district:queryparam}&var-circuit=${__data.fields.circuit}&${__url_time_range}"
)


class Column(NamedTuple):
    """One column: the query's name for it, what people read (nothing: it is there for links), its looks."""

    name: str
    title: str = ""
    unit: str = ""
    width: int = 0
    look: Sequence[Property] = ()


class Row(NamedTuple):
    """A link from a row or a tile; `${__data.fields.x}` is its own x."""

    title: str
    url: str

    def json(self) -> Json:
        """As Grafana's data links are."""
        return {"title": self.title, "url": self.url, "targetBlank": False}


TO_SCHOOL = Row("This school", SCHOOL_BOARD)
TO_LINE = Row("This line's week", WEEK_BOARD)
TO_SCHOOL_PAGE = Row("First Bell's page of this school", "${firstbell}/schools/${__data.fields.school}")
TO_CASE_PAGE = Row("First Bell's case for this line", "${firstbell}/lines/${__data.fields.circuit}/case")
TO_BOXES_PAGE = Row("First Bell's page of all boxes", "${firstbell}/boxes")


def links(*to: Row) -> list[Property]:
    """Where a cell leads."""
    return [("links", [link.json() for link in to])]


def filled(mappings: list[Json]) -> list[Property]:
    """A cell in the colour of what it says."""
    return [("mappings", mappings), ("custom.cellOptions", {"type": "color-background", "mode": "basic"})]


def said(mappings: list[Json]) -> list[Property]:
    """A cell in other words, without a colour of its own."""
    return [("mappings", mappings)]


def tinted(steps: Sequence[Step]) -> list[Property]:
    """A number in the colour of the step that it has reached."""
    return [_thresholds(steps), ("custom.cellOptions", {"type": "color-text"})]


def gauge(steps: Sequence[Step], most: float) -> list[Property]:
    """A number with a bar under it, from nought to `most`."""
    cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    return [_thresholds(steps), ("custom.cellOptions", cell), ("min", 0), ("max", most)]


def coloured(colour: str) -> list[Property]:
    """A series in one colour."""
    return [("color", {"mode": "fixed", "fixedColor": colour})]


def dashed(colour: str) -> list[Property]:
    """What is needed or bought: a dashed line, not a measurement."""
    return [
        *coloured(colour),
        ("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        ("custom.lineWidth", 2),
        ("custom.showPoints", "never"),
        ("custom.spanNulls", True),  # it is written once a school day, and holds until the next
    ]


def wrapped() -> list[Property]:
    """A sentence that takes as many lines as it needs."""
    return [("custom.cellOptions", {"type": "auto", "wrapText": True})]


def _thresholds(steps: Sequence[Step]) -> Property:
    listed = [{"value": step.at, "color": step.colour} for step in steps]
    return ("thresholds", {"mode": "absolute", "steps": listed})

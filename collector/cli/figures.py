"""What people type for a number, a name or a time zone, judged where it is typed."""

import math
from typing import Any
from zoneinfo import ZoneInfo

import click

from collector import registry
from collector.cli.common import Whole
from collector.registry import ExampleError


class Decimal(click.FloatRange):
    """A number within bounds, and called one. What is no number at all (`nan`) lies within no bounds."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click has it
        """The number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return number


class Figure(click.ParamType[Any]):
    """A number as people write one: 1,000 or 200 Mbit/s, too."""

    name = "number"

    def __init__(self, kind: "click.ParamType[Any]") -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click has it
        """The number, without its commas and unit."""
        if isinstance(value, str):
            value = value.strip().removesuffix("Mbit/s").replace(",", "").strip()
        return self._kind.convert(value, param, ctx)


class SchoolName(click.ParamType[str]):
    """A school's name that the district's folder can hold."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - as click has it
        """The name, without blanks around it."""
        try:
            registry.check_name(str(value).strip())
        except ExampleError as error:
            self.fail(str(error), param, ctx)
        return str(value).strip()


class Zone(click.ParamType[str]):
    """A time zone by its name."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - as click has it
        """The name of a zone that there is."""
        zone = str(value).strip()
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError):  # a zone that is not found is a KeyError
            self.fail(f"{zone!r} is no time zone known here, as America/Chicago", param, ctx)
        return zone


MOST_PEOPLE = 10_000_000
PEOPLE = Figure(Whole(1, MOST_PEOPLE))
MBPS = Figure(Decimal(0.1, 1e6))

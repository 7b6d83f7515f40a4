"""Tables of settings, from the structs that read them."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from agent import config as agent
from agent.probes.settings import Server, Target
from collector import config as collector
from firstbell import district
from firstbell.district_settings import CalendarTable
from scripts.pages.markdown import code, table
from scripts.pages.meanings import meanings


def agent_settings() -> str:
    """The settings of agent.toml."""
    return _page("agent.toml", agent.Settings)


def targets() -> str:
    """The settings of one target."""
    return _page("targets", Target)


def servers() -> str:
    """The settings of one server."""
    return _page("servers", Server)


def default_targets() -> str:
    """The targets of a box whose file names none, as its file would name them."""
    lines = []
    for target in agent.DEFAULT_TARGETS:
        lines += ["[[targets]]", *(f"{name} = {json.dumps(value)}" for name, value in target.items()), ""]
    return "```toml\n" + "\n".join(lines).rstrip() + "\n```"


def collector_settings() -> str:
    """The settings of collector.toml."""
    return _page("collector.toml", collector.Settings)


def district_settings() -> str:
    """The settings of district.toml."""
    return _page("district.toml", district.Settings)


def calendar() -> str:
    """The settings of one calendar."""
    return _page("calendars", CalendarTable)


def quiet() -> str:
    """The settings of one quiet time."""
    return _page("quiet", district.QuietTime)


def fields(kind: type[msgspec.Struct], path: str = "") -> Iterator[tuple[str, Any, object]]:
    """Every setting of `kind`: its dotted name, its type, its default (NODEFAULT if it must be set)."""
    for field in msgspec.structs.fields(kind):
        name = f"{path}{field.encode_name}"
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            for inner, inner_type, inner_default in fields(field.type, f"{name}."):
                attribute = inner.removeprefix(f"{name}.").split(".")
                yield inner, inner_type, _within(default, attribute, inner_default)
        else:
            yield name, field.type, default


def _within(value: object, attributes: list[str], otherwise: object) -> object:
    """The default of a setting inside `value`, the default of its table."""
    if value is msgspec.NODEFAULT:
        return otherwise
    for attribute in attributes:
        value = getattr(value, attribute)
    return value


def _page(file: str, kind: type[msgspec.Struct]) -> str:
    rows = list(fields(kind))
    meaning = meanings(file, [name for name, _, _ in rows])
    return table(
        ["setting", "value", "default", "meaning"],
        [[code(name), _type(hint), _default(default), meaning[name]] for name, hint, default in rows],
    )


_TYPES = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    time: "time of day",
    date: "day",
    datetime: "day and time",
}


def _type(hint: Any) -> str:  # noqa: ANN401 - types are values here
    hint = _bare(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is dict:
        return "table of tables" if _is_struct(inner[1]) else f"table of {_several(_type(inner[1]))}"
    if origin is tuple and inner[-1] is Ellipsis:
        return "list of tables" if _is_struct(inner[0]) else f"list of {_several(_type(inner[0]))}"
    if origin is tuple:
        return f"{len(inner)} {_several(_type(inner[0]))}"
    if origin is Literal:
        return "one of " + ", ".join(code(value) for value in inner)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "one of " + ", ".join(code(value) for value in hint)
    return _TYPES[hint]


def _several(kind: str) -> str:
    """`lists of texts` of `list of texts`."""
    first, of, rest = kind.partition(" of ")
    return f"{first}s{of}{rest}"


def _bare(hint: Any) -> Any:  # noqa: ANN401
    """The type without its bounds, and without the None of a setting that may be missing."""
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        return inner[0]
    return next(kind for kind in inner if kind is not NoneType) if NoneType in inner else hint


def _is_struct(hint: Any) -> bool:  # noqa: ANN401 - types are values here
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _default(value: object) -> str:
    if value is msgspec.NODEFAULT:
        return "must be set"
    if value is None:
        return "none"
    if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        return "see below"
    if isinstance(value, bool | str | int | float | tuple | dict):
        return code(json.dumps(value))
    return code(str(value))

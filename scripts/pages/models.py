"""Tables of what schools need, from firstbell/readiness/models.toml and students.toml."""

import msgspec

from collector import registry
from firstbell.readiness.models import Band, Model, Number, Published
from scripts.pages.markdown import code, table

_HEAD = ["number", "value", "from", "to", "source", "year", "confidence"]


def numbers() -> str:
    """The numbers that hold for every way of teaching."""
    return table(_HEAD, _numbers(registry.targets().numbers))


def models() -> str:
    """Every way of teaching, with its numbers."""
    return "\n\n".join(_model(name, model) for name, model in registry.targets().models.items())


def published() -> str:
    """What others published."""
    rows = [
        [code(name), target.name, _each(target), target.source, str(target.year), target.confidence]
        for name, target in registry.targets().published.items()
    ]
    return table(["id", "name", "Mbit/s for each", "source", "year", "confidence"], rows)


def student() -> str:
    """The kind of student that a capacity test plays."""
    return table(_HEAD, _numbers(registry.student()[1]))


def _model(name: str, model: Model) -> str:
    also = "".join(f", {code(other)}" for other in model.also)
    home = " Students learn at home too." if model.home else ""
    title = f"### {code(name)}: {model.name}"
    how = f"{model.how[0].upper()}{model.how[1:]}.{home} `--model` takes {code(name)}{also}."
    return "\n\n".join([title, how, table(_HEAD, _numbers(model))])


def _numbers(holder: msgspec.Struct) -> list[list[str]]:
    found = ((name, getattr(holder, name)) for name in holder.__struct_fields__)
    return [_row(name, number) for name, number in found if isinstance(number, Number)]


def _row(name: str, number: Number) -> list[str]:
    source = f"{number.source}{' (a judgement)' if number.judgement else ''}"
    bounds = ["" if bound is None else f"{bound:g}" for bound in (number.low, number.high)]
    return [code(name), f"{number.value:g}", *bounds, source, str(number.year), number.confidence]


def _each(target: Published) -> str:
    bands = "; ".join(_band(band) for band in target.bands)
    return f"{target.per} of the {target.level}: {bands}"


def _band(band: Band) -> str:
    below = f" below {band.below_students:,} students" if band.below_students else ""
    least = f", at least {band.least_mbps:g} in all" if band.least_mbps else ""
    return f"{band.mbps:g}{below}{least}"

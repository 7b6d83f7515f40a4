"""Queries by name, in the part of InfluxQL that InfluxDB 1.8, 2 and 3 all speak (`dashboards.subset`)."""

from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from firstbell.copies import RAW, Copy

DISTRICT = '"district" =~ /^$district$/'
SCHOOL = f'{DISTRICT} AND "school" =~ /^$school$/'
CIRCUIT = f'{DISTRICT} AND "circuit" =~ /^$circuit$/'
"""Which points a board speaks of, by its variables; a variable may stand for several names, or for all."""


TESTS = '"throughput", "internet"'
"""Both kinds of throughput test, against a reference server and a public one: verdicts count both.

The tag `engine` tells them apart."""

DATASOURCE = "influxdb"
"""What Grafana calls the kind of both data sources."""


class Query(NamedTuple):
    """One question to a database, and its answer's columns beside time, first the tags that it groups by."""

    name: str
    text: str
    columns: tuple[str, ...]
    db: str = RAW


FRESH = "time > now() - 15m"
"""Of what is said each five minutes an older word is no word on now: then a board shows nothing, not `up`."""


def latest(name: str, copy: Copy, fields: str, *, by: str, where: str) -> Query:
    """The latest point of each group, whole: a field that the point lacks is no older point's.

    `fields` and `by` are names with spaces between them; `since_s>since_ms` makes milliseconds of seconds,
    as Grafana wants moments.
    """
    wanted, tags = [field.partition(">") for field in fields.split()], by.split()
    shown = [f'"{field}" * 1000 AS "{moment}"' if moment else f'"{field}"' for field, _, moment in wanted]
    text = (
        f'SELECT {", ".join(shown)} FROM "{copy.name}" WHERE {where} AND $timeFilter '
        f"GROUP BY {quoted(tags)} ORDER BY time DESC LIMIT 1"
    )
    return Query(name, text, (*tags, *(moment or field for field, _, moment in wanted)))


def quoted(names: Iterable[str]) -> str:
    """Names as InfluxQL wants them: some of them, such as `name`, are its own words."""
    return ", ".join(f'"{name}"' for name in names)


def named(*modules: ModuleType) -> dict[str, Query]:
    """Every query of the modules by its name. Raises ValueError where two share one."""
    found: dict[str, Query] = {}
    for query in (value for module in modules for value in vars(module).values()):
        if isinstance(query, Query) and found.setdefault(query.name, query) is not query:
            raise ValueError(f"two queries are called {query.name}")
    return found

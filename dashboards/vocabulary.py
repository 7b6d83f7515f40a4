"""Every measurement of both databases, with the names that may be asked of it."""

from collections.abc import Iterator
from functools import cache

from dashboards import subset
from firstbell import points
from firstbell.catalogue import PROBES
from firstbell.copies import COPIES, RAW, ROLLUP_TAGS, ROLLUPS, rollups


@cache
def names() -> dict[str, dict[str, set[str]]]:
    """Tags and fields, by database and measurement."""
    reports = {probe.name: {*points.TAGS, *points.RECORD, *probe.metrics} for probe in PROBES.values()}
    copies = {copy.name: {*copy.tags, *copy.kinds()} for copy in COPIES.values()}
    spans = {measurement: {*ROLLUP_TAGS, *kinds} for measurement, kinds in rollups()}
    return {RAW: reports | copies, ROLLUPS: spans}


def complaints(influxql: str, db: str) -> Iterator[str]:
    """What a query asks for that there is not."""
    known = names().get(db)
    if known is None:
        yield f"{db} is no database of ours"
        return
    asked = subset.measurements(influxql)
    yield from (f"{db} has no measurement {name}" for name in asked if name not in known)
    strange = subset.names(influxql) - set(asked)
    for name in asked:
        yield from (f"{name} has no {field}" for field in sorted(strange - known.get(name, set())))

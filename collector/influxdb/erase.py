"""What of some boxes, or of a school, is in InfluxDB: counted, and taken away."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from collector.config import Home, InfluxSettings
from collector.influxdb.connection import server
from collector.influxdb.ship import alone
from collector.sinks.influx import END_OF_TIME, Server
from collector.sinks.standing import Placed
from collector.store.exporting import Box


class Copies:
    """The buckets of a district, while nobody ships to them."""

    def __init__(self, to: Server, settings: InfluxSettings, placed: Placed) -> None:
        self._to, self._settings, self._district = to, settings, placed.placed_as
        names = (settings.bucket, settings.rollups, settings.spare)
        self._ids = {name: found.id for name in names if (found := to.look_for(name)) is not None}

    def points(self, boxes: Sequence[Box]) -> int:
        """How many reports of these boxes are there. Raises InfluxError."""
        return sum(self._points(*box) for box in boxes)

    def take_away(self, boxes: Sequence[Box], school: str) -> None:
        """Delete what bears a box's name (within its time), and a school's. Raises InfluxError."""
        for bucket in self._ids.values():
            for agent, since_ns, until_ns in boxes:
                tags = {"district": self._district, "agent": agent}
                self._to.delete(bucket, max(0, since_ns), until_ns or END_OF_TIME, tags)
            if school:
                self._to.clear(bucket, {"district": self._district, "school": school})

    def _points(self, agent: str, since_ns: int, until_ns: int | None) -> int:
        quoted = agent.replace("'", "\\'")
        until = f" AND time < {until_ns}" if until_ns else ""
        query = f"SELECT count(seq) FROM /.*/ WHERE agent = '{quoted}' AND time >= {max(0, since_ns)}{until}"  # noqa: S608 - a box's name has no quotes
        return sum(int(row["count"]) for _, _, row in self._to.query(self._settings.bucket, query))


@contextmanager
def copies(home: Home, settings: InfluxSettings, placed: Placed) -> Iterator[Copies | None]:
    """The buckets, held against whoever ships; None where none are named.

    Raises InfluxError, SettingsError.
    """
    if not settings.url:
        yield None
        return
    with alone(home):
        to = server(home, settings)
        try:
            to.bucket(settings.bucket)
            yield Copies(to, settings, placed)
        finally:
            to.close()

"""Whether all that simulated boxes sent is there, once, and how much room it takes."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.fleet import Fleet
from benchmarks.house import House
from firstbell.points import MEASUREMENTS
from tests.support.influxdb import Influx2

_STILL_S = 30.0


def see_all(run: House, fleet: Fleet) -> int:
    """That journal and InfluxDB hold each report of each box once; how many. Raises RuntimeError."""
    expected = {box.name: box.seq for box in fleet.boxes}
    in_journal, in_influx = _in_journal(run.home.journal), _in_influx(run.influx, run.settings.bucket)
    for where, found in (("the journal", in_journal), ("InfluxDB", in_influx)):
        wrong = {
            name: found.get(name)
            for name, last in expected.items()
            if found.get(name) != (last, last * (last + 1) // 2, last)
        }
        if wrong or found.keys() - expected.keys():
            some = dict(list(wrong.items())[:3])
            raise RuntimeError(f"{where} does not hold each report once: {len(wrong):,} boxes, as {some}")
    return sum(expected.values())


Sums = dict[str, tuple[int, int, int]]
"""Of each box: how many reports, the sum of their numbers, and the last number."""


def _in_journal(path: Path) -> Sums:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT name, count(*), sum(seq), max(seq) "
            "FROM reports JOIN agents USING (agent_id) GROUP BY agent_id"
        )
        return {name: (count, total, last) for name, count, total, last in rows}


def _in_influx(influx: Influx2, bucket: str) -> Sums:
    found: Sums = {}
    for name in MEASUREMENTS:
        asked = f'SELECT count(seq), sum(seq), max(seq) FROM "{name}" GROUP BY agent'
        for row in influx.query(asked, bucket):
            count, total, last = found.get(row["agent"], (0, 0, 0))
            found[row["agent"]] = count + row["count"], total + row["sum"], max(last, row["max"])
    return found


def packed(influx: Influx2, folder: Path, bucket: str) -> int:
    """Bytes of a bucket's points on the disk, their index apart, once it has been still for a while."""
    place = (
        folder / "engine" / "data" / influx.call("GET", f"/api/v2/buckets?name={bucket}")["buckets"][0]["id"]
    )
    size, since = -1, time.monotonic()
    while time.monotonic() - since < _STILL_S:
        now = sum(path.stat().st_size for path in place.rglob("*.tsm"))
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(1)
    return size

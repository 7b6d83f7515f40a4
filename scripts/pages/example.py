"""`scripts/example FOLDER`: the made-up district of docs/example, with its checks, as a data folder to ask.

The checks take the way of real ones, from a batch to the journal; they lie on the school days before now.
"""

import csv
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from collector import config, registry
from collector.clock import SystemClock
from collector.intake import Intake
from collector.store.journal import open_journal
from collector.store.writer import Writer
from firstbell import district, wire
from firstbell.report import ClockQuality, LimitedBy, Medium, Report, Segment, Status

SOURCE = Path(__file__).parents[2] / "docs" / "example"
_EPOCH = f"{1:016x}"
_LATER_NS = 30 * district.NS
"""How long after it began a check reaches the collector."""

_MOST_BYTES = 500_000_000


def write(folder: Path, now_ns: int) -> None:
    """Make `folder` the data folder of the example as it is at `now_ns`. Raises FileExistsError."""
    folder.mkdir(parents=True)
    home = config.home(str(folder))
    shutil.copytree(SOURCE / "district", home.district)
    school = registry.read(home.district).district.schools[0]
    with (SOURCE / "checks.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    journal = open_journal(home.journal)
    writer = Writer(journal, SystemClock())
    intake = Intake(writer, SystemClock(), journal.id)
    writer.start()
    for box in dict.fromkeys(row["box"] for row in rows):
        reports = sorted(
            (_report(row, school, now_ns) for row in rows if row["box"] == box), key=lambda r: r.at_ns
        )
        _send(intake, box, reports)
    writer.stop()


def _report(row: Mapping[str, str], school: district.School, now_ns: int) -> Report:
    today = district.local(school, now_ns).date()
    ago = int(row["school_days_ago"]) - 1
    day = next(islice(district.school_days(school, today - timedelta(days=1), -1), ago, None))
    local = datetime.fromisoformat(f"{day} {row['time']}").replace(tzinfo=district.zone(school.tz))
    return Report(
        probe="internet",
        status=Status.OK,
        target="internet",
        segment=Segment.INTERNET,
        medium=Medium.WIRED,
        engine="example",
        limited_by=LimitedBy.LINE,
        readings={
            "down_mbps": float(row["down_mbps"]),
            "up_mbps": float(row["up_mbps"]),
            "bytes_received": _carried(row["down_mbps"], _MOST_BYTES * 7 // 10),
            "bytes_sent": _carried(row["up_mbps"], _MOST_BYTES * 3 // 10),
            "server": "a made-up server",
        },
        at_ns=int(local.timestamp()) * district.NS,
        duration_s=20.0,
        clock=ClockQuality.NTP,
    )


def _carried(mbps: str, most: int) -> int:
    """What a direction of ten seconds carries, within its share of a box's ceiling."""
    return min(most, round(float(mbps) * 1e6 / 8 * 10))


def _send(intake: Intake, box: str, reports: Sequence[Report]) -> None:
    """Give the reports to the collector, each at the time at which it would have come."""
    for seq, report in enumerate(reports, 1):
        _, payload = wire.encode_batch(box, _EPOCH, seq, [wire.encode_report(report)])
        intake.take(box, payload, report.at_ns + _LATER_NS)


def main() -> str | None:
    """Write the example where the one argument says; what went wrong, if anything did."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its argument
        return "usage: scripts/example FOLDER"
    try:
        write(Path(sys.argv[1]), SystemClock().now_ns())
    except FileExistsError:
        return f"{sys.argv[1]} is there already; the example wants a folder of its own"
    return None


if __name__ == "__main__":
    sys.exit(main())

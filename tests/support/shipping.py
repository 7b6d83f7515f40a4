"""A journal, a district folder and a way from them into one bucket, as the collector has it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from collector import influxdb, registry
from collector.registry import Folder
from collector.sinks.influx import Address, Server
from collector.sinks.shipping import Shipper
from collector.sinks.standing import Bucket, Placed
from collector.store.decisions import keep_district
from collector.store.outbox import Outbox, Shipped
from collector.store.reads import Reads
from firstbell.report import Report
from tests.collector.workbench import BOX, NOW_NS, Bench, report
from tests.support.influx_oracle import differences
from tests.support.influxdb import Influx2
from tests.support.refusing_influx import RefusingInflux

SCHOOLS = "id,name,students\nlincoln,Lincoln High,900\nmill,Old Mill,90\n"
CIRCUITS = "id,schools\nline,lincoln\nmill-line,mill\n"
DAY_NS = 86_400 * 10**9
QUICK_MS = (2_000, 2_000)


def write_folder(
    path: Path,
    *,
    name: str = "Maple Valley",
    toml: str = "",
    seats: Sequence[str] = (f"{BOX},lincoln,12,line,",),
    **files: str,
) -> None:
    """Write a district folder: two schools, two lines, these rows of seats.csv."""
    path.mkdir(exist_ok=True)
    texts: Mapping[str, str] = {
        "district.toml": f"name = {msgspec.json.encode(name).decode()}\n{toml}",
        "schools.csv": SCHOOLS,
        "circuits.csv": CIRCUITS,
        "seats.csv": "\n".join(["agent,school,room,circuit,since", *seats, ""]),
        **{f"{file}.csv": text for file, text in files.items()},
    }
    for file, text in texts.items():
        (path / file).write_text(text, encoding="utf-8")


class Way:
    """From a bench's journal to a bucket; `store` is how the server's writes call it."""

    def __init__(
        self,
        bench: Bench,
        server: Influx2 | RefusingInflux,
        bucket: str,
        *,
        store: str = "",
        days: int = 0,
        batch: int = 100,
        timeouts_ms: tuple[int, int] = QUICK_MS,
        name: str = "",
    ) -> None:
        self.bench, self.server, self.name = bench, server, name
        self.bucket = Bucket(bucket, store or bucket, days)
        self.batch, self.timeouts_ms = batch, timeouts_ms
        self.folder_path = bench.path.parent / "district"
        if not self.folder_path.exists():
            write_folder(self.folder_path)
        self.folder = self.load()
        self.outbox = Outbox(bench.journal)
        self.reads = Reads(bench.journal)
        self.door = self.connect()
        self.shipper = self.made()

    def load(self) -> Folder:
        """Take the folder as it stands on the disk from now on."""
        self.folder = registry.read(self.folder_path)
        digest = self.folder.district.digest
        keep_district(self.bench.journal, digest, self.folder.contents, self.bench.clock.now_ns())
        return self.folder

    def connect(self) -> Server:
        """A connection to the server."""
        url, org, token = self.server.url, self.server.org, self.server.token
        return Server(Address(url, org, token), self.timeouts_ms)

    def made(self, *, batch: int = 0) -> Shipper:
        """A shipper that remembers nothing but what the journal does."""
        return Shipper(
            self.outbox,
            self.reads,
            self.door,
            self.bucket,
            lambda: Placed(self.folder.district, self.name),
            influxdb.folder_of(self.bench.journal),
            self.bench.clock,
            batch=batch or self.batch,
        )

    def ship(self) -> Shipped:
        """Ship until nothing is left."""
        return self.shipper.catch_up()

    def wrong(self, **how: object) -> list[str]:
        """What the oracle says of the bucket; nothing if all is well."""
        without = [one.arrival for one in self.outbox.aside(-1)]
        found = {"folder": self.folder_path, "without": without, "since_ns": self._since_ns(), **how}
        return differences(self.server, self.bucket.name, self.bench.path, **found)  # type: ignore[arg-type]

    def _since_ns(self) -> int:
        return self.bench.clock.now_ns() - self.bucket.days * DAY_NS if self.bucket.days else 0

    @property
    def shipper_name(self) -> str:
        """The tag `district` of what it ships."""
        return Placed(self.folder.district, self.name).placer().name

    @property
    def arrival(self) -> int:
        """Up to which report everything is noted as shipped."""
        state = self.outbox.state()
        return state.arrival if state else 0

    def close(self) -> None:
        """Close the connections."""
        with closing(self.outbox), closing(self.reads), closing(self.door):
            pass


def reports(first: int, count: int, since_ns: int = NOW_NS - DAY_NS) -> list[Report]:
    """`count` good reports of the past, numbered from `first`: one a minute since `since_ns`."""
    return [report(number, at_ns=since_ns + number * 60 * 10**9) for number in range(first, first + count)]

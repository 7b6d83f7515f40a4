"""A journal, a district folder and a way from them into one bucket, as the collector has it."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import msgspec
from click.testing import CliRunner, Result

from collector import influxdb, registry
from collector.cli import main
from collector.clock import SystemClock
from collector.config import Home
from collector.registry import Folder
from collector.sinks.influx import Address, Server
from collector.sinks.shipping import Progress, Shipper
from collector.sinks.standing import Bucket, Placed, Source
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
KINDS = ("", "_spare", "_rollups", "_spare_leaving")
"""What stands behind the names of the buckets that the program makes."""


def poison(*arrivals: int) -> Callable[[str], bool]:
    """Whether a line is of one of these reports."""
    return lambda line: any(f"arrival={arrival}i" in line for arrival in arrivals)


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


class Road:
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
        return Shipper(self.source(), self.door, self.bucket, batch=batch or self.batch)

    def source(self) -> Source:
        """The journal, and the folder as it was loaded last."""
        folder_of = influxdb.folder_of(self.bench.journal)
        return Source(self.outbox, self.reads, self._placed, folder_of, self.bench.clock)

    def _placed(self) -> Placed:
        return Placed(self.folder.district, self.name)

    def ship(self) -> Shipped:
        """Ship until nothing is left."""
        return self.shipper.catch_up()

    def catch_up(self, progress: Progress, /) -> Shipped:
        """As the program's own way does it."""
        return self.shipper.catch_up(progress)

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
        return self._placed().placer().name

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


class House:
    """A data folder with a journal and a district, and `firstbell` as it is typed there."""

    def __init__(self, folder: Path, server: Influx2, bucket: str, **district: str) -> None:
        self.home, self.server, self.bucket = Home(folder), server, bucket
        folder.mkdir(parents=True, exist_ok=True)
        write_folder(self.home.district, **district)
        self.bench = Bench(folder)
        self.bench.clock.wall_ns = self.now_ns = SystemClock().now_ns()
        self._next = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        self.bench.close()
        for name, found in self.buckets().items():
            self.server.call("DELETE", f"/api/v2/buckets/{found['id']}")
            self.server._ids.pop(name, None)

    def buckets(self) -> dict[str, dict[str, Any]]:
        """The buckets of this house, by their names."""
        found = self.server.call("GET", f"/api/v2/buckets?org={self.server.org}&limit=100")["buckets"]
        ours = {f"{self.bucket}{kind}" for kind in KINDS}
        return {one["name"]: one for one in found if one["name"] in ours}

    def say(self, *words: str, token: str = "") -> Result:
        """What `firstbell influx` answers; `token` is the operator's."""
        argv = ["--data", str(self.home.folder), "influx", *words]
        return CliRunner().invoke(main, argv, env={"INFLUX_TOKEN": token or self.server.token})

    def set_up(self, *words: str) -> dict[str, Any]:
        """Set up, or do it again."""
        where = ("--url", self.server.url, "--org", self.server.org, "--bucket", self.bucket)
        said = self.say("setup", *where, *words, "--json")
        assert said.exit_code == 0, said.output
        answer: dict[str, Any] = json.loads(said.stdout)
        return answer

    def send(self, count: int, agent: str = BOX) -> None:
        """So many reports more of the last hours, one a minute."""
        for first in range(self._next, self._next + count, 250):
            number = min(250, self._next + count - first)
            self.bench.send(first, reports(first, number, self.now_ns - DAY_NS), agent=agent)
        self._next += count

    def ship(self) -> dict[str, Any]:
        """Ship everything."""
        said = self.say("ship", "--json")
        assert said.exit_code == 0, said.output
        answer: dict[str, Any] = json.loads(said.stdout)
        return answer

    def wrong(self, **how: Any) -> list[str]:
        """What the oracle says of the bucket."""
        return differences(self.server, self.bucket, self.bench.path, self.home.district, **how)

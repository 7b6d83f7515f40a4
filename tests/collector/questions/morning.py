"""A school day at Lincoln High in a real journal: boxes in rooms that see what a test says, minute by minute."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from collector.registry import Folder
from collector.store.gateways import Try
from collector.store.offers import Offer
from firstbell import folder as folders
from firstbell.catalogue import Reading
from firstbell.report import ClockQuality, Medium, Report, Segment, Status
from tests.collector.workbench import Bench

ZONE = ZoneInfo("America/Chicago")
MINUTE_NS = 60 * 10**9
AT_NS = int(datetime(2026, 12, 8, 7, 40, 20, tzinfo=ZONE).timestamp()) * 10**9
"""A Tuesday, 7:40:20."""
FILES = {
    "district.toml": 'name = "Maple Valley"\ntz = "America/Chicago"\n',
    "schools.csv": "id,name,students,staff,tz,gateway\n"
    "lincoln,Lincoln High,1120,80,America/Chicago,192.0.2.1\n"
    "prairie,Prairie Middle,560,40,America/Chicago,192.0.2.2\n",
    "circuits.csv": "id,kind,down_mbps,schools\nline-l,internet,1000,lincoln\nline-p,internet,1000,prairie\n",
    "rooms.csv": "school,room,name,seats,access_points\n"
    "lincoln,203,,30,AP-203\nlincoln,204,,30,AP-204\nlincoln,205,,30,AP-205\nlincoln,206,,30,AP-205\n"
    "lincoln,Main closet,,,\nprairie,101,,,\n",
    "seats.csv": "agent,school,room,circuit\nbox-203,lincoln,203,line-l\nbox-204,lincoln,204,line-l\n"
    "box-205,lincoln,205,line-l\nbox-mc,lincoln,Main closet,line-l\nbox-p,prairie,101,line-p\n",
}


def folder(**files: str) -> Folder:
    """The district; `seats="..."` replaces seats.csv, and so on."""
    contents = FILES | {f"{name}.csv": text for name, text in files.items()}
    return Folder(folders.parse(contents), contents)


def looks(kind: str, at_ns: int, medium: Medium = Medium.WIRED) -> list[Report]:
    """What the probe `latency` says at one moment on a way of that kind."""
    down = {"no internet": "no answer to 10 echoes", "no names": "name: no answer", "cut": "no answer"}
    ok = kind == "online"
    gateway_ok = kind in {"online", "no internet", "no names"}
    quick: dict[str, Reading] = {"rtt_p50_ms": 1.0}
    far: dict[str, Reading] = {"rtt_p50_ms": 31.0, "dns_ms": 9.0, "http_ms": 120.0, "http_status": 204}
    return [
        latency(
            "gateway", Segment.SITE, at_ns, quick if gateway_ok else {}, "no answer to 10 echoes", medium
        ),
        *(
            latency(name, Segment.INTERNET, at_ns, far if ok else {}, down.get(kind, "no route"), medium)
            for name in ("google", "cloudflare")
        ),
    ]


def latency(
    target: str, segment: Segment, at_ns: int, readings: Mapping[str, Reading], why: str, medium: Medium
) -> Report:
    """One look at one target; without readings it failed."""
    return Report(
        status=Status.OK if readings else Status.FAILED,
        reason="" if readings else why,
        probe="latency",
        target=target,
        segment=segment,
        medium=medium,
        at_ns=at_ns,
        duration_s=1.5,
        clock=ClockQuality.NTP,
        readings=dict(readings),
    )


def said(probe: str, at_ns: int, status: Status = Status.OK, reason: str = "", **readings: Reading) -> Report:
    """A report of another probe."""
    return Report(
        status=status,
        reason=reason,
        probe=probe,
        at_ns=at_ns,
        duration_s=0.1,
        clock=ClockQuality.NTP,
        readings=readings,
    )


def no_wifi(reason: str, at_ns: int, medium: Medium | None = Medium.WIFI) -> Report:
    """A look at the Wi-Fi that failed."""
    return msgspec.structs.replace(said("wifi_link", at_ns, Status.FAILED, reason), medium=medium)


class Morning:
    """Boxes that report to a bench; each call goes on where the box stopped."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        bench.clock.wall_ns = AT_NS
        self._sent: dict[str, int] = {}

    def send(self, agent: str, rows: list[Report]) -> None:
        """Deliver reports of a box, 500 at a time."""
        for begin in range(0, len(rows), 500):
            part = rows[begin : begin + 500]
            first = self._sent.get(agent, 0) + 1
            answer = self.bench.send(first, part, agent=agent, epoch=f"{sum(agent.encode()):016x}")
            assert answer.held, answer
            self._sent[agent] = first + len(part) - 1

    def sees(
        self, agent: str, kind: str, since: int = 60, until: int = 0, medium: Medium = Medium.WIRED
    ) -> None:
        """The box sees `kind` once a minute, from `since` minutes before 7:40 until `until` minutes before."""
        rows = [
            row
            for ago in range(since, until - 1, -1)
            for row in looks(kind, AT_NS - ago * MINUTE_NS - 8 * 10**9, medium)
        ]
        self.send(agent, rows)

    def wifi(self, agent: str, *, goes: bool, since: int = 60, until: int = 0) -> None:
        """The box's Wi-Fi goes, or fails, every five minutes."""
        for ago in range(since, until - 1, -5):
            at_ns = AT_NS - ago * MINUTE_NS - 4 * 10**9
            if goes:
                self.send(agent, [said("wifi_link", at_ns, signal_dbm=-58.0)])
            else:
                self.send(agent, [no_wifi("not connected to an access point", at_ns)])

    def stands(self, agent: str, at_ns: int = AT_NS - MINUTE_NS) -> None:
        """The box says how its port and its power are."""
        self.send(
            agent,
            [
                said("host", at_ns, port_speed_mbps=1000, cpu_busy_pct=3.0),
                said("power", at_ns, undervoltage_now=False, plugged_in=True),
            ],
        )

    def gateway(self, address: str, answers: Callable[[int], bool], since: int = 60) -> None:
        """Our own tries of a gateway, once a minute; `answers` is asked with the minutes before 7:40."""
        tries = [Try(address, AT_NS - ago * MINUTE_NS - 10**9, answers(ago)) for ago in range(since, -1, -1)]
        kept = threading.Event()
        self.bench.writer.put(Offer("", "", AT_NS, (), (), lambda _: kept.set(), tuple(tries)))
        assert kept.wait(20)

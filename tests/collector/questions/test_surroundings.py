"""From the journal to the links that are no lines: outages, round trips, the air of rooms, batteries."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import msgspec
import pytest

from collector import registry
from collector.questions import ask, doubt, surroundings
from collector.registry import Folder
from collector.store.decisions import decide
from collector.store.gateways import Try
from collector.store.offers import Offer
from firstbell.calendar import Bell, Calendar
from firstbell.catalogue import Reading
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.weighing import SchoolEvidence
from firstbell.report import Opening, Report, Segment, Status
from tests.collector.questions import planted
from tests.collector.workbench import EPOCH, NOW_NS, Bench, report

BOX = "box-1"
NOW = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
YESTERDAY = next(day for n in range(1, 8) if (day := NOW - timedelta(days=n)).weekday() < 5)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Lincoln High with 200 people; its box stands in room 204, one of two."""
    home = tmp_path / "district"
    planted.write(home, {"lincoln": 200}, {"lincoln": 100})
    (home / "seats.csv").write_text(
        f"agent,school,room,circuit\n{BOX},lincoln,204,line-lincoln\n", encoding="utf-8"
    )
    rooms = "school,room,name,seats\nlincoln,204,Room 204,28\nlincoln,205,Room 205,28\n"
    (home / "rooms.csv").write_text(rooms, encoding="utf-8")
    return registry.read(home)


def seen(minute: int, probe: str, readings: dict[str, Reading], **changes: object) -> Report:
    """A report of yesterday, so many minutes after eight."""
    at = YESTERDAY.replace(hour=8, minute=0, second=5) + timedelta(minutes=minute)
    plain = report(probe=probe, target="", at_ns=int(at.timestamp()) * 10**9)
    return msgspec.structs.replace(plain, readings=readings, **changes)


def looks(minute: int, *, down: bool) -> list[Report]:
    """What the latency probe says of the gateway and of one site."""
    site = {"segment": Segment.INTERNET, "target": "google"}
    bad = {"status": Status.FAILED, "reason": "no answer"}
    gateway = seen(minute, "latency", {"rtt_p95_ms": 1.0}, segment=Segment.SITE, target="gateway")
    readings: dict[str, Reading] = {} if down else {"rtt_p95_ms": 20.0}
    return [gateway, seen(minute, "latency", readings, **(site | bad if down else site))]


def known(bench: Bench, folder: Folder, reports: list[Report]) -> SchoolEvidence:
    """What is weighed of the school after these reports."""
    opening = Opening(predecessor=None, last_seq=0, ended="first")
    first = report(probe="box", target="", opening=opening, at_ns=NOW_NS - 10**15)
    every = [first, *reports]
    for n in range(0, len(every), 200):
        assert bench.send(n + 1, every[n : n + 200], agent=BOX, epoch=EPOCH).refused == ()
    school = folder.district.schools[0]
    return ask.weigh(bench.reads, folder, registry.targets(), school, NOW_NS)


def links(bench: Bench, folder: Folder) -> dict[str, LinkAnswer]:
    """The links of the school's answer."""
    answer = ask.ask(
        bench.reads,
        folder,
        registry.targets(),
        school="lincoln",
        model="flex",
        people=None,
        years=3,
        as_of_ns=NOW_NS,
    )
    return {link.link: link for link in answer.links}


def test_ten_minutes_without_internet_in_class_are_lost(bench: Bench, folder: Folder) -> None:
    """Two hours of looks, ten of them down: ten minutes, times 200 students, and one day that is not clean."""
    reports = [row for minute in range(120) for row in looks(minute, down=30 <= minute < 40)]
    uptime = known(bench, folder, reports).uptime
    assert uptime is not None
    assert uptime.minutes == pytest.approx(10, abs=1.1)
    assert (uptime.days, uptime.clean, uptime.outages) == (1, 0, 1)
    assert uptime.student_hours == pytest.approx(uptime.minutes / 60 * folder.district.schools[0].students)
    link = links(bench, folder)["availability"]
    assert (link.assessed, link.note) == (False, "watched on 1 of 10 school days")


def test_a_box_that_falls_silent_is_no_outage(bench: Bench, folder: Folder) -> None:
    """Half an hour without a word of the only box: nothing is lost."""
    reports = [row for minute in range(120) if not 30 <= minute < 60 for row in looks(minute, down=False)]
    uptime = known(bench, folder, reports).uptime
    assert uptime is not None
    assert (uptime.minutes, uptime.outages) == (0, 0)


def test_round_trips_of_an_hour_in_class_are_told(bench: Bench, folder: Folder) -> None:
    """The site's 20 ms, not the gateway's one."""
    evidence = known(bench, folder, [row for minute in range(60) for row in looks(minute, down=False)])
    assert evidence.replies is not None
    assert evidence.replies.class_ms == pytest.approx(20)
    assert links(bench, folder)["responsiveness"].note.endswith("in class, on 1 of 3 days")


def test_the_air_of_a_room_and_its_boxes_rate(bench: Bench, folder: Folder) -> None:
    """Room 204 has a box near and room 205 none; the access point's own word comes before the box's."""
    air: dict[str, Reading] = {"busy_pct": 80.0, "ap_busy_pct": 30.0}
    reports = [seen(minute, "wifi_air", air) for minute in range(0, 60, 5)]
    reports += [seen(minute, "wifi_link", {"rx_rate_mbps": 400.0}) for minute in range(0, 60, 5)]
    evidence = known(bench, folder, reports)
    assert evidence.rooms is not None
    (room,) = evidence.rooms.seen
    assert (room.name, room.seats, room.assessed, evidence.rooms.all) == ("Room 204", 28, False, 2)
    assert room.busy == pytest.approx(0.3)
    assert room.rate_mbps == pytest.approx(400)


def test_a_battery_is_told_by_its_newest_report(bench: Bench, folder: Folder) -> None:
    """Two reports of one laptop are one battery, the newer one."""
    reports = [
        seen(minute, "power", {"batteries": 1, "battery_full_wh": wh, "health_pct": 90.0})
        for minute, wh in ((0, 45.0), (5, 40.0))
    ]
    (battery,) = known(bench, folder, reports).batteries
    assert battery.full_wh == 40


def test_a_battery_stays_known_while_a_newer_word_of_it_is_not(bench: Bench, folder: Folder) -> None:
    """As of one report it is what was told until then: what came after it neither changes nor hides it."""
    full = [seen(n, "power", {"batteries": 1, "battery_full_wh": 45.0 - n}) for n in (0, 5)]
    lines = known(bench, folder, full[:1]).lines
    bench.send(3, full[1:], agent=BOX, epoch=EPOCH)
    school = folder.district.schools[0]
    assert [each.full_wh for each in surroundings.batteries(bench.reads, lines, school, {})] == [45.0]


def test_a_battery_that_tells_neither_what_it_holds_nor_its_health_is_none(
    bench: Bench, folder: Folder
) -> None:
    """It is not counted as dead: of it nothing is known."""
    assert list(known(bench, folder, [seen(0, "power", {"batteries": 1})]).batteries) == []


def tried(bench: Bench, answers: Callable[[int], bool]) -> None:
    """Our own tries of the school's gateway, each minute of yesterday's two hours from eight."""
    begin_ns = int(YESTERDAY.replace(hour=8, minute=0, second=0).timestamp()) * 10**9
    tries = [Try("10.0.0.1", begin_ns + n * 60 * 10**9, answers(n)) for n in range(120)]
    kept = threading.Event()
    bench.writer.put(Offer("", "", NOW_NS, (), (), lambda _: kept.set(), tuple(tries)))
    assert kept.wait(20)


def with_gateway(folder: Folder) -> Folder:
    """The school's gateway is one that we try."""
    school = msgspec.structs.replace(folder.district.schools[0], gateway="10.0.0.1")
    return Folder(msgspec.structs.replace(folder.district, schools=(school,)), folder.contents)


@pytest.mark.parametrize(("ever", "minutes"), [(True, 30), (False, 0)])
def test_a_gateway_that_never_answers_tells_of_no_outage(
    bench: Bench, folder: Folder, *, ever: bool, minutes: float
) -> None:
    """A box and a gateway silent together are an outage only where the gateway answers at other times."""
    tried(bench, lambda minute: ever and not 30 <= minute < 60)
    reports = [row for minute in range(120) if not 28 <= minute < 62 for row in looks(minute, down=False)]
    uptime = known(bench, with_gateway(folder), reports).uptime
    assert uptime is not None
    assert uptime.minutes == pytest.approx(minutes, abs=2.1)


@pytest.mark.parametrize(("unplugged", "lost"), [(33, 57), (45, 0)])
def test_a_gateways_silence_in_which_the_box_was_online_proves_nothing(
    bench: Bench, folder: Folder, unplugged: int, lost: float
) -> None:
    """A router that answers nobody since 8:30 is no outage once its box is unplugged: minutes are a clock's."""
    tried(bench, lambda minute: minute < 30 or minute >= 90)
    minutes = [*range(unplugged), *range(90, 120)]
    reports = [row for minute in minutes for row in looks(minute, down=False)]
    uptime = known(bench, with_gateway(folder), reports).uptime
    assert uptime is not None
    assert uptime.minutes == pytest.approx(lost, abs=2.1)


def test_a_silence_that_proved_nothing_proves_nothing_until_the_gateway_answers(
    bench: Bench, folder: Folder
) -> None:
    """Our own tries stop for half an hour meanwhile (a restart): what follows is the same silence."""
    begin_ns = int(YESTERDAY.replace(hour=8, minute=0, second=0).timestamp()) * 10**9
    tries = [Try("10.0.0.1", begin_ns + n * 60 * 10**9, n < 10) for n in range(120) if not 30 <= n < 60]
    kept = threading.Event()
    bench.writer.put(Offer("", "", NOW_NS, (), (), lambda _: kept.set(), tuple(tries)))
    assert kept.wait(20)
    reports = [row for minute in range(40) for row in looks(minute, down=False)]
    uptime = known(bench, with_gateway(folder), reports).uptime
    assert uptime is not None
    assert uptime.outages == 0


def test_only_hours_of_which_class_takes_half_are_hours_in_class(bench: Bench, folder: Folder) -> None:
    """Class from 8:20 to 11:20 and 12:30 to 14:29: of the hours from eleven and from two it takes less."""
    bells = tuple(
        Bell(time(*since), time(*until), name)
        for name, since, until in (("1", (8, 20), (11, 20)), ("2", (12, 30), (14, 29)))
    )
    calendar = Calendar(schedules=(("short", bells),), usual="short")
    school = msgspec.structs.replace(folder.district.schools[0], calendar=calendar)
    folder = Folder(msgspec.structs.replace(folder.district, schools=(school,)), folder.contents)
    reports = [row for minute in range(0, 7 * 60, 10) for row in looks(minute, down=False)]
    lines = known(bench, folder, reports).lines
    found = surroundings.hours(bench.reads, lines, school, {})
    by_clock = {datetime.fromtimestamp(hour.hour_ns / 1e9, UTC).hour: hour.in_class for hour in found}
    assert {hour for hour, in_class in by_clock.items() if in_class} == {8, 9, 10, 12, 13}
    assert {hour for hour, in_class in by_clock.items() if not in_class} == {11, 14}


def test_what_came_after_the_last_report_that_is_known_tells_of_nothing(bench: Bench, folder: Folder) -> None:
    """Everything of an answer is as of one report, though more arrives while it is made."""
    battery: dict[str, Reading] = {"batteries": 1, "battery_full_wh": 40.0}
    air: dict[str, Reading] = {"busy_pct": 80.0}
    lines = known(bench, folder, looks(0, down=False)).lines
    late = [*looks(61, down=False), seen(5, "wifi_air", air), seen(6, "power", battery)]
    bench.send(4, late, agent=BOX, epoch=EPOCH)
    school = folder.district.schools[0]
    assert len(surroundings.hours(bench.reads, lines, school, {})) == 1
    assert [room.air for room in surroundings.rooms(bench.reads, lines, school, {})] == [[]]
    assert surroundings.batteries(bench.reads, lines, school, {}) == []
    now = ask.weigh(bench.reads, folder, registry.targets(), school, NOW_NS).lines
    assert len(surroundings.hours(bench.reads, now, school, {})) == 2
    assert [len(room.air) for room in surroundings.rooms(bench.reads, now, school, {})] == [1]
    assert len(surroundings.batteries(bench.reads, now, school, {})) == 1


def test_what_two_boxes_said_under_one_name_tells_of_nothing(bench: Bench, folder: Folder) -> None:
    """Outages, round trips, air and batteries of a cloned card are no evidence, also once it was decided."""
    air: dict[str, Reading] = {"busy_pct": 80.0}
    battery: dict[str, Reading] = {"batteries": 1, "battery_full_wh": 40.0}
    rows = [row for minute in range(60) for row in looks(minute, down=30 <= minute < 40)]
    rows += [seen(5, "wifi_air", air), seen(6, "power", battery)]
    evidence = known(bench, folder, rows)
    assert evidence.uptime is not None
    assert (evidence.uptime.outages, len(evidence.batteries)) == (1, 1)
    assert evidence.replies is not None
    assert evidence.rooms is not None
    opening = Opening(predecessor=EPOCH, last_seq=1, ended="power")
    for epoch in ("00000000000000b1", "00000000000000b2"):
        first = report(probe="box", target="", opening=opening, at_ns=rows[0].at_ns - 10**9)
        bench.send(1, [first], agent=BOX, epoch=epoch)

    def told() -> tuple[int, bool, bool, int]:
        school = folder.district.schools[0]
        found = ask.weigh(bench.reads, folder, registry.targets(), school, NOW_NS)
        days = found.uptime.days if found.uptime else 0
        return days, found.replies is not None, found.rooms is not None, len(found.batteries)

    assert told() == (0, False, False, 0)
    assert decide(bench.journal, BOX, "the copy was renamed", NOW_NS)
    assert told() == (0, False, False, 0)


@pytest.mark.parametrize(
    ("doubts", "left"),
    [
        ((), [(10, 100)]),
        (((0, None),), []),
        (((40, None),), [(10, 40)]),
        (((40, 60),), [(10, 40), (60, 100)]),
        (((0, 20), (90, 200)), [(20, 90)]),
        (((0, None), (40, 60)), []),
    ],
)
def test_a_boxs_time_is_cut_where_its_word_is_doubtful(
    doubts: tuple[tuple[int, int | None], ...], left: list[tuple[int, int]]
) -> None:
    """From the first start of the two until somebody decided; of a box without doubts nothing is cut."""
    found = doubt.without([(BOX, 10, 100), ("box-2", 10, 100)], {BOX: doubts})
    assert found == [*((BOX, *piece) for piece in left), ("box-2", 10, 100)]

"""`firstbell influx rebuild`: the copy made anew, whatever was wrong with it, whoever ships meanwhile, and wherever it breaks off."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from collector import influxdb, lock, registry
from collector.questions.boards import Boards
from collector.sinks import setup
from collector.sinks.answers import AwayError
from collector.sinks.carrier import Carrier, Patience
from collector.sinks.copying import Copier
from collector.sinks.influx import Server
from collector.sinks.shipping import Shipper
from collector.sinks.way import Way
from collector.store.copied import Copied
from collector.store.decisions import keep_district
from collector.store.outbox import Aside, Outbox
from collector.store.reads import Reads
from tests.collector.workbench import BOX, wait_until
from tests.support.influxdb import AskedError, Influx2
from tests.support.shipping import DAY_NS, House, write_folder

_NUMBERS = count(1)


@pytest.fixture
def house(tmp_path: Path, influxd2: Influx2) -> Iterator[House]:
    """A data folder that is set up, with 300 reports in InfluxDB."""
    with House(tmp_path / "home", influxd2, f"rebuild-{next(_NUMBERS)}") as made:
        made.set_up()
        made.send(300)
        made.ship()
        yield made


@pytest.fixture
def oak(tmp_path: Path, house: House) -> Iterator[House]:
    """Another district in the same bucket, with a box of the same name and reports of the same moments."""
    with House(tmp_path / "oak", house.server, house.bucket, name="Oak Valley") as made:
        made.bench.clock.wall_ns = made.now_ns = house.now_ns
        made.set_up()
        made.send(100)
        made.ship()
        yield made


def spoil(house: House) -> None:
    """Points that are gone, changed, and too many; of this district."""
    district = "district=Maple\\ Valley"
    lines = [
        f'latency,agent=stranger,{district},status=ok seq=1i,epoch="x",arrival=7i {house.now_ns}',
        f'latency,agent={BOX},room=elsewhere,{district},status=ok seq=5i,epoch="x",arrival=5i {house.now_ns}',
    ]
    assert house.server.write("\n".join(lines), house.bucket).status == 204
    begin, end = house.now_ns - DAY_NS, house.now_ns - DAY_NS + 50 * 60 * 10**9
    with_token = Server(influxdb.address(house.home, influxdb.settings_of(house.home)))
    with_token.delete(house.bucket, begin, end, {"district": "Maple Valley", "agent": BOX})
    with_token.close()
    assert len(house.wrong(district="Maple Valley")) >= 50


def rebuild(house: House) -> dict[str, Any]:
    """Make it anew."""
    said = house.say("rebuild", "--json")
    assert said.exit_code == 0, said.output
    answer: dict[str, Any] = json.loads(said.stdout)
    return answer


def test_whatever_was_wrong_is_right_afterwards(house: House) -> None:
    """Lost points are back, strange ones gone; the buckets have changed places, and the spare is empty."""
    ids = {one["name"]: one["id"] for one in house.set_up()["buckets"]}
    spoil(house)
    done = rebuild(house)
    assert (done["shipped"], done["in_place"], done["others"]) == (300, False, [])
    assert house.wrong() == []
    after = {one["name"]: one["id"] for one in house.set_up()["buckets"]}
    spare = f"{house.bucket}_spare"
    assert (after[house.bucket], after[spare]) == (ids[spare], ids[house.bucket])
    assert house.server.query("SHOW MEASUREMENTS", spare) == []
    beside = Outbox(house.bench.journal, f"{influxdb.SINK} anew")
    assert beside.state() is None, "its cursor is the one in use"
    beside.close()


SUMS = "SELECT agent, school, count_rtt_p50_ms, mean_rtt_p50_ms FROM latency_1h, latency_1d"


@pytest.mark.parametrize("shared", [False, True], ids=["beside", "in place"])
def test_sums_are_made_anew_too(house: House, request: pytest.FixtureRequest, shared: bool) -> None:
    """Hours and days that were lost are back, and strange ones gone; another district's stay."""
    oak: House | None = request.getfixturevalue("oak") if shared else None
    before = house.server.query(SUMS, f"{house.bucket}_rollups")
    rollups = f"{house.bucket}_rollups"
    line = f"latency_1h,agent=stranger,district=Maple\\ Valley count_rtt_p50_ms=7i {house.now_ns}"
    assert house.server.write(line, rollups).status == 204
    with_token = Server(influxdb.address(house.home, influxdb.settings_of(house.home)))
    with_token.delete(rollups, 0, house.now_ns - 2 * 3600 * 10**9, {"district": "Maple Valley", "agent": BOX})
    with_token.close()
    assert house.server.query(SUMS, rollups) != before
    rebuild(house)
    assert before
    assert house.server.query(SUMS, rollups) == before
    assert {row["district"] for row in house.server.query("SELECT * FROM latency_1h", rollups)} == {
        "Maple Valley",
        *(["Oak Valley"] if oak else []),
    }


@pytest.mark.parametrize("shared", [False, True], ids=["beside", "in place"])
def test_sums_that_nobody_can_make_again_stay(
    house: House, request: pytest.FixtureRequest, shared: bool
) -> None:
    """Hours before the journal's first report, as after the loss of a journal that was longer."""
    if shared:
        request.getfixturevalue("oak")
    rollups, old_ns = f"{house.bucket}_rollups", house.now_ns - 40 * DAY_NS
    line = f"latency_1h,agent={BOX},district=Maple\\ Valley count_rtt_p50_ms=7i {old_ns}"
    assert house.server.write(line, rollups).status == 204
    before = house.server.query(SUMS, rollups)
    rebuild(house)
    assert house.server.query(SUMS, rollups) == before
    assert old_ns in {row["time"] for row in before}


def test_what_is_set_aside_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the copy that was made anew, whichever bucket it was made in."""
    shipped = Shipper.catch_up

    def poisoned(shipper: Shipper, progress: Any) -> Any:
        state = shipped(shipper, progress)
        outbox = Outbox(house.bench.journal, f"{influxdb.SINK} anew")
        outbox.move(state.store, state.arrival, 1, after=0, aside=[Aside(7, "poison")])
        outbox.close()
        return state

    monkeypatch.setattr(Shipper, "catch_up", poisoned)
    assert rebuild(house)["aside"] == 1


def test_it_waits_for_whoever_ships(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program has the folder's hold nothing is taken away."""
    begun, done = threading.Event(), threading.Event()
    cleared: list[str] = []
    clear = Server.clear

    def noted(server: Server, bucket: str, tags: Mapping[str, str]) -> None:
        cleared.append(bucket)
        clear(server, bucket, tags)

    def make_anew() -> None:
        begun.set()
        rebuild(house)
        done.set()

    monkeypatch.setattr(Server, "clear", noted)
    thread = threading.Thread(target=make_anew, daemon=True)
    with lock.held(house.home.folder / "influx.lock", wait=True):
        thread.start()
        assert begun.wait(30)
        assert not done.wait(1)
        assert cleared == []
    assert done.wait(30)
    assert cleared
    thread.join()


def test_a_name_that_was_wrong_for_a_minute_costs_no_copy(house: House) -> None:
    """Renamed and back between two turns of copies: what stood there went with the name, and is written again."""
    journal, now = house.bench.journal, [registry.read(house.home.district)]
    boards = Boards(Reads(journal), Copied(journal), lambda: now[0], registry.targets())
    way = way_of(house, boards)
    way.catch_up()
    way.close()
    first = {name: told(house, name) for name in ("verdict", "outage")}
    for name in ("Elm Valley", "Maple Valley"):
        write_folder(house.home.district, name=name)
        now[0] = registry.read(house.home.district)
        way = way_of(house, boards)
        reports, copies, _ = way.works()
        reports()
        if name == "Maple Valley":
            copies()
        way.close()
    assert {name: told(house, name) for name in first} == first
    assert first["verdict"]


def told(house: House, measurement: str) -> set[tuple[str, ...]]:
    """Of which schools, links and lines there is a copy under the district's name."""
    rows = house.server.query(f"SELECT * FROM {measurement} WHERE district = 'Maple Valley'", house.bucket)
    return {tuple(str(row.get(tag)) for tag in ("school", "model", "subject", "circuit")) for row in rows}


def test_shipping_goes_on_where_it_was(house: House) -> None:
    """Nothing goes twice, and what came meanwhile goes now; a second time it is the same."""
    for _ in range(2):
        rebuild(house)
        assert house.ship()["shipped"] == 0
        house.send(20)
        assert house.ship()["shipped"] == 20
        assert house.wrong() == []


def test_tokens_and_names_go_on(house: House) -> None:
    """The collector's and Grafana's work as before, on what was made anew; setting up has nothing to do."""
    grafanas = house.set_up("--new-tokens")["grafana_token"]
    token = (house.home.folder / "influx.token").read_text(encoding="utf-8").strip()
    rebuild(house)
    for each in (grafanas, token):
        assert len(house.server.query("SELECT * FROM latency", house.bucket, token=each)) == 300
    again = house.set_up()
    assert [(one["bucket"], one["mapping"]) for one in again["buckets"]] == [("kept", "kept")] * 3
    assert (again["collector_token"], again["grafana_token"]) == ("kept", "")
    with pytest.raises(AskedError):
        house.server.query("SELECT * FROM m", house.server.bucket, token=token)


def test_where_another_district_is_in_it_it_is_made_anew_in_place(house: House, oak: House) -> None:
    """The other's points are not touched, and ours are right; the buckets stay where they are."""
    ids = [one["id"] for one in house.set_up()["buckets"]]
    spoil(house)
    said = house.say("rebuild")
    assert said.exit_code == 0, said.output
    assert "300 reports were shipped anew" in said.output
    assert "In place, because Oak Valley is in it, too." in said.output
    assert house.wrong(district="Maple Valley") == []
    assert oak.wrong(district="Oak Valley") == []
    assert [one["id"] for one in house.set_up()["buckets"]] == ids
    assert (house.ship()["shipped"], oak.ship()["shipped"]) == (0, 0)


def test_a_name_that_is_no_more_is_nobody_elses(house: House) -> None:
    """Renamed, and made anew before it was shipped: what bears the old name is ours, and goes."""
    write_folder(house.home.district, name="Oak Valley")
    assert rebuild(house)["in_place"] is False
    assert house.wrong() == []


def test_a_name_that_is_no_more_goes_from_sums_too(house: House) -> None:
    """The collector ships a new name at once, and hours up to ten minutes later: a rebuild comes between."""
    write_folder(house.home.district, name="Oak Valley")
    way = way_of(house)
    reports, *_ = way.works()
    reports()
    way.close()
    rebuild(house)
    house.ship()
    found = house.server.query("SELECT * FROM latency_1h, latency_1d", f"{house.bucket}_rollups")
    assert {row["district"] for row in found} == {"Oak Valley"}


def test_a_name_that_is_no_more_goes_in_place_too(house: House, oak: House) -> None:
    """The same where another district is in the bucket."""
    write_folder(house.home.district, name="Elm Valley")
    done = rebuild(house)
    assert (done["in_place"], done["others"]) == (True, ["Oak Valley"])
    assert house.wrong(district="Elm Valley") == []
    assert oak.wrong(district="Oak Valley") == []
    assert house.server.query("SELECT * FROM latency WHERE district = 'Maple Valley'", house.bucket) == []


def way_of(house: House, boards: Boards | None = None) -> Way:
    """What ships within a collector that runs, by the folder as it is now."""
    journal, folder = house.bench.journal, registry.read(house.home.district)
    keep_district(journal, folder.district.digest, folder.contents, house.now_ns)
    settings, outbox = influxdb.settings_of(house.home), Outbox(journal)
    clock = house.bench.clock
    return influxdb.way(house.home, settings, journal, Reads(journal), lambda: folder, clock, outbox, boards)


def test_copies_that_a_broken_rebuild_took_away_come_back(
    house: House, oak: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place, and the program dies before it writes them: a collector that runs does, at its next turn."""
    journal, folder = house.bench.journal, registry.read(house.home.district)
    boards = Boards(Reads(journal), Copied(journal), lambda: folder, registry.targets())
    running = way_of(house, boards)
    running.catch_up()
    verdicts = "SELECT * FROM verdict WHERE district = 'Maple Valley'"
    before = house.server.query(verdicts, house.bucket)
    broken = break_at(monkeypatch, Copier, "write", 1)
    assert house.say("rebuild").exit_code == 1
    assert broken()
    monkeypatch.undo()
    assert house.server.query(verdicts, house.bucket) == []
    _, copies, _ = running.works()
    copies()
    running.close()
    told = house.server.query(verdicts, house.bucket)
    assert {row["subject"] for row in told} == {row["subject"] for row in before}
    assert oak.wrong(district="Oak Valley") == []


class Hasty(Patience):
    """Looks again at once."""

    def wait_s(self, _error: Exception | None) -> float:
        """Next to nothing."""
        return 0.01


def carrier(house: House) -> Carrier:
    """What ships within a collector that runs."""
    outbox, journal = Outbox(house.bench.journal), house.bench.journal
    settings, folder = influxdb.settings_of(house.home), registry.read(house.home.district)
    reads = Reads(journal)
    return Carrier(
        lambda: influxdb.way(house.home, settings, journal, reads, lambda: folder, house.bench.clock, outbox),
        outbox,
        house.bench.clock,
        Hasty(),
    )


@pytest.mark.parametrize("shared", [False, True], ids=["beside", "in place"])
def test_a_collector_that_runs_loses_nothing(
    house: House, request: pytest.FixtureRequest, shared: bool
) -> None:
    """Boxes report and the collector ships all the while: afterwards all is there once, in the right bucket."""
    oak: House | None = request.getfixturevalue("oak") if shared else None
    spoil(house)
    running, ended = carrier(house), threading.Event()

    def boxes() -> None:
        while not ended.wait(0.01):
            house.send(5)

    thread = threading.Thread(target=boxes)
    running.start()
    thread.start()
    try:
        for _ in range(3):
            rebuild(house)
        ended.set()
        thread.join()
        # The cursor is there a moment before what was wrong between two buckets is forgotten.
        wait_until(lambda: behind(house) == 0 and not running.trouble)
    finally:
        ended.set()
        running.stop()
    assert running.trouble == "", running.trouble
    assert house.wrong(district="Maple Valley") == []
    if oak:
        assert oak.wrong(district="Oak Valley") == []


def behind(house: House) -> int | None:
    """How many reports wait."""
    outbox = Outbox(house.bench.journal)
    state, newest = outbox.state(), outbox.newest()
    outbox.close()
    return newest - state.arrival if state else None


BREAKS: dict[str, tuple[Any, str, int]] = {
    "before it is cleared": (Server, "clear", 1),
    "once it is cleared": (Server, "clear", 1),
    "at the first write": (Server, "write", 1),
    "at the second write": (Server, "write", 2),
    "at the swap": (setup, "swap", 1),
    "after one name": (setup, "_call", 2),
    "after two names": (setup, "_call", 3),
    "before the cursors change": (Outbox, "take_over", 1),
    "before the spare is cleared": (Server, "clear", 2),
    "before the sums are cleared": (Server, "delete", 3),
    "once the sums are cleared": (Server, "delete", 3),
}


IN_PLACE = ("before it is cleared", "once it is cleared", "at the first write", "at the second write")
"""There nothing is swapped."""


@pytest.mark.parametrize(
    ("at", "shared"), [*((at, False) for at in BREAKS), *((at, True) for at in IN_PLACE)]
)
def test_broken_off_anywhere_it_is_mended_by_what_one_does_anyway(
    house: House, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, at: str, shared: bool
) -> None:
    """The program dies within a rebuild: set up and ship, and all is there; or rebuild again."""
    oak: House | None = request.getfixturevalue("oak") if shared else None
    sums = house.server.query(SUMS, f"{house.bucket}_rollups")
    place, name, number = BREAKS[at]
    broken = break_at(monkeypatch, place, name, number, after=at.startswith("once"))
    said = house.say("rebuild")
    monkeypatch.undo()
    assert broken()
    assert said.exit_code == 1
    again = house.set_up()
    assert (again["collector_token"], again["grafana_token"]) == ("kept", "")
    house.ship()
    assert house.wrong(district="Maple Valley") == []
    assert house.server.query(SUMS, f"{house.bucket}_rollups") == sums
    rebuild(house)
    assert house.wrong(district="Maple Valley") == []
    if oak:
        assert oak.wrong(district="Oak Valley") == []
    assert sorted(house.buckets()) == [
        house.bucket,
        f"{house.bucket}_rollups",
        f"{house.bucket}_spare",
    ]


def break_at(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, number: int, *, after: bool = False
) -> Callable[[], bool]:
    """At its so manieth call something fails (`after` it was done); whether it did."""
    real, calls, fell = getattr(place, name), count(1), threading.Event()

    def failing(*args: Any, **kwargs: Any) -> Any:
        if next(calls) < number:
            return real(*args, **kwargs)
        if after and not fell.is_set():
            real(*args, **kwargs)
        fell.set()
        raise AwayError("the test pulled the plug")

    monkeypatch.setattr(place, name, failing)
    return fell.is_set

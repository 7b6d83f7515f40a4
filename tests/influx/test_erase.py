"""`firstbell erase` reaches InfluxDB: no point, no hour and no name of the box is answered afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from collector import registry
from collector.cli import main
from collector.store.decisions import keep_district
from tests.support.influxdb import Influx2, ask
from tests.support.shipping import House, write_folder

GONE, STAYS = "canary-gone-7f", "lincoln-1"
SEATS = (f"{GONE},lincoln,12,line,", f"{STAYS},mill,1,mill-line,")


@pytest.fixture
def house(tmp_path: Path, influxd2: Influx2) -> Iterator[House]:
    """Two boxes, both of which were shipped, hours and copies for boards, too."""
    with House(tmp_path / "home", influxd2, "erased") as made:
        made.set_up()
        place(made, SEATS)
        made.bench.clock.wall_ns = made.now_ns - 2 * 3_600 * 10**9
        made.send(300, GONE)
        made._next = 1
        made.send(300, STAYS)
        made.ship()
        yield made


def place(house: House, seats: tuple[str, ...], **files: str) -> None:
    """The district folder as it is from now on."""
    write_folder(house.home.district, seats=seats, **files)
    folder = registry.read(house.home.district)
    keep_district(house.bench.journal, folder.district.digest, folder.contents, len(seats))


def erase(house: House, *which: str, code: int = 0) -> Any:
    """What it says it did."""
    ended = CliRunner().invoke(main, ["--data", str(house.home.folder), "erase", *which, "--yes", "--json"])
    assert ended.exit_code == code, ended.output
    return json.loads(ended.stdout) if code == 0 else ended.output


def named(house: House, *words: str) -> list[str]:
    """The buckets whose points, whatever of them, speak of one of the words."""
    flux = 'from(bucket: "{}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)'
    found = []
    for name in house.buckets():
        headers = {"Content-Type": "application/vnd.flux", **house.server._headers()}
        url = f"{house.server.url}/api/v2/query?{urlencode({'org': house.server.org})}"
        answer = ask(url, flux.format(name).encode(), headers)
        assert answer.status == 200
        found += [f"{name}: {word}" for word in words if word.encode() in answer.body]
    return found


def test_a_box_is_gone_from_influxdb(house: House) -> None:
    """Points are counted before and after; nothing that is shipped later brings them back; the other's are all there."""
    assert {each.partition(":")[0] for each in named(house, GONE)} == {"erased", "erased_rollups"}
    place(house, SEATS[1:])
    done = erase(house, "--agent", GONE)
    assert (done["before"]["influx_points"], done["after"]["influx_points"]) == (300, 0)
    assert named(house, GONE) == []
    house.ship()
    assert named(house, GONE) == []
    assert house.wrong() == []


def test_a_school_is_gone_from_influxdb(house: House) -> None:
    """With what boards were told of it."""
    place(
        house,
        SEATS[1:],
        schools="id,name,students\nmill,Old Mill,90\n",
        circuits="id,schools\nmill-line,mill\n",
    )
    done = erase(house, "--school", "lincoln")
    assert (done["before"]["influx_points"], done["after"]["influx_points"]) == (300, 0)
    assert named(house, GONE, '"lincoln"', ",lincoln,", "Lincoln High") == []
    house.ship()
    assert named(house, GONE, ",lincoln,") == []
    assert house.wrong() == []


def test_where_influxdb_is_away_nothing_is_erased(house: House) -> None:
    """It is told before anything is changed, and the next time does all of it."""
    place(house, SEATS[1:])
    house.server.kill()
    said = erase(house, "--agent", GONE, code=1)
    assert "Traceback" not in said
    assert house.bench.reads.counts().reports == 600
    house.server.start()
    assert erase(house, "--agent", GONE)["after"]["influx_points"] == 0

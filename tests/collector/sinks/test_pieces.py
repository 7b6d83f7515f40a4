"""Which lines a store would not take, and when it is the store."""

import pytest

from collector.sinks import influx, pieces
from collector.sinks.answers import StoppedError
from collector.sinks.influx import Address, Server
from collector.sinks.standing import Bucket
from firstbell.points import Point
from tests.support import line_protocol
from tests.support.influx_script import Say, refuse, unless
from tests.support.refusing_influx import RefusingInflux

GOOD = b"trial taken=true 5"


@pytest.fixture
def door(refusing: RefusingInflux) -> Server:
    """A connection to the scripted server."""
    return Server(Address(refusing.url, refusing.org, refusing.token), (2_000, 2_000))


def lines(count: int) -> list[bytes]:
    """Good lines of one series."""
    return [f"m f={n} {n}".encode() for n in range(count)]


def test_poison_alone_is_told_from_a_store_that_takes_nothing(door: Server, refusing: RefusingInflux) -> None:
    """One line that is refused by itself is to blame only where a plain one is taken."""
    refusing.says(lambda _asked: unless(lambda line: line.startswith("m ")))
    (refused,) = pieces.write(door, refusing.bucket, lines(1), GOOD)
    assert (refused.place, "refused by the test" in refused.reason) == (0, True)
    assert GOOD.decode() in refusing.accepted


@pytest.mark.parametrize("bad", [[3], [0, 6], [1, 2, 5]])
def test_a_line_that_is_refused_is_named_by_its_place(
    door: Server, refusing: RefusingInflux, bad: list[int]
) -> None:
    """However deep in the halves it lies; and all others are written."""
    refusing.says(lambda _asked: unless(lambda line: int(line.split()[-1]) in bad))
    refused = pieces.write(door, refusing.bucket, lines(7), GOOD)
    assert [one.place for one in refused] == bad
    assert {int(line.split()[-1]) for line in refusing.accepted} == {*range(7)} - {*bad}


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_store_that_takes_nothing_blames_nobody(
    door: Server, refusing: RefusingInflux, count: int, status: int
) -> None:
    """However small the batch, and whatever it calls it: in maintenance, or without room, it is the store."""
    refusing.says(lambda _asked: refuse(status, "the database is in maintenance"))
    with pytest.raises(StoppedError, match="in maintenance"):
        pieces.write(door, refusing.bucket, lines(count), GOOD)


def test_copies_that_are_too_old_or_refused_are_left_out(door: Server, refusing: RefusingInflux) -> None:
    """What can be made again keeps nothing back: the others are written."""
    day = 86_400 * 10**9
    points = [Point("m", {}, {"f": float(n)}, n * day) for n in range(10)]
    refusing.says(lambda _asked: unless(lambda line: "f=7" in line))
    went = pieces.put(door, Bucket(refusing.bucket, refusing.bucket, 5), points, GOOD, 9 * day)
    assert went == 4
    kept = {line.split()[1] for line in refusing.accepted if line.startswith("m ")}
    assert kept == {"f=5", "f=6", "f=8", "f=9"}


def test_a_secret_that_a_proxy_shows_is_told_to_nobody(door: Server, refusing: RefusingInflux) -> None:
    """An answer that repeats the request's token is told without it, and without what steers a terminal."""
    shown = f'{{"message":"Authorization: Token {refusing.token} \\u001b[2J"}}'
    refusing.says(lambda _asked: Say(403, body=shown.encode()))
    with pytest.raises(StoppedError) as told:
        door.write(refusing.bucket, lines(1))
    assert refusing.token not in str(told.value)
    assert "***" in str(told.value)
    assert str(told.value).isprintable()


def test_a_good_line_is_one_for_any_district() -> None:
    """What people call a district never makes the line that must be good a bad one."""
    name = "North, South = \U0001f392"
    read = line_protocol.read(influx.good_line(name, 5).decode(), 0)
    assert read == line_protocol.Point(("sink_trial", (("district", name),), 5), {"taken": True})

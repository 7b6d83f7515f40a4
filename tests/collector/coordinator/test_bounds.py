"""What the coordinator keeps has bounds, and what it believes; what it says is on the disk."""

import msgspec
import pytest

from collector.coordinator.book import KEPT_DAYS, Asked, Book, Charge
from collector.coordinator.running import LONGER_S
from collector.store import quiets
from collector.store.quiets import Ordered
from firstbell.lease import RENEW_S, Renew, Renewed, Revoke
from tests.collector.coordinator.town import MB, NS, WIDE, House, at, town

DAY_S = 86_400.0


@pytest.mark.parametrize(("told_mb", "counted_mb"), [(300, 300), (400, 400), (1_000_000, 400)])
def test_a_box_that_took_more_than_it_might_pays_for_it(house: House, told_mb: int, counted_mb: int) -> None:
    """Up to four times as much; beyond that nobody believes it, or one word would use up the school's month."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_bytes=8 * 1000 * MB * 4 // 3))
    house.clock.to(at("2026-12-07T00:10"))
    house.settle(house.granted(max_bytes=100 * MB).lease, used=told_mb * MB)
    left = (999 - counted_mb) * MB  # 8 * 1000 * 4 / 3 is no whole number
    house.refused("lincoln-2", max_bytes=left + 2 * MB)
    house.granted("lincoln-2", max_bytes=left)


def test_sums_of_long_ago_are_forgotten(house: House) -> None:
    """A day's sums are kept for a month and a day, then dropped: a coordinator that runs for years stays small."""
    house.settle(house.granted().lease)
    book = house.desk._book
    for days, kept in ((0, 1), (KEPT_DAYS, 1), (1, 0)):
        house.clock.passes(days * DAY_S)
        house.desk.look()
        assert (len(book._sites), len(book._boxes)) == (kept, kept)


def test_few_of_those_who_asked_are_remembered() -> None:
    """Of however many names that ask at a place a thousand, the last one among them."""
    book = Book()
    for n in range(1_200):
        book.ask("school lincoln", f"box-{n}", Asked(0, "throughput", Charge(30, MB), waiting=True))
    names = [name for name, _ in book.askers("school lincoln", "throughput")]
    assert (len(names), names[-1]) == (1_000, "box-1199")


def test_a_restart_gives_no_lease_a_second_life(house: House) -> None:
    """What it lived before counts: a box that renews beyond its bound and a little is called back all the same."""
    lease = house.granted(seconds=120).lease
    renewals = round((120 + LONGER_S) / RENEW_S)
    for n in range(1, renewals + 1):
        house.clock.passes(RENEW_S)
        said = house.desk.hear("lincoln-1", Renew(lease=lease))
        assert isinstance(said, Renewed if n < renewals else Revoke), n
        if n == renewals // 2:
            house.restart()


@pytest.mark.parametrize(("agent", "stopped"), [("stray", True), ("alone-1", True), ("lincoln-1", False)])
def test_one_schools_quiet_time_stops_whoever_may_stand_there(
    house: House, agent: str, stopped: bool
) -> None:
    """A box that tests already and stands nowhere is called back as the school's own is; another school's goes on."""
    lease = house.granted(agent).lease
    now_s = at("2026-12-07T08:00") // NS - 6 * 3600  # what Chicago's clocks show, read as UTC
    quiets.order(house.journal, Ordered(now_s, now_s + 3600, local=True, school="alone"), house.clock.wall_ns)
    assert [isinstance(said, Revoke) for _, said in house.desk.look()] == [True] * stopped
    assert isinstance(house.desk.hear(agent, Renew(lease=lease)), Revoke if stopped else Renewed)


def test_a_lease_is_on_the_disk_before_its_box_hears(house: House) -> None:
    """The connection that keeps leases syncs each commit (FULL, 2): less, and a power cut forgets who tests."""
    house.granted()
    with house.store._connection() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)

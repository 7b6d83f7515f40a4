"""What is known of a district is kept for its time, and answers while it is weighed anew."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from collector import registry
from collector.questions import known
from collector.questions.known import Known, Shelf
from collector.registry import Folder
from collector.store.errors import UnreadableError
from collector.store.reads import HighWater
from firstbell.readiness.weighing import SchoolEvidence
from tests.collector.questions import planted
from tests.collector.workbench import NOW_NS, Bench, wait_until

S_NS = 10**9
MARK = HighWater(arrival=9, tests=5, line=4, suspensions=3, gateways=2)
SLOW_S = 6.0
KEPT_NS = 120 * S_NS
"""For how long that is kept: twenty times."""


def shelf_with(cost_s: float) -> Shelf:
    """A shelf on which an answer stands that took so long."""
    shelf = Shelf()
    shelf.put("asked", Known({}, NOW_NS, MARK.arrival, MARK, cost_s))
    return shelf


def test_what_took_long_is_kept_for_twenty_times_as_long() -> None:
    """Whatever came meanwhile; what was quick is done anew."""
    new = MARK._replace(arrival=10, tests=10)
    assert shelf_with(SLOW_S).fits("asked", new, NOW_NS + KEPT_NS - 1)
    assert shelf_with(SLOW_S).fits("asked", new, NOW_NS + KEPT_NS) is None
    assert shelf_with(0.1).fits("asked", new, NOW_NS + 1) is None


def test_where_only_looks_went_on_it_is_kept_for_ten_minutes() -> None:
    """Nothing that an answer depends on is new; a line that fails is."""
    seen = MARK._replace(arrival=99)
    assert shelf_with(SLOW_S).fits("asked", seen, NOW_NS + 600 * S_NS - 1)
    assert shelf_with(SLOW_S).fits("asked", seen, NOW_NS + 600 * S_NS) is None
    assert shelf_with(SLOW_S).fits("asked", seen._replace(line=98), NOW_NS + KEPT_NS) is None


def test_an_earlier_moment_is_another_question() -> None:
    """What is known now is not told of the past; and another folder is another question, too."""
    shelf = shelf_with(SLOW_S)
    assert shelf.fits("asked", MARK, NOW_NS)
    for asked, as_of_ns in (("asked", NOW_NS - 1), ("another", NOW_NS)):
        assert shelf.fits(asked, MARK, as_of_ns) is None
        assert shelf.meanwhile(asked, MARK, as_of_ns) is None


def test_it_is_not_told_for_ever() -> None:
    """While it is weighed anew it answers for as long again, and then whoever asks waits."""
    new = MARK._replace(arrival=10, tests=10)
    assert shelf_with(SLOW_S).meanwhile("asked", new, NOW_NS + 2 * KEPT_NS - 1)
    assert shelf_with(SLOW_S).meanwhile("asked", new, NOW_NS + 2 * KEPT_NS) is None


@pytest.mark.parametrize(("tz", "day"), [("America/Los_Angeles", 9), ("UTC", 10), ("Pacific/Kiritimati", 10)])
def test_today_is_the_districts(tmp_path: Path, tz: str, day: int) -> None:
    """In the evening in the west it is tomorrow in UTC already."""
    planted.write(tmp_path, {"ash": 200}, {"ash": 1000})
    (tmp_path / "district.toml").write_text(f'tz = "{tz}"\n', encoding="utf-8")
    moment = round(datetime(2026, 11, 10, 3, tzinfo=UTC).timestamp()) * S_NS
    assert known.today(registry.read(tmp_path), moment) == date(2026, 11, day)


# --- while it is weighed anew -----------------------------------------------------------------------------


class Slow:
    """Weighing that takes long by what it says, and from the second time on waits for the test."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = Event()
        self.fails = False

    def __call__(self, *asked: object) -> Known:
        """As `_weigh`."""
        self.begun += 1
        if self.begun > 1:
            assert self.go_on.wait(20)
        if self.fails:
            raise UnreadableError("gone")
        as_of_ns, mark = asked[3:5]
        assert isinstance(as_of_ns, int)
        assert isinstance(mark, HighWater)
        return Known({}, as_of_ns, mark.arrival, mark, SLOW_S)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """In the place of weighing."""
    weigh = Slow()
    monkeypatch.setattr(known, "_weigh", weigh)
    return weigh


def asker(bench: Bench, folder: Folder) -> Callable[[timedelta], timedelta]:
    """Asks so long after now; says of which moment the answer is."""

    def ask(later: timedelta) -> timedelta:
        at_ns = NOW_NS + round(later.total_seconds()) * S_NS
        of_ns = known.ask(bench.reads, folder, registry.targets(), at_ns, "key", lambda one: one.as_of_ns)
        return timedelta(seconds=(of_ns - NOW_NS) // S_NS)

    return ask


def test_nobody_waits_while_it_is_weighed_anew(bench: Bench, tmp_path: Path, slow: Slow) -> None:
    """One thread weighs, everybody has the answer of before, and then the new one."""
    ask = asker(bench, planted.write(tmp_path / "d", {"ash": 200}, {"ash": 1000}))
    assert ask(timedelta(0)) == timedelta(0)
    minutes = [timedelta(minutes=minute) for minute in (11, 12, 13)]
    assert [ask(minute) for minute in minutes] == [timedelta(0)] * 3
    wait_until(lambda: slow.begun == 2)
    slow.go_on.set()
    wait_until(lambda: ask(minutes[2]) == minutes[0])
    assert slow.begun == 2


def test_a_journal_that_can_not_be_read_is_told_in_the_end(bench: Bench, tmp_path: Path, slow: Slow) -> None:
    """The answer of before stays for its time; then whoever asks hears of it, and later tries are made."""
    ask = asker(bench, planted.write(tmp_path / "d", {"ash": 200}, {"ash": 1000}))
    ask(timedelta(0))
    slow.fails = True
    slow.go_on.set()
    assert ask(timedelta(minutes=11)) == timedelta(0)
    wait_until(lambda: slow.begun == 2)
    with pytest.raises(UnreadableError):
        ask(timedelta(minutes=20))
    slow.fails = False
    assert ask(timedelta(minutes=21)) == timedelta(minutes=21)


# --- one school ---------------------------------------------------------------------------------------------


def ash(bench: Bench, folder: Folder, at_ns: int = NOW_NS) -> SchoolEvidence:
    """What a school's page asks for."""
    return known.school(bench.reads, folder, registry.targets(), folder.district.schools[0], at_ns)


def test_a_school_is_not_weighed_again_while_its_district_is_kept(bench: Bench, tmp_path: Path) -> None:
    """Its page speaks of the very evidence of which the table speaks."""
    folder = planted.write(tmp_path / "d", {"ash": 200}, {"ash": 1000})
    kept = known.ask(bench.reads, folder, registry.targets(), NOW_NS, "key", lambda one: one.schools["ash"])
    assert ash(bench, folder) is kept


def test_a_school_alone_waits_for_no_district(bench: Bench, tmp_path: Path, slow: Slow) -> None:
    """It is answered while the first weighing of its district goes on, which is begun once."""
    slow.begun = 1  # the next one waits
    folder = planted.write(tmp_path / "d", {"ash": 200}, {"ash": 1000})
    assert [ash(bench, folder).school.id for _ in range(3)] == ["ash"] * 3
    wait_until(lambda: slow.begun == 2)
    slow.go_on.set()


def test_schools_alone_find_a_new_days_district_kept(bench: Bench, tmp_path: Path) -> None:
    """Who opens no other page than schools' has it from the second one on, and on the next day again."""
    folder = planted.write(tmp_path / "d", {"ash": 200}, {"ash": 1000})
    for at_ns in (NOW_NS, NOW_NS + 86_400 * S_NS):
        asked = partial(ash, bench, folder, at_ns)
        wait_until(partial(_same, asked))


def _same(ask: Callable[[], SchoolEvidence]) -> bool:
    return ask() is ask()

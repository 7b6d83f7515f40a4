"""Makes a demo's home: a data folder of its own, told by a mark in it, that can be thrown away again.

DemoError             the folder can't be used for a demo, or holds no demo
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from collector import lock
from collector.clock import Clock
from collector.config import Demo, Home
from collector.demo import build, deliver, folder, gateways, names, story
from collector.demo.physics import Physics
from collector.demo.town import NS, Town
from collector.intake import Intake
from collector.store.derived.rebuild import catch_up
from collector.store.journal import open_journal
from collector.store.writer import Writer

SCHOOLS = 40
DAYS = 30
SEED = 7
_ENDS = time(14, 5)
"""When the demo's last day stands still: in class, on a Tuesday."""
_TUESDAY = 1

Progress = Callable[[date, int], None]


class DemoError(RuntimeError):
    """A folder in which no demo can be made, or where none is; the text says what to do."""


class Made(NamedTuple):
    """What was made: how many reports in how many seconds, and what the journal says of them."""

    demo: Demo
    reports: int
    held: int
    refused: int
    seconds: float


def end_ns(now_ns: int) -> int:
    """The newest Tuesday afternoon that is over: the moment at which a demo made now stands still."""
    zone = ZoneInfo(names.TZ)
    now = datetime.fromtimestamp(now_ns // NS, zone)
    day = now.date() - timedelta(days=(now.weekday() - _TUESDAY) % 7)
    if datetime.combine(day, _ENDS, zone) > now:
        day -= timedelta(days=7)
    return int(datetime.combine(day, _ENDS, zone).timestamp()) * NS


def town_of(demo: Demo) -> Town:
    """The town of a demo, with all that goes wrong in it."""
    return story.tell(build.build(demo.seed, demo.as_of_ns, schools=demo.schools, days=demo.days))


def make(home: Home, demo: Demo, clock: Clock, told: Progress) -> Made:
    """Make the demo in a home of its own. Raises DemoError where something else is, StoreError, OSError."""
    home.folder.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        return _make(home, demo, clock, told)


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold the folder against whoever else makes a demo in it or throws it away. Raises DemoError."""
    try:
        with lock.held(home.folder, wait=False):
            yield
    except BlockingIOError:
        raise DemoError(
            f"another `firstbell demo` is at work in {home.folder}: wait for it, "
            "or name another folder with --data"
        ) from None


def _make(home: Home, demo: Demo, clock: Clock, told: Progress) -> Made:
    begun = clock.monotonic()
    _claim(home, demo)
    town = town_of(demo)
    write_folder(home, town)
    journal = open_journal(home.journal)
    journal.mark_simulated()
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    try:
        physics = Physics(town)
        reports = deliver.deliver(physics, intake.take, told)
        gateways.watch(physics, writer.put)
    finally:
        writer.stop()
    catch_up(journal)  # the writer derives in its spare time, and had none
    finished = msgspec.structs.replace(demo, finished=True)
    home.demo_file.write_bytes(msgspec.json.encode(finished))
    figures = writer.figures
    return Made(finished, reports, figures.held, figures.refused, clock.monotonic() - begun)


def write_folder(home: Home, town: Town) -> None:
    """Write the district folder. Raises OSError."""
    home.district.mkdir(parents=True, exist_ok=True)
    for name, text in folder.contents(town).items():
        path = home.district / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _claim(home: Home, demo: Demo) -> None:
    """Mark the folder as a demo's, if nothing else is in it."""
    if any(home.folder.iterdir()):
        raise DemoError(
            f"{home.folder} is not empty, and a demo wants a home of its own: name another folder with --data"
        )
    home.demo_file.write_bytes(msgspec.json.encode(demo))


def remove(home: Home) -> list[str]:
    """Throw a demo away: what it made, and nothing else; what is left there. Raises DemoError, OSError."""
    if home.demo is None:
        raise DemoError(f"there is no demo in {home.folder}; nothing was removed")
    with _alone(home):
        return _remove(home)


def _remove(home: Home) -> list[str]:
    for suffix in ("", "-wal", "-shm"):
        home.journal.with_name(home.journal.name + suffix).unlink(missing_ok=True)
    for name in folder.FILES:
        (home.district / name).unlink(missing_ok=True)
    if home.district.is_dir() and not any(home.district.iterdir()):
        home.district.rmdir()
    home.demo_file.unlink()
    left = sorted(path.name for path in home.folder.iterdir())
    if not left:
        home.folder.rmdir()
    return left

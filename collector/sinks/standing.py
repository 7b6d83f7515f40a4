"""How far a bucket is with the journal, and by which folder its points were placed: what every shipper needs.

Where another bucket stands there now all begins anew; where the folder was corrected, the days that it
places otherwise are put on a list; where the server was started anew, what it may have lost goes out again.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from collector.clock import Clock
from collector.sinks import moved
from collector.sinks.answers import BusyError, StoppedError
from collector.sinks.influx import Server
from collector.store.errors import UnreadableError
from collector.store.outbox import DAY_NS, Days, Outbox, Shipped
from collector.store.reads import Reads
from firstbell.district import District
from firstbell.points import Placer, tag_text
from firstbell.tables import NAME_CHARS

log = logging.getLogger(__name__)

_AN_HOUR_S = 3600
_HOUR_NS = _AN_HOUR_S * 10**9
_MOST_RUNS, _MOST_BACKS = 4, 6
FEW_BOXES = 10
AGAIN_AFTER_RESTART = 500_000
"""So many reports at most are shipped once more after InfluxDB was started anew.

One whose log was torn by a power cut goes on behind the tear, and at its next start loses what it had taken
and not yet moved into its files (seen with 2.9.1 and 1.6.7: tests/influx/test_servers.py). That is no more
than some 25 MB of a bucket, which is far less than this.
"""


_TAKEN = (
    "the bucket {bucket} has points of a district {district!r} already, from another journal, and nothing "
    "was sent. Another district's? Then give this one a name of its own: district under [influx] in "
    "collector.toml. This district's own, from a journal that is gone? Then `firstbell influx rebuild` puts "
    "this one's in their place"
)


class Placed(NamedTuple):
    """The district by which reports are placed, and the name that points bear ("": its own)."""

    district: District
    name: str = ""

    @property
    def placed_as(self) -> str:
        """The tag `district`, as points bear it; what was made up says so."""
        name = self.name or self.district.settings.name
        return tag_text(f"{name[:NAME_CHARS]} (simulated)" if self.district.settings.simulated else name)

    def placer(self) -> Placer:
        """Who places reports by it."""
        return Placer(self.district, self.placed_as)


FolderOf = Callable[[str], District | None]
"""The district of a digest that was in use before; None where nobody kept it."""


class Source(NamedTuple):
    """Where points come from: the journal, how far a bucket is with it (`outbox`), and what places it."""

    outbox: Outbox
    reads: Reads
    folder_now: Callable[[], Placed]
    folder_of: FolderOf
    clock: Clock


class Bucket(NamedTuple):
    """Where points go: `name` as people know it, `store` its id, by which it is written to.

    It keeps points for `days`; 0: for ever.
    """

    name: str
    store: str
    days: int = 0

    def oldest_ns(self, now_ns: int) -> int:
        """What was measured before this is not kept any more, or won't be in an hour."""
        return now_ns - self.days * DAY_NS + _HOUR_NS if self.days else 0


class _Runs(NamedTuple):
    """The last runs of a server that were seen, and when something was sent again for one (s since 1970)."""

    backs_s: tuple[int, ...]
    runs: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "_Runs":
        """As it is noted."""
        backs, _, runs = text.partition(" ")
        return cls(tuple(int(back) for back in backs.split(",") if back.isdecimal()), tuple(runs.split()))

    def may_step_back(self, now_s: int) -> bool:
        """Whether that was not too often lately."""
        return sum(back > now_s - _AN_HOUR_S for back in self.backs_s) < _MOST_BACKS

    def and_then(self, run: str, back_s: int | None) -> str:
        """With one more, as it is noted; the oldest are forgotten."""
        backs = self.backs_s if back_s is None else (*self.backs_s, back_s)[-_MOST_BACKS:]
        return " ".join([",".join(map(str, backs)), *(*self.runs, run)[-_MOST_RUNS:]])


class Standing:
    """Where one bucket stands. For one thread.

    `measurements` are those of boxes, which the folder places; `others` those that bear the district alone.
    """

    def __init__(
        self,
        source: Source,
        server: Server,
        bucket: Bucket,
        measurements: Sequence[str],
        others: Sequence[str] = (),
    ) -> None:
        self._outbox, self._server, self._bucket = source.outbox, server, bucket
        self._folder_of, self._clock = source.folder_of, source.clock
        self._measurements, self._others = measurements, others

    def state(self) -> Shipped:
        """As the journal has it. Raises UnreadableError."""
        state = self._outbox.state()
        if state is None:
            raise UnreadableError("the journal forgot how far InfluxDB is: is another program shipping it?")
        return state

    def begun(self, placed: Placed) -> Shipped:
        """Where shipping stands, placed by today's folder. Raises InfluxError, UnreadableError."""
        state = self._outbox.state()
        if state is None or state.store != self._bucket.store:
            if state is not None and state.store:
                if self._server.bucket(self._bucket.name).id != self._bucket.store:
                    raise BusyError(f"the bucket {self._bucket.name} is another one by now", None)
                log.warning("InfluxDB's bucket %s is another one now: all goes out anew", self._bucket.name)
            else:
                self._see_that_it_is_ours(placed.placed_as)
            self._outbox.begin(self._bucket.store, placed.district.digest, placed.placed_as, anew=False)
        elif (state.folder, state.placed_as) != (placed.district.digest, placed.placed_as):
            self._place_anew(state, placed)
        self._look_at_the_run()
        return self.state()

    def _look_at_the_run(self) -> None:
        """Send once more what a server may have lost that was started anew.

        One that says nothing of it is left alone; so are those whose runs take turns (two behind one
        address). For one that is started again and again some times an hour are enough: until then the new
        run is not noted, so that what was taken since the one before goes out again when its time has come.
        """
        run = self._server.run()
        seen = _Runs.of(self.state().run)
        now_s = self._clock.now_ns() // 10**9
        if run and not seen.runs:
            self._outbox.step_back(seen.and_then(run, None), 0)
        elif run and run not in seen.runs and seen.may_step_back(now_s):
            self._outbox.step_back(seen.and_then(run, now_s), AGAIN_AFTER_RESTART)

    def _see_that_it_is_ours(self, district: str) -> None:
        """See that no points of another journal bear that name. Raises StoppedError."""
        if self._others and tag_text(district) in self._server.districts(self._bucket.name):
            raise StoppedError(_TAKEN.format(bucket=self._bucket.name, district=district))

    def _place_anew(self, state: Shipped, placed: Placed) -> None:
        """Put the days that the folder places otherwise than the one before on the list."""
        agents = self._outbox.agents()
        if state.placed_as != placed.placed_as:
            self._see_that_it_is_ours(placed.placed_as)
            self._rename(state.placed_as, agents)
        today = self._clock.now_ns() // DAY_NS
        first = max(self._outbox.first_day(), today - self._bucket.days if self._bucket.days else 0)
        before = self._folder_of(state.folder)
        if before is None:
            changed = [Days(agent, first, today + 1) for agent in agents]
        else:
            old = Placer(before, state.placed_as)
            changed = list(moved.days(old, placed.placer(), agents, first, today + 1))
        if len({one.agent for one in changed}) > max(FEW_BOXES, len(agents) // 5):
            # A deletion takes seconds whatever it deletes: better a few large ones than one for every box.
            changed = [Days("", min(one.first for one in changed), max(one.last for one in changed))]
        if changed:
            log.info("the folder places the past of %d boxes otherwise", len({one.agent for one in changed}))
        self._outbox.place_anew(placed.district.digest, placed.placed_as, changed)

    def _rename(self, before: str, agents: Sequence[str]) -> None:
        """Take away what bears a name that the district no longer has."""
        for agent in agents:
            self._server.clear(self._bucket.store, {"district": before, "agent": agent})
        for measurement in self._others:
            self._server.clear(self._bucket.store, {"_measurement": measurement, "district": before})

    def take_away(self, days: Days, district: str) -> None:
        """Delete the points of a box's days, or of all boxes'. Raises InfluxError."""
        begin, end = days.first * DAY_NS, (days.last + 1) * DAY_NS
        alone = (
            [{"agent": days.agent}] if days.agent else [{"_measurement": name} for name in self._measurements]
        )
        for tags in alone:
            self._server.delete(self._bucket.store, begin, end, {"district": district, **tags})

    def note(self, arrival: int, **what: Any) -> None:  # noqa: ANN401 - as Outbox.move has them
        """Note what the bucket has taken. Raises BusyError where another program stepped in meanwhile."""
        if not self._outbox.move(self._bucket.store, arrival, self._clock.now_ns(), **what):
            raise BusyError(f"the bucket {self._bucket.name} was begun anew meanwhile", None)

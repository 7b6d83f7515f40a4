"""When a report was measured: resolved from the box's own clock readings, once, before it is first sent.

A reading that NTP vouches for speaks for itself. Any other is boottime plus the offset of its boot, known
from NTP's word in that boot or from the collector's. A boot that never knew the time lies between its
neighbours: its reports keep their distances and get bounds. Pure: nothing here looks at a clock.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from firstbell.report import MAX_AT_NS, ClockQuality, Draft, Finding, Report, Stamp

BELIEF_NS = 60 * 10**9
"""NTP is not believed when it disagrees with the collector by more than this: a false server, say."""
STEP_NS = 10**9
"""The largest step back of a wall clock within an epoch; so far a reading may also lie after now."""
DRIFT = 1e-4
"""How far a free-running quartz may go wrong, as a share of the time: 100 parts in a million."""
TIE_NS = 10**6
"""Reports that began closer together than this are put in the order in which they were stored."""


class Boot(NamedTuple):
    """What one boot of the machine learned of the time.

    `last_boottime_ns` is the latest reading known of it. `ntp` is the first look at the clocks that NTP
    vouched for, or the first after a step. `collector` is the collector's time, as if it were such a look:
    its `wall_ns` is the collector's word, its `error_ms` half the round trip.
    """

    boot_id: str
    last_boottime_ns: int
    ntp: Stamp | None = None
    collector: Stamp | None = None


class Moment(NamedTuple):
    """A time, how it is known and how far it may be wrong; bounds only if it was never known."""

    at_ns: int
    clock: ClockQuality
    error_ms: float
    not_before_ns: int | None = None
    not_after_ns: int | None = None


class Timeline:
    """The boots of a box in their order, seen from the present, and when things happened in them.

    `now` is the present; None while this boot does not know the time, and then nothing else is known.
    """

    def __init__(self, boots: Sequence[Boot], present: Stamp) -> None:
        self._boots = boots
        self._index = {boot.boot_id: index for index, boot in enumerate(boots)}
        self._present = present
        self.now = next(_candidates(present, self._around(present)[1]), None)

    def moment(self, stamp: Stamp) -> Moment:
        """When `stamp` was taken. Raises ValueError while `now` is None."""
        if self.now is None:
            raise ValueError("nothing can be frozen before the present is known")
        earlier, boot, later = self._around(stamp)
        return self._known(stamp, boot) or self._bounded(stamp, earlier, boot, later)

    def _around(self, stamp: Stamp) -> tuple[Sequence[Boot], Boot, Sequence[Boot]]:
        """The boot that `stamp` was taken in, those before and those after.

        A boot that was never noted (its note was on a damaged page) counts as the last before the present.
        """
        index = self._index.get(stamp.boot_id)
        if index is None:
            return self._boots[:-1], Boot(stamp.boot_id, stamp.boottime_ns), self._boots[-1:]
        return self._boots[:index], self._boots[index], self._boots[index + 1 :]

    def _known(self, stamp: Stamp, boot: Boot) -> Moment | None:
        """The first time that can be believed, which excludes any that lies after now."""
        assert self.now is not None
        candidates = list(_candidates(stamp, boot))
        if stamp.boot_id == self._present.boot_id:
            candidates.append(_shifted(self.now, self._present.boottime_ns, stamp.boottime_ns))
        return next((moment for moment in candidates if moment.at_ns <= self.now.at_ns + STEP_NS), None)

    def _bounded(self, stamp: Stamp, earlier: Sequence[Boot], boot: Boot, later: Sequence[Boot]) -> Moment:
        """After the end of the boot before and before the start of the one after, halfway between them."""
        ran_ns = max(boot.last_boottime_ns, stamp.boottime_ns)
        latest_ns = self._next_start(later) - _least(ran_ns)
        earliest_ns = self._last_end(earlier)
        if earliest_ns is None or earliest_ns > latest_ns + BELIEF_NS:
            # Nothing trusted came before: as late as it can be is the best guess there is.
            at_ns = max(0, latest_ns + stamp.boottime_ns)
            return Moment(at_ns, ClockQuality.BOUNDED, 0.0, None, at_ns)
        earliest_ns = min(earliest_ns, latest_ns)
        wrong_ns = stamp.boottime_ns - _least(stamp.boottime_ns)
        low_ns = earliest_ns + stamp.boottime_ns - wrong_ns
        high_ns = latest_ns + stamp.boottime_ns + wrong_ns
        half_ns = (high_ns - low_ns) // 2
        return Moment(low_ns + half_ns, ClockQuality.BOUNDED, half_ns / 1e6, low_ns, high_ns)

    def _next_start(self, later: Sequence[Boot]) -> int:
        """The latest time at which a boot before `later` can have ended."""
        ran_ns = 0
        for boot in later:
            start = self._start(boot)
            if start:
                return start.at_ns + round(start.error_ms * 1e6) - ran_ns
            ran_ns += _least(boot.last_boottime_ns)
        assert self.now is not None
        return self.now.at_ns + round(self.now.error_ms * 1e6) - self._present.boottime_ns - ran_ns

    def _last_end(self, earlier: Sequence[Boot]) -> int | None:
        """The earliest time at which a boot after `earlier` can have begun."""
        ran_ns = 0
        for boot in reversed(earlier):
            start = self._start(boot)
            if start:
                return start.at_ns - round(start.error_ms * 1e6) + boot.last_boottime_ns + ran_ns
            ran_ns += _least(boot.last_boottime_ns)
        return None

    def _start(self, boot: Boot) -> Moment | None:
        """When a boot began, if it ever knew the time, with the error that its end is known to."""
        end = Stamp(boot_id=boot.boot_id, boottime_ns=boot.last_boottime_ns, wall_ns=0, synchronised=False)
        known = self._known(end, boot)
        return known and known._replace(at_ns=known.at_ns - boot.last_boottime_ns)


def better(old: Stamp | None, new: Stamp) -> bool:
    """Whether a new word of the collector says more of this boot than the one before, which has aged."""
    if old is None or abs(_offset(new) - _offset(old)) > BELIEF_NS:
        return True
    return new.error_ms <= old.error_ms + _drift_ms(new.boottime_ns - old.boottime_ns)


def freeze(drafts: Sequence[Draft], timeline: Timeline, floor_ns: int, ceiling_ns: int) -> list[Report]:
    """Neighbouring drafts of one epoch as reports, their times between those of the frozen ones around them.

    Times rise strictly, by 1 ns where need be, with one exception: a measurement that began before the
    one stored ahead of it and ended after that began keeps its true start. `floor_ns` and `ceiling_ns` are
    exclusive. Raises ValueError while the timeline does not know the present.
    """
    if timeline.now:
        # A box that once believed a false server has frozen times to come: they must not draw the rest along.
        floor_ns = min(floor_ns, timeline.now.at_ns + STEP_NS)
    reports = []
    for left, draft in zip(range(len(drafts), 0, -1), drafts, strict=True):
        moment = timeline.moment(draft.stamp)
        at_ns = _risen(min(moment.at_ns, MAX_AT_NS), draft.duration_s, floor_ns)
        if at_ns > floor_ns:
            at_ns = max(floor_ns + 1, min(at_ns, ceiling_ns - left))
        floor_ns = max(floor_ns, at_ns)
        reports.append(_report(draft, moment, at_ns))
    return reports


def _risen(at_ns: int, duration_s: float, floor_ns: int) -> int:
    overlaps = at_ns + int(duration_s * 1e9) > floor_ns
    return at_ns if at_ns > floor_ns or (overlaps and floor_ns - at_ns > TIE_NS) else floor_ns + 1


def _report(draft: Draft, moment: Moment, at_ns: int) -> Report:
    finding = {name: getattr(draft, name) for name in Finding.__struct_fields__}
    shift_ns = abs(at_ns - moment.at_ns)
    after_ns = moment.not_after_ns
    return Report(
        **finding,
        probe=draft.probe,
        at_ns=at_ns,
        duration_s=draft.duration_s,
        clock=moment.clock,
        clock_error_ms=round(moment.error_ms + (shift_ns / 1e6 if shift_ns > TIE_NS else 0.0), 3),
        not_before_ns=moment.not_before_ns,
        not_after_ns=None if after_ns is None else max(after_ns, at_ns),
        opening=draft.opening,
        losses=draft.losses,
    )


def _candidates(stamp: Stamp, boot: Boot) -> Iterator[Moment]:
    """What may be the time of `stamp`, the best first."""
    word = boot.collector
    collector = word and _shifted(
        Moment(word.wall_ns, ClockQuality.COLLECTOR, word.error_ms), word.boottime_ns, stamp.boottime_ns
    )
    for look in (stamp if stamp.synchronised else None, boot.ntp):
        if look:
            moment = Moment(look.wall_ns, ClockQuality.NTP, look.error_ms)
            moment = _shifted(moment, look.boottime_ns, stamp.boottime_ns)
            if not collector or abs(moment.at_ns - collector.at_ns) <= BELIEF_NS + collector.error_ms * 1e6:
                yield moment
    if collector:
        yield collector


def _shifted(moment: Moment, from_boottime_ns: int, to_boottime_ns: int) -> Moment:
    """The moment at another reading of the same boot's clock, with what the quartz may add to its error."""
    away_ns = to_boottime_ns - from_boottime_ns
    return moment._replace(at_ns=moment.at_ns + away_ns, error_ms=moment.error_ms + _drift_ms(away_ns))


def _least(ran_ns: int) -> int:
    """How long a machine ran at least, when its quartz says `ran_ns`."""
    return ran_ns - round(ran_ns * DRIFT)


def _drift_ms(away_ns: int) -> float:
    return abs(away_ns) * DRIFT / 1e6


def _offset(stamp: Stamp) -> int:
    return stamp.wall_ns - stamp.boottime_ns

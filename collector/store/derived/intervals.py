"""From a box's days to intervals: when its line was down, when it was silent, when it watched. Pure.

They follow from the reports alone, whatever the order in which these arrived: a backlog that comes later
fills a silence as if it had never been one.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from collector.store.derived.days import PATIENCE, Day, Run
from collector.store.derived.looks import MS_NS, Saw


class Kind(StrEnum):
    """What an interval is one of."""

    LINE_DOWN = "line_down"
    """The box reports, its gateway answers, and none of its sites on the internet does."""
    SITE_DOWN = "site_down"
    """The box reports, and not even its gateway answers: the building's network, or this box's own cable."""
    SILENT = "silent"
    """Nothing of the box is here, though three of its looks were due."""
    WATCHED = "watched"
    """The box looked at the internet, whatever it saw."""
    ONLINE = "online"
    """At least one site on the internet answered the box."""


class Interval(NamedTuple):
    """A stretch of one box's time, in ns since 1970 UTC; `end_ns` is not included.

    It begins with the first look that saw it (`silent`: when the first look was due that did not come) and
    ends with the next look that saw otherwise, or one look's time after the last one if silence follows.
    `online` ends with the last look that saw it, because it is there to disprove what others say.
    `looks` that saw it, counted over its whole length (0 for `silent`). `open`: as far as is known it still
    went on at the end that was asked for.
    """

    agent: str
    kind: Kind
    begin_ns: int
    end_ns: int
    looks: int
    open: bool


class Past(NamedTuple):
    """What a box's whole past says: its first look that saw the internet, whether its gateway ever answers.

    Before the first there are no outages: a closed switch port looks like a dead line from the first day on.
    """

    online_ms: int | None
    gateway: bool


class _Piece(NamedTuple):
    """A run with the time that it stands for; `silent_ms` is where silence begins after it, if it does."""

    run: Run
    end_ms: int
    silent_ms: int | None
    next_ms: int | None


def outages(agent: str, days: Sequence[Day], past: Past, since_ms: int, until_ms: int) -> list[Interval]:
    """When the line or the site was down.

    `days` begin with the last one before `since_ms` and end with the first one after `until_ms`, where there
    are such.
    """
    if past.online_ms is None:
        return []
    found: list[Interval] = []
    for piece in _pieces([(run, day.line_rhythm_ms) for day in days for run in day.line], until_ms):
        kind = _kind(piece.run.saw, gateway=past.gateway)
        if kind and piece.run.first_ms > past.online_ms:
            _add(found, agent, kind, piece, until_ms)
    return _within(found, since_ms, until_ms)


def watched(agent: str, days: Sequence[Day], since_ms: int, until_ms: int) -> list[Interval]:
    """When the box looked at the internet. `days` as for `outages`."""
    found: list[Interval] = []
    for piece in _pieces([(run, day.line_rhythm_ms) for day in days for run in day.line], until_ms):
        _add(found, agent, Kind.WATCHED, piece, until_ms)
    return _within(found, since_ms, until_ms)


def online(agent: str, days: Sequence[Day], since_ms: int, until_ms: int) -> list[Interval]:
    """From when until when the box's looks in a row saw the internet. `days` as for `outages`."""
    runs = (run for day in days for run in day.line if run.saw == Saw.ONLINE)
    found = [
        Interval(agent, Kind.ONLINE, run.first_ms * MS_NS, (run.last_ms + 1) * MS_NS, run.looks, open=False)
        for run in runs
    ]
    return _within(found, since_ms, until_ms)


def silences(agent: str, days: Sequence[Day], since_ms: int, until_ms: int) -> list[Interval]:
    """When nothing of the box is here, after its first report. `days` as for `outages`."""
    found = []
    for piece in _pieces([(run, day.heard_rhythm_ms) for day in days for run in day.heard], until_ms):
        if piece.silent_ms is not None:
            end_ms = until_ms if piece.next_ms is None else piece.next_ms
            ongoing = piece.next_ms is None or piece.next_ms >= until_ms
            begin_ns = piece.silent_ms * MS_NS
            found.append(Interval(agent, Kind.SILENT, begin_ns, end_ms * MS_NS, 0, ongoing))
    return _within(found, since_ms, until_ms)


def _pieces(runs: Sequence[tuple[Run, int]], until_ms: int) -> Iterator[_Piece]:
    """Each run that begins before `until_ms`, with its rhythm's patience until the next one."""
    for n, (run, rhythm) in enumerate(runs):
        if run.first_ms >= until_ms:
            return
        due_ms = run.last_ms + rhythm
        if n + 1 < len(runs):
            following, other = runs[n + 1]
            late = following.first_ms - run.last_ms > PATIENCE * max(rhythm, other)
            end_ms = due_ms if late else following.first_ms
            yield _Piece(run, end_ms, due_ms if late else None, following.first_ms)
        else:
            late = until_ms - run.last_ms > PATIENCE * rhythm
            yield _Piece(run, due_ms if late else max(until_ms, run.last_ms), due_ms if late else None, None)


def _kind(saw: int, *, gateway: bool) -> Kind | None:
    if saw == Saw.ONLINE:
        return None
    # Many gateways never answer an echo: their silence tells nothing.
    return Kind.SITE_DOWN if saw == Saw.CUT or (saw == Saw.SITE and gateway) else Kind.LINE_DOWN


def _add(found: list[Interval], agent: str, kind: Kind, piece: _Piece, until_ms: int) -> None:
    begin_ns, end_ns = piece.run.first_ms * MS_NS, piece.end_ms * MS_NS
    ongoing = piece.end_ms >= until_ms
    last = found[-1] if found else None
    if last and last.kind is kind and last.end_ns == begin_ns:
        found[-1] = last._replace(end_ns=end_ns, looks=last.looks + piece.run.looks, open=ongoing)
    else:
        found.append(Interval(agent, kind, begin_ns, end_ns, piece.run.looks, ongoing))


def _within(found: Sequence[Interval], since_ms: int, until_ms: int) -> list[Interval]:
    since_ns, until_ns = since_ms * MS_NS, until_ms * MS_NS
    cut = (
        each._replace(begin_ns=max(each.begin_ns, since_ns), end_ns=min(each.end_ns, until_ns))
        for each in found
    )
    return [each for each in cut if each.begin_ns < each.end_ns]

"""Which boxes ever stood at a school, by every version of the district folder that is kept."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from collector import registry
from collector.store import erasing
from collector.store.exporting import Box
from collector.store.journal import Journal
from firstbell import district as districts
from firstbell.district import District, Seat, Span
from firstbell.tables import FolderError

_END_OF_TIME = (1 << 63) - 1
_Stays = list[tuple[Seat, Span]]
_Time = tuple[int, int]


class Stood(NamedTuple):
    """Boxes with the times at which they stood at a school, and its gateway.

    `elsewhere` are those that one version puts there, and a newer one at another place for all of that time.
    """

    boxes: list[Box]
    gateway: str
    elsewhere: list[str]


def ever_at(journal: Journal, today: District, school: str) -> Stood | None:
    """Who stood at a school; None where no version has it. Raises FolderError, UnreadableError.

    Any version's seat there counts, but where the newest that has a seat of the box says it was elsewhere.
    """
    there: dict[str, list[_Time]] = defaultdict(list)
    newest: dict[str, _Stays] = {}
    gateways: list[str] = []
    for district in (today, *_versions(journal, school)):
        gateways += [each.gateway for each in district.schools if each.id == school]
        for agent in {seat.agent for seat in district.seats}:
            stays = districts.stays(district, agent)
            newest.setdefault(agent, stays)
            there[agent] += [_time(span) for seat, span in stays if seat.school == school]
    if not gateways:
        return None
    found = {
        agent: _boxes(agent, there[agent], newest[agent], school) for agent in sorted(there) if there[agent]
    }
    boxes = [box for mine in found.values() for box in mine]
    return Stood(boxes, gateways[0], [agent for agent, mine in found.items() if not mine])


def _versions(journal: Journal, school: str) -> Iterator[District]:
    for contents in erasing.folders(journal):
        if erasing.names_it(contents, school):
            yield registry.again(contents)
        else:
            with suppress(FolderError):  # of an older program; it says nothing of this school
                yield registry.again(contents)


def _boxes(agent: str, there: list[_Time], newest: _Stays, school: str) -> list[Box]:
    """The times of a box at the school; all of its time where it stood nowhere else."""
    others = [_time(span) for seat, span in newest if seat.school != school]
    if not others:
        return [(agent, 0, None)]
    times = _joined(there)
    for other in others:
        times = [left for time in times for left in _without(time, other)]
    return [(agent, since, None if until == _END_OF_TIME else until) for since, until in times]


def _time(span: Span) -> _Time:
    return span.since_ns, _END_OF_TIME if span.until_ns is None else span.until_ns


def _joined(times: list[_Time]) -> list[_Time]:
    found: list[_Time] = []
    for since, until in sorted(times):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(until, found[-1][1])
        else:
            found.append((since, until))
    return found


def _without(time: _Time, other: _Time) -> list[_Time]:
    pieces = (time[0], min(time[1], other[0])), (max(time[0], other[1]), time[1])
    return [(since, until) for since, until in pieces if since < until]

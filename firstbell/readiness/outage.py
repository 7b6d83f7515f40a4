"""A heavy test failed: was the line down, or only the test? The cheap probes beside it know."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from firstbell.district import NS
from firstbell.readiness.reasons import Reason
from firstbell.report import ClockQuality, Report, Segment, Status, Stored

MINUTE_NS = 60 * NS


class Cheap:
    """The cheap `latency` reports around the heavy tests, by box.

    `online` names boxes that are known to have reached the internet, `linked` those that are known to have
    reached the district: they made a test that worked.
    """

    def __init__(
        self,
        latency: Iterable[Stored],
        online: frozenset[str] = frozenset(),
        linked: frozenset[str] = frozenset(),
    ) -> None:
        self._online, self._linked = online, linked
        self._internet: dict[str, list[tuple[int, bool]]] = {}
        self._district: dict[str, list[tuple[int, bool]]] = {}
        self._gateway: dict[str, list[tuple[int, bool]]] = {}
        self._no_gateway: dict[str, list[tuple[int, bool]]] = {}
        for stored in latency:
            self._add(stored.agent, stored.report)
        for boxes in (self._internet, self._district, self._gateway, self._no_gateway):
            for seen in boxes.values():
                seen.sort()

    def _add(self, agent: str, report: Report) -> None:
        if report.clock is ClockQuality.BOUNDED:
            return
        look = report.at_ns, report.status is Status.OK
        tried = report.status in {Status.OK, Status.FAILED, Status.TIMEOUT}
        if report.segment is Segment.INTERNET and tried:
            self._internet.setdefault(agent, []).append(look)
        elif report.segment is Segment.WAN and tried:
            self._district.setdefault(agent, []).append(look)
        elif report.segment is Segment.SITE and tried:
            self._gateway.setdefault(agent, []).append(look)
        elif report.segment is Segment.SITE and report.status is Status.NOTHING:
            self._no_gateway.setdefault(agent, []).append(look)

    def excuse(self, failed: Stored) -> Reason | None:
        """Why a failed test says nothing of the line; None if the line was down.

        It was down if every site that was tried in that minute failed too, while the box still reached its
        own network: it had a gateway, and this answered if it ever does. For a test that goes no further
        than the district its places are tried, too, and one that answers is enough.
        """
        internet = _around(self._internet, failed)
        if within := failed.report.segment is Segment.WAN:
            internet += _around(self._district, failed)
        if not internet:
            return Reason.UNCONFIRMED
        if any(internet):
            return Reason.SERVER_FAILED
        gateway = _around(self._gateway, failed)
        # Many gateways never answer an echo: their silence tells nothing.
        answers = any(answered for _, answered in self._gateway.get(failed.agent, ()))
        cut_off = _around(self._no_gateway, failed) or (answers and gateway)
        if cut_off and not any(gateway):
            return Reason.BOX_CUT_OFF
        # A closed switch port, or a filter that blocks all, looks like a dead line from the first day on.
        looks = [
            *self._internet.get(failed.agent, ()),
            *(self._district.get(failed.agent, ()) if within else ()),
        ]
        worked = self._online | self._linked if within else self._online
        reached = any(answered for _, answered in looks) or failed.agent in worked
        return None if reached else Reason.NEVER_ONLINE


def _around(boxes: dict[str, list[tuple[int, bool]]], failed: Stored) -> list[bool]:
    """What the box's cheap probes saw from a minute before the test until a minute after it."""
    seen = boxes.get(failed.agent, [])
    begins = failed.report.at_ns - MINUTE_NS
    ends = failed.report.at_ns + round(failed.report.duration_s * NS) + MINUTE_NS
    return [answered for _, answered in seen[bisect_left(seen, (begins,)) : bisect_right(seen, (ends, True))]]

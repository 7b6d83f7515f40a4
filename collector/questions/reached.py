"""Whether a school's gateway answers our own tries: what tells a silent box from a silent school."""

from typing import NamedTuple

from collector.store.gateways import Reach
from collector.store.reads import Reads
from firstbell.district import NS, School

PAST_NS = 30 * 86_400 * NS


class Gateway(NamedTuple):
    """What we know of a gateway. `answers` is None where it is not tried now, or never answered.

    `since_ns` is since when it has done as it does; `spans` are the times in which it answered.
    """

    answers: bool | None
    since_ns: int | None
    spans: tuple[tuple[int, int], ...]


NOT_TRIED = Gateway(None, None, ())


def gateway(reads: Reads, school: School, as_of_ns: int) -> Gateway:
    """The school's gateway at that time; a gateway that never answers is like one that isn't tried."""
    if not school.gateway:
        return NOT_TRIED
    tried: list[Reach] = reads.gateway(school.gateway, as_of_ns - PAST_NS, as_of_ns)
    spans = tuple((each.begin_ns, each.end_ns) for each in tried if each.answers)
    if not spans or not tried[-1].open:
        return Gateway(None, None, spans)
    return Gateway(tried[-1].answers, tried[-1].begin_ns, spans)

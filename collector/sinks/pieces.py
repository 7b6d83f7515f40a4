"""Lines into a bucket; and where some can't be taken, which, found out by halves.

One that is refused among others that are taken is at fault itself. Where nothing at all is taken it may be
the store: then a line that can't be at fault is written, and if that is refused too, nobody is blamed.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from collector.sinks import influx
from collector.sinks.answers import RefusedError, StoppedError, TooLargeError
from collector.sinks.influx import Server
from collector.sinks.standing import Bucket
from firstbell.points import Point

log = logging.getLogger(__name__)

MOST_REFUSED = 20
"""Where more of a batch than this and half of it are refused, it is not the points: nobody is blamed."""
BEYOND_RETENTION = re.compile(r"dropped \d+ points? outside retention policy")
"""How InfluxDB calls what lies further back than a bucket keeps."""


class Refused(NamedTuple):
    """A line, by its place, that was not taken, and why."""

    place: int
    reason: str


def write(server: Server, store: str, lines: Sequence[bytes], good: bytes) -> list[Refused]:
    """Write lines; those that the bucket would not take. `good` is a line in which nothing can be wrong.

    Raises InfluxError: StoppedError where it is not the lines.
    """
    refused: list[Refused] = []
    most = max(MOST_REFUSED, len(lines) // 2)
    for one in _by_halves(server, store, lines, 0):
        refused.append(one)
        if len(refused) > most:
            raise StoppedError(
                f"InfluxDB refuses most of what it is sent, nothing is set aside: {one.reason}"
            )
    if refused and len(refused) == len(lines):
        try:
            server.write(store, [good])
        except (RefusedError, TooLargeError) as error:
            raise StoppedError(
                f"InfluxDB refuses all that it is sent, nothing is set aside: {error}"
            ) from error
    return refused


def _by_halves(server: Server, store: str, lines: Sequence[bytes], first: int) -> Iterator[Refused]:
    if not lines:
        return
    try:
        server.write(store, lines)
    except (RefusedError, TooLargeError) as error:
        if len(lines) == 1:
            yield Refused(first, str(error))
            return
        middle = len(lines) // 2
        yield from _by_halves(server, store, lines[:middle], first)
        yield from _by_halves(server, store, lines[middle:], first + middle)


def put(server: Server, bucket: Bucket, points: Iterable[Point], good: bytes, now_ns: int) -> int:
    """Write points that can be made again at any time: what is too old or refused is left out; how many went.

    Raises InfluxError.
    """
    went = 0
    oldest_ns = bucket.oldest_ns(now_ns)
    for part in influx.in_parts(point for point in points if point.at_ns >= oldest_ns):
        refused = write(server, bucket.store, influx.lines(part), good)
        if refused:
            log.warning(
                "InfluxDB would not take %d of %d copies: %s", len(refused), len(part), refused[0].reason
            )
        went += len(part) - len(refused)
    return went

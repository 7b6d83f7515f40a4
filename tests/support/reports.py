"""Any report that a collector would take, for hypothesis."""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from firstbell import report as reports
from firstbell.catalogue import METRICS, PROBES, Reading
from firstbell.metrics import Metric
from firstbell.report import (
    ClockQuality,
    LimitedBy,
    Loss,
    Mark,
    Medium,
    Opening,
    Report,
    Segment,
    Status,
    Stored,
)

NOW_NS = 1_790_000_000_000_000_000
LABELS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,39}", fullmatch=True)
EPOCHS = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
MOST_INT = (1 << 63) - 1


def words(most: int) -> st.SearchStrategy[str]:
    """Texts that can be printed, the nasty ones more often than by chance."""
    nasty = st.sampled_from(
        ['"', "\\", "=", ",", " ", "'", "#", "\u00fc", "\U0001f392", "i", "t", "retention"]
    )
    return st.lists(
        nasty | st.characters(exclude_categories=["Cs"]).filter(str.isprintable), max_size=most
    ).map(lambda signs: "".join(signs)[:most])


def _bounded(metric: Metric) -> st.SearchStrategy[Reading]:
    low = -1e15 if math.isinf(metric.low) else metric.low
    high = 1e15 if math.isinf(metric.high) else metric.high
    whole = st.integers(math.ceil(low), math.floor(high))
    of: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "float": lambda: st.floats(low, high) | whole,
        "int": lambda: whole,
        "bool": st.booleans,
        "text": lambda: words(80),
        "address": lambda: st.ip_addresses().map(str).filter(lambda text: "%" not in text),
    }
    return of[metric.kind]()


_ONE_OF = {name: _bounded(metric) for name, metric in METRICS.items()}
_STRANGE = st.one_of(
    st.booleans(),
    st.integers(-MOST_INT, MOST_INT),
    st.floats(allow_nan=False, allow_infinity=False),
    words(80),
)


@st.composite
def readings(draw: st.DrawFn) -> dict[str, Reading]:
    """Readings, known ones and others."""
    names = draw(st.lists(st.sampled_from(sorted(METRICS)), max_size=8, unique=True))
    strange = draw(
        st.lists(LABELS | st.sampled_from(["seq", "epoch", "time", "others", "status"]), max_size=3)
    )
    found: dict[str, Reading] = {name: draw(_ONE_OF[name]) for name in names}
    return found | {name: draw(_STRANGE) for name in strange if name not in METRICS}


_TIMES = st.integers(0, NOW_NS)
_LOSSES = st.builds(
    lambda epoch, bounds, reason: Loss(epoch=epoch, first=min(bounds), last=max(bounds), reason=reason),
    EPOCHS,
    st.tuples(st.integers(1, 1 << 32), st.integers(1, 1 << 32)),
    words(200),
)
_OPENINGS = st.builds(Opening, predecessor=st.none() | EPOCHS, last_seq=st.integers(0, 1 << 32), ended=LABELS)


def any_report(at_ns: st.SearchStrategy[int] = _TIMES) -> st.SearchStrategy[Report]:
    """A report that nothing speaks against."""
    return st.builds(
        Report,
        status=st.sampled_from(Status),
        reason=words(200).map(lambda text: text or "why"),
        target=st.just("") | LABELS,
        engine=st.just("") | LABELS,
        segment=st.none() | st.sampled_from(Segment),
        medium=st.none() | st.sampled_from(Medium),
        limited_by=st.none() | st.sampled_from(LimitedBy),
        marks=st.lists(st.sampled_from(Mark), max_size=2, unique=True).map(tuple),
        readings=readings(),
        probe=st.sampled_from(sorted(PROBES)) | LABELS,
        at_ns=at_ns,
        duration_s=st.floats(0, 86_400) | st.integers(0, 86_400),
        clock=st.sampled_from(ClockQuality),
        clock_error_ms=st.just(0.0) | st.floats(0, allow_infinity=False),
        not_before_ns=st.none() | _TIMES,
        not_after_ns=st.none() | _TIMES,
        opening=st.none() | _OPENINGS,
        losses=st.lists(_LOSSES, max_size=2).map(tuple),
    ).filter(lambda report: reports.complaint(report) is None)


def stored(reported: st.SearchStrategy[Report], agent: str = "lincoln-1") -> st.SearchStrategy[Stored]:
    """The same as a journal holds it."""
    return st.builds(
        Stored,
        agent=st.just(agent),
        epoch=EPOCHS,
        seq=st.integers(1, 1 << 32),
        arrival=st.integers(1, MOST_INT),
        received_ns=st.just(NOW_NS),
        report=reported,
    )

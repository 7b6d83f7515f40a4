"""What stands in a time series beside the reports: copies of judgements and of states, and roll-ups.

They are written for boards, and nothing reads them back: each can be made again from the record at any time.
Every name that a board, an alert or the writer uses is in here, or in the catalogue.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from firstbell.catalogue import METRICS, PROBES, ProbeSpec
from firstbell.metrics import Kind

RAW = "firstbell"
"""The database (bucket) of reports and copies, if nobody chose another name."""
ROLLUPS = "firstbell_rollups"
"""The database (bucket) of hours and days."""

Rhythm = Literal["change", "minutes", "event"]
"""`change`: at each change and once a school day. `minutes`: every five. `event`: at its beginning."""


class Field(NamedTuple):
    """One field: its type, and one line of meaning."""

    name: str
    kind: Kind
    meaning: str


class Copy(NamedTuple):
    """One measurement; `tags` that don't apply to a point are absent from it."""

    name: str
    meaning: str
    rhythm: Rhythm
    tags: tuple[str, ...]
    fields: tuple[Field, ...]

    def kinds(self) -> dict[str, Kind]:
        """The type of each field by its name."""
        return {field.name: field.kind for field in self.fields}


WHOLE_SCHOOL = "school"
"""The subject of a verdict over the whole chain."""
STATE_RANKS = {
    "not_ready": 0,
    "just_short": 1,
    "not_measured": 2,
    "not_known": 3,
    "ready_until": 4,
    "ready_through": 5,
}
"""Every state of a verdict (`firstbell.readiness.verdict.State`), the worst first."""

_STATE = (
    Field("state", "text", "the answer's kind, one of STATE_RANKS"),
    Field("state_rank", "int", "its place there, the worst being 0"),
)
_LABEL = Field("label", "text", "the answer in people's words: Ready until fall 2027")

VERDICT = Copy(
    "verdict",
    "what a link of a school's chain, or the whole chain, is worth in one way of teaching",
    "change",
    ("district", "school", "model", "subject", "circuit"),
    (
        *_STATE,
        _LABEL,
        Field("sentence", "text", "the answer as it can be read aloud"),
        Field("name", "text", "name of the link, or of the school where the whole chain is meant"),
        Field("plan", "bool", "whether it is the way of teaching that the school plans"),
        Field("changed", "bool", "whether it is another answer than the one before"),
        Field("was", "text", "the label before"),
        Field("was_rank", "int", "the state_rank before; absent at the first time"),
        Field("have", "float", "what is there, in the unit of counted_in; absent if not measured"),
        Field("need", "float", "what is needed today"),
        Field("need_then", "float", "what is needed at the horizon"),
        Field("counted_in", "text", "the unit of have and need"),
        Field("ratio", "float", "have as a share of need; absent if not measured"),
        Field("weakest", "bool", "whether it is the school's weakest link"),
        Field("summer", "bool", "whether it is summer there, so that no alert goes by it"),
    ),
)

LINE = Copy(
    "line",
    "a line, one way (subject: down or up), against its contract and against what its schools plan",
    "change",
    ("district", "circuit", "subject"),
    (
        *_STATE,
        Field("name", "text", "name of the line"),
        Field("schools", "int", "schools that share it"),
        Field("contract_mbps", "float", "what is bought; absent if nobody entered it"),
        Field("need_mbps", "float", "what its schools need today"),
        Field("need_then_mbps", "float", "what they need at the horizon"),
        Field("carries_mbps", "float", "what it carries when quiet; absent until enough is measured"),
        Field("at_least", "bool", "whether it may well carry more: the box saw no more"),
        Field("left_over_mbps", "float", "what is left over in class; absent until enough is measured"),
        Field("checks", "int", "checks that count for it"),
        Field("summer", "bool", "whether it is summer at all of its schools, so that no alert goes by it"),
    ),
)

SCHOOL_NOW = Copy(
    "school_now",
    "how a school stands at this moment",
    "minutes",
    ("district", "school"),
    (
        Field("name", "text", "name of the school"),
        Field("up", "bool", "whether it reaches the internet, as far as anybody can tell"),
        Field("since_s", "int", "since when, in seconds since 1970 UTC"),
        Field("down_s", "float", "how long it has been down; 0 while it is up"),
        Field("in_class", "bool", "whether class goes on there at this moment"),
        Field("silent_boxes", "int", "boxes that measure nothing"),
        Field("boxes", "int", "boxes that stand there"),
        Field("quiet", "bool", "whether its lines are kept quiet"),
        Field("quiet_why", "text", "why, or nothing"),
        Field("summer", "bool", "whether it is summer there, so that no alert goes by it"),
        Field("lost_yesterday_min", "float", "minutes of class lost on the last finished school day"),
        Field("worst_period", "text", "the period that lost most on that day, or nothing"),
        Field("worst_period_min", "float", "minutes that it lost"),
        Field("state_rank", "int", "place in STATE_RANKS of the school's answer as it plans to teach"),
        _LABEL,
    ),
)

BOX_NOW = Copy(
    "box_now",
    "how a box stands at this moment",
    "minutes",
    ("district", "school", "room", "circuit", "agent"),
    (
        Field("silent", "bool", "whether it measures nothing"),
        Field("silent_s", "float", "for how long; 0 while it speaks"),
        Field("last_seen_s", "int", "when it was last heard, in seconds since 1970 UTC"),
        Field("reports", "int", "reports that the collector holds of it"),
        Field("missing", "int", "reports under way, or lost"),
        Field("lost", "int", "reports lost by its own word"),
        Field("refused", "int", "reports that the collector would not take"),
        Field("starts", "int", "starts of its program"),
        Field("waiting", "int", "reports that wait in its spool, by its last word"),
        Field("two_boxes", "bool", "whether two boxes call themselves by its name"),
        Field("version", "text", "version of its program"),
        Field(
            "summer",
            "bool",
            "whether it is summer there, and it was not silent before: no alert goes by its silence",
        ),
    ),
)

OUTAGE = Copy(
    "outage",
    "a stretch in which something was away (subject: line_down, site_down, silent or unreachable)",
    "event",
    ("district", "school", "agent", "subject"),
    (
        Field("duration_s", "float", "how long it took, so far if it is open"),
        Field("end_ns", "int", "its end, or now if it is open, in nanoseconds since 1970 UTC"),
        Field("class_min", "float", "minutes of class that it took"),
        Field("open", "bool", "whether it goes on"),
        Field("text", "text", "the same in words"),
    ),
)

QUIET = Copy(
    "quiet",
    "a stretch in which heavy tests left lines alone; without a school it is the whole district's",
    "event",
    ("district", "school"),
    (
        Field("duration_s", "float", "how long it takes"),
        Field("until_ns", "int", "its end, in nanoseconds since 1970 UTC"),
        Field("text", "text", "why, in words"),
    ),
)

SINK = Copy(
    "sink",
    "how far the way from the journal into this database is behind",
    "minutes",
    ("district",),
    (
        Field("behind_reports", "int", "reports in the journal that are not in here yet"),
        Field("aside_reports", "int", "reports that this database would not take"),
        Field("days_again", "int", "days that wait to be written once more"),
        Field("journal_reports", "int", "reports in the journal"),
    ),
)

COPIES = {copy.name: copy for copy in (VERDICT, LINE, SCHOOL_NOW, BOX_NOW, OUTAGE, QUIET, SINK)}

SPANS = ("1h", "1d")
"""What a roll-up is of: an hour, or a day of UTC."""
ROLLUP_TAGS = ("district", "school", "room", "circuit", "agent", "target")
STATUS_COUNTS = ("count_ok", "count_nothing", "count_failed", "count_timeout", "count_skipped")
"""How many reports ended in each way."""


def rollup(probe: str, span: str) -> str:
    """The measurement of a probe's hours or days: `throughput_1d`."""
    return f"{probe}_{span}"


def rollup_kinds(probe: ProbeSpec) -> dict[str, Kind]:
    """The type of each field of the probe's roll-ups, by its name: four of each number."""
    kinds: dict[str, Kind] = dict.fromkeys(STATUS_COUNTS, "int")
    for name in probe.metrics:
        if METRICS[name].kind in ("float", "int"):
            kinds |= {f"{how}_{name}": "float" for how in ("mean", "min", "max")}
            kinds[f"count_{name}"] = "int"
    return kinds


def rollups() -> Iterator[tuple[str, dict[str, Kind]]]:
    """Every measurement of the roll-ups, with the types of its fields."""
    for probe in PROBES.values():
        for span in SPANS:
            yield rollup(probe.name, span), rollup_kinds(probe)

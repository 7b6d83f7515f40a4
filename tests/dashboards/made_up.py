"""Two weeks of three schools as line protocol, made by going over the catalogue and the copies.

Nothing in here knows a board: every measurement, every tag and every field that there may be is there.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from firstbell.catalogue import METRICS, PROBES, Reading
from firstbell.copies import (
    COPIES,
    RAW,
    ROLLUPS,
    STATE_RANKS,
    STATUS_COUNTS,
    WHOLE_SCHOOL,
    Copy,
    rollup,
    rollup_kinds,
)
from firstbell.metrics import Kind
from firstbell.readiness.models import load
from tests.firstbell.readiness.town import TEXT

HOUR_NS = 3600 * 10**9
END_NS = 1_795_795_200 * 10**9
"""Friday 27 November 2026, 16:00 UTC."""
BEGIN_NS = END_NS - 14 * 24 * HOUR_NS
_LAST_NS = END_NS - HOUR_NS // 12

_SCHOOLS = ("lincoln-high", "grant-middle", "oak-street")
_PERIODS = ("night", "before school", "Period 1", "Period 2", "Period 3", "late afternoon", "evening")
_SUBJECTS = {
    "verdict": (WHOLE_SCHOOL, "internet", "site", "wifi", "responsiveness", "power", "students"),
    "line": ("down", "up"),
    "outage": ("line_down", "site_down", "silent", "unreachable"),
}
_ONCE: dict[str, tuple[str, ...]] = {"change": ("daily",), "minutes": ("hourly",), "event": ("daily",)}

Tags = Mapping[str, str]


def points() -> dict[str, list[str]]:
    """Lines by database."""
    return {RAW: [*_reports(), *_copies()], ROLLUPS: list(_rollups())}


def _boxes() -> Iterator[tuple[int, dict[str, str]]]:
    for number, (school, box) in enumerate(product(_SCHOOLS, ("a", "b"))):
        yield (
            number,
            {
                "district": "Riverside",
                "school": school,
                "room": f"room {number}",
                "circuit": f"{school}-line",
                "agent": f"{school}-{box}",
            },
        )


def _reports() -> Iterator[str]:
    record: dict[str, Reading] = {
        "epoch": "e1",
        "arrival": 1,
        "received_ns": 1,
        "duration_s": 1.5,
        "clock": "ntp",
    }
    for probe, (number, box), hour in product(PROBES.values(), _boxes(), range(14 * 24)):
        at_ns = _LAST_NS - hour * HOUR_NS
        ok = hour % 9 != 4
        tags = {
            **box,
            "target": "reference",
            "segment": "internet",
            "medium": "wifi" if number % 2 else "wired",
            "period": _PERIODS[hour % len(_PERIODS)],
            "status": "ok" if ok else "failed",
        }
        if probe.heavy:
            tags["engine"] = "speedtest" if probe.name == "internet" else "own"
        fields = dict(record, seq=hour)
        if ok:
            kinds = {name: METRICS[name].kind for name in probe.metrics}
            fields |= {name: _reading(name, kind, number + hour) for name, kind in kinds.items()}
        else:
            fields |= {"reason": "no answer", "limited_by": "box"}
        yield _line(probe.name, tags, fields, at_ns)


def _reading(name: str, kind: Kind, turn: int) -> Reading:
    """A value between the metric's bounds, or a thousand above the lower one where there is no upper."""
    metric = METRICS[name]
    share = (turn % 7 + 1) / 8
    if kind == "bool":
        return turn % 2 == 0
    if kind == "text":
        return f"word {turn % 3}"
    if kind == "address":
        return "192.0.2.1"
    value = metric.low + share * min(metric.high - metric.low, 1000)
    return round(value) if kind == "int" else float(value)


def _copies() -> Iterator[str]:
    for copy in COPIES.values():
        hours = range(0, 14 * 24, 1 if copy.rhythm == "minutes" else 24)
        for hour, tags in product(hours, _places(copy)):
            turn = hour // 24 + len("".join(tags.values()))
            fields = {name: _value(name, kind, turn) for name, kind in copy.kinds().items()}
            yield _line(copy.name, tags, fields, _LAST_NS - hour * HOUR_NS)


def _places(copy: Copy) -> list[dict[str, str]]:
    """Every set of tags that a copy has at one moment."""
    places = [{tag: box[tag] for tag in copy.tags if tag in box} for _, box in _boxes()]
    if "subject" in copy.tags:
        places = [{**place, "subject": subject} for place in places for subject in _SUBJECTS[copy.name]]
    if "model" in copy.tags:
        places = [{**place, "model": model} for place in places for model in load(TEXT).models]
    if copy.name == "quiet":
        places.append({"district": "Riverside"})
    return [dict(place) for place in {tuple(place.items()): None for place in places}]


def _value(name: str, kind: Kind, turn: int) -> Reading:
    if name == "state_rank":
        return turn % len(STATE_RANKS)
    if name in {"in_class", "summer"}:  # it is November
        return name == "in_class"
    if name.endswith("_ns"):
        return END_NS
    made: dict[Kind, Reading] = {
        "bool": turn % 2 == 0,
        "int": turn * 3,
        "float": turn * 7.5,
        "text": f"words, {turn % 3}",
        "address": "192.0.2.1",
    }
    return made[kind]


def _rollups() -> Iterator[str]:
    for probe, (number, box) in product(PROBES.values(), _boxes()):
        kinds = rollup_kinds(probe)
        for hour in range(14 * 24):
            fields: dict[str, Reading] = {
                name: number + hour % 5 if kind == "int" else float(number + hour % 5)
                for name, kind in kinds.items()
            }
            assert fields.keys() >= set(STATUS_COUNTS)
            tags = {**box, "target": "reference"}
            yield _line(
                rollup(probe.name, "1h"), tags, fields, _LAST_NS // HOUR_NS * HOUR_NS - hour * HOUR_NS
            )
            if hour % 24 == 0:
                yield _line(rollup(probe.name, "1d"), tags, fields, _LAST_NS - hour * HOUR_NS)


def _line(measurement: str, tags: Tags, fields: Mapping[str, Reading], at_ns: int) -> str:
    marked = "".join(f",{name}={_tag(value)}" for name, value in tags.items())
    return f"{measurement}{marked} {','.join(f'{name}={_field(value)}' for name, value in fields.items())} {at_ns}"


def _tag(value: str) -> str:
    return value.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def _field(value: Reading) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace('"', r"\"") + '"'
    return f"{value}i" if isinstance(value, int) else repr(value)

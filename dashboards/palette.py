"""One palette for all boards: a state has one colour, and always stands with its words."""

from typing import NamedTuple

from dashboards import Json, targets
from firstbell.copies import STATE_RANKS

GOOD = "green"
FOR_NOW = "light-green"
SHORT = "orange"
BAD = "red"
UNKNOWN = "#8a919e"
PLAIN = "blue"
BLANK = ("", "transparent")
"""Nothing to say."""
NEED = "purple"
"""What is needed, wherever it is drawn."""
CONTRACT = "text"

STATE_COLOURS = {
    "not_ready": BAD,
    "just_short": SHORT,
    "not_measured": UNKNOWN,
    "not_known": UNKNOWN,
    "ready_until": FOR_NOW,
    "ready_through": GOOD,
}
_STATE_WORDS = {
    "not_ready": "Not ready",
    "just_short": "Just short",
    "not_measured": "Not measured enough yet",
    "not_known": "Not known",
    "ready_until": "Ready for now",
    "ready_through": "Ready",
}
_LABELS = {
    "^Not ready": "not_ready",
    "^Just short": "just_short",
    "^Not measured": "not_measured",
    "^Not known": "not_known",
    "^Ready until": "ready_until",
    "^Ready through": "ready_through",
}


class Step(NamedTuple):
    """From `at` on (None: from below) values have this colour."""

    at: float | None
    colour: str


def ranks() -> list[Json]:
    """A state's rank in words and colours."""
    shown = {
        str(rank): {"text": _STATE_WORDS[state], "color": STATE_COLOURS[state], "index": rank}
        for state, rank in STATE_RANKS.items()
    }
    return [{"type": "value", "options": shown}]


def labels() -> list[Json]:
    """A verdict's label keeps its words and takes its state's colour."""
    return [
        {"type": "regex", "options": {"pattern": pattern, "result": _colour(state, index)}}
        for index, (pattern, state) in enumerate(_LABELS.items())
    ]


def _colour(state: str, index: int) -> Json:
    return {"color": STATE_COLOURS[state], "index": index}


def yes_no(yes: tuple[str, str], no: tuple[str, str]) -> list[Json]:
    """True and false, each in a word and a colour."""
    return words({"true": yes, "false": no})


def if_so(word: str, colour: str) -> list[Json]:
    """True in a word and a colour; false says nothing."""
    return yes_no((word, colour), BLANK)


def words(shown: dict[str, tuple[str, str]]) -> list[Json]:
    """Values in words and colours."""
    options = {
        value: {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(shown.items())
    }
    return [{"type": "value", "options": options}]


ANY_IS_BAD = (Step(None, GOOD), Step(1, BAD))
"""Nought is as it should be."""
ALL_PLAIN = (Step(None, PLAIN),)
RATIO = (Step(None, BAD), Step(targets.JUST_SHORT, SHORT), Step(targets.ENOUGH, GOOD))
"""What is there as a share of what is needed."""
REPLIES = (Step(None, BAD), Step(targets.REPLIES_POOR, SHORT), Step(targets.REPLIES, GOOD))
AIR = (Step(None, GOOD), Step(targets.AIR_BUSY_PCT, BAD))
HEALTH = (Step(None, BAD), Step(targets.BATTERY_HEALTH_PCT, GOOD))
CHARGE = (Step(None, BAD), Step(targets.BATTERY_LEAST_PCT, GOOD))
CHECKS = (Step(None, UNKNOWN), Step(targets.CHECKS, GOOD))

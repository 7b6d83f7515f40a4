"""Tables of the boards, the alert rules, and what stands in the database beside reports."""

from collections.abc import Iterator

from dashboards.alerts import RULES, Rule
from dashboards.boards import all_boards
from firstbell.copies import COPIES, Copy
from scripts.pages.markdown import code, table


def boards() -> str:
    """Every board and what it answers."""
    return table(["board", "what it shows"], ([board.title, board.says] for board in all_boards()))


def rules() -> str:
    """Every alert rule: when it fires, how gravely, and where it says what to do."""
    return table(["alert", "fires when", "grade", "what to do"], map(_rule, RULES))


def _rule(rule: Rule) -> list[str]:
    way, number = ("below", rule.below) if rule.below is not None else ("above", rule.above)
    when = f"{code(rule.query.columns[-1])} is {way} {number:g} for {rule.lasting}"
    return [rule.title, when, rule.severity, f"[this](troubleshooting.md#{rule.anchor})"]


def copies() -> str:
    """Every measurement of copies with its tags and fields."""
    return "\n\n".join(map(_copy, COPIES.values()))


_RHYTHM = {
    "change": "at each change, and once a school day",
    "minutes": "every five minutes",
    "event": "at its beginning, and again when it changes",
}


def _copy(copy: Copy) -> str:
    tags = ", ".join(map(code, copy.tags))
    head = f"{code(copy.name)}: {copy.meaning}. Written {_RHYTHM[copy.rhythm]}. Tags: {tags}."
    return f"{head}\n\n{table(['field', 'type', 'what it is'], _fields(copy))}"


def _fields(copy: Copy) -> Iterator[list[str]]:
    for field in copy.fields:
        yield [code(field.name), field.kind, field.meaning]

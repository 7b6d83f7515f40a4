"""`firstbell box`: one box, start by start, and decisions about it."""

import click

from collector import simulated
from collector.cli.common import journal_of, json_option, opened, pass_home, show, table
from collector.cli.status import ago
from collector.config import Home
from collector.questions import starts
from collector.questions.starts import BoxStarts, Start
from collector.store import decisions

SHOWN = 20
"""Starts, ranges and reasons that are printed; the newest, or the first. `--json` has them all."""


@click.group("box")
def group() -> None:
    """One box: what is here of it, and decisions about it."""


@group.command("accept")
@click.argument("name")
@click.option("--note", default="", help="Why, for those who ask later.")
@json_option
@pass_home
def accept(home: Home, name: str, note: str, as_json: bool) -> None:
    """Count NAME again after two boxes had this name. What came in between stays uncounted."""
    decided = decisions.decide(journal_of(home), name, note, home.clock.now_ns())
    if not decided:
        raise click.ClickException(f"no box named {name} waits for a decision; see: firstbell status")
    show({"accepted": name}, f"{name} counts again, from now on.", as_json=as_json)


@group.command("show")
@click.argument("name")
@json_option
@pass_home
def shown(home: Home, name: str, as_json: bool) -> None:
    """Show each start of NAME: what is here, and which numbers are missing, lost or refused."""
    with opened(home) as reads:
        answer = starts.ask(reads, name, simulated=simulated.here(home))
    show(answer, text(answer, home.clock.now_ns()), as_json=as_json, simulated=answer.simulated)


def text(answer: BoxStarts, now_ns: int) -> str:
    """The starts for reading, the newest last, then what is not here."""
    head = ["start", "first seen", "last seen", "kept", "missing", "lost", "refused", "the one before ended"]
    newest = answer.starts[-SHOWN:]
    rows = [
        [
            start.name,
            ago(start.first_seen_ns, now_ns),
            ago(start.last_seen_ns, now_ns),
            f"{start.kept:,}",
            f"{start.missing:,}",
            f"{start.lost:,}",
            f"{start.refused:,}",
            start.before or "-",
        ]
        for start in newest
    ]
    older = len(answer.starts) - len(newest)
    known = [
        f"{told.kind}: {told.start} {_range(told.first, told.last)}: {told.reason}"
        for told in answer.absences[-SHOWN:]
    ]
    blocks = [
        f"{older:,} older starts are left out here; --json has them all." if older else "",
        table(head, rows),
        "\n".join(_missing(start) for start in newest if start.missing),
        "\n".join(known),
    ]
    return "\n\n".join(block for block in blocks if block)


def _missing(start: Start) -> str:
    first = ", ".join(_range(*numbers) for numbers in start.missing_numbers[:SHOWN])
    more = " and more" if len(start.missing_numbers) > SHOWN else ""
    return f"missing: {start.name} {first}{more}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"

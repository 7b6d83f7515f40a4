"""`firstbell quiet`: times in which no line is loaded."""

import click

from collector import registry, simulated
from collector.cli.common import journal_of, json_option, opened, pass_home, show, table
from collector.config import Home
from collector.questions import quiet
from collector.questions.ask import QuestionError
from collector.questions.quiet import QuietTimes
from collector.registry import Folder
from collector.store import quiets
from collector.store.quiets import Ordered


@click.command("quiet")
@click.argument("what", required=False, metavar="[now | FROM..TO | end]")
@click.argument("number", required=False, type=click.IntRange(min=1))
@click.option("--for", "length", metavar="TIME", help="How long from now: 45m, 2h, 1d; else two hours.")
@click.option("--school", default="", help="At this school alone, and on the lines that it shares.")
@click.option("--why", default="", metavar="TEXT", help="The reason, as every page says it.")
@json_option
@pass_home
def command(
    home: Home, what: str | None, number: int | None, length: str | None, school: str, why: str, as_json: bool
) -> None:
    """Keep the lines free: no heavy test runs, and those that run are stopped within a minute.

    `now` begins at once; `FROM..TO` holds by the schools' clocks: 2026-12-07T08:00..2026-12-07T12:00, or days
    alone, or times of today. `end` ends those that hold, or the one with that NUMBER. Without any of these,
    show them.
    """
    folder = registry.read(home.district) if home.district.is_dir() else registry.EMPTY
    folder = simulated.marked(home, folder)
    now_ns = home.clock.now_ns()
    _fitting(what, number, length, why)
    if what == "end":
        _end(home, folder, number, school)
    elif what:
        _order(home, _meant(folder, what, now_ns, length, school, why))
    with opened(home) as reads:
        answer = quiet.ask(reads, folder, now_ns)
    show(answer, text(answer), as_json=as_json, simulated=answer.simulated)


def _fitting(what: str | None, number: int | None, length: str | None, why: str) -> None:
    """Refuse what would be passed over in silence. Raises click.UsageError."""
    if number is not None and what != "end":
        raise click.UsageError("a number goes with `end`")
    if length is not None and what != "now":
        raise click.UsageError("--for goes with `now`")
    if why and what in {None, "end"}:
        raise click.UsageError("--why goes with `now` or FROM..TO")


def _meant(folder: Folder, what: str, now_ns: int, length: str | None, school: str, why: str) -> Ordered:
    if what != "now":
        return quiet.between(folder.district, what, now_ns, school=school, why=why)
    seconds = quiet.seconds_of(length) if length else quiet.USUAL_S
    return quiet.from_now(folder.district, now_ns, seconds=seconds, school=school, why=why)


def _order(home: Home, ordered: Ordered) -> None:
    if home.demo:
        raise QuestionError("Simulated: there are no lines to keep free.")
    quiets.order(journal_of(home), ordered, home.clock.now_ns())


def _end(home: Home, folder: Folder, number: int | None, school: str) -> None:
    now_ns, district = home.clock.now_ns(), folder.district
    with opened(home) as reads:
        if number is None:
            name = quiet.school_named(district, school)
            numbers = quiet.holding(reads, district, now_ns, name)
        else:
            standing = quiet.standing(reads, district, now_ns)
            numbers = [order.number for order in standing if order.number == number]
    if not numbers:
        raise QuestionError(
            "there is no such quiet time to end; see: firstbell quiet (those of district.toml end there)"
        )
    quiets.end(journal_of(home), numbers, now_ns)


def text(answer: QuietTimes) -> str:
    """The answer for reading."""
    rows = [
        [
            "-" if each.number is None else str(each.number),
            each.since.replace("T", " "),
            each.until.replace("T", " "),
            each.where,
            "now" if each.holds else "to come",
            each.why or "-",
        ]
        for each in answer.times
    ]
    head = ["number", "from", "to", "where", "when", "why"]
    return "\n\n".join([answer.sentence, *([table(head, rows)] if rows else [])])

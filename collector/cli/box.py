"""`firstbell box`: one box, start by start, and decisions about it."""

from pathlib import Path

import click

from collector import config, entering, simulated
from collector.cards import making
from collector.cli import heard
from collector.cli.common import journal_of, json_option, loaded, opened, pass_home, show, table
from collector.cli.status import ago
from collector.config import Home
from collector.identity.authority import Authority
from collector.identity.registrar import Registrar
from collector.questions import enrolling, starts
from collector.questions.enrolling import Came
from collector.questions.starts import BoxStarts, Start
from collector.store import decisions
from firstbell.enrolment import TOKEN_DAYS

ON_A_BOX = "/etc/firstbell/card"
"""Where a box that the agent's role deployed looks for its card."""
SHOWN = 20
"""Starts, ranges and reasons that are printed; the newest, or the first. `--json` has them all."""


@click.group("box")
def group() -> None:
    """One box: what is here of it, and decisions about it."""


group.add_command(heard.command)


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


@group.command("card")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder to write the card into."
)
@click.option("--automatic", is_flag=True, help="Let in whoever comes with it first, without anybody's word.")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=TOKEN_DAYS,
    show_default=True,
    help="Until it must be used.",
)
@json_option
@pass_home
def card(home: Home, name: str, out: Path, automatic: bool, days: int, as_json: bool) -> None:
    """Write the card that makes a machine NAME: where to ask, whom to believe, a token that is good once."""
    enrol, seats = config.read(home.settings).enrol, loaded(home, journal_of(home)).district.seats
    if not any(seat.agent == name for seat in seats):
        raise click.ClickException(
            f"{name} has no place: seats.csv in {home.district} says where each stands"
        )
    if not enrol.collector or not enrol.broker:
        raise click.ClickException(
            f"boxes can't know where to ask: set collector and broker under [enrol] in {home.settings}"
        )
    signs = Authority(home.folder)
    number, token = Registrar(journal_of(home), signs, home.clock).offer(name, automatic=automatic, days=days)
    entering.write_secret(out, "card.toml", making.card(enrol, token).rstrip("\n"))
    (out / "ca.pem").write_text(signs.pem, encoding="ascii")
    told = (
        f"Card {number} for {name} is in {out}: card.toml and ca.pem. Use it within {days} days.\n"
        f"On a box that Ansible deployed put it into {ON_A_BOX} (-e agent_card={out} does it): it asks by "
        f"itself.\nOn any other machine: firstbell-agent enrol {out}/card.toml"
    )
    show({"number": number, "agent": name, "folder": str(out)}, told, as_json=as_json)


@group.command("let-in")
@click.argument("number", type=int)
@click.option("--no", is_flag=True, help="Keep it out instead.")
@json_option
@pass_home
def let_in(home: Home, number: int, no: bool, as_json: bool) -> None:
    """Let in the box that came with card NUMBER (`firstbell box waiting` lists them)."""
    decided = _registrar(home).decide(number, let_in=not no)
    if decided is None:
        raise click.ClickException(f"no box waits with card {number}; see: firstbell box waiting")
    text = f"{decided.agent} is {'kept out' if no else 'let in'}."
    show({"number": number, "agent": decided.agent, "let_in": not no}, text, as_json=as_json)


@group.command("waiting")
@json_option
@pass_home
def waiting(home: Home, as_json: bool) -> None:
    """Show the boxes that came with a card and wait to be let in."""
    now_ns = home.clock.now_ns()
    waits = enrolling.ask(journal_of(home), loaded(home, journal_of(home)).district, now_ns).wait
    rows = [
        [str(each.number), each.agent, each.key, ago(each.came_ns, now_ns), _twice(each)] for each in waits
    ]
    answer = [
        {"number": each.number, "agent": each.agent, "key": each.key, "doubled": each.doubled}
        for each in waits
    ]
    text = table(["card", "box", "its key", "came", ""], rows) if rows else "No box waits."
    show(answer, text, as_json=as_json)


def _twice(came: Came) -> str:
    return "another machine came with this card, too" if came.doubled else ""


@group.command("shut-out")
@click.argument("name")
@json_option
@pass_home
def shut_out(home: Home, name: str, as_json: bool) -> None:
    """Shut NAME out: its certificate and its card let nobody in any more. What it measured stays.

    `firstbell box let-back` undoes it; until then the box keeps what it measures, within its bounds.
    """
    registrar = _registrar(home)
    text = (
        f"{name} is shut out: the collector takes nothing of it any more, and the broker ends its connection "
        f"once it has started anew. A mistake? firstbell box let-back {name}"
    )
    if not registrar.revoke(name):
        if not registrar.deny(name):
            raise click.ClickException(f"{name} has no certificate and no card; nothing was changed")
        text = (
            f"{name} is shut out: the collector takes nothing of it any more. Its certificate is none that "
            "is known here (it was given after the backup that came back?), so the broker lets it in until "
            f"that ends. A mistake? firstbell box let-back {name}"
        )
    show({"shut_out": name}, text, as_json=as_json)


@group.command("let-back")
@click.argument("name")
@json_option
@pass_home
def let_back(home: Home, name: str, as_json: bool) -> None:
    """Take back that NAME was shut out: its last key is good again, and what waits on it is taken."""
    if not _registrar(home).restore(name):
        raise click.ClickException(f"{name} is not shut out; nothing was changed")
    text = f"{name} is let in again: within minutes it is back, with what it kept. Nobody has to go there."
    show({"let_back": name}, text, as_json=as_json)


def _registrar(home: Home) -> Registrar:
    return Registrar(journal_of(home), Authority(home.folder), home.clock)


@group.command("show")
@click.argument("name")
@json_option
@pass_home
def shown(home: Home, name: str, as_json: bool) -> None:
    """Show each start of NAME: what is here, and which numbers are missing, lost or refused."""
    with opened(home) as reads:
        answer = starts.ask(reads, name, home.clock.now_ns(), simulated=simulated.here(home))
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
        answer.note,
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

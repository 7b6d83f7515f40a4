"""`firstbell summer`: schools that stand dark, and who is back in August."""

from datetime import tzinfo

import click

from collector import registry, simulated
from collector.cli.common import journal_of, json_option, opened, pass_home, show, table
from collector.config import Home
from collector.questions import roll_call, summer
from collector.questions.ask import QuestionError
from collector.questions.roll_call import STATES, RollCall
from collector.questions.sight import local
from collector.questions.summer import SummerMode
from collector.registry import Folder
from collector.store import summers
from collector.web.roll_call import as_csv
from firstbell import district as districts
from firstbell.readiness import words


@click.group("summer")
def group() -> None:
    """Schools stand dark in summer: nobody is called for a silent box, and in August you see who is back."""


_school = click.option("--school", default="", help="At this school alone; else at all.")


@group.command("begin")
@click.option("--until", default="", metavar="DATE", help="The day on which the boxes are expected back.")
@_school
@json_option
@pass_home
def begin(home: Home, until: str, school: str, as_json: bool) -> None:
    """From now on silent boxes are called away, and no alert is about schools or silent boxes.

    Without --until the next first day of a term says when they are back, as far as a calendar has terms. On
    that day it is over by itself; where nobody knows a day, after 200 days. What was silent a day and more
    before it is called silent as ever.
    """
    folder = _folder(home)
    if home.demo:
        raise QuestionError("Simulated: here it is never summer.")
    now_ns = home.clock.now_ns()
    found, back = summer.meant(folder.district, until, school, now_ns)
    journal = journal_of(home)
    with opened(home) as reads:
        standing = summer.holding(reads, folder.district, now_ns)
    # Whoever says it again means another day, and no second summer.
    before = [each for each in standing if each.school == found]
    summers.begin(journal, found, back, now_ns, instead=before)
    _show(home, folder, as_json=as_json)


@group.command("end")
@_school
@json_option
@pass_home
def end(home: Home, school: str, as_json: bool) -> None:
    """It is summer no more: silent boxes are silent again, and alerts go out."""
    folder = _folder(home)
    name = summer.meant(folder.district, "", school, home.clock.now_ns())[0]
    with opened(home) as reads:
        standing = summer.holding(reads, folder.district, home.clock.now_ns())
    numbers = [each.number for each in standing if each.school == name or not name]
    if not numbers:
        raise QuestionError("there is no such summer to end; see: firstbell summer show")
    summers.end(journal_of(home), numbers, home.clock.now_ns())
    _show(home, folder, as_json=as_json)


@group.command("show")
@json_option
@pass_home
def look(home: Home, as_json: bool) -> None:
    """Where it is summer, until when, and whether the calendars know of it."""
    _show(home, _folder(home), as_json=as_json)


@group.command("roll-call")
@click.option("--csv", "as_table", is_flag=True, help="Print CSV, for a spreadsheet.")
@json_option
@pass_home
def called(home: Home, as_table: bool, as_json: bool) -> None:
    """Who is back from the summer, who is not yet, who is elsewhere or has a trouble: by school."""
    folder = _folder(home)
    with opened(home) as reads:
        answer = roll_call.ask(reads, folder, home.clock.now_ns())
    if as_table:
        click.echo(as_csv(answer), nl=False)
    else:
        show(answer, roll_text(answer), as_json=as_json, simulated=answer.simulated)


def _folder(home: Home) -> Folder:
    folder = registry.read(home.district) if home.district.is_dir() else registry.EMPTY
    return simulated.marked(home, folder)


def _show(home: Home, folder: Folder, *, as_json: bool) -> None:
    with opened(home) as reads:
        answer = summer.ask(reads, folder, home.clock.now_ns())
    show(answer, text(answer), as_json=as_json, simulated=answer.simulated)


def text(answer: SummerMode) -> str:
    """The answer for reading."""
    rows = [[str(each.number), each.since, each.back or "-", each.where] for each in answer.summers]
    shown = table(["number", "since", "back on", "where"], rows) if rows else ""
    return "\n\n".join(filter(None, [answer.sentence, shown, answer.calendars]))


def roll_text(answer: RollCall) -> str:
    """The roll call as a technician takes it along: a block for each school, the worst first."""
    blocks = [answer.sentence]
    zone = districts.zone(answer.tz)
    for school in answer.schools:
        expected = f", expected on {school.expected}" if school.expected else ""
        head = f"{school.name}: {school.back} of {len(school.boxes)} back{expected}"
        rows = [
            [
                box.name,
                box.room or "-",
                STATES[box.state],
                _seen(box.last_ns, answer.as_of_ns, zone),
                " ".join(box.look) or "-",
            ]
            for box in school.boxes
        ]
        blocks.append(f"{head}\n{table(['box', 'room', 'state', 'last seen', 'look at'], rows)}")
    return "\n\n".join(blocks)


def _seen(last_ns: int | None, now_ns: int, zone: tzinfo) -> str:
    return words.since(local(last_ns, zone), local(now_ns, zone)) if last_ns else "never"

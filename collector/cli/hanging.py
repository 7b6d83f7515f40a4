"""`firstbell box said` and `firstbell box place`: what people said who stood before a box."""

import click

from collector.cli.common import journal_of, json_option, loaded, pass_home, show, table
from collector.cli.status import ago
from collector.config import Home
from collector.questions import hanging
from collector.questions.hanging import Told


@click.command("said")
@json_option
@pass_home
def said(home: Home, as_json: bool) -> None:
    """Show where boxes hang, say those who stood before one and scanned its label."""
    journal, now_ns = journal_of(home), home.clock.now_ns()
    every = hanging.every(journal, loaded(home, journal).district, now_ns)
    rows = [
        [
            str(each.number),
            each.agent,
            _word(each),
            each.hangs,
            ago(each.said_ns, now_ns),
        ]
        for each in every
    ]
    text = table(["number", "box", "", "hangs at", "said"], rows) if rows else "Nobody has said anything."
    show(list(every), text, as_json=as_json)


def _word(told: Told) -> str:
    if told.lost:
        return "entered, and lost: an older seats.csv was put in its place"
    return "as it should" if told.confirmed else f"not at {told.should}"


@click.command("place")
@click.argument("name")
@click.option("--no", is_flag=True, help="Leave it where seats.csv says.")
@json_option
@pass_home
def place(home: Home, name: str, no: bool, as_json: bool) -> None:
    """Enter into seats.csv where NAME hangs, as somebody said who stood before it (`firstbell box said`)."""
    journal, now_ns = journal_of(home), home.clock.now_ns()
    if no:
        taken = hanging.leave(journal, name, now_ns)
    else:
        district = loaded(home, journal).district
        taken = hanging.take_over(home.district, journal, district, name, now_ns)
    where = f"{taken.school}, {taken.room}" if taken.room else taken.school
    text = (
        f"{name} stays where seats.csv says." if no else f"seats.csv says now that {name} hangs at {where}."
    )
    show({"box": name, "school": taken.school, "room": taken.room, "taken": not no}, text, as_json=as_json)


COMMANDS = (said, place)

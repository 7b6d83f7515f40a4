"""`firstbell district`: write the folder for the first time, check it, show it."""

import sys
from pathlib import Path

import click

from collector import config, inventory, registry, simulated
from collector.cli.common import json_option, pass_home, show, table, to_json
from collector.clock import SystemClock
from collector.config import Home
from collector.questions import district as questions
from collector.questions.district import DistrictShown
from collector.registry import Entry, Folder, lists
from collector.registry.lists import Schools
from firstbell.readiness.words import count, mbit, number
from firstbell.tables import FolderError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("district")
def group() -> None:
    """The district's folder: its schools, lines, rooms, boxes and calendars."""


@group.command("init")
@click.option(
    "--csv", "own", type=_FILE, help="A table with a line a school: name, students, staff, down_mbps."
)
@click.option("--nces", type=_FILE, help="The school file of the NCES Common Core of Data, or ELSI's export.")
@click.option("--lea", default="", help="Which district of that file: its NCES id or a part of its name.")
@click.option("--name", default="", help="The district's name.")
@click.option("--tz", default="", help="The schools' time zone, as America/Chicago.")
@json_option
@pass_home
def init(
    home: Home, own: Path | None, nces: Path | None, lea: str, name: str, tz: str, as_json: bool
) -> None:
    """Write the folder for the first time, from a list of schools or from answers at a terminal.

    What is there already is never touched.
    """
    if own and nces:
        raise click.UsageError("--csv and --nces are two ways: take one")
    if home.district.exists() and any(home.district.iterdir()):
        raise click.ClickException(f"{home.district} is there already and stays as it is")
    if nces:
        found = lists.nces(nces, lea, tz)
        found = found._replace(district=name or found.district)
    elif own:
        found = lists.own(own, name or "District", tz or registry.local_zone())
    else:
        found = _asked(name, tz, as_json=as_json)
    # A zone that is the machine's own was entered by nobody.
    guessed = ["school.tz"] if own and not tz else []
    folder = registry.write_folder(home.district, found.district, found.entries, found.tz, guessed)
    _written(home, folder, found, as_json=as_json)


def _asked(name: str, tz: str, *, as_json: bool) -> Schools:
    if as_json or not sys.stdin.isatty():
        raise click.ClickException("no terminal to ask at: give a list of schools with --csv or --nces")
    district = name or click.prompt("Name of the district")
    zone = tz or click.prompt("Time zone", default=registry.local_zone() or "America/New_York")
    click.echo("Its schools, one after the other; an empty name ends the list.")
    entries: list[Entry] = []
    while school := click.prompt("Name of the school", default="", show_default=False).strip():
        students = click.prompt("  Students", type=click.IntRange(1, 100_000))
        staff = click.prompt("  Staff", type=click.IntRange(0, 100_000), default=0)
        down = click.prompt("  Contracted Mbit/s to the school (0: nobody knows)", type=float, default=0.0)
        entries.append(Entry(school, students, staff, down or None))
    if not entries:
        raise click.ClickException("a district has at least one school; nothing was written")
    return Schools(district, tuple(entries), zone, ())


def _written(home: Home, folder: Folder, found: Schools, *, as_json: bool) -> None:
    district = folder.district
    answer = {
        "folder": str(home.district),
        "schools": len(district.schools),
        "examples": sorted(district.examples),
        "notes": list(found.notes),
    }
    lines = [f"{home.district}: {count(len(district.schools), 'school')} of {district.settings.name}."]
    lines += [
        *found.notes,
        "Next: firstbell district show, then the speeds of the lines and where the boxes stand.",
    ]
    show(answer, "\n".join(lines), as_json=as_json)


@group.command("check")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
@pass_home
def check(home: Home, folder: Path | None, as_json: bool) -> None:
    """See whether FOLDER (else the one in use) can be read: all mistakes at once, with file and line."""
    path = folder or home.district
    try:
        found = registry.read(path)
    except FolderError as error:
        if not as_json:
            raise
        problems = [problem._asdict() for problem in error.problems]
        click.echo(to_json({"ok": False, "folder": str(path), "problems": problems, "notes": []}))
        raise SystemExit(1) from error
    notes = [*questions.notes(found.district, SystemClock().now_ns()), *questions.days_off(found)]
    of_it = found if folder else simulated.marked(home, found)
    made_up = of_it.district.settings.simulated
    answer = {
        "ok": True,
        "folder": str(path),
        "problems": [],
        "notes": notes,
        "simulated": made_up,
    }
    said = "\n".join([f"{path} can be read as a whole.", *notes])
    show(answer, said, as_json=as_json, simulated=made_up)


@group.command("show")
@json_option
@pass_home
def shown(home: Home, as_json: bool) -> None:
    """Show the district as it was read, and what holds where nothing was entered."""
    answer = questions.ask(
        simulated.marked(home, registry.read(home.district)), registry.targets(), SystemClock().now_ns()
    )
    show(answer, text(answer), as_json=as_json)


@group.command("inventory")
@click.option("--list", "listed", is_flag=True, help="The same as --json, as Ansible asks of a script.")
@click.option(
    "--host", metavar="NAME", help="The variables of one machine alone, as Ansible asks of a script."
)
@json_option
@pass_home
def inventory_(home: Home, listed: bool, host: str | None, as_json: bool) -> None:
    """Print the district as Ansible's inventory: as a file of its own, or as a script does (--json)."""
    folder = registry.read(home.district)
    found = inventory.of(home, config.read(home.settings), folder.district, SystemClock().now_ns())
    if host is not None:
        click.echo(inventory.host_as_json(found, host))
    else:
        click.echo(inventory.as_json(found) if listed or as_json else inventory.as_yaml(found).rstrip())


def text(answer: DistrictShown) -> str:
    """The district for reading."""
    head = [
        "school",
        "name",
        "people",
        "time zone",
        "calendar",
        "teaches",
        "rooms",
        "boxes",
        "internet passes through",
    ]
    schools = [
        [
            school.id,
            school.name,
            f"{school.students + school.staff:,}",
            school.tz,
            school.calendar,
            school.model,
            str(school.rooms or ""),
            " ".join(school.boxes),
            " > ".join(school.path),
        ]
        for school in answer.schools
    ]
    lines = [
        [line.id, line.kind, line.role, _speed(line.down_mbps), _speed(line.up_mbps), str(line.schools)]
        for line in answer.lines
    ]
    first = f"{answer.name}: {count(len(answer.schools), 'school')}, {count(len(answer.lines), 'line')}"
    blocks = [
        f"{first}, {count(answer.boxes, 'box', 'boxes')}. Folder {answer.digest[:12]}",
        "Simulated: all of it is made up." if answer.simulated else "",
        table(head, schools),
        table(["line", "kind", "role", "down", "up", "schools"], lines),
        "\n".join(answer.notes),
    ]
    return "\n\n".join(block for block in blocks if block)


def _speed(speed: float | None) -> str:
    return "" if speed is None else mbit(number(speed))

"""`firstbell erase`: what a box, or a school, ever measured, out of journal and InfluxDB; by count."""

from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import click

from collector import config, influxdb, registry
from collector.cli import stood
from collector.cli.common import journal_of, json_option, loaded, pass_home, progress_bar, show, table
from collector.cli.status import ago
from collector.config import Home, KeepSettings
from collector.influxdb import Copies
from collector.keeping import staging
from collector.questions.ask import QuestionError
from collector.registry import Folder
from collector.sinks.standing import Placed
from collector.store import erasing, identities
from collector.store.erasing import Counts
from collector.store.exporting import Box
from collector.store.journal import Journal
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.district import NS, District
from firstbell.tables import FolderError

_STILL_NS = 3_600 * NS
_MOST_NAMED = 5


class What(NamedTuple):
    """What is to be erased: boxes with their times; a school, "" for none, and its gateway.

    `elsewhere`: boxes that stay, for a newer version of the folder says that they never stood there.
    """

    boxes: list[Box]
    school: str = ""
    gateway: str = ""
    elsewhere: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """What no version of the district folder shall speak of any more."""
        whole = {agent for agent, since_ns, until_ns in self.boxes if since_ns <= 0 and until_ns is None}
        return sorted(whole | ({self.school} if self.school else set()))


class Left(NamedTuple):
    """How much there is: in the journal, and points in InfluxDB (None where there is none)."""

    journal: Counts
    points: int | None


@click.command("erase")
@click.option(
    "--school",
    metavar="NAME",
    help="What was measured at this school (its name or id), which left the district folder.",
)
@click.option("--agent", metavar="NAME", help="What this box measured.")
@click.option(
    "--running", is_flag=True, help="Even if a box still reports: what it measures later is kept again."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_home
def command(
    home: Home, school: str | None, agent: str | None, running: bool, yes: bool, as_json: bool
) -> None:
    """Take what a box or a school ever measured out of the journal and of InfluxDB, for good.

    First shut the boxes out (`firstbell box shut-out`), and take them out of the district folder.
    """
    if (school is None) == (agent is None):
        raise click.UsageError("say one: --school NAME or --agent NAME")
    if as_json and not yes:
        raise click.UsageError("--json goes with --yes: nobody can be asked")
    journal, settings = journal_of(home), config.read(home.settings)
    folder = loaded(home, journal)
    what = _of_school(journal, folder, school) if school else _of_box(folder, agent or "")
    _see_that_nothing_lies_beside(home)
    if not running:
        _see_that_they_are_silent(home, journal, what)
    placed = Placed(folder.district, settings.influx.district)
    with staging.alone(home), influxdb.copies(home, settings.influx, placed) as copies:
        before = _left(journal, what, copies)
        if not yes:
            click.echo(_table(before, None))
            click.confirm("Erase that, for good?", abort=True)
        staging.clear(home)
        with progress_bar("Erasing", hidden=as_json) as progress:
            erasing.erase(journal, what.boxes, progress)
        if copies:
            copies.take_away(what.boxes, what.school)
        gone = erasing.forget_folders(journal, what.names, folder.district.digest)
        if what.school:
            erasing.forget_place(journal, what.school, what.gateway)
        erasing.press(journal)
        after = _left(journal, what, copies)
    until = _in_backups_until(settings.keep, home.clock.now_ns())
    answer = {"before": _json(before), "after": _json(after), "folders": gone, "backups_until": until}
    answer["elsewhere"] = list(what.elsewhere)
    show(answer, f"{_table(before, after)}\n{_words(gone, until, what.elsewhere)}", as_json=as_json)


def _of_box(folder: Folder, agent: str) -> What:
    if districts.stays(folder.district, agent):
        raise QuestionError(
            f"{agent} stands in seats.csv: take it out first, or its name would be written again and again"
        )
    return What([(agent, 0, None)])


def _of_school(journal: Journal, folder: Folder, asked: str) -> What:
    """The boxes that ever stood at a school, by whichever version of the folder that is kept."""
    if still := _meant(folder.district, asked):
        raise QuestionError(
            f"{still} stands in schools.csv: take it out of the district folder first, with its rows in "
            "seats.csv and circuits.csv; who stood there is known from the versions before"
        )
    school = _once_meant(journal, asked) or asked
    found = stood.ever_at(journal, folder.district, school)
    if found is None and erasing.unfinished(journal):
        return What([], school)
    if found is None:
        raise QuestionError(f"no version of the district folder that is kept has a school {asked!r}")
    return What(found.boxes, school, found.gateway, found.elsewhere)


def _meant(district: District, asked: str) -> str:
    """The id of the school that has exactly that id or name; "" for none. A beginning is not enough."""
    wanted = asked.strip().casefold()
    named = [each.id for each in district.schools if each.name.casefold() == wanted]
    found = [each.id for each in district.schools if each.id.casefold() == wanted] or named
    if len(found) > 1:
        raise QuestionError(f"{asked!r} is the name of more than one school: {', '.join(found)}; say which")
    return found[0] if found else ""


def _once_meant(journal: Journal, asked: str) -> str:
    """The same by the newest version of the folder that has such a school."""
    for contents in erasing.folders(journal):
        with suppress(FolderError):  # of an older program
            if found := _meant(registry.again(contents), asked):
                return found
    return ""


def _see_that_nothing_lies_beside(home: Home) -> None:
    aside = sorted(home.folder.glob(staging.REPLACED))
    if aside:
        raise QuestionError(
            f"{aside[0]} is what a restore put aside, with its journal: what is erased here would stay "
            "there. Remove that folder first; nothing was erased"
        )


def _see_that_they_are_silent(home: Home, journal: Journal, what: What) -> None:
    now_ns = home.clock.now_ns()
    with closing(journal.reader()) as db:
        out = identities.shut_out(db)
    with closing(Reads(journal)) as reads:
        heard = {box.agent: box.last_ns for box in reads.boxes()}
    agents = [box[0] for box in what.boxes if box[2] is None]
    loud = [each for each in agents if each not in out and now_ns - heard.get(each, 0) < _STILL_NS]
    if loud:
        named = ", ".join(f"{each} ({ago(heard[each], now_ns)})" for each in loud[:_MOST_NAMED])
        raise QuestionError(
            f"still reporting: {named}. Shut it out first (`firstbell box shut-out NAME`), or take it "
            "off the wall and wait an hour; --running erases all the same, and what it measures later is "
            "kept again"
        )


def _left(journal: Journal, what: What, copies: Copies | None) -> Left:
    return Left(erasing.counts(journal, what.boxes), copies.points(what.boxes) if copies else None)


def _json(left: Left) -> dict[str, int | None]:
    return {**left.journal._asdict(), "influx_points": left.points}


def _table(before: Left, after: Left | None) -> str:
    names = {
        "boxes": "boxes",
        "reports": "reports",
        "hours": "hours of sums and outages",
        "quarantined": "messages that were set aside",
        "leases": "heavy tests that were granted",
        "influx_points": "reports in InfluxDB",
    }
    old, new = _json(before), _json(after) if after else None
    rows = [
        [words, f"{old[name]:,}", *([f"{new[name]:,}"] if new else [])]
        for name, words in names.items()
        if old[name] is not None
    ]
    return table(["", "before", *(["after"] if new else [])], rows)


def _in_backups_until(keep: KeepSettings, now_ns: int) -> str:
    """Until which day backups that were made before may still hold it; "" where none are made."""
    if not keep.repository:
        return ""
    days = max(keep.daily, 7 * (keep.weekly + 1), 31 * (keep.monthly + 1) if keep.monthly else 0)
    return f"{datetime.fromtimestamp(now_ns // NS, UTC) + timedelta(days=days):%Y-%m-%d}"


def _words(folders_gone: int, until: str, elsewhere: Sequence[str]) -> str:
    lines = [
        f"{agent} stood there by an older version of the folder, and elsewhere by a newer one: nothing of it "
        f"was erased. `firstbell erase --agent {agent}` takes all of it, once it has left seats.csv."
        for agent in elsewhere
    ]
    if folders_gone:
        lines.append(
            f"{folders_gone:,} older versions of the district folder went, too: answers given under them can "
            "not be given again."
        )
    if until:
        lines.append(
            f"Backups made before still hold it, until {until} at the latest. `firstbell backup --now "
            "--only` makes a new one and takes all others away. After a restore of an older one, erase again."
        )
    lines.append("What a box keeps on its own disk (seven days) and what stands in logs is not reached.")
    return "\n".join(lines)

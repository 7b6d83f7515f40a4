"""`firstbell export`: what was measured, in open formats."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import click

from collector.cli.common import journal_of, json_option, loaded, pass_home, show
from collector.config import Home
from collector.questions import export
from collector.questions.ask import QuestionError
from collector.questions.export import Placed
from collector.questions.quiet import school_named
from collector.registry import Folder
from collector.store import exporting
from collector.store.exporting import Box
from collector.store.journal import Journal
from firstbell import district as districts
from firstbell.readiness.words import count
from firstbell.tables import escape

_TELL_EVERY = 50_000


@click.command("export")
@click.option("--school", metavar="NAME", help="What was measured at this school (its name or id).")
@click.option("--agent", metavar="NAME", help="What this box measured.")
@click.option("--all", "everything", is_flag=True, help="What was measured in the district.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file: NAME.jsonl or NAME.csv, with .gz behind it for a packed one.",
)
@json_option
@pass_home
def command(
    home: Home, school: str | None, agent: str | None, everything: bool, out: Path, as_json: bool
) -> None:
    """Write reports to a file: JSON Lines (a report a line) or CSV (a reading a line).

    Beside it comes NAME.columns.csv, which says what each column means.
    """
    if sum((school is not None, agent is not None, everything)) != 1:
        raise click.UsageError("say one: --school NAME, --agent NAME or --all")
    form = _form(out)
    if out.exists():
        raise click.ClickException(f"{out} is there already; nothing was written")
    journal = journal_of(home)
    folder = loaded(home, journal)
    boxes = _boxes(journal, folder, school, agent)
    reports = 0

    def records() -> Iterator[dict[str, object]]:
        nonlocal reports
        placed = Placed(folder.district)
        for stored in exporting.each(journal, boxes):
            reports += 1
            if not as_json and reports % _TELL_EVERY == 0:
                click.echo(f"{reports:,} reports ...", err=True)
            yield placed.record(stored)

    with _written(out) as file:
        (_csv if form == "csv" else _jsonl)(file, records())
    beside = _columns(out)
    answer = {"file": str(out), "columns": str(beside), "boxes": len(boxes), "reports": reports}
    text = (
        f"{count(reports, 'report')} of {count(len({box[0] for box in boxes}), 'box', 'boxes')} "
        f"{'is' if reports == 1 else 'are'} in {out}; {beside} explains it."
    )
    show(answer, text, as_json=as_json)


def _form(out: Path) -> str:
    form = out.name.removesuffix(".gz").rpartition(".")[2]
    if form not in {"csv", "jsonl"}:
        raise click.UsageError("--out: the file's name ends in .jsonl or .csv, or either with .gz")
    return form


def _boxes(journal: Journal, folder: Folder, school: str | None, agent: str | None) -> list[Box]:
    known = exporting.boxes(journal)
    if agent is not None:
        mine = [box for box in known if box[0] == agent]
        if not mine:
            raise QuestionError(f"no box named {agent} has reported; see: firstbell status")
        return mine
    if school is None:
        return known
    return at_school(folder, school_named(folder.district, school), known)


def at_school(folder: Folder, school: str, known: list[Box]) -> list[Box]:
    """Each box that reported, with the time that it stood at that school. Raises QuestionError."""
    if not any(each.id == school for each in folder.district.schools):
        raise QuestionError(f"there is no school {school!r}; `firstbell schools` lists them all")
    return [
        (agent, span.since_ns, span.until_ns)
        for agent, _, _ in known
        for seat, span in districts.stays(folder.district, agent)
        if seat.school == school
    ]


@contextmanager
def _written(out: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole, or not at all."""
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as plain:
            if out.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=plain, mode="wb") as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield plain
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _jsonl(file: IO[bytes], records: Iterator[dict[str, object]]) -> None:
    for line in export.json_lines(records):
        file.write(line)


def _csv(file: IO[bytes], records: Iterator[dict[str, object]]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(export.COLUMNS)
    for record in records:
        writer.writerows([_cell(cell) for cell in line] for line in export.cells(record))
    text.detach()  # which writes the last of it, and leaves closing to whoever opened


def _cell(value: object) -> object:
    """A number as it is; of a text nothing that a spreadsheet would calculate."""
    return "" if value is None else escape(value) if isinstance(value, str) else value


def _columns(out: Path) -> Path:
    beside = out.with_name(f"{out.name.removesuffix('.gz').rpartition('.')[0]}.columns.csv")
    with beside.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["what", "name", "meaning"])
        writer.writerows(export.meanings())
    return beside

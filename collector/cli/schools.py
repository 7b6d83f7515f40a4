"""`firstbell schools`: every school of the district, worst first."""

import click

from collector import registry
from collector.cli.common import Whole, asking, json_option, notices, pass_home, show, table
from collector.config import Home
from collector.questions import schools
from collector.questions import table as tables
from collector.questions.rows import Row, figures
from collector.questions.schools import Schools
from firstbell.readiness import words


@click.command("schools")
@click.option(
    "--model", help="The way of teaching, as docs/models.md names it.  [default: each school's own]"
)
@click.option("--years", type=Whole(0, 20), help="How far ahead to look.  [default: 3]")
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV, exact numbers.")
@json_option
@pass_home
def command(home: Home, model: str | None, years: int | None, as_csv: bool, as_json: bool) -> None:
    """Can every school teach this way, now and in three years, and what to fix first?"""
    if as_csv and as_json:
        raise click.UsageError("either --csv or --json")
    with asking(home) as (folder, reads):
        asked = schools.ask(
            reads, folder, registry.targets(), model=model, years=years, as_of_ns=home.clock.now_ns()
        )
    if as_csv:
        click.echo(tables.csv(asked), nl=False)
    else:
        show(asked, text(asked), as_json=as_json, simulated=asked.simulated)


def text(asked: Schools) -> str:
    """The answer for reading: sentences, what to fix first, the table."""
    said = [
        asked.question,
        " ".join(filter(None, [asked.sentence, asked.more])),
        " ".join(filter(None, [asked.paper_sentence, asked.open_sentence])),
        asked.examples_sentence,
    ]
    if asked.state == "no_schools":
        return f"{asked.sentence} Write schools.csv and one line of circuits.csv, then ask again."
    if asked.state == "not_measured":
        said[1] = f"On paper, not measured: {asked.sentence}"
        said[2] = asked.open_sentence
    blocks = [notices(asked.banners) + "\n".join(filter(None, said))]
    if asked.fixes:
        fixes = [f"  {n}. {fix.title}: {fix.sentence}" for n, fix in enumerate(asked.fixes, 1)]
        blocks.append("\n".join(["What to fix first", *fixes]))
    head = ["people", "buys", "needs", words.fall(asked.last_fall), "on paper", "measured", "what stops it"]
    for title, rows in (("shared line", asked.lines), ("school", asked.schools)):
        if rows:
            blocks.append(table([title, *head], [_cells(row) for row in rows]))
    return "\n\n".join([*blocks, "Speeds in Mbit/s. On paper is not measured."])


def _cells(row: Row) -> list[str]:
    said = figures(row)
    measured = f"{row.measured.label} ({row.note})" if row.note else row.measured.label
    stops = f"{row.stops} ({row.stops_note})" if row.stops_note else row.stops
    return [
        row.name,
        words.number(row.people),
        said.buys,
        said.need,
        said.need_then,
        row.paper.label,
        measured,
        stops,
    ]

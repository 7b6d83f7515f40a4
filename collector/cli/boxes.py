"""`firstbell boxes`: every box, silent ones first, and what to look at."""

import click

from collector import registry, simulated
from collector.cli.common import json_option, opened, pass_home, show, table
from collector.cli.status import used
from collector.config import Home
from collector.questions import boxes
from collector.questions.boxes import Box, Boxes
from collector.questions.sight import local
from collector.web.boxes import CLOCKS, as_csv
from firstbell import district as districts
from firstbell.readiness import words


@click.command("boxes")
@click.option("--csv", "as_table", is_flag=True, help="Print CSV, for a spreadsheet.")
@json_option
@pass_home
def command(home: Home, as_table: bool, as_json: bool) -> None:
    """Show every box: since when it is silent and whether its school is, too, and what to look at."""
    folder = registry.read(home.district) if home.district.is_dir() else registry.EMPTY
    folder = simulated.marked(home, folder)
    with opened(home) as reads:
        answer = boxes.ask(reads, folder, home.clock.now_ns())
    if as_table:
        click.echo(as_csv(answer), nl=False)
    else:
        show(answer, text(answer), as_json=as_json, simulated=answer.simulated)


def text(answer: Boxes) -> str:
    """The answer for reading: the sentence, then a table for each group."""
    blocks = ["\n".join(filter(None, [answer.sentence, answer.lede]))]
    for group in answer.groups:
        more = f" ({group.more})" if group.more else ""
        rows = [_row(answer, box) for box in group.boxes]
        blocks.append(f"{group.title}: {len(group.boxes)}{more}\n" + table(_HEAD, rows))
    return "\n\n".join(blocks)


_HEAD = [
    "box", "place", "kind", "last seen", "starts", "missing", "spool", "lost", "used yesterday",
    "version", "clock", "look at",
]  # fmt: skip


def _row(answer: Boxes, box: Box) -> list[str]:
    zone = districts.zone(answer.tz)
    last = words.since(local(box.last_ns, zone), local(answer.as_of_ns, zone)) if box.last_ns else "never"
    spool = "?" if box.spool is None else f"{box.spool:,}"
    figures = [f"{box.starts:,}", f"{box.missing:,}", spool, f"{box.lost:,}"]
    return [
        box.name,
        box.place,
        box.kind or "-",
        last,
        *(figures if box.last_ns else ["-"] * 4),
        used(box.used_s, box.used_bytes),
        box.version or "-",
        CLOCKS[box.clock] if box.clock else "-",
        " ".join(box.look),
    ]

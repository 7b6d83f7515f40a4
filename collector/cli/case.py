"""`firstbell case`: the packet for an internet provider, to print and to check."""

from datetime import datetime
from pathlib import Path

import click

from collector import registry
from collector.cli.common import asking, json_option, pass_home, show, table
from collector.config import Home
from collector.questions import case as question
from collector.questions.case import Case
from collector.questions.case_ways import Router, Way
from collector.questions.case_words import Figures
from collector.web import case as packet

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("case")
@click.argument("circuit")
@click.option("--from", "first", type=DAY, required=True, metavar="DAY", help="The first day, as 2026-11-01.")
@click.option("--to", "last", type=DAY, required=True, metavar="DAY", help="The last day, as 2026-11-30.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the two pages (HTML) and the ZIP of raw reports with hashes into this folder.",
)
@json_option
@pass_home
def command(
    home: Home, circuit: str, first: datetime, last: datetime, out: Path | None, as_json: bool
) -> None:
    """What did the line CIRCUIT carry of what is bought, test by test? For whoever sells it."""
    with asking(home) as (folder, reads):
        case = question.ask(
            reads,
            folder,
            registry.targets(),
            circuit=circuit,
            first=first.date(),
            last=last.date(),
            as_of_ns=home.clock.now_ns(),
        )
        written = _write(out, case, packet.packed(case, reads)) if out else []
    show(case, text(case, written), as_json=as_json, simulated=case.simulated)
    if as_json and written:
        click.echo(f"written: {', '.join(map(str, written))}", err=True)


def _write(folder: Path, case: Case, content: bytes) -> list[Path]:
    """The two pages and the ZIP, beside each other. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"case-{case.circuit}-{case.first_day}-{case.last_day}"
    files = {folder / f"{name}.html": packet.alone(case).encode(), folder / f"{name}.zip": content}
    for path, data in files.items():
        path.write_bytes(data)
    return list(files)


def text(case: Case, written: list[Path]) -> str:
    """The case for reading, without its tests."""
    head = [
        "when",
        "which way",
        "tests",
        "spared",
        "lowest",
        "worst tenth",
        "median",
        "bought",
        "clearly below",
        "dead",
    ]
    blocks = [
        "\n".join([case.headline, *case.claims]),
        "In Mbit/s of line:\n" + table(head, [_row(figures) for figures in case.figures]),
        *(_way(way) for way in case.ways[:1] if way.routers),
        "\n".join(["Measured with", *(f"  {line}" for line in case.engines)]) if case.engines else "",
        "\n".join(["Left out, or spared", *(f"  {line}" for line in case.left_out)]) if case.left_out else "",
        "\n".join(f"Written: {path}" for path in written)
        or "With --out FOLDER it writes two pages to print, and a ZIP of the raw reports with their hashes.",
    ]
    return "\n\n".join(block for block in blocks if block)


def _row(figures: Figures) -> list[str]:
    return [
        "in class" if figures.in_class else "outside class",
        figures.direction,
        f"{figures.tests:,}",
        f"{figures.spared:,}",
        *map(
            _speed,
            (figures.lowest_mbps, figures.worst_tenth_mbps, figures.median_mbps, figures.bought_mbps),
        ),
        f"{figures.below:,}",
        f"{figures.dead:,}",
    ]


def _way(way: Way) -> str:
    head = ["router", "address", "answered", "others there", "ms outside class", "ms in class"]
    rows = [_router(router) for router in way.routers]
    said = f"The way from {way.agent} to {way.target}, median round trips:"
    return f"{said}\n{table(head, rows)}\n{way.sentence}"


def _router(router: Router) -> list[str]:
    return [
        str(router.number),
        router.address or "-",
        f"{router.answers:,}",
        f"{router.others:,}",
        _speed(router.quiet_median_ms),
        _speed(router.class_median_ms),
    ]


def _speed(mbps: float | None) -> str:
    return "-" if mbps is None else f"{mbps:,.1f}"

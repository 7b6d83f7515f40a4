"""`firstbell quarantine`: what could not be kept as good."""

import click

from collector import simulated
from collector.cli.common import json_option, opened, pass_home, show, table
from collector.cli.status import ago
from collector.config import Home


@click.command("quarantine")
@click.option(
    "--most", type=click.IntRange(1, 10_000), default=100, show_default=True, help="So many at the most."
)
@json_option
@pass_home
def command(home: Home, most: int, as_json: bool) -> None:
    """List what was refused or could not be read, the newest first, with reasons. Nothing here is counted."""
    with opened(home) as reads:
        rows = reads.quarantined(most)
    now_ns = home.clock.now_ns()
    listing = table(
        ["box", "start", "numbers", "when", "times", "bytes", "reason"],
        [
            [
                row.agent or "-",
                row.epoch or "-",
                f"{row.first}-{row.last}" if row.first else "-",
                ago(row.received_ns, now_ns),
                str(row.times),
                f"{row.size:,}",
                row.reason,
            ]
            for row in rows
        ],
    )
    made_up = simulated.here(home)
    more = {"simulated": True} if made_up else {}
    answer = [row._asdict() | {"raw": row.raw.decode("utf-8", "backslashreplace")} | more for row in rows]
    show(answer, listing if rows else "Nothing is set aside.", as_json=as_json, simulated=made_up)

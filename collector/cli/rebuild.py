"""`firstbell rebuild`: everything that follows from reports, made again from them."""

import click

from collector.cli.common import journal_of, json_option, pass_home, progress_bar, show
from collector.config import Home
from collector.store.derived import rebuild


@click.command("rebuild")
@json_option
@pass_home
def command(home: Home, as_json: bool) -> None:
    """Make outages, silences, hourly sums and counts again from the reports, while everything goes on."""
    journal = journal_of(home)
    with progress_bar("Reading reports", hidden=as_json) as progress:
        made = rebuild.rebuild(journal, progress)
    text = (
        f"{made.hours:,} hours of {made.boxes:,} boxes were made again from {made.reports:,} reports. "
        "No report was changed."
    )
    show(made._asdict(), text, as_json=as_json)

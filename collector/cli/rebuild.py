"""`firstbell rebuild`: everything that follows from reports, made again from them."""

import click

from collector.cli.common import journal_of, json_option, pass_home, show
from collector.config import Home
from collector.store.derived import rebuild


@click.command("rebuild")
@json_option
@pass_home
def command(home: Home, as_json: bool) -> None:
    """Make outages, silences, hourly sums and counts again from the reports, while everything goes on."""
    journal = journal_of(home)
    with click.progressbar(length=1, label="Reading reports", hidden=as_json) as bar:

        def progress(done: int, boxes: int) -> None:
            bar.length = max(1, boxes)
            bar.update(done - bar.pos)

        made = rebuild.rebuild(journal, progress)
    text = (
        f"{made.hours:,} hours of {made.boxes:,} boxes were made again from {made.reports:,} reports. "
        "No report was changed."
    )
    show(made._asdict(), text, as_json=as_json)

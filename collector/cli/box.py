"""`firstbell box`: decisions about one box."""

import click

from collector.cli.common import journal_of, json_option, pass_home, show
from collector.config import Home
from collector.store import decisions


@click.group("box")
def group() -> None:
    """Decisions about one box."""


@group.command("accept")
@click.argument("name")
@click.option("--note", default="", help="Why, for those who ask later.")
@json_option
@pass_home
def accept(home: Home, name: str, note: str, as_json: bool) -> None:
    """Count NAME again after two boxes had this name. What came in between stays uncounted."""
    decided = decisions.decide(journal_of(home), name, note, home.clock.now_ns())
    if not decided:
        raise click.ClickException(f"no box named {name} waits for a decision; see: firstbell status")
    show({"accepted": name}, f"{name} counts again, from now on.", as_json=as_json)

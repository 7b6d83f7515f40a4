"""`firstbell box heard`: did boxes come back with the new version; what a rollout asks between its stages."""

from datetime import UTC, datetime

import click

from collector.cli.common import journal_of, json_option, loaded, opened, pass_home, show, table
from collector.cli.status import ago
from collector.config import Home
from collector.questions import heard
from collector.questions.heard import HeardOf
from firstbell.district import NS

NOT_YET = 3
"""The exit code where boxes are still waited for."""


def _moment(_context: click.Context, _option: click.Parameter, text: str) -> int:
    """A time as nanoseconds since 1970. Raises click.BadParameter."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.BadParameter(f"{text[:40]!r} is no time with a zone, as 2026-11-30T18:00:00Z")
    return int(found.astimezone(UTC).timestamp()) * NS


@click.command("heard")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--since",
    required=True,
    callback=_moment,
    metavar="TIME",
    help="As 2026-11-30T18:00:00Z, by this machine's clock.",
)
@click.option("--version", default="", help="The version that they are to run; else any.")
@json_option
@pass_home
@click.pass_context
def command(
    context: click.Context, home: Home, names: tuple[str, ...], since: int, version: str, as_json: bool
) -> None:
    """See whether each of NAMES started anew since TIME, with that version; ends with 3 while one has not.

    A box that was silent before is not waited for: it may be off for the summer. The district's
    `silent_after_s` says how long a silence must be.
    """
    silent_after_s = loaded(home, journal_of(home)).district.settings.thresholds.silent_after_s
    with opened(home) as reads:
        answer = heard.ask(reads, names, since, version, silent_after_s)
    show(answer, text(answer, home.clock.now_ns()), as_json=as_json)
    if answer.waited_for:
        context.exit(NOT_YET)


def text(answer: HeardOf, now_ns: int) -> str:
    """A line a box, those that are waited for first; then how it stands in a sentence."""
    rows = [
        [
            box.name,
            box.state,
            box.version or "-",
            "never" if box.last_ns is None else ago(box.last_ns, now_ns),
        ]
        for box in sorted(answer.boxes, key=lambda box: box.state != "waited for")
    ]
    waited = ", ".join(box.name for box in answer.waited_for)
    told = f"Still waited for: {waited}." if waited else "Nobody is waited for."
    return f"{table(['box', 'state', 'runs', 'last heard'], rows)}\n\n{told}"

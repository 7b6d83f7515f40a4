"""`firstbell restore`: a whole data folder out of a backup, or the journal alone; who came back since."""

import json
import time
from pathlib import Path

import click

from collector import config
from collector.cli.common import json_option, opened, pass_home, show, to_json
from collector.cli.status import date, of_restore
from collector.config import Home
from collector.keeping import back, whole
from collector.keeping.back import Back
from collector.keeping.restic import Place, environment_of
from collector.questions import returned
from collector.store import restored
from firstbell.readiness.words import count

_LOOK_S = 2.0


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--backup", "wanted", metavar="ID", help='A whole backup: its id, or "latest".')
@click.option(
    "--from", "where", metavar="PLACE", help="Where backups are, as restic calls it; else as [keep] says."
)
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --from: whose one line opens them.",
)
@click.option(
    "--environment-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --from: lines NAME=value, the keys that the place wants.",
)
@click.option(
    "--revoked",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A newer list of what was revoked: the broker's own crl.pem.",
)
@click.option("--overwrite", is_flag=True, help="Even if reports, or other files, are there.")
@click.option("--watch", is_flag=True, help="Wait until every box has sent what it kept since, and count.")
@json_option
@pass_home
def command(
    home: Home,
    file: Path | None,
    wanted: str | None,
    where: str | None,
    password_file: Path | None,
    environment_file: Path | None,
    revoked: tuple[Path, ...],
    overwrite: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Put the backup FILE in the journal's place, or a whole backup in the data folder's.

    Boxes send again what they kept since (seven days).
    """
    if sum((file is not None, wanted is not None, watch)) != 1:
        raise click.UsageError("say one: FILE (the journal alone), --backup latest (everything), or --watch")
    if (where is None) != (password_file is None):
        raise click.UsageError("--from and --password-file go together")
    if watch:
        _watch(home, as_json=as_json)
    elif file:
        _from_file(home, file, revoked, overwrite=overwrite, as_json=as_json)
    else:
        place = _place(home, where, password_file, environment_file)
        done = back.bring_back(home, place, wanted or "", overwrite=overwrite, lists=revoked)
        show(_as_json(done), text(home, done), as_json=as_json)


def _from_file(home: Home, file: Path, lists: tuple[Path, ...], *, overwrite: bool, as_json: bool) -> None:
    journal, revoked = back.bring_back_journal(home, file, overwrite=overwrite, lists=lists)
    answer = {"file": str(file), "journal": journal.id, "revoked_since": revoked}
    text = f"{file} is the journal now; boxes will offer again what they kept since."
    if revoked:
        text += f" {count(revoked, 'certificate')} that it had forgotten to be shut out stay out."
    show(answer, text, as_json=as_json)


def _place(home: Home, where: str | None, password: Path | None, environment: Path | None) -> Place:
    if not where or not password:
        return whole.place_of(home, config.read(home.settings).keep)
    keys = environment_of(environment.read_text(encoding="utf-8")) if environment else {}
    return Place(where, password.absolute(), home.folder / ".restic", keys)


def _as_json(done: Back) -> dict[str, object]:
    return {
        "backup": done.snapshot.id,
        "taken_ns": done.taken_ns,
        "reports": done.reports,
        "boxes": sorted(done.restored.expected),
        "revoked_since": done.revoked,
        "replaced": str(done.aside) if done.aside else None,
        "later": done.later,
    }


def text(home: Home, done: Back) -> str:
    """What came back, what boxes will do, and what a backup can't know."""
    moment, boxes = date(done.taken_ns), len(done.restored.expected)
    lines = [f"The backup of {moment} ({done.snapshot.id[:8]}) is in place: {count(done.reports, 'report')}."]
    if done.aside:
        lines.append(f"What lay there before is in {done.aside}.")
    if done.later:
        lines.append(
            f"Passed over: {count(done.later, 'backup')} of a date that is yet to come by this "
            "machine\u2019s clock. If the clock is wrong, set it, and restore again."
        )
    lines.append(
        f"Start the collector. {count(boxes, 'box', 'boxes')} reported in the week before, and will be "
        f"asked for what {'it' if boxes == 1 else 'they'} kept since; "
        f"`{config.program(home)} restore --watch` counts."
    )
    if done.restored.at_ns - done.taken_ns > restored.KEPT_NS:
        lines.append(
            f"Boxes keep seven days: what they had sent between {moment} and "
            f"{date(done.restored.at_ns - restored.KEPT_NS)} is gone."
        )
    lines.append(
        f"Newer lists shut out {count(done.revoked, 'certificate')} more, which stay out. A box that no list "
        f"here names and that was shut out after {moment} is let in again: shut it out once more "
        "(`firstbell box shut-out NAME`), or restore again with the broker\u2019s list, --revoked FILE. "
        "No card lets anybody in by itself any more: each waits for somebody\u2019s word."
    )
    return "\n".join(lines)


def _watch(home: Home, *, as_json: bool) -> None:
    """Say how far boxes are whenever that changes, until all are back."""
    said = ""
    while True:
        with opened(home) as reads:
            found = returned.ask(reads, home.clock.now_ns())
        if found is None:
            raise click.ClickException("nothing was restored here in the last two weeks")
        now = json.dumps(json.loads(to_json(found))) if as_json else of_restore(found)
        if now != said:
            click.echo(now)
        said = now
        if not found.absent:
            return
        time.sleep(_LOOK_S)

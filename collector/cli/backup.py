"""`firstbell backup`: the whole data folder, off this machine; or the journal alone, to a file."""

from datetime import UTC
from pathlib import Path

import click
import msgspec

from collector import config
from collector.cli.common import journal_of, json_option, pass_home, progress_bar, show, table
from collector.cli.status import ago, date
from collector.config import Home
from collector.keeping import record, whole
from collector.keeping.record import Record
from collector.keeping.restic import Restic
from collector.questions.seen import size
from collector.store import backup
from firstbell.readiness.words import count


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--now", is_flag=True, help="Make a whole backup, off this machine, as [keep] in the settings says."
)
@click.option("--read-back", is_flag=True, help="With --now: fetch the journal out of it again, and count.")
@click.option(
    "--only", is_flag=True, help="With --now: then take every other backup away, as after an erasure."
)
@click.option(
    "--adopt",
    is_flag=True,
    help="With --now: even if another folder's backups are there, which go by the rule from then on.",
)
@click.option("--list", "listed", is_flag=True, help="List the backups that are kept there.")
@json_option
@pass_home
def command(
    home: Home,
    file: Path | None,
    now: bool,
    read_back: bool,
    only: bool,
    adopt: bool,
    listed: bool,
    as_json: bool,
) -> None:
    """Say when the last whole backup was made; make one (--now); or copy the journal alone to FILE.

    All while everything goes on, and each copy is checked.
    """
    if file:
        _to_file(home, file, as_json=as_json)
    elif now:
        _make(home, read_back=read_back, only=only, adopt=adopt, as_json=as_json)
    elif listed:
        _list(home, as_json=as_json)
    else:
        _tell(home, as_json=as_json)


def _to_file(home: Home, file: Path, *, as_json: bool) -> None:
    copy = backup.backup(journal_of(home), file)
    answer = {"file": str(file), "journal": copy.journal, "reports": copy.facts_until, "bytes": copy.size}
    show(answer, f"{copy.facts_until:,} reports are safe in {file}", as_json=as_json)


def _make(home: Home, *, read_back: bool, only: bool, adopt: bool, as_json: bool) -> None:
    settings = config.read(home.settings).keep
    with progress_bar("Saving", hidden=as_json) as progress:
        made = whole.back_up(home, settings, progress, read_back=read_back or only, only=only, adopt=adopt)
    counted = ", read back and counted" if made.read_back_ns == made.taken_ns else ""
    text = (
        f"Backup {made.snapshot[:8]}: {count(made.reports, 'report')} and "
        f"{count(made.files - 1, 'other file')}, {size(made.bytes)}, checked{counted}. "
        f"{count(made.kept, 'backup')} {'is' if made.kept == 1 else 'are'} kept there."
    )
    show(made, text, as_json=as_json)


def _list(home: Home, *, as_json: bool) -> None:
    found = Restic(whole.place_of(home, config.read(home.settings).keep)).snapshots()
    rows = [[each.id[:8], f"{each.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"] for each in reversed(found)]
    text = table(["backup", "made"], rows) if rows else "There is no backup yet."
    show([{"id": each.id, "time": each.time.astimezone(UTC)} for each in found], text, as_json=as_json)


def _tell(home: Home, *, as_json: bool) -> None:
    settings, known, now_ns = config.read(home.settings).keep, record.read(home), home.clock.now_ns()
    late = record.late(settings, known, now_ns)
    answer = {"set_up": bool(settings.repository), "late": late, **msgspec.to_builtins(known)}
    show(answer, text(known, late, now_ns, set_up=bool(settings.repository)), as_json=as_json)


def text(known: Record, late: str, now_ns: int, *, set_up: bool) -> str:
    """What is known of the backups, in sentences."""
    if not set_up:
        return (
            "No place for backups is named: set repository under [keep] in collector.toml (docs/keeping.md)."
        )
    lines = []
    if known.taken_ns:
        lines.append(
            f"The last good backup is of {date(known.taken_ns)} ({ago(known.taken_ns, now_ns)}): "
            f"{known.reports:,} reports, {size(known.bytes)}. {known.kept:,} are kept."
        )
    if known.read_back_ns:
        lines.append(f"One was read back and counted last {ago(known.read_back_ns, now_ns)}.")
    if known.trouble and not late:
        lines.append(f"The last try failed {ago(known.trouble_ns, now_ns)}: {known.trouble}.")
    return "\n".join([*([late] if late else []), *lines])

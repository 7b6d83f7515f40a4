"""A backup of the whole data folder: journal, district, authority, settings, secrets; checked, thinned out.

Everything in the folder is saved but what a collector that starts makes by itself, what a box beside it
keeps (`box/`), and what begins with a dot. The journal comes as a copy of one moment, and first: what the
other files say of certificates is then never older than it.
"""

import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from collector.config import Home, KeepSettings
from collector.keeping import record
from collector.keeping.record import Record
from collector.keeping.restic import KeepError, Place, Progress, Restic, environment_of
from collector.keeping.staging import BACKUP, REPLACED, alone, staging
from collector.store import backup
from collector.store.backup import Copy
from collector.store.errors import StoreError
from collector.store.journal import open_journal
from firstbell.district import NS
from firstbell.readiness.words import count

_DAY_NS = 86_400 * NS
_LEFT_OUT = ("journal.db*", "*.lock", "web.port", "logs", "box", record.FILE, REPLACED)


def place_of(home: Home, settings: KeepSettings) -> Place:
    """The repository that the settings name. Raises KeepError."""
    if not settings.repository:
        raise KeepError(
            f"no place for backups is named: set repository under [keep] in {home.settings} (docs/keeping.md)"
        )
    keys = {}
    if settings.environment_file:
        path = home.folder / settings.environment_file
        try:
            keys = environment_of(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError) as error:
            raise KeepError(f"{path} can't be read: {error}") from error
    return Place(settings.repository, home.folder / settings.password_file, home.folder / ".restic", keys)


def back_up(
    home: Home,
    settings: KeepSettings,
    progress: Progress,
    *,
    read_back: bool = False,
    only: bool = False,
    adopt: bool = False,
) -> Record:
    """Make a whole backup, check it, and let the old ones go (`only`: all); what is known of them then.

    Into a repository with backups of another folder it is made only if told to `adopt` it.

    Raises KeepError, StoreError, OSError; then the trouble is noted, too.
    """
    before = record.read(home)
    try:
        with alone(home), staging(home.folder / BACKUP) as folder:
            restic = Restic(place_of(home, settings))
            before = _claimed(home, restic, before, adopt=adopt)
            now_ns = home.clock.now_ns()
            lately = 0 <= now_ns - before.read_back_ns < settings.read_back_days * _DAY_NS
            again = read_back or not lately
            done = _back_up(home, settings, restic, folder, progress, read_back=again, only=only)
            made = msgspec.structs.replace(
                done, repository=before.repository, taken_ns=now_ns, done_ns=home.clock.now_ns(),
                read_back_ns=now_ns if again else before.read_back_ns,
            )  # fmt: skip
    except (KeepError, StoreError, OSError) as error:
        words = str(error) or type(error).__name__
        with suppress(OSError):  # a full disk has no room for it
            record.write(
                home, msgspec.structs.replace(before, trouble=words[:500], trouble_ns=home.clock.now_ns())
            )
        raise
    record.write(home, made)
    return made


def _claimed(home: Home, restic: Restic, before: Record, *, adopt: bool) -> Record:
    """What is known, with whose repository it is: this folder's. Raises KeepError where it is another's.

    A server that took a dead one's place has the same settings, and nothing in it: its first backup of a day
    would be the newest, and the rule would let go what the dead one saved that day.
    """
    made = restic.make_ready()
    known = restic.id
    if before.repository == known:
        return before
    theirs = [] if made or adopt else restic.snapshots()
    if theirs:
        raise KeepError(
            f"{restic.place.shown} holds {count(len(theirs), 'backup')} that this data folder did not make; "
            "nothing was saved, and nothing taken away. To bring the newest back: firstbell restore --backup "
            "latest --overwrite. To go on there with what is here, and let those go by the rule: firstbell "
            "backup --now --adopt"
        )
    claimed = msgspec.structs.replace(before, repository=known)
    # At once: a first backup that fails half-way must not find its own a stranger's the next night.
    record.write(home, claimed)
    return claimed


def _back_up(
    home: Home,
    settings: KeepSettings,
    restic: Restic,
    folder: Path,
    progress: Progress,
    *,
    read_back: bool,
    only: bool,
) -> Record:
    copy = stage(home, folder)
    snapshot = restic.save(folder, progress)
    _see_that_all_is_there(restic, snapshot, folder)
    restic.check()
    if read_back:
        _read_back(restic, snapshot, copy, folder)
    if only:
        restic.forget_all_but(snapshot)
    kept = restic.forget(daily=settings.daily, weekly=settings.weekly, monthly=settings.monthly)
    sizes = sizes_in(folder)
    return Record(
        snapshot=snapshot,
        reports=copy.facts_until,
        files=len(sizes),
        bytes=sum(sizes.values()),
        kept=kept,
    )


def stage(home: Home, folder: Path) -> Copy:
    """Put all that is to be saved into `folder`; the copy of the journal. Raises StoreError, OSError."""
    if not home.journal.exists():
        raise KeepError(f"there is no journal in {home.folder} yet: nothing to save")
    copy = backup.backup(open_journal(home.journal), folder / home.journal.name)
    for path in sorted(home.folder.iterdir()):
        if path.name.startswith(".") or any(path.match(name) for name in _LEFT_OUT):
            continue
        _saved(path, folder / path.name)
    return copy


def _saved(path: Path, target: Path) -> None:
    """A copy of a file or of a folder, and of what links lead to. Raises KeepError, OSError."""
    try:
        if path.is_dir():
            # Not files that are just being written: those have names with a dot, too.
            shutil.copytree(path, target, ignore=shutil.ignore_patterns(".*"))
        elif path.is_file():
            shutil.copy2(path, target)
        elif path.is_symlink():
            raise KeepError(f"{path} can't be saved: it is a link that leads nowhere")
    except shutil.Error as error:
        source, _, why = error.args[0][0]
        raise KeepError(f"{source} can't be saved: {why}") from error


def sizes_in(folder: Path) -> dict[str, int]:
    """The files in a folder, with their sizes."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _see_that_all_is_there(restic: Restic, snapshot: str, folder: Path) -> None:
    found, wanted = restic.sizes(snapshot), sizes_in(folder)
    if found != wanted:
        names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise KeepError(f"{restic.place.shown}: the backup differs from what was to be saved: {names[0]}")


def _read_back(restic: Restic, snapshot: str, copy: Copy, folder: Path) -> None:
    """Fetch the journal out of the repository again, open it, and count."""
    fetched = folder / "fetched.db"
    try:
        restic.dump(snapshot, copy.path.name, fetched)
        found = backup.looked_at(fetched)
    finally:
        fetched.unlink(missing_ok=True)
    if (found.journal, found.facts_until) != (copy.journal, copy.facts_until):
        raise KeepError(
            f"{restic.place.shown}: the journal read back has {found.facts_until:,} reports instead of "
            f"{copy.facts_until:,}"
        )

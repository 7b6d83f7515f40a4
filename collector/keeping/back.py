"""The way back: the whole data folder out of a backup, and what was revoked since then."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from collector import holding
from collector.config import Home
from collector.identity import authority
from collector.identity.authority import Authority, AuthorityError, NoAuthorityError
from collector.identity.registrar import Registrar
from collector.keeping import owned, record, whole
from collector.keeping.record import Record
from collector.keeping.restic import NEWEST, KeepError, Place, Restic, Snapshot
from collector.keeping.staging import REPLACED, RESTORE, alone, staging
from collector.store import backup, identities, restored
from collector.store.backup import Copy
from collector.store.errors import InUseError, NotEmptyError
from collector.store.journal import Journal
from collector.store.restored import Restored

_STAYS = ("*.lock", ".*", "box", "logs", REPLACED)


class Back(NamedTuple):
    """What came back: of which backup, how it was marked, and how much was revoked that it did not know.

    `aside` is where what lay there before is now; None where nothing did. `later`: so many backups were not
    taken for the newest, as their dates are yet to come.
    """

    snapshot: Snapshot
    taken_ns: int
    restored: Restored
    reports: int
    revoked: int
    aside: Path | None
    later: int


def bring_back(
    home: Home, place: Place, wanted: str, *, overwrite: bool = False, lists: Sequence[Path] = ()
) -> Back:
    """Put a backup (its id, or "latest") in the place of the data folder. `lists` are newer files `crl.pem`.

    What lies there is put aside where `overwrite` is given; else NotEmptyError is raised. Raises KeepError
    (also while a backup is being made), StoreError (InUseError where a collector runs), AuthorityError,
    OSError; then the folder is as it was. After a kill the same once more does it.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    there = _there(home)
    if there and not overwrite:
        raise NotEmptyError(
            f"{home.folder} is not empty ({there[0].name}); nothing was changed. To put the backup in its "
            "place, and what lies there aside: --overwrite"
        )
    with alone(home), _no_collector(home), staging(home.folder / RESTORE) as folder:
        restic = Restic(place)
        snapshots = restic.snapshots()
        snapshot, later = _chosen(home, restic, snapshots, wanted)
        restic.restore(snapshot.id, folder)
        copy = backup.looked_at(folder / home.journal.name)
        newer = _read(lists, home.folder, folder)
        marked, revoked = _made_ready(home, folder, snapshot.taken_ns, newer)
        _note(folder, restic.id, snapshot, copy, len(snapshots))
        aside = _exchange(home, there, folder)
        owned.give(home, home.folder.iterdir())
    return Back(snapshot, snapshot.taken_ns, marked, copy.facts_until, revoked, aside, later)


def _made_ready(home: Home, folder: Path, taken_ns: int, lists: Sequence[bytes]) -> tuple[Restored, int]:
    """Finish what came back before it is anywhere near its place: what is put there knows who is shut out."""
    file = folder / home.journal.name
    demo = (folder / home.demo_file.name).exists()
    journal = backup.restore(file, file, overwrite=True, demo=demo)
    marked = restored.mark(journal, home.clock.now_ns(), taken_ns)
    revoked = _revoke(folder, journal, lists)
    _publish(home, folder, journal)
    owned.give(home, folder.iterdir())
    return marked, revoked


def bring_back_journal(
    home: Home, file: Path, *, overwrite: bool = False, lists: Sequence[Path] = ()
) -> tuple[Journal, int]:
    """Put a copy of the journal alone in its place; the journal, and how much was revoked that it forgot.

    Raises StoreError, AuthorityError, OSError; then the journal is as it was.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    revoked = 0

    def ready(journal: Journal) -> None:
        nonlocal revoked
        restored.mark(journal, home.clock.now_ns())
        revoked = _revoke(home.folder, journal, newer)

    with alone(home):
        newer, demo = _read(lists, home.folder, home.folder), home.demo_file.exists()
        journal = backup.restore(file, home.journal, overwrite=overwrite, demo=demo, ready=ready)
        _publish(home, home.folder, journal)
    return journal, revoked


def _there(home: Home) -> list[Path]:
    """What lies in the data folder and would have to go."""
    paths = sorted(home.folder.iterdir())
    return [path for path in paths if not any(path.match(name) for name in _STAYS)]


def _chosen(home: Home, restic: Restic, snapshots: Sequence[Snapshot], wanted: str) -> tuple[Snapshot, int]:
    """The backup that is wanted, and how many were passed over because their dates are yet to come."""
    if not snapshots:
        raise KeepError(f"{restic.place.shown}: there is no backup")
    if wanted == NEWEST:
        now_ns = home.clock.now_ns() + record.AHEAD_NS
        past = [each for each in snapshots if each.taken_ns <= now_ns]
        return (past[-1], len(snapshots) - len(past)) if past else (_made_last(home, snapshots), 0)
    for each in snapshots:
        if len(wanted) >= 8 and each.id.startswith(wanted):  # noqa: PLR2004 - as short ids are
            return each, 0
    raise KeepError(f"{restic.place.shown}: no backup {wanted}; `firstbell backup --list` names them")


def _note(folder: Path, repository: str, snapshot: Snapshot, copy: Copy, kept: int) -> None:
    """Let what comes back know its repository and its last backup: it goes on there, and is no stranger."""
    sizes = whole.sizes_in(folder)
    known = Record(
        repository=repository, snapshot=snapshot.id, taken_ns=snapshot.taken_ns, done_ns=snapshot.taken_ns,
        reports=copy.facts_until, files=len(sizes), bytes=sum(sizes.values()), kept=kept,
    )  # fmt: skip
    record.write(Home(folder), known)


def _made_last(home: Home, snapshots: Sequence[Snapshot]) -> Snapshot:
    """Where no date can be true: the one that was noted here as the last, or else that of the last date."""
    noted = record.read(home).snapshot
    return next((each for each in snapshots if noted and each.id.startswith(noted)), snapshots[-1])


def _read(lists: Sequence[Path], there: Path, backup_in: Path) -> list[bytes]:
    """Newer lists of what was revoked: those given, and those that lie there if they are this authority's.

    What a restore had put aside when it was killed lies there, too. Raises AuthorityError where one that was
    given is another's.
    """
    found = [path.read_bytes() for path in lists]
    try:
        signs = Authority(backup_in)
    except NoAuthorityError:
        return []
    for each in found:
        signs.revoked_in(each)
    for folder in (there, *sorted(there.glob(REPLACED))):
        mine = folder / authority.FOLDER / authority.REVOKED
        # Beside it may lie that of an authority which followed after the backup.
        for each in authority.lists_in(mine.read_bytes()) if mine.exists() else ():
            with suppress(AuthorityError):
                signs.revoked_in(each)
                found.append(each)
    return found


def _exchange(home: Home, there: Sequence[Path], folder: Path) -> Path | None:
    """Put aside what is there, and what came back in its place; all of it, or nothing.

    Cut short by a kill, it leaves no journal that forgot somebody beside an authority that could say so: that
    goes first (`ca/`, by the alphabet) and comes after its journal.
    """
    aside = _aside(home) if there else None
    moves = [(path, aside / path.name) for path in there] if aside else []
    comes = sorted(folder.iterdir(), key=lambda path: (path.name != home.journal.name, path.name))
    moves += [(path, home.folder / path.name) for path in comes]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        if aside:
            aside.rmdir()
        raise
    return aside


def _aside(home: Home) -> Path:
    stamp = datetime.fromtimestamp(home.clock.now_ns() // 10**9, UTC).strftime("%Y%m%dT%H%M%S")
    aside = home.folder / f"replaced-{stamp}"
    aside.mkdir(mode=0o700)
    return aside


def _revoke(folder: Path, journal: Journal, lists: Sequence[bytes]) -> int:
    """Take over into the journal what newer lists, and the one in the folder, say was revoked."""
    try:
        signs = Authority(folder)
    except NoAuthorityError:
        return 0
    mine = folder / authority.FOLDER / authority.REVOKED
    known = [*lists, *([mine.read_bytes()] if mine.exists() else [])]
    gone = {(name, serial): at_ns for each in known for name, serial, at_ns in signs.revoked_in(each)}
    return identities.take_over(
        journal, [(name, serial, at_ns) for (name, serial), at_ns in gone.items()], signs.ends_ns
    )


def _publish(home: Home, folder: Path, journal: Journal) -> None:
    """Write the list of what was revoked anew."""
    with suppress(NoAuthorityError):
        Registrar(journal, Authority(folder), home.clock).publish()


@contextmanager
def _no_collector(home: Home) -> Iterator[None]:
    try:
        with holding.held(home.folder / "collector.lock"):
            yield
    except holding.HeldError as error:
        raise InUseError(f"a collector uses {home.folder} ({error}); stop it first") from None

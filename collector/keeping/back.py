"""The way back: the whole data folder out of a backup, and what was revoked since then."""

import shutil
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
from collector.keeping.staging import staging
from collector.store import backup, identities, restored
from collector.store.backup import Copy
from collector.store.errors import InUseError, NotEmptyError
from collector.store.journal import Journal
from collector.store.restored import Restored

STAGING = ".restore"
_STAYS = ("*.lock", ".*", "box", "logs", "replaced-*")


class Back(NamedTuple):
    """What came back: of which backup, how it was marked, and how much was revoked that it did not know.

    `aside` is where what lay there before is now; None where nothing did.
    """

    snapshot: Snapshot
    taken_ns: int
    restored: Restored
    reports: int
    revoked: int
    aside: Path | None


def bring_back(
    home: Home, place: Place, wanted: str, *, overwrite: bool = False, lists: Sequence[Path] = ()
) -> Back:
    """Put a backup (its id, or "latest") in the place of the data folder. `lists` are newer files `crl.pem`.

    What lies there is put aside where `overwrite` is given; else NotEmptyError is raised. Raises KeepError,
    StoreError (InUseError where a collector runs), AuthorityError, OSError; then the folder is as it was.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    there = _there(home)
    if there and not overwrite:
        raise NotEmptyError(
            f"{home.folder} is not empty ({there[0].name}); nothing was changed. To put the backup in its "
            "place, and what lies there aside: --overwrite"
        )
    with _alone(home), staging(home.folder / STAGING) as folder:
        restic = Restic(place)
        snapshots = restic.snapshots()
        snapshot = _chosen(restic, snapshots, wanted)
        restic.restore(snapshot.id, folder)
        copy = backup.looked_at(folder / home.journal.name)
        newer = _read(lists, home.folder, folder)
        _note(folder, restic.id, snapshot, copy, len(snapshots))
        aside = _put_aside(home, there)
        try:
            journal = _put_in_place(home, folder)
        except BaseException:
            _put_back(home, aside)
            raise
        taken_ns = _ns_of(snapshot.time)
        marked = restored.mark(journal, home.clock.now_ns(), taken_ns)
        revoked = _revoke(home, journal, newer)
        owned.give(home, home.folder.iterdir())
    return Back(snapshot, taken_ns, marked, copy.facts_until, revoked, aside)


def bring_back_journal(
    home: Home, file: Path, *, overwrite: bool = False, lists: Sequence[Path] = ()
) -> tuple[Journal, int]:
    """Put a copy of the journal alone in its place; the journal, and how much was revoked that it forgot.

    Raises StoreError, AuthorityError, OSError.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    newer = _read(lists, home.folder, home.folder)
    journal = backup.restore(file, home.journal, overwrite=overwrite, demo=home.demo_file.exists())
    restored.mark(journal, home.clock.now_ns())
    return journal, _revoke(home, journal, newer)


def _there(home: Home) -> list[Path]:
    """What lies in the data folder and would have to go."""
    paths = sorted(home.folder.iterdir())
    return [path for path in paths if not any(path.match(name) for name in _STAYS)]


def _chosen(restic: Restic, snapshots: Sequence[Snapshot], wanted: str) -> Snapshot:
    if not snapshots:
        raise KeepError(f"{restic.place.shown}: there is no backup")
    if wanted == NEWEST:
        return snapshots[-1]
    for each in snapshots:
        if len(wanted) >= 8 and each.id.startswith(wanted):  # noqa: PLR2004 - as short ids are
            return each
    raise KeepError(f"{restic.place.shown}: no backup {wanted}; `firstbell backup --list` names them")


def _note(folder: Path, repository: str, snapshot: Snapshot, copy: Copy, kept: int) -> None:
    """Let what comes back know its repository and its last backup: it goes on there, and is no stranger."""
    sizes, taken_ns = whole.sizes_in(folder), _ns_of(snapshot.time)
    known = Record(
        repository=repository, snapshot=snapshot.id, taken_ns=taken_ns, done_ns=taken_ns,
        reports=copy.facts_until, files=len(sizes), bytes=sum(sizes.values()), kept=kept,
    )  # fmt: skip
    record.write(Home(folder), known)


def _read(lists: Sequence[Path], there: Path, backup_in: Path) -> list[bytes]:
    """Newer lists of what was revoked: those given, and the one that lies there if it is this authority's.

    Raises AuthorityError where one that was given is another's.
    """
    mine = there / authority.FOLDER / authority.REVOKED
    found = [path.read_bytes() for path in lists]
    try:
        signs = Authority(backup_in)
    except NoAuthorityError:
        return []
    for each in found:
        signs.revoked_in(each)
    if mine.exists():
        with suppress(AuthorityError):
            signs.revoked_in(mine.read_bytes())
            found.append(mine.read_bytes())
    return found


def _put_aside(home: Home, there: Sequence[Path]) -> Path | None:
    if not there:
        return None
    stamp = datetime.fromtimestamp(home.clock.now_ns() // 10**9, UTC).strftime("%Y%m%dT%H%M%S")
    aside = home.folder / f"replaced-{stamp}"
    aside.mkdir(mode=0o700)
    for path in there:
        path.rename(aside / path.name)
    return aside


def _put_back(home: Home, aside: Path | None) -> None:
    """As it was, after something went wrong half-way."""
    for path in _there(home):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in aside.iterdir() if aside else ():
        path.rename(home.folder / path.name)
    if aside:
        aside.rmdir()


def _put_in_place(home: Home, folder: Path) -> Journal:
    demo = (folder / home.demo_file.name).exists()
    journal = backup.restore(folder / home.journal.name, home.journal, demo=demo)
    (folder / home.journal.name).unlink()
    for path in sorted(folder.iterdir()):
        path.rename(home.folder / path.name)
    return journal


def _revoke(home: Home, journal: Journal, lists: Sequence[bytes]) -> int:
    """Take over what newer lists, and the one in the backup, say was revoked; write the list anew."""
    try:
        signs = Authority(home.folder)
    except NoAuthorityError:
        return 0
    mine = home.folder / authority.FOLDER / authority.REVOKED
    known = [*lists, *([mine.read_bytes()] if mine.exists() else [])]
    gone = {(name, serial): at_ns for each in known for name, serial, at_ns in signs.revoked_in(each)}
    fresh = identities.take_over(
        journal, [(name, serial, at_ns) for (name, serial), at_ns in gone.items()], signs.ends_ns
    )
    Registrar(journal, signs, home.clock).publish()
    return fresh


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    try:
        with holding.held(home.folder / "collector.lock"):
            yield
    except holding.HeldError as error:
        raise InUseError(f"a collector uses {home.folder} ({error}); stop it first") from None


def _ns_of(told: str) -> int:
    """Of RFC 3339 with nine digits, as restic writes it."""
    at = datetime.fromisoformat(f"{told[:19]}{told[-6:] if told[-6] in '+-' else '+00:00'}")
    return int(at.timestamp()) * 10**9

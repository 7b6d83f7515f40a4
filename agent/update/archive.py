"""An archive that somebody else brought, taken by root: copied while it is counted, unpacked by names alone.

ArchiveError            it is not what was signed, or holds what none may hold
"""

import hashlib
import os
import stat
import tarfile
from pathlib import Path

from firstbell.update import IN_ARCHIVE, Parcel

MOST_FILES = 500
LIST = "requirements.txt"
_CHUNK = 1 << 16


class ArchiveError(RuntimeError):
    """It is not what was signed, or holds what none may hold."""


def read_plain(path: Path, most: int) -> bytes:
    """What a file of somebody else's holds: a plain file, no link, no pipe, and not longer than `most`.

    Raises ArchiveError, and FileNotFoundError.
    """
    number = _opened(path)
    with os.fdopen(number, "rb") as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise ArchiveError(f"{path} is longer than any")
    return text


def take(path: Path, parcel: Parcel, into: Path) -> None:
    """Copy the archive at `path` to `into`, which nobody else may write. Raises ArchiveError, OSError.

    It is counted on its way: whoever changes it afterwards changes nothing.
    """
    counted, size = hashlib.sha256(), 0
    with os.fdopen(_opened(path), "rb") as file, into.open("wb") as copy:
        while size <= parcel.size and (chunk := file.read(_CHUNK)):
            size += len(chunk)
            counted.update(chunk)
            copy.write(chunk)
    if size != parcel.size or counted.hexdigest() != parcel.sha256:
        raise ArchiveError("the archive is not the one that was signed")


def unpack(path: Path, parcel: Parcel, into: Path) -> None:
    """Put what the archive holds into the new folder `into`: wheels, their list, and a version.

    Raises ArchiveError for any other name, for a link, for a second file of the same name, for more than
    the archive's own size, and where the list is not the signed one. OSError where the disk refuses.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            _unpack(tar, parcel, into)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise ArchiveError("the archive is damaged") from error
    listed = into / LIST
    if not listed.exists() or hashlib.sha256(listed.read_bytes()).hexdigest() != parcel.listed:
        raise ArchiveError("the archive's list of hashes is not the one that was signed")


def _unpack(tar: tarfile.TarFile, parcel: Parcel, into: Path) -> None:
    (into / "wheels").mkdir(parents=True)
    room, seen = parcel.size, set[str]()
    for member in tar:
        plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()
        if not plain or not IN_ARCHIVE.match(member.name):
            raise ArchiveError(f"the archive holds what none may hold: {member.name[:80]!r}")
        room -= member.size
        if member.name in seen or len(seen) >= MOST_FILES or room < 0:
            raise ArchiveError("the archive holds more than any may hold")
        seen.add(member.name)
        source = tar.extractfile(member)
        assert source is not None
        with source, (into / member.name).open("xb") as file:
            while chunk := source.read(_CHUNK):
                file.write(chunk)


def _opened(path: Path) -> int:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArchiveError(f"{path} can't be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ArchiveError(f"{path} is no file")
    return number

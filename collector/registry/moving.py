"""One box's place changed in the district folder: a dated line in seats.csv, and nothing else.

RegistryError
└── MoveError           the folder stays as it was: it can't say so, or it can't be written
"""

import csv
import io
import os
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path

from collector import lock
from collector.registry.files import Folder, RegistryError, read, targets
from collector.registry.ical_apart import read as read_ical
from firstbell import district as districts
from firstbell import folder as folders
from firstbell.folder import COLUMNS, SEATS
from firstbell.tables import FolderError, escape


class MoveError(RegistryError):
    """The folder stays as it was."""


def move(path: Path, agent: str, school: str, room: str, since: date) -> Folder:
    """Let `agent` stand at `school` in `room` from `since` on; the folder as it is then.

    It keeps its line where it stays in its school, and its way onto the network. A line of the same day is
    corrected. Raises MoveError, and FolderError where the folder had mistakes before.
    """
    with lock.held(path, wait=True):  # two entered at one moment: the second sees what the first wrote
        return _moved(path, agent, school, room, since)


def _moved(path: Path, agent: str, school: str, room: str, since: date) -> Folder:
    before = read(path)
    cells = {"agent": agent, "school": school, "room": escape(room), "since": since.isoformat()}
    now = _newest(before, agent)
    if now is not None:
        cells["circuit"] = now.circuit if now.school == school else ""
        cells["medium"] = now.medium.value if now.medium else ""
    contents = before.contents | {SEATS: _with(before.contents.get(SEATS, ""), cells)}
    try:
        folders.parse(contents, models=targets().models, read_ical=read_ical)
    except FolderError as error:
        raise MoveError(f"seats.csv can't say so, and was left as it is: {error}") from error
    try:
        _write(path / SEATS, contents[SEATS])
    except OSError as error:
        raise MoveError(
            f"{path / SEATS} can't be written ({error.strerror or error}): enter the line yourself: "
            f"{agent} at {school}, {room}, since {since}"
        ) from error
    return read(path)


def _newest(folder: Folder, agent: str) -> districts.Seat | None:
    own = [seat for seat in folder.district.seats if seat.agent == agent]
    return max(own, key=lambda seat: seat.since.toordinal() if seat.since else 0, default=None)


def _with(text: str, cells: dict[str, str]) -> str:
    """The table with that line: in the place of the same box's line of that day, else at the end."""
    table = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in table[0]] if table else list(COLUMNS[SEATS].known)
    header += [name for name, value in cells.items() if value and name not in header]
    lines = [dict(zip(header, row, strict=False)) for row in table[1:]]
    wide = [{name: line.get(name, "") for name in header} for line in lines]
    made = {name: cells.get(name, "") for name in header}
    same = [
        at
        for at, line in enumerate(wide)
        if (line["agent"].strip(), line["since"].strip()) == (made["agent"], made["since"])
    ]
    for at in same:
        wide[at] = made
    written = io.StringIO()
    writer = csv.DictWriter(written, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(wide if same else [*wide, made])
    return written.getvalue()


def _write(path: Path, text: str) -> None:
    """All or nothing, with the mode and the owner that it has. Raises OSError."""
    old = path.stat() if path.exists() else None
    number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(old.st_mode & 0o777 if old else 0o644)
        owner = old or path.parent.stat()
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(beside, owner.st_uid, owner.st_gid)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise

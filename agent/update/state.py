"""What a box remembers of its updates: a file of root's, written whole or not at all."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

FILE = "update.json"

Phase = Literal["idle", "switching", "proving", "returning"]

_log = logging.getLogger(__name__)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where this box stands. `seen` is the highest serial it ever saw, `done` the last one that it settled.

    Not `idle`, it is between the versions `old` and `new`, for the offer `serial`; `old_before` is what `old`
    could go back to, `epoch` the box's last start at that time. `making` is a version that is being put on
    the disk. `tries` counts for the offer `tried`. `said` is what happened last, at `said_at_s`.
    """

    seen: int = 0
    done: int = 0
    phase: Phase = "idle"
    serial: int = 0
    old: str = ""
    new: str = ""
    old_before: str = ""
    epoch: str = ""
    making: str = ""
    tried: int = 0
    tries: int = 0
    said: str = ""
    said_at_s: int = 0


def read(folder: Path) -> State:
    """What is remembered; nothing where there is no such file, or a damaged one."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except msgspec.MsgspecError as error:
        _log.warning("%s is damaged (%s): beginning anew", path, error)
        return State()


def write(folder: Path, state: State) -> None:
    """Remember it; on the disk when this returns. Raises OSError."""
    number, beside = tempfile.mkstemp(prefix=f".{FILE}-", dir=folder)
    with os.fdopen(number, "wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    Path(beside).chmod(0o644)
    Path(beside).replace(folder / FILE)
    settle(folder)


def settle(folder: Path) -> None:
    """See that a folder's names are on the disk: a power cut must not bring the old ones back."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

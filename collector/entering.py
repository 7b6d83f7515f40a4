"""What commands enter in the data folder: secrets for their owner's eyes, and tables of the settings.

All or nothing: a file is as it was, or as it is to be, whenever the plug is pulled.
"""

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from collector.config import Settings
from firstbell import settings as toml


def write_secret(folder: Path, name: str, value: str) -> None:
    """Write a file for its owner's eyes alone, who is the folder's; all or nothing. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / name, value + "\n", 0o600, folder)


def _replace(path: Path, text: str, mode: int, owned_as: Path) -> None:
    number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).chmod(mode)
    owner = owned_as.stat()
    if hasattr(os, "chown"):
        with suppress(
            PermissionError
        ):  # only root gives files away, and only root's would be of use to nobody
            os.chown(beside, owner.st_uid, owner.st_gid)
    Path(beside).replace(path)


def add_to_table(path: Path, name: str, values: dict[str, str]) -> None:
    """Enter texts into a table of the settings, where they are not yet; made at the end if need be.

    Mode and owner stay. Raises SettingsError where the file would not be read as it should, and OSError.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    there = toml.table(before, name)
    rows = "".join(f"{key} = {_toml_text(value)}\n" for key, value in values.items() if key not in there)
    head = re.search(rf"^[ \t]*\[[ \t]*{name}[ \t]*\][ \t]*(?:#.*)?$", before, re.MULTILINE)
    if head:
        text = f"{before[: head.end()]}\n{rows}{before[head.end() :].lstrip(chr(10))}"
    else:
        text = f"{before.rstrip()}\n\n[{name}]\n{rows}".lstrip("\n")
    found, wrong = toml.read(text, Settings)
    table = msgspec.to_builtins(found).get(name, {}) if found else {}
    if wrong or any(table.get(key) != value for key, value in values.items()):
        raise toml.SettingsError(str(path), [f"can't be added to; enter this under [{name}] there:\n{rows}"])
    known = path.exists()
    _replace(path, text, path.stat().st_mode & 0o777 if known else 0o644, path if known else path.parent)


def _toml_text(value: str) -> str:
    return msgspec.json.encode(value).decode()

"""Reads the rows of a damaged SQLite file page by page, without its tree, which may be what is damaged.

The format is SQLite's own (https://sqlite.org/fileformat2.html, sections 1.6, 2 and 4.1). Rows that were
deleted may come up again, and rows may be damaged: the caller knows how to tell.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from agent.spool.migrations import PAGE

Value = int | str | bytes | None
Cell = tuple[int, list[Value]]

_LEAF = 0x0D
_LOCAL_MOST = PAGE - 35
_LOCAL_LEAST = (PAGE - 12) * 32 // 255 - 23
_INT_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_WAL_HEAD, _FRAME_HEAD = 32, 24
_MOST_PAYLOAD = 1 << 20


def cells(path: Path) -> Iterator[Cell]:
    """Key and values of each row on each page that looks like one of a table, its log included."""
    with path.open("rb") as file:
        pages = _Pages(file, path.with_name(f"{path.name}-wal"))
        for number in range(1, pages.count + 1):
            page = pages.get(number)
            head = 100 if number == 1 else 0
            if len(page) == PAGE and page[head] == _LEAF:
                yield from _cells(page, head, pages)


class _Pages:
    """The pages of a file, each in its newest committed state."""

    def __init__(self, file: BinaryIO, wal: Path) -> None:
        self._file = file
        self._newer = _committed(wal)
        self.count = max([file.seek(0, 2) // PAGE, *self._newer])

    def get(self, number: int) -> bytes:
        """One page; empty if there is none."""
        if number in self._newer:
            return self._newer[number]
        self._file.seek((number - 1) * PAGE)
        return self._file.read(PAGE)


def _committed(wal: Path) -> dict[int, bytes]:
    """The newest committed state of each page that stands in the log."""
    log = wal.read_bytes() if wal.exists() else b""
    salts = log[16:24]
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    for at in range(_WAL_HEAD, len(log) - _FRAME_HEAD - PAGE + 1, _FRAME_HEAD + PAGE):
        if log[at + 8 : at + 16] != salts:
            break
        pending[_int(log[at : at + 4])] = log[at + _FRAME_HEAD : at + _FRAME_HEAD + PAGE]
        if any(log[at + 4 : at + 8]):
            committed |= pending
            pending = {}
    return committed


def _cells(page: bytes, head: int, pages: _Pages) -> Iterator[Cell]:
    count = _int(page[head + 3 : head + 5])
    for index in range(min(count, PAGE // 2)):
        pointer = head + 8 + 2 * index
        try:
            yield _cell(page, _int(page[pointer : pointer + 2]), pages)
        except (IndexError, ValueError):
            continue


def _cell(page: bytes, at: int, pages: _Pages) -> Cell:
    """One row. Raises IndexError or ValueError if it can't be one."""
    size, at = _varint(page, at)
    key, at = _varint(page, at)
    if size > _MOST_PAYLOAD:
        raise ValueError("no row is so long")
    local = size
    if size > _LOCAL_MOST:
        local = _LOCAL_LEAST + (size - _LOCAL_LEAST) % (PAGE - 4)
        local = local if local <= _LOCAL_MOST else _LOCAL_LEAST
    payload = page[at : at + local]
    if local < size:
        payload += _overflow(_int(page[at + local : at + local + 4]), size - local, pages)
    if len(payload) != size:
        raise ValueError("the row is cut off")
    return key, _record(payload)


def _overflow(number: int, size: int, pages: _Pages) -> bytes:
    """The rest of a long row, on pages of its own."""
    rest = b""
    while number and len(rest) < size:
        page = pages.get(number)
        number = _int(page[:4])
        rest += page[4:PAGE] or b"\0" * size
    return rest[:size]


def _record(payload: bytes) -> list[Value]:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        size = _INT_SIZES.get(kind, 0) if kind < 12 else (kind - 12) // 2  # noqa: PLR2004 - the format's
        values.append(_value(kind, payload[at : at + size]))
        at += size
    if at != len(payload):
        raise ValueError("not a row")
    return values


def _value(kind: int, raw: bytes) -> Value:
    if kind in _INT_SIZES:
        return int.from_bytes(raw, "big", signed=True)
    if kind in (8, 9):
        return kind - 8
    if kind >= 12:  # noqa: PLR2004 - the format's
        return raw.decode() if kind % 2 else raw
    if kind:
        raise ValueError("a spool has no such values")
    return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for size in range(8):
        byte = data[at + size]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the format's
            return value, at + size + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, at + 9


def _int(raw: bytes) -> int:
    return int.from_bytes(raw, "big")

"""The boxes' own hardware addresses, as scanned at the bench: a CSV of `box` (name or number) and `mac`.

They go onto labels and into the list for whoever sets up the switches, and are kept nowhere.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from firstbell.tables import FolderError, Problem, shown

_MOST_BYTES = 1_000_000
_DIGITS = re.compile(r"[0-9a-f]{12}\Z")
HEAD = ("box", "mac")


def read(path: Path, numbers: Mapping[str, int]) -> dict[str, str]:
    """Each box's address as aa:bb:cc:dd:ee:ff, by its name. Raises FolderError with all that is wrong.

    `numbers` has each box's number by its name.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file.read(_MOST_BYTES).splitlines()))
    except (OSError, UnicodeError, csv.Error) as error:
        raise FolderError([Problem(str(path), None, f"can't be read: {error}")]) from error
    return _read(str(path), lines, {str(number): agent for agent, number in numbers.items()}, set(numbers))


def _read(
    name: str, lines: Iterable[list[str]], by_number: Mapping[str, str], known: set[str]
) -> dict[str, str]:
    problems: list[Problem] = []
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    for at, cells in enumerate(lines, 1):
        row = [cell.strip() for cell in cells]
        if not any(row) or (at == 1 and tuple(cell.lower() for cell in row[:2]) == HEAD):
            continue
        try:
            agent, mac = _line(row, by_number, known)
        except ValueError as error:
            problems.append(Problem(name, at, str(error)))
            continue
        if agent in found:
            problems.append(Problem(name, at, f"{agent} has an address already, in a line above"))
        elif mac in owners:
            problems.append(Problem(name, at, f"{mac} is {owners[mac]}'s already, in a line above"))
        else:
            found[agent], owners[mac] = mac, agent
    if problems:
        raise FolderError(problems)
    return found


def _line(row: list[str], by_number: Mapping[str, str], known: set[str]) -> tuple[str, str]:
    if len(row) < len(HEAD):
        raise ValueError("wants two cells: the box (its name or number) and its address")
    agent = by_number.get(row[0], row[0])
    if agent not in known:
        raise ValueError(f"no box here is called {shown(row[0])}")
    digits = re.sub(r"[:.\-\s]", "", row[1].lower())
    if not _DIGITS.match(digits):
        raise ValueError(f"{shown(row[1])} is no hardware address, as b8:27:eb:00:00:01")
    if int(digits[:2], 16) & 1:
        raise ValueError(f"{shown(row[1])} is the address of a group, and no machine's")
    return agent, ":".join(digits[i : i + 2] for i in range(0, 12, 2))

"""Boards, rules and provisioning files out of code; and whether those that lie here are what code makes."""

from pathlib import Path

from dashboards import Json, alerts, lint, places, provision, yaml
from dashboards.boards import all_boards
from dashboards.frame import render

_MADE = "Made by `firstbell dashboards build`; change dashboards/*.py instead."


def made() -> tuple[list[Json], Json]:
    """Every board, and the file of alert rules."""
    boards = [render(board) for board in all_boards()]
    panels = {(board["uid"], panel["title"]): panel["id"] for board in boards for panel in board["panels"]}
    return boards, alerts.provisioned(panels)


def files() -> dict[str, str]:
    """Every file by its path below this package. Raises LintError where they break our own rules."""
    boards, rules = made()
    lint.check(boards, rules)
    where = places.PROVISIONING
    return {
        **{f"{places.GENERATED}/{board['uid']}.json": places.text_of(board) for board in boards},
        f"{where}/datasources/firstbell.yaml": yaml.dump(provision.datasources(), _MADE),
        f"{where}/dashboards/firstbell.yaml": yaml.dump(provision.providers(), _MADE),
        f"{where}/alerting/firstbell.yaml": yaml.dump(rules, _MADE),
    }


def differing(root: Path = places.HERE) -> list[str]:
    """Which files are not there as code makes them, or are there and made by none."""
    wanted = files()
    folders = (places.GENERATED, places.PROVISIONING)
    there = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for folder in folders
        for path in (root / folder).rglob("*.*")
    }
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(root: Path = places.HERE) -> list[str]:
    """Write what differs, and take away what nothing makes any more; returns their names."""
    wanted, changed = files(), differing(root)
    for name in changed:
        path = root / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed

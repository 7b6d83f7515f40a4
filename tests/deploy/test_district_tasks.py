"""How the district folder comes to the server: by its user's hand, and over nothing that was entered there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.here import ROLES, run_tasks, tasks_of

pytestmark = [pytest.mark.root, pytest.mark.proof, pytest.mark.timeout(120)]

TASKS = ROLES / "collector" / "tasks"
USER = "games"
"""A user with a group of the same name, which every Debian has."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can walk through, with a district on this machine and a server's data folder."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "control").mkdir()
        (path / "control" / "seats.csv").write_text("agent\nlincoln-1\n", encoding="ascii")
        (path / "control" / "schools.csv").write_text("id\nlincoln\n", encoding="ascii")
        yield path


def deploy(folder: Path, *options: str, code: int = 0) -> str:
    """The data folder is made, and the district's files come into it."""
    variables: dict[str, Any] = {
        "collector_data": str(folder / "data"),
        "collector_district": str(folder / "control"),
        "collector_kept": str(folder / "kept"),
        "collector_district_over": False,
        "collector_user": USER,
    }
    tasks = tasks_of(TASKS / "main.yml", "The data folder")
    tasks[0]["ansible.builtin.file"]["group"] = "nogroup"
    tasks.append({"ansible.builtin.include_tasks": str(TASKS / "district.yml")})
    return run_tasks(folder, tasks, variables, *options, code=code)


def there(folder: Path) -> dict[str, str]:
    """What the server has."""
    return {path.name: path.read_text(encoding="ascii") for path in (folder / "data" / "district").iterdir()}


def here(folder: Path) -> dict[str, str]:
    """What this machine has."""
    return {path.name: path.read_text(encoding="ascii") for path in (folder / "control").iterdir()}


def test_the_server_has_what_is_here(folder: Path) -> None:
    """Its user's, unreadable for others; nothing at a second time; and what is gone here is gone there."""
    deploy(folder)
    assert there(folder) == here(folder)
    path = folder / "data" / "district" / "seats.csv"
    assert (path.owner(), path.stat().st_mode & 0o777) == (USER, 0o640)
    assert "changed=0" in deploy(folder)
    (folder / "control" / "schools.csv").unlink()
    deploy(folder)
    assert sorted(there(folder)) == ["seats.csv"]
    assert "changed=0" in deploy(folder)


def had(folder: Path, server: dict[str, str], deployed: dict[str, str]) -> None:
    """The server has these files, and those are remembered as deployed."""
    for place, files in (("data/district", server), ("kept/deployed", deployed)):
        (folder / place).mkdir(parents=True)
        for name, text in files.items():
            (folder / place / name).write_text(text, encoding="ascii")
    for path in (folder / "data", *(folder / "data").rglob("*")):
        shutil.chown(path, USER, USER)


ENTERED = "agent\nlincoln-1\nlincoln-2\n"


@pytest.mark.parametrize(
    "deployed", [{"seats.csv": "agent\nlincoln-1\n"}, {}], ids=["deployed before", "a click made it"]
)
def test_what_was_entered_there_is_not_written_over(folder: Path, deployed: dict[str, str]) -> None:
    """Whether the file was deployed before, or a click made it, or nobody remembers what was deployed."""
    had(folder, {"seats.csv": ENTERED}, deployed)
    said = deploy(folder, code=2)
    assert "seats.csv was changed on the server since the last deployment" in said
    assert there(folder) == {"seats.csv": ENTERED}


def test_nor_is_it_removed(folder: Path) -> None:
    """Where the file is gone here, and was changed there; unless somebody says so."""
    had(folder, {"seats.csv": ENTERED}, {"seats.csv": "agent\n"})
    (folder / "control" / "seats.csv").unlink()
    assert "or gone" in deploy(folder, code=2)
    assert there(folder) == {"seats.csv": ENTERED}
    deploy(folder, "-e", "collector_district_over=true")
    assert there(folder) == here(folder)


def test_what_was_fetched_is_deployed(folder: Path) -> None:
    """The same file here and there is no quarrel, and what this machine lacks of the server's own stays."""
    had(folder, {"seats.csv": ENTERED, "rooms.csv": "school\n"}, {"seats.csv": "agent\n"})
    (folder / "control" / "seats.csv").write_text(ENTERED, encoding="ascii")
    deploy(folder)
    assert sorted(there(folder)) == ["rooms.csv", "schools.csv", "seats.csv"]


def linked(folder: Path) -> Path:
    """Whoever runs code as the collector's user puts a link to root's folder where the district is."""
    roots = folder / "roots"
    roots.mkdir(mode=0o755)
    had(folder, {}, {})
    (folder / "data" / "district").rename(folder / "data" / "aside")
    (folder / "data" / "district").symlink_to(roots)
    (folder / "kept" / "coming").mkdir()
    (folder / "kept" / "coming" / "seats.csv").write_text("agent\n", encoding="ascii")
    return roots


def test_a_link_of_its_users_gives_nothing_of_roots_away(folder: Path) -> None:
    """It ends the deployment, and root's folder stays as it is."""
    roots = linked(folder)
    deploy(folder, code=2)
    assert (roots.stat().st_uid, list(roots.iterdir())) == (0, [])


def test_nor_one_that_comes_later(folder: Path) -> None:
    """Put there after root has looked: what is written is written with that user's rights."""
    roots = linked(folder)
    variables = {
        "collector_data": str(folder / "data"),
        "collector_kept": str(folder / "kept"),
        "collector_user": USER,
        "collector_then": {},
        "collector_here": ["seats.csv"],
    }
    said = run_tasks(folder, tasks_of(TASKS / "district.yml", "The server has them"), variables, code=2)
    assert "Permission denied" in said
    assert list(roots.iterdir()) == []

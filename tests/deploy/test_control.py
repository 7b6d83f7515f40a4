"""A playbook that means no machine says so, and does not end as if all were done."""

from pathlib import Path

import pytest

from tests.deploy.here import play
from tests.deploy.roots import COLLECTION

NONE = "[all]\n"
A_BOX = "[boxes]\nlincoln-1\n"


@pytest.mark.parametrize(
    ("playbook", "inventory", "option"),
    [
        ("revoke", NONE, "box=lincoln-1"),
        ("revoke", A_BOX, "box=lincoln-1"),
        ("rollback", A_BOX, "machines=lincoln-2"),
        ("site", NONE, "x=y"),
    ],
)
def test_nobody_is_meant(tmp_path: Path, playbook: str, inventory: str, option: str) -> None:
    """No inventory, or none with a server, or names that it lacks."""
    path = tmp_path / "inventory.ini"
    path.write_text(inventory, encoding="ascii")
    said = play(
        tmp_path,
        str(COLLECTION / "playbooks" / f"{playbook}.yml"),
        "-e",
        option,
        inventory=str(path),
        code=2,
    )
    assert "The inventory has no such machine" in said
    assert "Nothing was changed" in said

"""The collection as a contract: its roles say what they take, and Ansible's own lint has nothing against them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.roots import COLLECTION

ROLES = sorted(path.name for path in (COLLECTION / "roles").iterdir())


def read(role: str, name: str) -> Any:
    """One of a role's files."""
    return yaml.safe_load((COLLECTION / "roles" / role / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_takes_what_it_says(role: str) -> None:
    """Every variable has a default, a type and a sentence, the same in both places, and bears its role's name."""
    defaults = read(role, "defaults/main.yml")
    options = read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: option["default"] for name, option in options.items()} == defaults
    assert all(option["description"] and option["type"] for option in options.values())
    assert all(name.startswith(f"{role}_") for name in defaults)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ansible_lint_finds_nothing(tmp_path: Path) -> None:
    """By its strictest profile."""
    path = f"{os.environ.get('FIRSTBELL_ANSIBLE', '')}:{os.environ['PATH']}"
    if not shutil.which("ansible-lint", path=path):
        pytest.skip("ansible-lint is not installed")
    there = tmp_path / "ansible_collections" / "firstbell"
    there.mkdir(parents=True)
    shutil.copytree(COLLECTION, there / "district")
    ended = subprocess.run(
        ["ansible-lint", "--offline", "--profile", "production", "--nocolor", "-q", "."],
        cwd=there / "district",
        env=os.environ
        | {"PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout + ended.stderr[-2000:]

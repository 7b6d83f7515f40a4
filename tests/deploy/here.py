"""Playbooks and task files of the collection, run on this machine in a folder of its own: quick, and no root is needed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.roots import COLLECTION

ROLES = COLLECTION / "roles"


def tasks_of(path: Path, *names: str) -> list[dict[str, Any]]:
    """Some tasks of a task file, as they stand there."""
    return [task for task in yaml.safe_load(path.read_text(encoding="utf-8")) if task["name"] in names]


def play(folder: Path, *arguments: str, inventory: str = "localhost,", code: int = 0) -> str:
    """What ansible-playbook says."""
    found = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not found:
        pytest.skip("Ansible is not installed")
    there = folder / "collections" / "ansible_collections" / "firstbell"
    if not there.exists():
        there.mkdir(parents=True)
        (there / "district").symlink_to(COLLECTION)
    ended = subprocess.run(
        [found, "-i", inventory, *arguments],
        env=os.environ
        | {
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == code, said[-4000:]
    return said


def run_tasks(
    folder: Path, tasks: list[dict[str, Any]], variables: dict[str, Any], *options: str, code: int = 0
) -> str:
    """What some tasks say, here, with these variables."""
    path = folder / "play.json"
    one = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable} | variables,
        "tasks": tasks,
    }
    path.write_text(json.dumps([one]), encoding="utf-8")
    return play(folder, str(path), *options, code=code)

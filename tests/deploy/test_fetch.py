"""`fetch` brings a server's district folder to the machine that deploys, and believes the server nothing else."""

import json
import sys
from pathlib import Path

import pytest

from tests.deploy.here import play
from tests.deploy.roots import COLLECTION


def inventory(folder: Path, data: Path, interpreter: str) -> str:
    """A server that is this machine."""
    server = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": interpreter,
        "collector_data": str(data),
        "collector_district": str(folder / "admin" / "district"),
    }
    path = folder / "inventory.json"
    path.write_text(json.dumps({"all": {"children": {"collector": {"hosts": {"server": server}}}}}))
    return str(path)


def test_what_the_server_has_is_fetched(tmp_path: Path) -> None:
    """The folder's files, under their names."""
    data = tmp_path / "data"
    (data / "district").mkdir(parents=True)
    (data / "district" / "seats.csv").write_text("agent\n", encoding="ascii")
    play(
        tmp_path,
        str(COLLECTION / "playbooks" / "fetch.yml"),
        inventory=inventory(tmp_path, data, sys.executable),
    )
    assert (tmp_path / "admin" / "district" / "seats.csv").read_text(encoding="ascii") == "agent\n"


@pytest.mark.parametrize("name", ["../../home/authorized_keys", "..", ".bashrc", "a b", "x\n", "/etc/passwd"])
def test_a_server_that_was_broken_into_writes_nothing_else(tmp_path: Path, name: str) -> None:
    """Whatever paths it answers: those that lead out of the folder, or are none of it, end it before anything is fetched."""
    data = tmp_path / "data"
    (data / "district").mkdir(parents=True)
    path = name if name.startswith("/") else f"{data}/district/{name}"
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"changed": False, "files": [{"path": path}], "matched": 1, "examined": 1}))
    intruder = tmp_path / "python"
    intruder.write_text(
        f'#!/bin/sh\ngrep -q ansible.builtin.find || exec {sys.executable} "$@"\ncat {answer}\n'
    )
    intruder.chmod(0o755)
    said = play(
        tmp_path,
        str(COLLECTION / "playbooks" / "fetch.yml"),
        inventory=inventory(tmp_path, data, str(intruder)),
        code=2,
    )
    assert "names a file that no district folder has" in said
    assert "Nothing was fetched" in said
    assert not (tmp_path / "admin").exists()

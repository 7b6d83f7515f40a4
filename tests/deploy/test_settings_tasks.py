"""What roles write and remove on this machine, by single tasks: what is told, and what is believed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.here import ROLES, run_tasks, tasks_of

CANARY = "CANARY-of-a-password"


def defaults(role: str) -> dict[str, Any]:
    """What a role takes by default, but what it asks of the machine."""
    known = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    return {name: value for name, value in known.items() if "ansible_facts" not in json.dumps(value)}


@pytest.mark.parametrize(
    ("token", "good"),
    [
        ("abc_DEF-123==\n", True),
        ("abc\nGF_SECURITY_ADMIN_PASSWORD=x\n", False),
        ("a b\n", False),
        ("\n", False),
    ],
)
def test_grafana_is_told_a_token_and_nothing_else(tmp_path: Path, token: str, good: bool) -> None:
    """Whoever has the collector's folder does not set Grafana's environment."""
    (tmp_path / "influx.grafana").write_text(token, encoding="ascii")
    tasks = tasks_of(
        ROLES / "grafana" / "tasks" / "main.yml", "Whether InfluxDB's token is there", "Read it", "It is one"
    )
    values = {"grafana_token_file": str(tmp_path / "influx.grafana")}
    said = run_tasks(tmp_path, tasks, values, code=0 if good else 2)
    assert ("holds no token of InfluxDB's" in said) is not good


@pytest.mark.parametrize(
    ("role", "values"),
    [
        (
            "collector",
            {
                "collector_names": ["c.example"],
                "collector_backup_repository": f"rest:https://firstbell:{CANARY}@vault.example/x",
            },
        ),
        ("agent", {"agent_name": "x", "agent_settings": {"uplink": {"proxy": f"http://u:{CANARY}@proxy"}}}),
    ],
)
def test_no_password_in_settings_is_told(tmp_path: Path, role: str, values: dict[str, Any]) -> None:
    """However much somebody wants to see: an address may hold one."""
    (task,) = tasks_of(ROLES / role / "tasks" / "main.yml", "The settings")
    template = task["ansible.builtin.template"]
    written = tmp_path / "written.toml"
    for name in ("owner", "group", "validate"):
        template.pop(name)
    template |= {"src": str(ROLES / role / "templates" / template["src"]), "dest": str(written)}
    task.pop("notify")
    said = run_tasks(tmp_path, [task], defaults(role) | {"ansible_managed": "x"} | values, "--diff", "-vvv")
    assert CANARY in written.read_text(encoding="utf-8")
    assert CANARY not in said


def test_versions_that_nothing_names_are_removed(tmp_path: Path) -> None:
    """What is in use, what one goes back to and what updates run from stay; and nothing is removed where nothing is named."""
    program = tmp_path / "program"
    for name in ("1-a", "2-b", "3-c", "4-d", "5-e.bundle"):
        (program / "releases" / name).mkdir(parents=True)
        if "bundle" not in name:
            (program / "releases" / name / "whole").touch()
    tasks = yaml.safe_load((ROLES / "program" / "tasks" / "tidy.yml").read_text(encoding="utf-8"))
    run_tasks(tmp_path, tasks, {"program_folder": str(program)})
    assert len(list((program / "releases").iterdir())) == 5
    for link, name in (("current", "4-d"), ("before", "3-c"), ("updater", "2-b")):
        (program / link).symlink_to(program / "releases" / name)
    run_tasks(tmp_path, tasks, {"program_folder": str(program)})
    assert sorted(path.name for path in (program / "releases").iterdir()) == [
        "2-b",
        "3-c",
        "4-d",
        "5-e.bundle",
    ]

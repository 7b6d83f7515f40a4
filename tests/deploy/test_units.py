"""The units that the roles write: how much of the machine they leave to whoever breaks in, by systemd's own count."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

ROLES = Path(__file__).parents[2] / "deploy" / "ansible" / "roles"
MOST = {
    "agent/firstbell-agent.service": 1.5,
    "agent/firstbell-enrol.service": 1.5,
    "collector/firstbell-collector.service": 1.5,
}
"""The most that each may score: 10 is a unit that forbids nothing."""


def rendered(role: str, name: str, **more: object) -> str:
    """A unit as the role's defaults make it, and what a district says otherwise."""
    values = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    text = (ROLES / role / "templates" / f"{name}.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters["basename"] = os.path.basename  # Ansible's
    values |= {"agent_program": "/opt/firstbell/current", "collector_program": "/opt/firstbell/current"}
    return environment.from_string(text).render(values | {"ansible_managed": "managed"} | more)


def score(folder: Path, name: str, text: str) -> float:
    """What `systemd-analyze security` says of a unit."""
    (folder / name).write_text(text, encoding="utf-8")
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(folder / name)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    found = re.search(r"exposure level for .*: ([\d.]+)", said.stdout)
    assert found, said.stdout + said.stderr
    return float(found[1])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", MOST)
def test_a_unit_leaves_little(tmp_path: Path, unit: str) -> None:
    """Below what is allowed; and the count can tell: a unit without its fences is far above."""
    role, name = unit.split("/")
    text = rendered(role, name)
    assert score(tmp_path, name, text) <= MOST[unit]
    bare = "\n".join(
        line for line in text.splitlines() if not re.match(r"Protect|Private|Restrict|SystemCall|Cap", line)
    )
    assert score(tmp_path, name, bare) > 5


@pytest.mark.parametrize("unit", ["agent/firstbell-agent.service"])
def test_a_unit_says_what_keeps_it_alive(unit: str) -> None:
    """It comes back whatever ended it, does not tire, and is minded by progress; bounds are set."""
    lines = rendered(*unit.split("/")).splitlines()
    for line in (
        "Restart=always",
        "StartLimitIntervalSec=0",
        "Type=notify",
        "WatchdogSec=120",
        "NoNewPrivileges=yes",
    ):
        assert line in lines
    assert any(line.startswith("MemoryMax=") for line in lines)
    assert any(line.startswith("TasksMax=") for line in lines)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_pages_at_443_cost_one_capability(tmp_path: Path) -> None:
    """Where a filter lets that port out alone the collector may open it, and can nothing more."""
    name = "firstbell-collector.service"
    text = rendered("collector", name, collector_port=443)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text
    assert "PrivateUsers" not in text
    assert "CAP_" not in rendered("collector", name)
    assert score(tmp_path, name, text) <= 2.2

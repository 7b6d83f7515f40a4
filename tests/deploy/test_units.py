"""The units that the roles write: how much of the machine they leave to whoever breaks in, by systemd's own count."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from agent.identity import CERTIFICATE
from collector.identity.authority import REVOKED

ROLES = Path(__file__).parents[2] / "deploy" / "ansible" / "roles"
MOST = {
    "agent/firstbell-agent.service": 1.5,
    "agent/firstbell-enrol.service": 1.5,
    "agent/firstbell-agent-anew.service": 1.5,
    "agent/firstbell-light.service": 2.2,
    "agent/firstbell-update.service": 1.5,
    "agent/firstbell-update-fetch.service": 1.5,
    "collector/firstbell-collector.service": 1.5,
    "broker/firstbell-revoked.service": 1.5,
    "broker/limits.conf": 2.2,
    "collector/firstbell-backup.service": 1.5,
    "reference/firstbell-reference.service": 1.5,
    "influxdb/influxdb.service": 1.9,
}
"""The most that each may score: 10 is a unit that forbids nothing."""
DEBIANS = """
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
ExecStartPre=/bin/mkdir -m 740 -p /var/log/mosquitto
ExecStartPre=/bin/chown mosquitto /var/log/mosquitto
"""
"""mosquitto.service as Debian has it, of which `limits.conf` is a drop-in."""


def rendered(role: str, name: str, **more: object) -> str:
    """A unit as the role's defaults make it, and what a district says otherwise."""
    values = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    text = (ROLES / role / "templates" / f"{name}.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters["basename"] = os.path.basename  # Ansible's
    environment.filters["dirname"] = os.path.dirname
    values |= {"broker_data": "/var/lib/firstbell-collector", "broker_names": ["broker.example.org"]}
    values["broker_data_user"] = "firstbell-collector"
    values |= {f"{name}_program": "/opt/firstbell/current" for name in ("agent", "collector", "reference")}
    values |= {"agent_updater": "/opt/firstbell/updater"}
    values |= {"influxdb_influxd": "/usr/bin/influxd", "reference_name": "hub"}
    made = environment.from_string(text).render(values | {"ansible_managed": "managed"} | more)
    return DEBIANS + made if name == "limits.conf" else made


def score(folder: Path, name: str, text: str) -> float:
    """What `systemd-analyze security` says of a unit."""
    path = folder / ("mosquitto.service" if name == "limits.conf" else name)
    path.write_text(text, encoding="utf-8")
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    found = re.search(r"exposure level for .*: ([\d.]+)", said.stdout)
    assert found, said.stdout + said.stderr
    assert "Unknown" not in said.stderr, said.stderr
    assert "ignoring" not in said.stderr, said.stderr
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


@pytest.mark.parametrize(
    ("unit", "watchdog"),
    [
        ("agent/firstbell-agent.service", "WatchdogSec=120"),
        ("collector/firstbell-collector.service", "WatchdogSec=60"),
    ],
)
def test_a_unit_says_what_keeps_it_alive(unit: str, watchdog: str) -> None:
    """It comes back whatever ended it, does not tire, and is minded by progress; bounds are set."""
    lines = rendered(*unit.split("/")).splitlines()
    for line in (
        "Restart=always",
        "StartLimitIntervalSec=0",
        "Type=notify",
        watchdog,
        "NoNewPrivileges=yes",
    ):
        assert line in lines
    assert any(line.startswith("MemoryMax=") for line in lines)
    assert any(line.startswith("TasksMax=") for line in lines)


@pytest.mark.parametrize(
    ("unit", "files"),
    [
        ("agent/firstbell-agent.path", ["/var/lib/firstbell/identity/box.pem"]),
        (
            "broker/firstbell-revoked.path",
            [
                "/var/lib/firstbell-collector/ca/crl.pem",
                "/var/lib/firstbell-collector/broker/broker.example.org.pem",
            ],
        ),
    ],
)
def test_who_is_started_anew_looks_at_what_is_written(unit: str, files: list[str]) -> None:
    """The very files that enrolling, shutting out and renewing write."""
    lines = rendered(*unit.split("/")).splitlines()
    assert [line.removeprefix("PathChanged=") for line in lines if line.startswith("PathChanged=")] == files
    assert files[0].endswith((f"/identity/{CERTIFICATE}", f"/ca/{REVOKED}"))


@pytest.mark.parametrize(
    "unit", ["broker/firstbell-revoked.service", "broker/limits.conf", "collector/firstbell-backup.service"]
)
def test_what_follows_a_revocation_does_not_tire(unit: str) -> None:
    """However many are shut out in a row: by systemd's own count the sixth start in ten seconds is none."""
    text = rendered(*unit.split("/"))
    assert re.search(r"\[Unit\][^\[]*\nStartLimitIntervalSec=0\n", text)
    if unit.startswith("broker/firstbell"):
        assert "\nTimeoutStartSec=5min\n" in text


@pytest.mark.parametrize("unit", ["broker/firstbell-revoked.path", "collector/firstbell-backup.path"])
def test_who_looks_for_a_revocation_does_not_tire(unit: str) -> None:
    """Nor does it stop looking where much is written."""
    assert re.search(r"\[Path\][^\[]*\nTriggerLimitIntervalSec=0\n", rendered(*unit.split("/")))


def test_a_box_asks_where_it_looks() -> None:
    """What the enrolling unit writes, the box shows, and the path unit watches is one file."""
    asks = rendered("agent", "firstbell-enrol.service")
    assert "--identity /var/lib/firstbell/identity " in asks
    assert f"ConditionPathExists=/var/lib/firstbell/identity/{CERTIFICATE}" in rendered(
        "agent", "firstbell-agent.service"
    )
    assert "systemctl restart firstbell-agent.service" in rendered("agent", "firstbell-agent-anew.service")


@pytest.mark.parametrize("name", ["firstbell-enrol.service", "firstbell-update-fetch.service"])
def test_who_asks_the_district_does_not_hang_for_ever(name: str) -> None:
    """A timer starts nothing again while it still runs, and systemd bounds no start of this type by itself."""
    assert "\nTimeoutStartSec=" in rendered("agent", name)


def test_a_boxs_log_stays_off_its_card() -> None:
    """In memory and bounded, unless somebody wants it otherwise."""
    lines = rendered("agent", "journald.conf").splitlines()
    assert "Storage=volatile" in lines
    assert "RuntimeMaxUse=16M" in lines
    assert "RateLimitBurst=200" in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_pages_at_443_cost_one_capability(tmp_path: Path) -> None:
    """Where a filter lets that port out alone the collector may open it, and can nothing more."""
    name = "firstbell-collector.service"
    text = rendered("collector", name, collector_port=443)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text
    assert "PrivateUsers" not in text
    assert "CAP_" not in rendered("collector", name)
    assert score(tmp_path, name, text) <= 2.2


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize(
    ("unit", "variable", "folder"),
    [
        ("collector/firstbell-collector.service", "collector_data", "/srv/firstbell"),
        ("collector/firstbell-backup.service", "collector_data", "/srv/firstbell"),
        ("influxdb/influxdb.service", "influxdb_data", "/srv/influx"),
        ("agent/firstbell-agent.service", "agent_state", "/srv/box"),
        ("agent/firstbell-enrol.service", "agent_state", "/srv/box"),
        ("agent/firstbell-update-fetch.service", "agent_state", "/srv/box"),
    ],
)
def test_a_folder_elsewhere_can_be_written(tmp_path: Path, unit: str, variable: str, folder: str) -> None:
    """By its unit, which may write to nothing else; and where all is as usual there is no word of it."""
    role, name = unit.split("/")
    own = f"{folder}-update" if "fetch" in name else folder
    text = rendered(role, name, **{variable: folder})
    assert f"ReadWritePaths={own}" in text.splitlines()
    assert "ReadWritePaths" not in rendered(role, name)
    assert score(tmp_path, name, text) <= MOST[unit]

"""What stands beside the collector: InfluxDB, Grafana's files, a reference server, deployed and then used.

Takes minutes: `scripts/test -m proof`.
"""

import os
import stat
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.district import DATA, District, changed
from tests.support.mosquitto import wait_until

pytestmark = [
    pytest.mark.proof,
    pytest.mark.root,
    pytest.mark.timeout(1200),
]


def variables(district: District) -> dict[str, Any]:
    """What the inventory says of all machines."""
    found: dict[str, Any] = yaml.safe_load(
        (district.control.folder / "group_vars" / "all.json").read_text(encoding="utf-8")
    )
    return found


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.skipif(
    not os.environ.get("FIRSTBELL_INFLUXD"), reason="needs InfluxDB: scripts/influxd says why not"
)
def test_influxdb_and_boards_are_set_up(whole_district: District) -> None:
    """Organisation, buckets and tokens at the first run that finds it running; again nothing; files are their owners'."""
    district = whole_district
    server = district.server
    url = f"http://{variables(district)['influxdb_bind']}"
    with server.service("influxdb.service"):
        wait_until(lambda: answers(f"{url}/health"), "InfluxDB answers")
        first = district.control.play("site.yml", "--limit", "server", "-vvv", "--diff")
        assert changed(first)["server"] > 0
        assert changed(district.control.play("site.yml", "--limit", "server")) == {"server": 0}
        state = district.json("influx", "status")
        assert (state["trouble"], state["url"]) == ("", url)
    files = {
        "/etc/influxdb/firstbell.operator": "root",
        f"{DATA}/influx.grafana": "firstbell-collector",
        "/etc/grafana/firstbell.env": "root",
        f"{DATA}/influx.token": "firstbell-collector",
    }
    for name, owner in files.items():
        path = server.path(name)
        assert (name, stat.S_IMODE(path.stat().st_mode)) == (name, 0o600)
        assert server.run("stat", "--format=%U", name).strip() == owner
    token = server.path(f"{DATA}/influx.grafana").read_text().strip()
    assert f"FIRSTBELL_INFLUX_TOKEN={token}\n" in server.path("/etc/grafana/firstbell.env").read_text()
    for name in files:
        said = server.path(name).read_text().strip().split("=")[-1]
        assert not [text for text in district.control.said if said in text]


@pytest.mark.skipif(
    not os.environ.get("FIRSTBELL_INFLUXD"), reason="needs InfluxDB: scripts/influxd says why not"
)
def test_alerts_are_on_from_the_first_day(whole_district: District) -> None:
    """Grafana finds rules, data sources and all boards, which lead to the district's own pages."""
    district = whole_district
    folder = district.server.path("/etc/grafana/provisioning")
    rules = yaml.safe_load((folder / "alerting" / "firstbell.yaml").read_text())["groups"][0]["rules"]
    assert len(rules) >= 8
    assert not any(rule.get("isPaused") for rule in rules)
    where = yaml.safe_load((folder / "dashboards" / "firstbell.yaml").read_text())["providers"][0]["options"]
    boards = sorted(district.server.path(where["path"]).glob("*.json"))
    assert len(boards) == 6
    assert any(
        f"https://localhost:{variables(district)['collector_port']}" in path.read_text() for path in boards
    )


def test_a_reference_server_answers(whole_district: District) -> None:
    """By its unit, with the district's key, which it was told by the collector."""
    district = whole_district
    server, port = district.server, variables(district)["reference_port"]
    key = server.path("/etc/firstbell-reference/district.pub")
    assert key.read_text().strip() == district.firstbell("ticket", "key").strip()
    log = Path(f"{server.root}-firstbell-reference.service.log")
    with server.service("firstbell-reference.service") as running:
        wait_until(lambda: log.exists() and f"port {port}" in log.read_text(), "it is ready")
        assert running.poll() is None
    assert f'host = "127.0.0.1"\nport = {port}' in district.box.path("/etc/firstbell/agent.toml").read_text()


def test_an_old_ansible_is_told_so(whole_district: District) -> None:
    """Before anything else, in plain words."""
    district = whole_district
    said = " ".join(district.control.play("site.yml", "-e", "control_ansible=99.1", code=2).split())
    assert "First Bell's roles need Ansible 99.1 (ansible-core) on Python 3.10, or newer." in said
    assert "Nothing was changed anywhere." in said
    said = " ".join(district.control.play("rotate.yml", "-e", "control_python=9.9", code=2).split())
    assert "on Python 9.9, or newer. Here is Ansible" in said

"""`firstbell district inventory`: what Ansible itself reads in it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.cli import main
from collector.inventory import RESERVED, Group, Inventory, as_yaml

ATTACK = "{{ lookup('pipe', 'touch PATH') }}"
CONFIG = """\
[enrol]
collector = "https://first.example.org:8830"
broker = "broker.example.org"
pages = "https://boxes.example.org"

[keep]
repository = "sftp:vault:/firstbell"
daily = 14

[influx]
url = "http://127.0.0.1:8086"

[deploy]
domain = "boxes.example.org"
user = "deploy"
pilot = ["lincoln-2"]
reference = ["hub.example.org"]
"""
SEATS = "agent,school,room,circuit,since\nlincoln-1,lincoln,{room},wan,\nlincoln-2,lincoln,206,wan,\nhub-1,,,hub,\n1e3,adams,,wan,\n"


def home(folder: Path, name: str = "Lincoln High", room: str = "204", config: str = CONFIG) -> Path:
    """A data folder with two schools and four boxes."""
    (folder / "district").mkdir(parents=True)
    quoted = name.replace('"', '""')
    (folder / "district" / "schools.csv").write_text(
        f'id,name,students,tz\nlincoln,"{quoted}",1080,America/Denver\nadams,Adams,300,\n', encoding="utf-8"
    )
    (folder / "district" / "circuits.csv").write_text(
        "id,kind,parent,down_mbps,schools\nhub,internet,,2000,\nwan,wan,hub,1000,lincoln adams\n"
    )
    room = '"' + room.replace('"', '""') + '"'
    (folder / "district" / "seats.csv").write_text(SEATS.format(room=room), encoding="utf-8")
    (folder / "collector.toml").write_text(config, encoding="utf-8")
    return folder


def said(data: Path, *options: str, code: int = 0) -> str:
    """What the command prints."""
    ended = CliRunner().invoke(main, ["--data", str(data), "district", "inventory", *options])
    assert ended.exit_code == code, ended.output
    return ended.output


def ansible(tool: str, *arguments: str, folder: Path) -> str:
    """What one of Ansible's commands prints."""
    found = shutil.which(tool, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not found:
        pytest.skip("Ansible is not installed")
    ended = subprocess.run(
        [found, *arguments],
        env=os.environ
        | {
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, "WARNING" in ended.stderr) == (0, False), ended.stdout + ended.stderr
    return ended.stdout


def both(data: Path) -> list[Path]:
    """The inventory as a file, and as a script that Ansible runs."""
    file, script = data / "inventory.yml", data / "inventory.sh"
    file.write_text(said(data), encoding="utf-8")
    program = shlex.join([sys.executable, "-m", "collector.cli", "--data", str(data)])
    root = shlex.quote(str(Path(__file__).parents[3]))
    script.write_text(
        f'#!/bin/sh\ncd {root} && exec {program} district inventory --json "$@"\n', encoding="utf-8"
    )
    script.chmod(0o755)
    return [file, script]


def read(data: Path, path: Path) -> Any:
    """The inventory as ansible-inventory has it."""
    return json.loads(ansible("ansible-inventory", "-i", str(path), "--list", folder=data))


def test_ansible_reads_file_and_script_alike(tmp_path: Path) -> None:
    """Boxes with place and address, schools as groups, the server with what it needs; nothing else is typed."""
    data = home(tmp_path)
    file, script = (read(data, path) for path in both(data))
    assert file["_meta"]["hostvars"] == script["_meta"]["hostvars"]
    assert set(file["all"]["children"]) == set(script["all"]["children"])
    hosts = file["_meta"]["hostvars"]
    box = hosts["lincoln-1"]
    assert (box["ansible_host"], box["ansible_user"]) == ("lincoln-1.boxes.example.org", "deploy")
    assert (box["agent_broker"], box["agent_broker_port"]) == ("broker.example.org", 8883)
    assert (box["firstbell_school_name"], box["firstbell_room"]) == ("Lincoln High", "204")
    assert (box["agent_timezone"], hosts["hub-1"]["agent_timezone"]) == ("America/Denver", "America/New_York")
    assert box["agent_servers"] == [{"name": "hub", "host": "hub.example.org", "segment": "wan"}]
    assert sorted(file["boxes"]["hosts"]) == ["1e3", "hub-1", "lincoln-1", "lincoln-2"]
    assert file["school_lincoln"]["hosts"] == ["lincoln-1", "lincoln-2"]
    assert file["pilot"]["hosts"] == ["lincoln-2"]
    server = hosts["first.example.org"]
    assert (server["collector_names"], server["collector_port"]) == (["first.example.org"], 8830)
    assert server["collector_settings"] == {
        "influx": {"url": "http://127.0.0.1:8086"},
        "enrol": {"pages": "https://boxes.example.org"},
        "keep": {"daily": 14},
    }
    assert server["collector_backup_repository"] == "sftp:vault:/firstbell"
    assert server["collector_backup_password_file"] == str(data / "backup.password")
    assert box["agent_collector"] == "https://first.example.org:8830"
    assert server["collector_district"] == str(data / "district")
    assert hosts["hub.example.org"]["reference_name"] == "hub"
    assert (file["influxdb"]["hosts"], file["grafana"]["hosts"]) == (["first.example.org"],) * 2
    assert (server["influxdb_url"], server["grafana_install"]) == ("http://127.0.0.1:8086", True)
    assert json.loads(said(data, "--host", "hub.example.org")) == {"reference_name": "hub"}


def test_boxes_are_given_the_public_half_of_the_key_for_updates(tmp_path: Path) -> None:
    """Where there is one; never the key itself."""
    data = home(tmp_path)
    assert "agent_update_key" not in said(data)
    ended = CliRunner().invoke(main, ["--data", str(data), "update", "key", "--json"])
    text = said(data, "--json")
    assert json.loads(text)["boxes"]["vars"]["agent_update_key"] in ended.output
    assert (data / "update-key").read_text(encoding="ascii").strip() not in text


def test_roles_know_what_they_are_told(tmp_path: Path) -> None:
    """Each variable of the inventory that bears a role's name is one that this role takes."""
    yaml = pytest.importorskip("yaml")
    roles = Path(__file__).parents[3] / "deploy" / "ansible" / "roles"
    answer = json.loads(said(home(tmp_path), "--json"))
    tables = [*answer["_meta"]["hostvars"].values(), *(group.get("vars", {}) for group in answer.values())]
    told = {name for table in tables for name in table if not name.startswith(("ansible_", "firstbell_"))}
    assert len(told) > 10
    for name in told:
        defaults = (roles / name.split("_")[0] / "defaults" / "main.yml").read_text(encoding="utf-8")
        assert name in yaml.safe_load(defaults)


def test_a_name_is_never_a_program(tmp_path: Path) -> None:
    """A school and a room whose names Ansible would work out are texts, in both forms, and are not worked out."""
    with TemporaryDirectory() as short:  # names have 80 letters at most
        _attacked(tmp_path, Path(short) / "t")


def _attacked(tmp_path: Path, touched: Path) -> None:
    attack = ATTACK.replace("PATH", str(touched))
    bare = "{{ firstbell_school }}"  # no quotes, which would be marked anyway
    data = home(tmp_path / "data", f'{attack} " # : é 😀', bare)
    for path in both(data):
        known = read(data, path)["_meta"]["hostvars"]["lincoln-1"]
        text = known["firstbell_school_name"]
        assert (text["__ansible_unsafe"] if isinstance(text, dict) else text) == f'{attack} " # : é 😀'
        shown = ansible(
            "ansible", "-i", str(path), "-c", "local", "lincoln-1", "-m", "ansible.builtin.debug",
            "-a", "msg={{ firstbell_school_name }}{{ firstbell_room }}", folder=data,
        )  # fmt: skip
        assert "lookup(" in shown
        assert bare in shown
        assert not touched.exists()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_is_read_back(text: str) -> None:
    """Whatever a name is made of, YAML gives it back."""
    yaml = pytest.importorskip("yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """YAML as Ansible reads it."""

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    groups = {
        "all": Group((), {}),
        "boxes": Group(("x",), {"name": text, "list": [text], "table": {"a": {"b": text}}}),
    }
    known = yaml.load(as_yaml(Inventory({"x": {}}, groups)), Loader)["all"]["children"]["boxes"]["vars"]
    assert known == {"name": text, "list": [text], "table": {"a": {"b": text}}}


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ("", "collector (https://NAME:8830) and broker under [enrol]"),
        (CONFIG.replace("lincoln-2", "nobody"), "'nobody' is no box with a place"),
        (CONFIG.replace("hub.example.org", "lincoln-1"), "lincoln-1 is a box and a server"),
        (CONFIG.replace("boxes.example.org", "-oProxyCommand=x"), "is no machine's name"),
        (CONFIG.replace('"deploy"', '"-l root"'), "is no user's name"),
        (CONFIG.replace('"boxes.example', '".boxes.example').replace('["lincoln-2"]', "2"), "deploy.pilot"),
        (CONFIG.replace('"broker.example.org"', '"broker.example.org:8883"'), "its port is broker_port"),
        (CONFIG.replace("https://first.example.org", "https://-oProxyCommand=x"), "can't be a server's name"),
    ],
)
def test_what_can_not_be_is_said(tmp_path: Path, config: str, word: str) -> None:
    """In a sentence, with the file; and nothing is printed that Ansible would take."""
    output = said(home(tmp_path, config=config), code=1)
    assert word in output
    assert "boxes:" not in output


@pytest.mark.parametrize("name", ["localhost", "windows", "macs"])
def test_a_box_with_a_name_of_ansibles_is_refused(tmp_path: Path, name: str) -> None:
    """`localhost` would be the control machine, and the others are groups that playbooks deploy to."""
    data = home(tmp_path)
    seats = data / "district" / "seats.csv"
    seats.write_text(seats.read_text().replace("hub-1", name))
    assert f"a box can't be called {name}" in said(data, code=1)


def test_every_group_of_the_playbooks_is_reserved() -> None:
    """A box of such a name would be deployed as what it is not."""
    yaml = pytest.importorskip("yaml")
    playbooks = Path(__file__).parents[3] / "deploy" / "ansible" / "playbooks"
    plays = [play for path in playbooks.glob("*.yml") for play in yaml.safe_load(path.read_text("utf-8"))]
    hosts = {play["hosts"] for play in plays if re.fullmatch("[a-z]+", play.get("hosts", ""))}
    assert {"boxes", "collector", "windows"} <= hosts <= RESERVED


def test_an_address_without_a_port_is_443_for_all(tmp_path: Path) -> None:
    """Boxes and the server mean the same one, whatever port the pages have where the command runs."""
    config = CONFIG.replace("first.example.org:8830", "first.example.org") + "\n[web]\nport = 9000\n"
    hosts = json.loads(said(home(tmp_path, config=config), "--json"))
    assert hosts["collector"]["vars"]["collector_port"] == 443
    assert hosts["boxes"]["vars"]["agent_collector"] == "https://first.example.org"

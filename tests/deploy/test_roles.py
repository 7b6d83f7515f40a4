"""The roles, in Debian roots: a district deployed twice, a box from its card to its reports, and out again."""

import json
import re
import shutil
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from collector import registry
from tests.deploy.roots import Control, Machine, needed
from tests.support.mosquitto import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(600)]

BOX = "lincoln-1"
DATA = "/var/lib/firstbell-collector"


def ports(count: int) -> list[int]:
    """Ports that the kernel says are free."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in taken]


class District:
    """A server and a box, and the machine that deploys them."""

    def __init__(self, folder: Path) -> None:
        base, bundle = needed("FIRSTBELL_ROOT", "Debian root"), needed("FIRSTBELL_BUNDLE", "bundle")
        registry.write_example(
            folder / "district",
            school_name="Lincoln High",
            people=100,
            down_mbps=100,
            up_mbps=None,
            agent=BOX,
            tz="America/Chicago",
        )
        self.broker_port, web_port = ports(2)
        self.server, self.box = Machine(folder / "server", base), Machine(folder / "box", base)
        variables = {
            "program_bundle": str(bundle),
            "collector_district": str(folder / "district"),
            "collector_names": ["localhost"],
            "collector_port": web_port,
            "collector_broker_port": self.broker_port,
            "broker_names": ["localhost"],
            "broker_port": self.broker_port,
            "agent_broker": "localhost",
            "agent_broker_port": self.broker_port,
            "agent_settings": {"probes": {"first_now": True}},
        }
        machines = {"collector": {"server": self.server}, "boxes": {BOX: self.box}}
        self.control = Control(folder, machines, variables)
        self.folder = folder

    def firstbell(self, *argv: str, code: int = 0) -> str:
        """What the district's own command says, on its server, as its user."""
        program = ("/opt/firstbell/current/bin/firstbell", "--data", DATA)
        return self.server.run(*program, *argv, user="firstbell-collector", code=code)

    def json(self, *argv: str) -> Any:
        """The same as JSON."""
        return json.loads(self.firstbell(*argv, "--json"))

    def enrol(self, code: int) -> str:
        """The box asks for its certificate, as its unit does."""
        ((user, argv),) = self.box.exec_of("firstbell-enrol.service")
        return self.box.run(*argv, user=user, code=code)

    def checked(self) -> str:
        """What the box says of its way to the broker, once it has tried."""
        program = (
            "/opt/firstbell/current/bin/firstbell-agent",
            "--config",
            "/etc/firstbell/agent.toml",
            "check",
        )
        ended = self.box.tried(*program, "--json", user="firstbell")
        answer = json.loads(ended)
        return "let in" if answer["broker"]["ok"] else str(answer["broker"]["says"])


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    """Deployed once."""
    made = District(tmp_path_factory.mktemp("district"))
    made.control.play("site.yml")
    return made


BROKER = ["/usr/sbin/mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"]


def changed(said: str) -> dict[str, int]:
    """How much was changed, by machine."""
    return {
        name: int(number)
        for name, number in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", said, re.MULTILINE)
        if name != "localhost"
    }


def test_a_second_run_changes_nothing(district: District) -> None:
    """And says so before, too."""
    assert changed(district.control.play("site.yml")) == {"server": 0, BOX: 0}
    assert changed(district.control.play("site.yml", "--check", "--diff")) == {"server": 0, BOX: 0}


def test_keys_are_their_owners(district: District) -> None:
    """Nobody else reads a key or a password; what runs for the district owns none of its program or settings."""
    for machine, user in ((district.server, "firstbell-collector"), (district.box, "firstbell")):
        find = (
            "find",
            "/etc",
            "/var",
            "/opt",
            "-xdev",
            "(",
            "-name",
            "*.key",
            "-o",
            "-name",
            "authority-*.pem",
            ")",
        )
        readable = machine.run(*find, "-perm", "/007")
        assert readable == ""
        owned = (
            machine.run("find", "/opt/firstbell", "/etc/firstbell", "/etc/systemd/system", "-user", user)
            if (machine.path("/etc/firstbell").exists())
            else ""
        )
        assert owned == ""


def test_a_box_is_let_in_reports_and_is_shut_out(district: District) -> None:
    """From its card, over mutual TLS, by the deployed units alone; out within a minute, its session open."""
    server, box = district.server, district.box
    with server.process(BROKER, "root", "broker") as broker, server.service("firstbell-collector.service"):
        wait_until(server.path(f"{DATA}/web.port").exists, "the pages are served")
        district.firstbell("box", "card", BOX, "--out", f"{DATA}/card")
        shutil.copytree(server.path(f"{DATA}/card"), district.folder / "card")
        card = (district.folder / "card" / "card.toml").read_text(encoding="utf-8")
        (token,) = re.findall(r"fbe_[a-z2-7]{26}", card)
        said = district.control.play(
            "boxes.yml", "-e", f"agent_card={district.folder / 'card'}", "-vvv", "--diff"
        )
        assert token not in said
        assert "somebody has to let this box in" in district.enrol(code=3)
        (waits,) = district.json("box", "waiting")
        assert waits["agent"] == BOX
        district.firstbell("box", "let-in", str(waits["number"]))
        assert f"This box is {BOX}" in district.enrol(code=0)
        with box.service("firstbell-agent.service") as agent:
            wait_until(lambda: district.json("status")["reports"] > 0, "its reports are there")
            district.firstbell("box", "shut-out", BOX)
            began = time.monotonic()
            # What firstbell-revoked.path would start as soon as the list changes.
            (_, install), (_, restart) = server.exec_of("firstbell-revoked.service")
            server.run(*install)
            assert restart == ["/usr/bin/systemctl", "restart", "mosquitto.service"]
            broker.terminate()
            broker.wait(20)
            with server.process(BROKER, "root", "broker"):
                wait_until(lambda: "let in" not in district.checked(), "it is not let in again")
                assert time.monotonic() - began < 60
                assert agent.poll() is None
                held = district.json("status")["reports"]
                time.sleep(3)
                assert district.json("status")["reports"] == held
                assert "shut out" in district.enrol(code=1)


def test_secrets_are_in_no_log(district: District) -> None:
    """Whatever the programs said."""
    for log in district.folder.glob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert "PRIVATE KEY" not in text
        assert not re.search(r"fbe_[a-z2-7]{26}", text)


def test_it_goes_back_in_one_command(district: District) -> None:
    """To the version before and forth again; where there is none it says so, and changes nothing."""
    said = district.control.play("rollback.yml", code=2)
    assert "There was no other version here" in said
    first = district.box.path("/opt/firstbell/current").readlink()
    newer = district.folder / "newer"
    shutil.copytree(needed("FIRSTBELL_BUNDLE", "bundle"), newer)
    (newer / "VERSION").write_text("9.9.9\n", encoding="utf-8")
    district.control.play("boxes.yml", "-e", f"program_bundle={newer}")
    second = district.box.path("/opt/firstbell/current").readlink()
    assert (second != first, "9.9.9" in second.name) == (True, True)
    district.control.play("rollback.yml")
    assert district.box.path("/opt/firstbell/current").readlink() == first
    district.control.play("rollback.yml")
    assert district.box.path("/opt/firstbell/current").readlink() == second


def test_nothing_stays_after_a_removal(district: District) -> None:
    """No file, no user, no unit; a second time nothing is changed."""
    district.control.play("remove.yml")
    assert changed(district.control.play("remove.yml")) == {BOX: 0}
    found = district.box.run(
        "find", "/", "-xdev", "-iname", "*firstbell*", "-not", "-path", "/root/.ansible/*"
    )
    assert found == ""
    assert "firstbell" not in district.box.path("/etc/passwd").read_text(encoding="utf-8")
    assert "firstbell" not in district.box.path("/etc/group").read_text(encoding="utf-8")

"""A district for the roles' tests: a server and a box, deployed from a machine that is this one."""

import json
import os
import re
import socket
import tarfile
import zipfile
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import firstbell
from collector import registry
from tests.deploy.roots import Control, Machine, needed

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
        self.broker_port, web_port, influx_port, reference_port = ports(4)
        self.server, self.box = Machine(folder / "server", base), Machine(folder / "box", base)
        variables = {
            "program_bundle": str(bundle),
            "collector_district": str(folder / "district"),
            "collector_names": ["localhost"],
            "collector_port": web_port,
            "collector_broker_port": self.broker_port,
            "broker_names": ["localhost"],
            "broker_port": self.broker_port,
            "reference_name": "hub",
            "reference_port": reference_port,
            "agent_broker": "localhost",
            "agent_timezone": "America/Chicago",
            "agent_servers": [{"name": "hub", "host": "127.0.0.1", "port": reference_port, "segment": "wan"}],
            "agent_broker_port": self.broker_port,
            "agent_settings": {"probes": {"first_now": True}},
        }
        machines = {"collector": {"server": self.server}, "reference": {"server": self.server}}
        machines |= {"boxes": {BOX: self.box}}
        influxd = os.environ.get("FIRSTBELL_INFLUXD", "")
        if influxd:
            machines |= {"influxdb": {"server": self.server}, "grafana": {"server": self.server}}
            url = f"http://127.0.0.1:{influx_port}"
            variables |= {
                "influxdb_package": str(archive(Path(influxd), folder)),
                "influxdb_bind": f"127.0.0.1:{influx_port}",
                "collector_settings": {"influx": {"url": url}},
                # There is none to be had here, and so no group of its own.
                "grafana_install": False,
                "grafana_group": "root",
            }
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


BROKER = ["/usr/sbin/mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"]


def changed(said: str) -> dict[str, int]:
    """How much was changed, by machine."""
    return {
        name: int(number)
        for name, number in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", said, re.MULTILINE)
        if name != "localhost"
    }


def newer(bundle: Path, folder: Path, version: str) -> Path:
    """The same program as a bundle of another version, with wheels and hashes of its own."""
    (folder / "wheels").mkdir(parents=True)
    listed = (bundle / "requirements.txt").read_text(encoding="utf-8")
    for wheel in (bundle / "wheels").iterdir():
        if not wheel.name.startswith("firstbell-"):
            (folder / "wheels" / wheel.name).hardlink_to(wheel)
            continue
        made = folder / "wheels" / wheel.name.replace(firstbell.__version__, version)
        _renamed(wheel, made, version)
        old, new = (sha256(path.read_bytes()).hexdigest() for path in (wheel, made))
        listed = listed.replace(
            f"=={firstbell.__version__} --hash=sha256:{old}", f"=={version} --hash=sha256:{new}"
        )
    (folder / "requirements.txt").write_text(listed, encoding="utf-8")
    (folder / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    return folder


def _renamed(wheel: Path, made: Path, version: str) -> None:
    """The same wheel, which says that it is of another version."""
    was = firstbell.__version__
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(made, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "firstbell/__init__.py":
                assert was.encode() in data
                data = data.replace(was.encode(), version.encode())
            elif name.endswith("METADATA"):
                data = data.replace(f"\nVersion: {was}\n".encode(), f"\nVersion: {version}\n".encode())
            elif name.endswith("RECORD"):
                # pip looks at the names alone.
                data = re.sub(
                    rb"sha256=[^,]*,\d*", b",", data.replace(f"-{was}.".encode(), f"-{version}.".encode())
                )
            after.writestr(name.replace(f"-{was}.", f"-{version}."), data)


def archive(influxd: Path, folder: Path) -> Path:
    """InfluxDB as its vendor packs it for those without packages."""
    path = folder / "influxdb2-2.9.1_linux.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(influxd, "influxdb2-2.9.1/usr/bin/influxd")
    return path

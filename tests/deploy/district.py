"""A district for the roles' tests: a server and a box, deployed from a machine that is this one."""

import json
import os
import re
import socket
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

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
    """A server and a box, and the machine that deploys them; `more` are variables of its own.

    With `servers` what else a district may have: InfluxDB, Grafana's files, a reference server.
    """

    def __init__(self, folder: Path, *, servers: bool = False, **more: str) -> None:
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
        machines = {"collector": {"server": self.server}, "boxes": {BOX: self.box}}
        if servers:
            machines |= {"reference": {"server": self.server}}
        influxd = os.environ.get("FIRSTBELL_INFLUXD", "")
        if servers and influxd:
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
        self.control = Control(folder, machines, variables | more)
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


def archive(influxd: Path, folder: Path) -> Path:
    """InfluxDB as its vendor packs it for those without packages."""
    path = folder / "influxdb2-2.9.1_linux.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(influxd, "influxdb2-2.9.1/usr/bin/influxd")
    return path

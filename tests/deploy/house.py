"""The broker as the role deploys it: its settings, its list of topics, the district's authority, on a kernel's port."""

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined

from collector.identity import authority
from collector.identity.authority import Authority
from firstbell.report import AGENT_NAME
from tests.support.box_keys import openssl, request
from tests.support.mosquitto import Mosquitto, mosquitto

ROLE = Path(__file__).parents[2] / "deploy" / "ansible" / "roles" / "broker"


class House:
    """A district's authority and broker in `folder`."""

    def __init__(self, folder: Path, now_ns: int) -> None:
        self.folder, self.now_ns = folder, now_ns
        self.signs: Authority = authority.make(folder, "Example", now_ns)
        self.signs.publish((), now_ns)
        server, key = self.signs.for_server(["localhost", "127.0.0.1"], now_ns)
        (folder / "ca" / "broker.pem").write_text(server.pem, encoding="ascii")
        (folder / "ca" / "broker.key").write_text(key, encoding="ascii")
        shutil.copy(ROLE / "files" / "firstbell.acl", folder / "ca")

    @contextmanager
    def broker(self) -> Iterator[Mosquitto]:
        """The broker, running."""
        with mosquitto(self.folder, *settings_of(self.folder / "ca")) as running:
            yield running

    def box(self, name: str) -> ssl.SSLContext:
        """What a client shows who has a certificate of that name, whatever the name is.

        Names that our own code gives nobody are put in by the openssl command.
        """
        if not AGENT_NAME.match(name):
            return self._strange(name)
        given = self.signs.for_box(authority.read_request(request(self.folder, "keys")), name, self.now_ns)
        return self.shown(given.pem, (self.folder / "keys.key").read_text(encoding="ascii"))

    def _strange(self, name: str) -> ssl.SSLContext:
        escaped = "".join(f"\\{letter}" if letter in "+/=\\" else letter for letter in name)
        asked, given = self.folder / "strange.csr", self.folder / "strange.pem"
        asked.write_text(request(self.folder, "keys", subject=f"/CN={escaped}"), encoding="ascii")
        own = str(self.folder / "ca" / "authority-1.pem")
        openssl(
            "x509", "-req", "-in", str(asked), "-CA", own, "-CAkey", own, "-days", "2", "-out", str(given)
        )
        return self.shown(
            given.read_text(encoding="ascii"), (self.folder / "keys.key").read_text(encoding="ascii")
        )

    def program(self, name: str) -> ssl.SSLContext:
        """What a program of the district's own shows."""
        given, key = self.signs.for_client(name, self.now_ns)
        return self.shown(given.pem, key)

    def shown(self, pem: str = "", key: str = "") -> ssl.SSLContext:
        """A client that believes the authority, and shows a certificate, or none."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca" / "ca.pem"))
        if pem:
            both = self.folder / "shown.pem"
            both.write_text(pem + key, encoding="ascii")
            context.load_cert_chain(both)
        return context


def settings_of(folder: Path) -> list[str]:
    """The lines of the role's template but the port, which a test's broker has from the kernel."""
    values = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    values |= {"broker_folder": str(folder), "ansible_managed": "managed"}
    template = (ROLE / "templates" / "mosquitto.conf.j2").read_text(encoding="utf-8")
    text = Environment(undefined=StrictUndefined, autoescape=False).from_string(template).render(values)
    return [line for line in text.splitlines() if not line.startswith(("listener ", "persistence "))]

"""A school that lets HTTPS out through its proxy alone: a box is let in, renewed, and finds its updates."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent import config, lines
from agent.cli import main
from agent.machine.proxy import Proxy
from collector.cards import making
from collector.config import EnrolSettings
from tests.end_to_end.test_enrol import Site, site
from tests.net.middlebox import Middlebox, connects

__all__ = ["site"]

NOWHERE = 1
"""A port where nobody listens: only the proxy knows what is behind it."""
URL = f"https://localhost:{NOWHERE}"


@pytest.fixture
def proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the school's proxy; the environment names none."""
    import socket  # noqa: PLC0415

    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Middlebox() as middle:
        listener = socket.create_server(("127.0.0.1", 0))
        middle.serve(listener, connects("localhost", {NOWHERE: site.port}))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def on_card(site: Site, folder: Path, proxy: str) -> Path:
    """A card of the district's, as `firstbell box card` writes it."""
    _, token = site.registrar.offer("lincoln-1", automatic=True)
    enrol = EnrolSettings(collector=URL, broker="localhost", proxy=proxy)
    folder.mkdir()
    (folder / "card.toml").write_text(making.card(enrol, token), encoding="utf-8")
    (folder / "ca.pem").write_bytes((site.folder / "ca" / "ca.pem").read_bytes())
    return folder / "card.toml"


def agent(folder: Path, *argv: str) -> Result:
    """What the box's command says."""
    return CliRunner().invoke(main, ["--config", str(folder / "agent.toml"), *argv])


def test_a_card_bears_the_proxy(site: Site, tmp_path: Path, proxy: str) -> None:
    """By it the box is let in, and its new settings send reports the same way."""
    card, box = on_card(site, tmp_path / "card", proxy), tmp_path / "box"
    said = agent(box, "enrol", "--once", str(card))
    assert said.exit_code == 0, said.output
    told = config.read(box / "agent.toml").uplink
    assert told.proxy == proxy
    assert lines.proxy(told, box, URL) == Proxy("127.0.0.1", int(proxy.rpartition(":")[2]))


def test_the_settings_proxy_counts_for_certificate_and_updates(
    site: Site, tmp_path: Path, proxy: str
) -> None:
    """Without it nobody is reached; with it the box is let in, and the district says what it offers."""
    card, box = on_card(site, tmp_path / "card", ""), tmp_path / "box"
    box.mkdir()
    settings = '[box]\nname = "lincoln-1"\n[broker]\nhost = "localhost"\n'
    (box / "agent.toml").write_text(settings, encoding="utf-8")
    assert agent(box, "enrol", "--once", str(card)).exit_code == 3
    told = (
        f'[uplink]\ncollector = "{URL}"\nproxy = "{proxy}"\nproxy_user = "box"\nproxy_password_file = "p"\n'
    )
    (box / "agent.toml").write_text(settings + told, encoding="utf-8")
    (box / "p").write_text("secret\n", encoding="ascii")
    assert lines.proxy(config.read(box / "agent.toml").uplink, box, URL).password == "secret"  # type: ignore[union-attr]
    said = agent(box, "enrol", "--once", str(card))
    assert said.exit_code == 0, said.output
    assert "answers with 404" in agent(box, "update", "fetch", str(card)).output

"""`firstbell ports`: the page for the filter's administrator says what the settings say."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from agent.config import DEFAULT_TARGETS
from agent.load.protocol import PORT
from collector.cli import main
from collector.config import Home
from firstbell import ports
from tests.end_to_end.test_up import write_lincoln


def run(home: Path, *arguments: str) -> Result:
    """`firstbell ports` in that data folder."""
    return CliRunner().invoke(main, ["--data", str(home), "ports", *arguments])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A district whose boxes know where to go."""
    write_lincoln(Home(tmp_path), "America/Chicago")
    (tmp_path / "collector.toml").write_text(
        '[enrol]\ncollector = "https://pages.example.org:8830"\nbroker = "mqtt.example.org"\n',
        encoding="utf-8",
    )
    return tmp_path


def test_the_page_has_each_host_and_port(home: Path) -> None:
    """Where boxes go, how, why, what breaks without, and what not to inspect; nothing inwards."""
    said = run(home, "--reference", "ref.example.org")
    assert said.exit_code == 0, said.output
    for part in (
        "TCP port 8830 to pages.example.org",
        "TCP port 8883 to mqtt.example.org",
        "TCP and UDP port 8831 to ref.example.org",
        "TCP and UDP port 53",
        "UDP port 123",
        "TLS inspection (decryption): pages.example.org, mqtt.example.org",
        "Nothing has to be opened towards them",
    ):
        assert part in said.output
    found = json.loads(run(home, "--json").output)
    assert {row["port"] for row in found["openings"] if row["needed"]} == {8830, 53}
    assert all(row["why"] and row["without"] for row in found["openings"])


def test_without_addresses_it_says_what_to_enter(tmp_path: Path) -> None:
    """Nobody is sent to a filter's administrator with a page of guesses."""
    write_lincoln(Home(tmp_path), "America/Chicago")
    said = run(tmp_path)
    assert said.exit_code == 1
    assert "set collector and broker under [enrol]" in said.output


def test_it_names_what_boxes_look_at() -> None:
    """The list of the page is the box's own."""
    looked_at = {
        (str(target["host"]), 80 if str(target["url"]).startswith("http:") else 443)
        for target in DEFAULT_TARGETS
        if "url" in target
    }
    assert looked_at == set(ports.LOOKED_AT)
    assert all(urlsplit(str(target.get("url", ""))).port is None for target in DEFAULT_TARGETS)
    assert ports.REFERENCE == PORT

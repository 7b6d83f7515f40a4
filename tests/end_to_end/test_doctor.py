"""`firstbell-agent doctor` in a network that lets everything through, and where the district itself is in trouble."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from tests.net.little_district import LittleDistrict, little_district

pytestmark = pytest.mark.proof


@pytest.fixture(autouse=True)
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of whoever runs the tests."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def district(tmp_path: Path) -> Iterator[LittleDistrict]:
    """A district on loopback."""
    folder = tmp_path / "district"
    folder.mkdir()
    with little_district(folder) as made:
        yield made


def doctor(settings: Path, *arguments: str) -> Result:
    """What the command says."""
    return CliRunner().invoke(main, ["--config", str(settings), "doctor", *arguments])


def test_it_finds_nothing_where_nothing_is_in_the_way(district: LittleDistrict, tmp_path: Path) -> None:
    """All three ways are tried and good; with the broker gone it blames the broker, and no filter."""
    box = tmp_path / "box"
    box.mkdir()
    settings = district.enrol("box-1", box, at_school=False)
    said = doctor(settings)
    assert said.exit_code == 0, said.output
    assert "Reports can go, by MQTT or a WebSocket or HTTPS." in said.output
    assert "Nothing stands in the way." in said.output
    assert "ok  sending by a WebSocket: it works" in said.output
    district.stop_broker()
    away = doctor(settings, "--json")
    assert away.exit_code == 0, away.output  # letters need no broker
    diagnosis = json.loads(away.stdout)["diagnosis"]
    assert (diagnosis["mqtt"], diagnosis["websocket"], diagnosis["https"]) == (False, False, True)
    assert [finding["code"] for finding in diagnosis["findings"]] == ["mqtt_port_refused", "broker_away"]


def test_mistakes_end_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings and no card, a card that is none, an authority that is none, a proxy that can't be used."""
    nowhere = tmp_path / "agent.toml"
    card = tmp_path / "card.toml"
    assert "is not there" in doctor(nowhere).output
    assert "can't be read" in doctor(nowhere, "--card", str(card)).output
    card.write_text('collector = "https://localhost:1"\nbroker = "localhost"\n', encoding="utf-8")
    assert "ca.pem: can't be used" in doctor(nowhere, "--card", str(card)).output
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    told = doctor(nowhere, "--card", str(card))
    assert "HTTPS_PROXY: a proxy's address begins with http://" in told.output
    assert told.exit_code == 1

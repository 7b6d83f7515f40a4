"""What the doctor examines on a box that was deployed and is not let in yet."""

from pathlib import Path

import pytest

from agent import examine
from firstbell.settings import SettingsError

CARD = 'collector = "https://pages.example"\nbroker = "broker.example"\n'


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The settings as the agent's role writes them: of a certificate that is not there yet."""
    named = "".join(
        f'{key} = "{tmp_path}/state/{file}"\n'
        for key, file in (("ca_file", "ca.pem"), ("cert_file", "box.pem"), ("key_file", "box.key"))
    )
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[box]\nname = "lincoln-1"\n[broker]\nhost = "settings.example"\n{named}', encoding="utf-8"
    )
    return path


def test_before_it_is_let_in_its_card_says_whom_to_believe(deployed: Path) -> None:
    """The card beside the settings is taken by itself; whether the box has a certificate is known."""
    (deployed.parent / "card").mkdir()
    (deployed.parent / examine.CARD).write_text(CARD, encoding="utf-8")
    found = examine.meant(deployed, None)
    assert found.ways.ca_file == str(deployed.parent / "card" / "ca.pem")
    assert (found.ways.broker, found.certified) == ("broker.example", False)
    (deployed.parent / "state").mkdir()
    (deployed.parent / "state" / "box.pem").write_text("", encoding="ascii")
    found = examine.meant(deployed, None)
    assert (found.ways.broker, found.certified) == ("settings.example", True)


def test_a_card_that_is_named_goes_before_settings(deployed: Path, tmp_path: Path) -> None:
    """Whatever the settings say."""
    other = tmp_path / "other.toml"
    other.write_text(CARD, encoding="utf-8")
    found = examine.meant(deployed, other)
    assert (found.ways.broker, found.ways.ca_file) == ("broker.example", str(tmp_path / "ca.pem"))


def test_without_certificate_and_card_it_is_said(deployed: Path) -> None:
    """Both what is missing, and where a card would be."""
    with pytest.raises(SettingsError, match=r"no certificate yet, and no card in .*card/card.toml"):
        examine.meant(deployed, None)

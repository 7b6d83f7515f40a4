"""Where a box's key goes when somebody enrols by hand: where its settings look, as whoever owns that folder."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import folder_of
from agent.cli import main


def test_it_is_where_the_settings_look(tmp_path: Path) -> None:
    """By `cert_file`, also seen from the settings' folder; without settings, or without one, beside them."""
    settings = tmp_path / "agent.toml"
    assert folder_of.of(settings) == tmp_path / "identity"
    settings.write_text('[box]\nname = "box-a"\n', encoding="utf-8")
    assert folder_of.of(settings) == tmp_path / "identity"
    for named, found in (
        ("/var/lib/x/identity/box.pem", Path("/var/lib/x/identity")),
        ("k/box.pem", tmp_path / "k"),
    ):
        files = f'ca_file = "ca.pem"\ncert_file = "{named}"\nkey_file = "box.key"\n'
        settings.write_text(f'[box]\nname = "box-a"\n[broker]\nhost = "b"\n{files}', encoding="utf-8")
        assert folder_of.of(settings) == found


@pytest.mark.skipif(os.name != "posix", reason="files have no such owners here")
def test_nothing_is_asked_as_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card stays good: who types it is told as whom to type it, and no key was made."""
    card, folder = tmp_path / "card.toml", tmp_path / "identity"
    token = "fbe_" + 26 * "a"
    card.write_text(f'collector = "https://localhost:1"\nbroker = "b"\ntoken = "{token}"\n', encoding="utf-8")
    (tmp_path / "ca.pem").write_text("", encoding="ascii")
    folder.mkdir()
    owner = folder.owner()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    said = CliRunner().invoke(main, ["--config", str(tmp_path / "agent.toml"), "enrol", str(card), "--once"])
    assert said.exit_code == 1
    assert "nothing was asked" in said.output
    assert f"sudo -u {owner} " in said.output
    assert not list(folder.iterdir())

"""`firstbell update`: what nobody could take is not offered."""

from pathlib import Path

from click.testing import CliRunner

from collector.cli import main
from tests.collector.cli.test_inventory import home


def said(data: Path, *words: str) -> str:
    """What the command says, which refuses."""
    ended = CliRunner().invoke(main, ["--data", str(data), "update", *words])
    assert ended.exit_code == 1, ended.output
    return ended.output


def test_an_offer_wants_the_key_that_boxes_know(tmp_path: Path) -> None:
    """None is made in passing: no box would believe it."""
    data = home(tmp_path)
    assert "boxes believe no other key" in said(data, "offer", str(tmp_path))
    assert not (data / "update-key").exists()


def test_a_pilot_is_a_box(tmp_path: Path) -> None:
    """A name that nobody bears would take the offer to nobody first."""
    data = home(tmp_path)
    CliRunner().invoke(main, ["--data", str(data), "update", "key"])
    assert "lincoln-9 is no box" in said(data, "offer", str(tmp_path), "--pilot", "lincoln-9")

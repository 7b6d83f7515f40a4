"""Tickets: signed with a key that is made once, readable by its owner alone, and told nowhere."""

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.cli import main
from collector.coordinator import tickets
from collector.coordinator.tickets import FILE, KeyFileError, Tickets
from firstbell import ticket
from tests.collector.coordinator.town import MONDAY, NS


def test_a_ticket_is_good_for_its_server_and_its_time(tmp_path: Path) -> None:
    """What the coordinator signs the reference server's own rules accept, once its signature is checked."""
    signer = Tickets(tmp_path)
    issued = signer.issue("box-1", "throughput", ("hub", "site"), (5_000, 30.0), MONDAY)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer.public))
    seen = set()
    for target, token in issued.items():
        payload, signature = ticket.split(token)
        public.verify(signature, payload)
        read = ticket.read(payload)
        seen.add(read.id)
        assert ticket.complaint(read, target, MONDAY + NS, MONDAY - NS) is None
        assert ticket.complaint(read, target, MONDAY + 119 * NS, MONDAY - NS) is None
        assert ticket.complaint(read, target, MONDAY + 121 * NS, MONDAY - NS) == "the ticket has expired"
        assert (read.max_bytes, read.max_seconds, read.agent) == (5_000, 30.0, "box-1")
        with pytest.raises(InvalidSignature):
            public.verify(signature, payload + b" ")
    assert len(seen) == 2


def test_the_first_start_is_known_by_its_new_key(tmp_path: Path) -> None:
    """Whoever made the key knows that nothing was signed before; nobody later does."""
    assert [Tickets(tmp_path).first for _ in range(2)] == [True, False]
    made = (tmp_path / FILE).read_text(encoding="ascii")
    assert tickets._make(tmp_path / FILE) is False, (
        "another process was quicker between our look and our making"
    )
    assert (tmp_path / FILE).read_text(encoding="ascii") == made


def test_no_ticket_is_good_for_longer_than_any(tmp_path: Path) -> None:
    """However many servers are to be tested one after the other; for a few of them, until the last had its time."""
    for targets, seconds in (("a", 90), ("abcd", 180)):
        *_, token = Tickets(tmp_path).issue("b", "throughput", tuple(targets), (1, 30.0), MONDAY).values()
        read = ticket.read(ticket.split(token)[0])
        assert read.expires_ns - read.issued_ns == seconds * NS
    (token, *_) = Tickets(tmp_path).issue("b", "capacity", tuple("abcdefgh"), (1, 600.0), MONDAY).values()
    read = ticket.read(ticket.split(token)[0])
    assert read.expires_ns - read.issued_ns == ticket.LONGEST_NS


def test_the_key_is_made_once_and_is_its_owners_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Mode 0600; the same public half ever after; the private one in no log."""
    caplog.set_level(logging.DEBUG)
    public = Tickets(tmp_path / "data").public
    path = tmp_path / "data" / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert Tickets(tmp_path / "data").public == public
    assert [each.name for each in path.parent.iterdir()] == [FILE]
    assert path.read_text(encoding="ascii").strip() not in caplog.text
    assert Tickets(tmp_path / "another").public != public


@pytest.mark.parametrize("text", ["", "no key", "abcd", "z" * 64])
def test_a_damaged_key_is_told_in_words_and_not_shown(tmp_path: Path, text: str) -> None:
    """It is neither used nor replaced."""
    (tmp_path / FILE).write_text(text, encoding="ascii")
    with pytest.raises(KeyFileError, match="can't be used: it is no key") as told:
        Tickets(tmp_path)
    assert not text or text not in str(told.value).replace("no key", "")
    assert (tmp_path / FILE).read_text(encoding="ascii") == text


def test_the_command_prints_the_public_half(tmp_path: Path) -> None:
    """64 hex digits for `firstbell-agent serve --key`, as text and as JSON."""
    said = CliRunner().invoke(main, ["--data", str(tmp_path), "ticket", "key"])
    public = Tickets(tmp_path).public
    assert (said.exit_code, said.output) == (0, f"{public}\n")
    assert len(public) == 64
    as_json = CliRunner().invoke(main, ["--data", str(tmp_path), "ticket", "key", "--json"])
    assert json.loads(as_json.output) == {"key": public}

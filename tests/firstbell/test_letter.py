"""Letters and replies are read back as they were written, and whatever else comes is no letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import letter, wire
from firstbell.letter import Head, LetterError, Message, Moment, ReplyHead, Said

NOW = Moment(run="0a", at_ms=1)
HEAD = Head(verb="report", nonce="0a", certificate=b"c", signature=b"s")


@given(st.binary(max_size=2000))
def test_a_letter_is_read_as_it_was_written(payload: bytes) -> None:
    """Whatever bytes follow the head, line feeds too."""
    raw = letter.write(HEAD, payload)
    assert letter.read_letter(raw) == (HEAD, payload, letter.digest(raw))


@given(st.binary(max_size=9000))
def test_a_long_payload_is_not_cut(payload: bytes) -> None:
    """The head's bound is the head's alone."""
    long = payload + b"x" * 50_000
    assert letter.read_letter(letter.write(HEAD, long)).payload == long


@given(st.binary(max_size=300))
def test_anything_else_is_no_letter(raw: bytes) -> None:
    """No other error comes out of what others send."""
    for read in (letter.read_letter, letter.read_reply, letter.read_said):
        with pytest.raises(LetterError):
            read(raw if read is not letter.read_said else b"{" + raw)


def test_what_is_said_comes_back_as_it_was() -> None:
    """A reply's messages; an answer of any length fits."""
    said = [Message(verb="answer", payload=b"\x00\xff"), Message(verb="nudge", payload=b"")]
    body = letter.write_said(Said(moment=NOW, messages=said))
    reply = letter.read_reply(letter.write(ReplyHead(certificate=b"c", signature=b"s"), body))
    assert letter.read_said(reply.body) == Said(moment=NOW, messages=said)
    most = [Message(verb="answer", payload=b"x" * wire.WIRE_BYTES)] + [
        Message(verb="lease", payload=b"x" * 4000)
    ] * 16
    assert len(letter.write_said(Said(moment=NOW, messages=most))) < letter.REPLY_BYTES


def test_the_longest_letter_has_a_bound() -> None:
    """More than a message of MQTT may have is no letter."""
    assert letter.read_letter(letter.write(HEAD, b"x" * wire.WIRE_BYTES))
    with pytest.raises(LetterError, match="more than a message"):
        letter.read_letter(letter.write(HEAD, b"x" * (wire.WIRE_BYTES + 1)))


def test_a_signature_is_for_one_use() -> None:
    """What is signed differs with verb, nonce, moment and payload, and a reply's with its box and its letter."""
    signed = [
        letter.to_sign("report", "a", b"x"),
        letter.to_sign("state", "a", b"x"),
        letter.to_sign("report", "b", b"x"),
        letter.to_sign("report", "a", b"y"),
        letter.to_sign("report", "a", b"x", Moment(run="b", at_ms=1)),
        letter.to_sign("report", "a", b"x", Moment(run="b", at_ms=2)),
        letter.to_sign_in_reply("a", "0", b"x"),
        letter.to_sign_in_reply("b", "0", b"x"),
        letter.to_sign_in_reply("a", "1", b"x"),
    ]
    assert len({*signed}) == len(signed)

"""Intake: every message gets the right answer, exactly once, whatever is in it."""

import json
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake import Intake, Pending
from collector.store.offers import Offer, Outcome
from firstbell import wire
from firstbell.wire import Answer
from tests.collector.workbench import BOX, EPOCH, NOW_NS, Bench, StillClock, batch, report, reports

GOOD = wire.encode_report(report())


def envelope(body: bytes, **changes: object) -> bytes:
    """A payload whose envelope tells the truth about `body`, except for `changes`."""
    said: dict[str, object] = {
        "v": 1,
        "agent": BOX,
        "epoch": EPOCH,
        "first": 1,
        "count": body.count(b"\n") + 1,
    }
    said |= {"deflated": False} | changes
    said.setdefault(
        "digest",
        wire.batch_digest(BOX, str(said["epoch"]), int(str(said["first"])), int(str(said["count"])), body),
    )
    return json.dumps(said).encode() + b"\n" + body


def test_a_good_batch_is_held_and_every_row_is_kept_byte_for_byte(bench: Bench) -> None:
    """The answer names digest, journal and range, and the journal gives back what was sent."""
    sent = reports(1, 20)
    digest, payload = batch(1, sent)
    answer = bench.take(payload)
    assert answer == Answer(journal=bench.journal.id, now_ns=NOW_NS, digest=digest, held=((1, 20),))
    kept = bench.reads.tests([(BOX, 0, None)], "latency")
    assert [stored.report for stored in kept] == sent
    assert [(stored.seq, stored.arrival) for stored in kept] == [(n, n) for n in range(1, 21)]
    assert {(stored.agent, stored.epoch, stored.received_ns) for stored in kept} == {(BOX, EPOCH, NOW_NS)}


def test_one_bad_report_spoils_no_other(bench: Bench) -> None:
    """The bad one is refused with its reason and set aside; the others of its batch are held."""
    answer = bench.send(5, [report(5), b'{"status":"ok"}', report(7), b"nonsense"])
    assert answer.held == ((5, 5), (7, 7))
    assert [(first, last) for first, last, _ in answer.refused] == [(6, 6), (8, 8)]
    assert "required field" in answer.refused[0][2]
    aside = bench.reads.quarantined()
    assert {(row.agent, row.epoch, row.first, row.raw) for row in aside} == {
        (BOX, EPOCH, 6, b'{"status":"ok"}'),
        (BOX, EPOCH, 8, b"nonsense"),
    }


def test_neighbours_refused_for_one_reason_are_one_range(bench: Bench) -> None:
    """Three equal rows with one fault are told as one range."""
    answer = bench.send(1, [b"x", b"x", b"x"])
    assert [(first, last) for first, last, _ in answer.refused] == [(1, 3)]


def test_500_refusals_fit_one_answer_that_a_box_can_read(bench: Bench) -> None:
    """Even the longest reasons leave an answer within what a box accepts."""
    long = wire.encode_report(report(probe="No Label"))
    answer = bench.send(1 << 31, [long if n % 2 else b"{}" for n in range(500)])
    assert len(answer.refused) == 500
    assert wire.read_answer(wire.encode(answer)) == answer


def test_an_unknown_version_is_answered_later_and_named(bench: Bench) -> None:
    """The box keeps its reports; the collector shows whom it does not understand, until it does again."""
    answer = bench.take(envelope(GOOD, v=7, digest="d" * 32))
    assert answer is not None
    assert (answer.digest, answer.held, answer.refused) == ("d" * 32, (), ())
    assert "version 7" in answer.later
    assert list(bench.intake.unknown_versions) == [BOX]
    bench.send(1, [report()])
    assert bench.intake.unknown_versions == {}


@pytest.mark.parametrize(
    ("changes", "body", "error"),
    [
        ({"digest": "0" * 32}, GOOD + b"\n" + GOOD, "DigestError"),
        ({"count": 3}, GOOD + b"\n" + GOOD, "TooManyError"),
        ({"count": 501}, b"\n" * 500, "TooManyError"),
        ({"deflated": True}, GOOD + b"\n" + GOOD, "InflatedError"),
        ({}, b"x" * 40_000 + b"\n" + b"x" * 40_000, "TooLargeError"),
    ],
)
def test_an_unreadable_batch_is_halved(
    bench: Bench, changes: dict[str, object], body: bytes, error: str
) -> None:
    """Each limit has an error of its own; of several reports the answer is: send it in halves."""
    payload = envelope(body, **changes)
    answer = bench.take(payload)
    assert answer is not None
    assert answer.halve
    assert (answer.held, answer.refused, answer.later) == ((), (), "")
    assert bench.intake.messages == {error: 1}
    assert bench.held() == []


def test_a_deflate_bomb_is_halved_without_being_inflated(bench: Bench) -> None:
    """100 MB of zeros in 97 kB, and one that fits the wire: neither is read to its end."""
    for size in (100_000_000, 10_000_000):
        bomb = zlib.compress(bytes(size), 9)
        answer = bench.take(envelope(bomb, deflated=True, count=2))
        assert answer is not None
        assert answer.halve
    assert set(bench.intake.messages) == {"TooLargeError", "InflatedError"}


def test_a_single_unreadable_report_is_refused_and_set_aside(bench: Bench) -> None:
    """What can't be halved any more is refused, so that nothing behind it waits."""
    answer = bench.take(envelope(GOOD, digest="0" * 32, first=9))
    assert answer is not None
    assert answer.refused == ((9, 9, "its digest is not that of its bytes"),)
    (aside,) = bench.reads.quarantined()
    assert (aside.agent, aside.epoch, aside.first, aside.last, aside.raw) == (BOX, EPOCH, 9, 9, GOOD)


@pytest.mark.parametrize(
    ("agent", "payload", "error"),
    [
        (BOX, b"", "EnvelopeError"),
        (BOX, b"\xff\xfe\n[]", "EnvelopeError"),
        (BOX, b'{"v":1}\n' + GOOD, "EnvelopeError"),
        (BOX, b" " * 2000 + envelope(GOOD), "EnvelopeError"),
        (BOX, b"[" * 100_000, "EnvelopeError"),
        (BOX, envelope(GOOD, epoch="a\nb"), "EnvelopeError"),
        (BOX, envelope(GOOD, first=1 << 60), "EnvelopeError"),
        ("roosevelt-2", envelope(GOOD), "WrongAgentError"),
        ("", envelope(GOOD), "WrongAgentError"),
    ],
)
def test_what_names_no_sender_is_set_aside_in_silence(
    bench: Bench, agent: str, payload: bytes, error: str
) -> None:
    """Nobody can be answered by digest; the bytes are kept to be looked at, under the topic's box."""
    assert bench.take(payload, agent) is None
    assert bench.intake.messages == {error: 1}
    (aside,) = bench.reads.quarantined()
    assert (aside.agent, aside.epoch, aside.first, aside.size) == (agent, "", 0, len(payload))
    assert aside.raw == payload[:4096]


@pytest.mark.parametrize(
    "readings",
    [
        b'{"rtt_p50_ms":NaN}',
        b'{"rtt_p50_ms":Infinity}',
        b'{"rtt_p50_ms":1e999}',
        b'{"echoes_sent":1' + b"0" * 400 + b"}",
        b'{"new_metric_ms":1' + b"0" * 400 + b"}",
        b'{"new_metric_ms":1' + b"0" * 5000 + b"}",
        b'{"new metric":1}',
        b'{"server":"a\\nb"}',
        b'{"server":"\\u0000"}',
        b'{"server":"\\ud800"}',
        b'{"rtt_p50_ms":{"a":{"b":1}}}',
        b'{"rtt_p50_ms":-1}',
        b'{"rtt_p50_ms":"1"}',
    ],
)
def test_an_impossible_reading_is_refused(bench: Bench, readings: bytes) -> None:
    """None of these is ever stored as good, and none of them ends anything."""
    good = wire.encode_report(report(1))
    bad = good.replace(b'{"rtt_p50_ms":12.5}', readings)
    assert bad != good
    answer = bench.send(1, [bad, report(2)])
    assert [(first, last) for first, last, _ in answer.refused] == [(1, 1)]
    assert bench.held() == [(EPOCH, 2)]


@pytest.mark.parametrize(
    "label", ["a\nb", "a b", "A", "a" * 41, "-a", "a,b=1", 'a"b', "\u202eabc", "x" * 10_000]
)
def test_a_label_that_is_none_is_refused(bench: Bench, label: str) -> None:
    """Newlines, commas, quotes and marks of direction never get past intake."""
    answer = bench.send(1, [report(1, target=label), report(2, probe=label), report(3)])
    assert [(first, last) for first, last, _ in answer.refused] == [(1, 1), (2, 2)]
    assert answer.held == ((3, 3),)


def test_nested_too_deep_is_refused(bench: Bench) -> None:
    """A report that nests deeper than a report can is refused before it is read."""
    answer = bench.send(1, [b'{"a":' * 30_000 + b"1" + b"}" * 30_000])
    assert "deeper" in answer.refused[0][2]


_BYTES = st.binary(max_size=300)
_ROWS = st.one_of(
    _BYTES.filter(lambda raw: b"\n" not in raw),
    st.sampled_from([GOOD, b"null", b"[]", b"{}", b'"x"', b"1e999", b"NaN"]),
    st.integers(0, len(GOOD) - 1).flatmap(
        lambda i: (
            st.integers(0, 255)
            .filter(lambda byte: byte != 10)
            .map(lambda byte: GOOD[:i] + bytes([byte]) + GOOD[i + 1 :])
        )
    ),
    st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.integers() | st.text(), st.lists)).map(
        lambda found: json.dumps(found).encode()
    ),
)
_LIES = st.fixed_dictionaries(
    {},
    optional={
        "v": st.integers(-3, 3),
        "agent": st.sampled_from([BOX, "roosevelt-2", ""]),
        "epoch": st.sampled_from([EPOCH, "x", "0" * 17]),
        "first": st.integers(-1, 1 << 54),
        "count": st.integers(-1, 600),
        "digest": st.text(max_size=70),
        "deflated": st.booleans(),
    },
)


class Keeper:
    """Takes offers and settles them at once; remembers them."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []

    def put(self, offer: Offer) -> bool:
        """Settle it as a writer would that meets nothing it knows."""
        self.offers.append(offer)
        held = [(row.seq, row.seq) for row in offer.rows]
        offer.settle(Outcome(held, [(first, last, reason) for first, last, reason, _ in offer.refusals]))
        return True


@given(rows=st.lists(_ROWS, min_size=1, max_size=4), lies=_LIES, tail=_BYTES, cut=st.integers(0, 2000))
def test_whatever_comes_is_settled_once_and_good_only_if_it_is(
    rows: list[bytes], lies: dict[str, object], tail: bytes, cut: int
) -> None:
    """Any bytes: settled exactly once, nothing raised, and nothing handed on as good that isn't readable."""
    payload = (envelope(b"\n".join(rows), **lies) + (tail if cut % 2 else b""))[: cut or None]
    keeper = Keeper()
    calls: list[Answer | None] = []
    pending = Intake(keeper, StillClock(), "j").take(BOX, payload, NOW_NS)
    pending.then(calls.append)
    assert pending.settled
    assert len(calls) == 1
    for offer in keeper.offers:
        assert offer.agent == BOX
        assert all(wire.read_report(row.raw) == row.report for row in offer.rows)
        assert all(isinstance(refusal.reason, str) and refusal.reason for refusal in offer.refusals)


@given(payload=st.binary(max_size=400))
def test_noise_is_settled(payload: bytes) -> None:
    """Plain noise is settled with nothing held."""
    pending = Intake(Keeper(), StillClock(), "j").take(BOX, payload, NOW_NS)
    assert pending.settled
    assert pending.answer is None or not pending.answer.held


def test_a_pending_answer_is_settled_once() -> None:
    """The second settling is a mistake and says so; the listener hears the first alone."""
    heard: list[Answer | None] = []
    pending = Pending()
    pending.then(heard.append)
    pending.settle(None)
    with pytest.raises(RuntimeError):
        pending.settle(None)
    assert heard == [None]


def test_a_listener_that_comes_late_hears_the_answer_too() -> None:
    """It makes no difference whether the listener or the answer is there first."""
    answer = Answer(journal="j", now_ns=1)
    pending = Pending()
    pending.settle(answer)
    heard: list[Answer | None] = []
    pending.then(heard.append)
    assert heard == [answer]


def test_after_the_writer_stopped_a_box_is_told_to_keep_its_reports(bench: Bench) -> None:
    """A message that comes too late is answered later, not lost in a queue."""
    bench.writer.stop()
    answer = bench.send(1, [report()])
    assert answer.later == "the collector is stopping"
    assert bench.take(b"garbage") is None


def test_a_full_queue_makes_the_bringer_wait(bench: Bench) -> None:
    """With no room at the writer, `take` does not return; with room again it does, and nothing is lost."""
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    taken: list[int] = []

    def bring() -> None:
        for number in range(400):
            bench.intake.take(BOX, batch(number * 20 + 1, reports(number * 20 + 1, 20))[1], NOW_NS)
            taken.append(number)

    bringer = threading.Thread(target=bring, daemon=True)
    bringer.start()
    bringer.join(1.5)
    assert bringer.is_alive()
    assert len(taken) < 400
    blocker.execute("ROLLBACK")
    blocker.close()
    bringer.join(20)
    assert len(taken) == 400
    bench.writer.stop()
    assert len(bench.held()) == 8000

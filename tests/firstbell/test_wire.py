"""Batches, answers and states to bytes and back, and every way in which bytes can be wrong."""

import json
import time
import tracemalloc
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import wire
from firstbell.report import ClockQuality, Report, Segment, Status

EPOCH = "00112233445566aa"
REPORT = Report(
    probe="latency",
    status=Status.OK,
    target="gateway",
    segment=Segment.SITE,
    at_ns=1_790_000_000_000_000_000,
    duration_s=0.5,
    clock=ClockQuality.NTP,
    readings={"rtt_min_ms": 1.25, "echoes_sent": 10},
)
ROW = wire.encode_report(REPORT)


def payload(rows: list[bytes] | None = None, *, body: bytes | None = None, **envelope: Any) -> bytes:
    """A batch by hand, each part of its envelope free to lie."""
    if body is None:
        body = b"\n".join(rows or [ROW])
    fields: dict[str, Any] = {
        "v": 1,
        "agent": "box-1",
        "epoch": EPOCH,
        "first": 1,
        "count": len(rows or [ROW]),
    }
    fields |= envelope
    identity = (fields["agent"], fields["epoch"], fields["first"], fields["count"])
    fields.setdefault("digest", wire.batch_digest(*identity, body))
    return json.dumps(fields).encode() + b"\n" + body


def read(data: bytes) -> list[Report]:
    """All reports in a payload of box-1, or the first error."""
    return [wire.read_report(row) for row in wire.rows_of(wire.open_batch("box-1", data))]


@given(st.integers(1, 60))
def test_what_was_sent_is_what_is_read(count: int) -> None:
    """A batch survives the way, deflated or not, each row to the byte."""
    _, data = wire.encode_batch("box-1", EPOCH, 7, [ROW] * count)
    batch = wire.open_batch("box-1", data)
    assert wire.rows_of(batch) == [ROW] * count
    assert batch.envelope.range == (7, 6 + count)
    assert read(data) == [REPORT] * count


def test_a_small_batch_can_be_read_by_eye() -> None:
    """Below 1 kB nothing is deflated: one line of envelope, then a line a report."""
    _, data = wire.encode_batch("box-1", EPOCH, 1, [ROW, ROW])
    envelope, first, second = (json.loads(line) for line in data.decode().split("\n"))
    assert envelope["agent"] == "box-1"
    assert first == second
    assert first["target"] == "gateway"


def test_a_bad_line_spoils_no_other() -> None:
    """A line that is no JSON at all is one report's trouble, not the batch's."""
    rows = wire.rows_of(wire.open_batch("box-1", payload([ROW, b"{NaN", ROW])))
    with pytest.raises(wire.NotAReportError):
        wire.read_report(rows[1])
    assert wire.read_report(rows[0]) == wire.read_report(rows[2]) == REPORT


def test_unknown_keys_are_ignored_and_kept() -> None:
    """A key of a later program is no error, and its bytes stay in the row."""
    row = ROW[:-1] + b',"colour":"blue"}'
    assert read(payload([row], mood="fine")) == [REPORT]
    assert b"blue" in wire.rows_of(wire.open_batch("box-1", payload([row])))[0]


def test_an_unknown_metric_is_no_error() -> None:
    """A metric that this catalogue does not know is read like any other."""
    row = wire.encode_report(msgspec.structs.replace(REPORT, readings={"novel_mbps": 5.0}))
    assert read(payload([row]))[0].readings == {"novel_mbps": 5.0}


BOMB = zlib.compress(b"[" + b" " * 50_000_000 + b"]", 9)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", wire.EnvelopeError),
        (b"hello", wire.EnvelopeError),
        (b"\xff\xfe\n[]", wire.EnvelopeError),
        (b"[" * 100_000, wire.EnvelopeError),
        (payload(epoch="no epoch"), wire.EnvelopeError),
        (payload(first=0), wire.EnvelopeError),
        (payload(first=10**30, digest=""), wire.EnvelopeError),
        (payload(count=-1, digest=""), wire.EnvelopeError),
        (payload(agent="box-2"), wire.WrongAgentError),
        (payload(v=2), wire.UnknownVersionError),
        (payload(body=b"[" + b" " * 70_000 + b"]"), wire.TooLargeError),
        (payload(body=BOMB[:60_000], deflated=True, digest=""), wire.InflatedError),
        (payload(body=b"no stream", deflated=True, digest=""), wire.InflatedError),
        (payload(body=zlib.compress(b"[]")[:-2], deflated=True, digest=""), wire.InflatedError),
        (payload([ROW] * 3, count=2), wire.TooManyError),
        (payload(count=501), wire.TooManyError),
        (payload(digest="0" * 32), wire.DigestError),
        (payload(body=b"{}"), wire.NotAReportError),
        (payload(body=b"[" * 10_000), wire.TooDeepError),
    ],
)
def test_each_kind_of_bad_payload_has_its_own_error(data: bytes, error: type[wire.WireError]) -> None:
    """Whatever is wrong with a batch is said by name."""
    with pytest.raises(error):
        read(data)


def row_with(**changes: Any) -> bytes:
    """A report's bytes with some keys changed."""
    return json.dumps(json.loads(ROW) | changes).encode()


@pytest.mark.parametrize(
    ("row", "error", "reason"),
    [
        (b"1", wire.NotAReportError, "Expected"),
        (b"", wire.NotAReportError, "."),
        (b"\xff", wire.NotAReportError, "."),
        (b'{"probe":"latency"}', wire.NotAReportError, "missing"),
        (row_with(status="splendid"), wire.NotAReportError, "status"),
        (row_with(readings={"loss_pct": float("nan")}), wire.NotAReportError, "."),
        (row_with(readings={"loss_pct": float("inf")}), wire.NotAReportError, "."),
        (ROW.replace(b"1.25", b"1e999"), wire.RowError, "."),
        (ROW.replace(b"1.25", b"1" * 5000), wire.RowError, "."),
        (row_with(readings={"loss_pct": 101}), wire.ImpossibleError, "out of bounds"),
        (row_with(readings={"hop01_address": "Ann, 555-0100"}), wire.ImpossibleError, "not an IP address"),
        (row_with(readings={"hop01_address": "fe80::1%Ann"}), wire.ImpossibleError, "not an IP address"),
        (row_with(readings={"hop01_address": 7}), wire.ImpossibleError, "not an IP address"),
        (row_with(readings={"loss_pct": True}), wire.ImpossibleError, "loss_pct is not a number"),
        (row_with(readings={"echoes_sent": 1.5}), wire.ImpossibleError, "whole number"),
        (row_with(readings={"loss_pct": "high"}), wire.ImpossibleError, "loss_pct"),
        (row_with(readings={"server": "a\nb"}), wire.ImpossibleError, "printed"),
        (row_with(readings={"server": "x" * 81}), wire.ImpossibleError, "longer"),
        (row_with(readings={f"m{i}": 1 for i in range(65)}), wire.ImpossibleError, "more than 64"),
        (row_with(target="a\nb"), wire.ImpossibleError, "target"),
        (row_with(target="a,b=c d"), wire.ImpossibleError, "target"),
        (row_with(target="\u202egpj"), wire.ImpossibleError, "target"),
        (row_with(probe=""), wire.ImpossibleError, "probe"),
        (row_with(status="failed"), wire.ImpossibleError, "without a reason"),
        (row_with(status="failed", reason="a\x00b"), wire.ImpossibleError, "reason"),
        (row_with(at_ns=-1), wire.ImpossibleError, "at_ns"),
        (row_with(duration_s=-1), wire.ImpossibleError, "duration_s"),
        (row_with(extra=[[[1]]]), wire.TooDeepError, "deeper"),
        (
            row_with(losses=[{"epoch": EPOCH, "first": 5, "last": 4, "reason": ""}]),
            wire.ImpossibleError,
            "losses",
        ),
    ],
)
def test_each_kind_of_bad_report_has_its_own_error(
    row: bytes, error: type[wire.RowError], reason: str
) -> None:
    """Whatever is wrong with one report is said by name and in words."""
    with pytest.raises(error, match=reason):
        read(payload([row]))


def test_braces_in_a_text_are_no_depth() -> None:
    """Only real nesting counts, not brackets inside a string."""
    assert read(payload([row_with(status="failed", reason='[{[{[{"]}')]))[0].reason == '[{[{[{"]}'


@pytest.mark.parametrize("field", ["agent", "epoch", "first", "count"])
def test_an_identity_changed_on_the_way_is_seen(field: str) -> None:
    """The digest covers the envelope's identity too: no report slips to another number."""
    _, data = wire.encode_batch("box-1", EPOCH, 10, [ROW, ROW])
    envelope, body = data.split(b"\n", 1)
    changed = json.loads(envelope) | {
        field: {"agent": "box-2", "epoch": "f" * 16, "first": 11, "count": 3}[field]
    }
    with pytest.raises(wire.DigestError):
        wire.rows_of(wire.open_batch(changed["agent"], json.dumps(changed).encode() + b"\n" + body))


@given(st.binary(max_size=300))
def test_noise_is_never_a_batch(noise: bytes) -> None:
    """Random bytes end in a WireError and in nothing else."""
    with pytest.raises(wire.WireError):
        read(noise)


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=20), st.integers(1, 10))
def test_what_fits_can_be_sent(sizes: list[int], most: int) -> None:
    """`fit` takes at least one row and never more than a batch can carry undeflated."""
    rows = [b'"' + b"x" * size + b'"' for size in sizes]
    count = wire.fit(rows, most)
    assert 1 <= count <= most
    _, data = wire.encode_batch("box-1", EPOCH, 1, rows[:count])
    assert len(data) <= wire.WIRE_BYTES


def test_a_batch_beyond_the_limits_is_never_made() -> None:
    """The sender's own mistake is an error at the sender."""
    with pytest.raises(wire.TooManyError):
        wire.encode_batch("box-1", EPOCH, 1, [ROW] * 501)
    with pytest.raises(wire.InflatedError):
        wire.encode_batch("box-1", EPOCH, 1, [b" " * 300_000])


def test_answers_and_states_survive_the_way() -> None:
    """What the collector says arrives as it was said; ranges stay ranges."""
    answer = wire.Answer(journal="j1", now_ns=5, digest="d", held=((1, 4), (6, 9)), refused=((5, 5, "why"),))
    assert wire.read_answer(wire.encode(answer)) == answer
    state = wire.State(alive=True, epoch=EPOCH, nonce="n")
    assert wire.read_state(wire.encode(state)) == state
    with pytest.raises(wire.WireError):
        wire.read_answer(b"{}")
    with pytest.raises(wire.TooLargeError):
        wire.read_state(b" " * 70_000)


@pytest.mark.parametrize(
    ("topic", "agent"),
    [
        ("firstbell/v1/box-1/report", "box-1"),
        ("firstbell/v1/box-1/lease/ask", "box-1"),
        ("firstbell/v1/BOX/report", None),
        ("firstbell/v1/a/report", None),
        ("firstbell/v1/box\n1/report", None),
        ("firstbell/v1/box-1/report/../x", None),
        ("firstbell/v2/box-1/report", None),
        ("elsewhere", None),
    ],
)
def test_only_well_named_boxes_have_topics(topic: str, agent: str | None) -> None:
    """A topic's box has a plain name of 3 to 40 characters, or the topic is nobody's."""
    assert wire.agent_of(topic) == agent
    if agent and topic.endswith("report"):
        assert wire.topic(agent, "report") == topic


def test_a_bomb_is_never_inflated_beyond_its_bound() -> None:
    """Fifty megabytes of blanks in 50 kB cost no more memory than a whole batch may."""
    bomb = payload(body=BOMB[:60_000], deflated=True, digest="")
    tracemalloc.start()
    try:
        with pytest.raises(wire.InflatedError):
            read(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * wire.INFLATED_BYTES


@pytest.mark.parametrize("endless", [b'\\"', b"\\\\", b'""', b'"[', b'\\"\n'])
def test_a_string_without_an_end_costs_no_more_than_its_length(endless: bytes) -> None:
    """Reading a row takes time in proportion to its bytes, whatever stands in it: one row deafens nobody."""
    row = b'[[[["' + endless * (40_000 // len(endless))
    started = time.process_time()
    with pytest.raises(wire.RowError):
        wire.read_report(row)
    assert time.process_time() - started < 1  # 10 s where each quote starts to look for its end anew


def test_nothing_may_follow_the_deflate_stream() -> None:
    """Bytes behind the stream are not silently dropped: somebody put them there."""
    with pytest.raises(wire.InflatedError, match="followed"):
        read(payload(body=zlib.compress(ROW) + b"more", deflated=True, digest=""))

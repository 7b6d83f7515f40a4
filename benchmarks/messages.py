"""The messages that the intake is measured with: 20 reports of 8 readings each, from 50 boxes in turn."""

import random
from typing import NamedTuple

from firstbell import wire
from firstbell.report import ClockQuality, Opening, Report, Segment, Status

IN_A_MESSAGE = 20
BOXES = 50
BEGIN_NS = 1_790_000_000_000_000_000
_MINUTE_NS = 60 * 10**9


class Message(NamedTuple):
    """A batch as a box sends it."""

    agent: str
    digest: str
    payload: bytes


def messages(reports: int) -> list[Message]:
    """So many reports of 50 boxes, each box's in their order, the boxes in turn."""
    dice = random.Random(20_260_921)
    return [_message(number, dice) for number in range(reports // IN_A_MESSAGE)]


def _message(number: int, dice: random.Random) -> Message:
    turn, box = divmod(number, BOXES)
    agent, epoch, first = f"bench-{box:02}", f"{box:016x}", turn * IN_A_MESSAGE + 1
    rows = [wire.encode_report(_report(seq, dice)) for seq in range(first, first + IN_A_MESSAGE)]
    return Message(agent, *wire.encode_batch(agent, epoch, first, rows))


def _report(seq: int, dice: random.Random) -> Report:
    rtt_ms = dice.uniform(4, 40)
    return Report(
        status=Status.OK,
        probe="latency",
        target=("gateway", "google", "cloudflare")[seq % 3],
        segment=Segment.INTERNET,
        at_ns=BEGIN_NS + seq // 3 * _MINUTE_NS + dice.randrange(_MINUTE_NS),
        duration_s=dice.uniform(0.6, 3),
        clock=ClockQuality.NTP,
        clock_error_ms=dice.uniform(0.1, 9),
        opening=Opening(predecessor=None) if seq == 1 else None,
        readings={
            "rtt_min_ms": rtt_ms,
            "rtt_p50_ms": rtt_ms * 1.2,
            "rtt_p95_ms": rtt_ms * 2.5,
            "jitter_ms": rtt_ms / 7,
            "loss_pct": dice.choice((0.0, 0.0, 10.0)),
            "echoes_sent": 10,
            "dns_ms": dice.uniform(1, 60),
            "http_ms": dice.uniform(20, 300),
        },
    )

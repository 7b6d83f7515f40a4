"""Classes of students that some boxes play against the district's own server, once a week, from physics."""

import random

from collector.demo.physics import Physics
from collector.demo.seen import PAYLOAD, Seen
from collector.demo.town import Box, Stay
from firstbell.catalogue import Reading
from firstbell.report import Finding, LimitedBy, Medium, Segment, Status

STUDENT_MBPS = 0.76
"""What one student of the usual kind takes, payload: a property of the test, not a judgement."""
MOST = 1000
"""As many as one box plays."""
_GROUPS, _GROUP_S = 8, 7.5
"""Groups that are tried, and how long each loads the line, settling and draining included."""
_GAVE = ("video", "pages")


def played(physics: Physics, box: Box, stay: Stay, at_ns: int, dice: random.Random) -> Seen:
    """How many students the line carried at this moment beside what else was on it."""
    free = physics.free_within(stay.line, at_ns)
    if not free.down_mbps:
        return Seen("capacity", at_ns, 5.0, _finding(Status.FAILED, {}, None, "no answer in time"))
    line_mbps = free.down_mbps * PAYLOAD * dice.uniform(0.96, 0.99)
    own_mbps = min(box.most_mbps, box.port_mbps * PAYLOAD * 0.85)
    ok = int(min(line_mbps, own_mbps) / STUDENT_MBPS)
    limit = LimitedBy.PROBE if own_mbps < line_mbps else LimitedBy.CAP if ok >= MOST else LimitedBy.LINE
    ok = min(ok, MOST)
    mbps = ok * STUDENT_MBPS
    readings: dict[str, Reading] = {
        "students_ok": ok,
        "students_ok_low": ok,
        "students_at_least": limit is not LimitedBy.LINE,
        "generator_limited": limit is LimitedBy.PROBE,
        "profile": "learner",
        "student_mbps": STUDENT_MBPS,
        "steps": _GROUPS,
        "video_late_pct": 0.0,
        "page_p95_ms": dice.uniform(700, 2_600),
        "upload_p95_ms": dice.uniform(120, 700),
        "rtt_p50_ms": dice.uniform(12, 60),
        "bytes_received": int(mbps * 1e6 / 8 * _GROUPS * _GROUP_S),
        "bytes_sent": int(mbps * 1e6 / 8 * _GROUPS * _GROUP_S * 0.04),
        "loaded_s": _GROUPS * _GROUP_S,
        "server": "hub (simulated)",
    }
    if limit is LimitedBy.LINE:
        readings["students_ok_high"] = ok + max(1, ok // 20)
        readings["gave_first"] = dice.choice(_GAVE)
    return Seen("capacity", at_ns, _GROUPS * _GROUP_S + 2, _finding(Status.OK, readings, limit))


def _finding(
    status: Status, readings: dict[str, Reading], limit: LimitedBy | None, reason: str = ""
) -> Finding:
    return Finding(
        status=status,
        reason=reason,
        target="hub",
        segment=Segment.WAN,
        medium=Medium.WIRED,
        engine="own",
        limited_by=limit,
        readings=readings,
    )

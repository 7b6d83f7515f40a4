"""The capacity test: how many students of one kind a line carries at once, played against a reference server.

Each student has connections of its own, as a browser has. One group after another learns for a few seconds;
`search` says of which size, `verdict` whether it was good, and something else than the line may always end
it: bytes, seconds, or this machine, which can't play more. Then as many as were good are carried "at least".
"""

import sys
from importlib import resources

from agent.load import trips
from agent.load.engines.base import Request, Result
from agent.load.lessons import Lessons, Pace, Tried
from agent.load.loop import Loop
from agent.load.meter import PORT_OCTETS, Phase
from agent.load.protocol import PORT
from agent.load.search import Found, Search, first_group
from agent.load.session import Session
from agent.load.streams import block
from agent.load.surroundings import Surroundings
from agent.load.talk import Place, said
from agent.load.tube import ROOM_BYTES, Hub, Tally
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, RefusedError
from firstbell.catalogue import TEXT_CHARS, Reading
from firstbell.readiness import students
from firstbell.readiness.students import Student
from firstbell.report import Status
from firstbell.stats import nearest_rank

if sys.platform != "win32":
    import resource

SPARE_BYTES = 200_000
"""Of a ticket, for heads, round trips, and what comes before the end is seen."""
SPARE_S = 1.0
NAME_S = 5.0
CONNECTIONS_EACH = 2
SPARE_FILES = 64
VOID_TRIES = 2
"""A group that this machine could not play is tried once more, for another program may have been busy."""
BYTES, SECONDS = "bytes", "seconds"


def run(request: Request, machine: Machine) -> Result:
    """One whole test: an answer in any case, and within the request's ceilings."""
    kind, student = usual()
    return Class(request, machine, kind, student, Pace()).result()


def usual() -> tuple[str, Student]:
    """The kind of student that comes with First Bell, and its name."""
    text = resources.files("firstbell.readiness").joinpath("students.toml").read_text(encoding="utf-8")
    return students.load(text)


class Class:
    """One test, and the facts that it leaves however it ends."""

    def __init__(self, request: Request, machine: Machine, kind: str, student: Student, pace: Pace) -> None:
        self._request, self._machine = request, machine
        self._kind, self._student, self._pace = kind, student, pace
        self._now = machine.clock.monotonic
        self._end_s = self._now() + request.max_seconds
        self._most_bytes = request.max_bytes / PORT_OCTETS
        self._around = Surroundings(machine, request.interface)
        self._tally = Tally()
        self._search: Search | None = None
        self._tried: dict[int, Tried] = {}
        self._gave: dict[int, str] = {}
        self._ended_by = ""
        self._limited = False
        self._load_s = self._own_cpu_pct = self._down_mbps = 0.0
        self._held_pct: float | None = None
        self._server, self._to_self, self._server_busy = "", False, False

    def result(self) -> Result:
        """Run it, and tell what came of it."""
        trouble: NetworkError | None = None
        with Loop(self._now) as loop:
            try:
                self._run(loop)
            except NetworkError as error:
                trouble = error
        return self._summed_up(trouble)

    # --- the test ------------------------------------------------------------------------------------------

    def _run(self, loop: Loop) -> None:
        session = self._opened(loop)
        try:
            idle_ms = nearest_rank(trips.idle(session, loop, self._machine.random), 0.5)
            room = memoryview(bytearray(ROOM_BYTES))
            hub = Hub(loop, session.place, session.line, self._tally, room, block())
            lessons = Lessons(
                self._machine, loop, session, hub, self._student, self._pace, idle_ms, self._over
            )
            try:
                self._try_all(lessons)
            finally:
                lessons.close()
        finally:
            session.close()

    def _opened(self, loop: Loop) -> Session:
        peer = self._request.server
        if peer is None or not peer.host:
            raise RefusedError("no server is named")
        if not self._request.ticket:
            raise RefusedError("there is no ticket for this server")
        address = self._machine.network.resolve(peer.host, NAME_S).addresses[0]
        self._to_self = self._machine.network.is_own(address)
        session = Session(loop, Place(address, peer.port or PORT), self._request.ticket)
        self._server = said(session.opened.server)[:TEXT_CHARS]
        self._most_bytes = min(self._most_bytes, session.opened.max_bytes) - SPARE_BYTES
        self._end_s = min(self._end_s, self._now() + session.opened.max_seconds) - SPARE_S
        return session

    def _try_all(self, lessons: Lessons) -> None:
        most = self._most()
        if not most:
            self._ended_by = self._ended_by or BYTES
            return
        known = self._request.expected_mbps
        first = first_group(known, self._student.mbps, most)
        search = self._search = Search(first, most, known=known > 0)
        voids = 0
        while (group := search.next) is not None and not self._ended_by:
            self._ended_by = self._cant_finish(group)
            if self._ended_by:
                return
            tried = self._hold(lessons, group)
            if tried.cut:
                self._ended_by = tried.cut
            elif tried.limited and not tried.good:
                voids += 1
                self._limited = voids >= VOID_TRIES
                if self._limited:
                    return
            else:
                self._note(search, group, tried)
        # Nobody may say that a line carries no more than this test could play.
        self._ended_by = self._ended_by or ("" if search.found().high else "most")

    def _hold(self, lessons: Lessons, group: int) -> Tried:
        began_s, before = self._now(), self._tally.received
        self._around.begin()
        try:
            tried = lessons.hold(group)
        finally:
            self._load_s += self._now() - began_s
            phase = Phase()
            phase.received = self._tally.received - before
            self._around.end("download", phase)
        self._server_busy = self._server_busy or tried.server.is_busy
        self._own_cpu_pct = max(self._own_cpu_pct, tried.own_cpu_pct)
        self._down_mbps = max(self._down_mbps, tried.down_mbps)
        if tried.held_pct is not None:
            self._held_pct = max(self._held_pct or 0.0, tried.held_pct)
        return tried

    def _note(self, search: Search, group: int, tried: Tried) -> None:
        search.tried(tried.good)
        if tried.good:
            self._tried[group] = tried
        else:
            self._gave[group] = tried.quality.gave

    # --- its ceilings --------------------------------------------------------------------------------------

    @property
    def _used(self) -> int:
        return self._tally.received + self._tally.sent

    def _over(self) -> str:
        if self._used >= self._most_bytes:
            return BYTES
        return SECONDS if self._now() >= self._end_s else ""

    def _lesson_bytes(self, group: int) -> float:
        mbps = self._student.down_mbps + self._student.up_mbps
        return group * mbps * self._lesson_s(group) / 8e-6

    def _lesson_s(self, group: int) -> float:
        return self._pace.lesson_s(group, self._student)

    def _cant_finish(self, group: int) -> str:
        """Why a group of this size can't be tried to its end."""
        if self._used + self._lesson_bytes(group) > self._most_bytes:
            return BYTES
        left_s = self._end_s - self._now()
        return SECONDS if left_s < self._lesson_s(group) + self._pace.drain_s else ""

    def _most(self) -> int:
        """As many as this machine may open connections for, and as the bytes allow."""
        if self._lesson_bytes(1) > self._most_bytes:
            return 0
        each = self._lesson_bytes(self._pace.most) / self._pace.most
        return min(self._pace.most, _files() // CONNECTIONS_EACH, int(self._most_bytes / each))

    # --- what came of it -----------------------------------------------------------------------------------

    def _summed_up(self, trouble: NetworkError | None) -> Result:
        found = self._search.found() if self._search else None
        known = found is not None and (found.ok > 0 or found.high is not None)
        status, reason = Status.OK, ""
        if not known:
            status = Status.FAILED
            reason = trouble.reason if trouble else self._why_nothing()
        elif trouble and found is not None and found.at_least:
            reason = f"ended before its time: {trouble.reason}"
        return Result(
            status=status,
            reason=reason,
            down_mbps=self._down_mbps,
            bytes_received=round(PORT_OCTETS * self._tally.received),
            bytes_sent=round(PORT_OCTETS * self._tally.sent),
            own_processor_pct=self._own_cpu_pct,
            throttled_pct=self._held_pct,
            cpu_busy_pct=self._around.cpu_busy_pct,
            cross_traffic_pct=self._around.cross_traffic_pct,
            server=self._server,
            capped=("down",) if found and found.at_least and not (self._limited or trouble) else (),
            faltered=("down",) if trouble else (),
            server_busy=self._server_busy,
            to_self=self._to_self,
            more=self._more(found if known else None),
        )

    def _why_nothing(self) -> str:
        if self._limited:
            return "this machine could not play one group of students"
        return f"its {self._ended_by or BYTES} were used up before one group had been tried"

    def _more(self, found: Found | None) -> dict[str, Reading]:
        values: dict[str, Reading | None] = {
            "loaded_s": self._load_s,
            "own_cpu_pct": self._own_cpu_pct,
            "profile": self._kind,
            "student_mbps": self._student.mbps,
            "generator_limited": self._limited,
        }
        if found is not None:
            values |= {
                "students_ok": found.ok,
                "students_ok_low": found.low,
                "students_ok_high": found.high,
                "students_at_least": found.at_least,
                "steps": found.tries,
                "gave_first": self._gave.get(found.high) if found.high else None,
            }
            if best := self._tried.get(found.ok):
                named = best.quality._asdict()
                values |= {name: named[name] for name in _OF_THE_BEST}
        return {name: value for name, value in values.items() if value is not None}


_OF_THE_BEST = ("video_late_pct", "page_p95_ms", "upload_p95_ms", "rtt_p50_ms")


def _files() -> int:
    """As many connections as this process may have files for."""
    if sys.platform == "win32":
        return SPARE_FILES * SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        soft = 1 << 13 if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(0, soft - SPARE_FILES)

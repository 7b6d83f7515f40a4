"""The two directions of a load: where the bytes come from, and which end counts what."""

from agent.load.drive import Drive
from agent.load.meter import Phase
from agent.load.protocol import Counts
from agent.load.streams import CHUNK_BYTES, Down, Stream, Up, block, room
from agent.load.surroundings import Way

DRAIN_S = 1.0
"""How long what is on its way down may take beyond three round trips, when the server was told to stop."""


class Downwards(Drive):
    """The server sends."""

    way: Way = "download"
    poll_s = 0.25
    _room: memoryview

    def _stream(self) -> Stream:
        if not self._streams:
            self._room = room()
        return Down(self._loop, self._session, self._room, self._came)

    def _came(self, size: int) -> None:
        self.carried += size
        if self.carried >= self._flow.bounds.max_bytes:
            self._spend()

    def _note(self) -> None:
        self.acked = self.carried
        if not self._over:
            self._look(self._loop.now(), self.carried)

    def _noted(self, counts: Counts) -> None:
        self._sender.add(counts.now_s, self._arrived(counts))

    def _arrived(self, counts: Counts) -> int:
        return (counts.sent - counts.unacked) - (self._base.sent - self._base.unacked)

    def _totals(self, last: Counts) -> tuple[float, float]:
        return self._arrived(last), self.carried

    def _ahead(self) -> float:
        return self._flow.mbps_now / 8e-6 * 4 * self._lag_s

    def _phase(self) -> Phase:
        phase = Phase()
        phase.received = self.carried
        return phase

    def _end(self) -> None:
        try:
            if self._session.broken is None:
                self._session.stop(lambda: None)
                ended = [stream.link for stream in self._streams]
                self._loop.until(lambda: not any(link.is_open for link in ended), 6 * self._lag_s + DRAIN_S)
        finally:
            for stream in self._streams:
                stream.close()

    def _repeats(self, last: Counts) -> tuple[int | None, int | None]:
        if last.segments is None or last.resent is None:
            return None, None
        return last.segments - (self._base.segments or 0), last.resent - (self._base.resent or 0)

    def _differ(self) -> float | None:
        shift_s = self._lag_s - self._offset_s
        since_s, until_s = self._flow.measured
        # The server is asked only now and then: what it said is right for its own moments alone.
        if looks := self._sender.looks(since_s + shift_s, until_s + shift_s):
            since_s, until_s = looks[0][0] - shift_s, looks[-1][0] - shift_s
        return self._differs(since_s, until_s, shift_s)


class Upwards(Drive):
    """This end sends."""

    way: Way = "upload"
    poll_s = 0.125
    _block: memoryview
    _segments = _resent = _handed = 0

    def _stream(self) -> Stream:
        if not self._streams:
            self._block = block()
        return Up(self._loop, self._session, self._block, self._gave)

    def _gave(self, size: int) -> bool:
        self._handed += size
        if self._handed + CHUNK_BYTES > self._flow.bounds.max_bytes:
            self._flow.spend(self._loop.now() - self._began_s, self._handed + CHUNK_BYTES)
        return not self._flow.stopped_by

    def _note(self) -> None:
        looks = [stream.look() for stream in self._streams if isinstance(stream, Up)]
        if looks:
            self.acked, self.carried, self._segments, self._resent = (
                sum(row) for row in zip(*looks, strict=True)
            )
            self._sender.add(self._loop.now(), self.acked)

    def _noted(self, counts: Counts) -> None:
        self._look(counts.now_s, counts.received - self._base.received)

    def _totals(self, last: Counts) -> tuple[float, float]:
        return self.acked, last.received - self._base.received

    def _ahead(self) -> float:
        return 0.0

    def _phase(self) -> Phase:
        phase = Phase()
        phase.sent = self.carried
        return phase

    def _end(self) -> None:
        for stream in self._streams:
            stream.close()

    def _repeats(self, last: Counts) -> tuple[int | None, int | None]:
        del last  # the server's are of the way down
        return (self._segments, self._resent) if self._segments else (None, None)

    def _differ(self) -> float | None:
        return self._differs(*self._flow.measured, self._lag_s + self._offset_s)

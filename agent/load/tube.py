"""A lasting connection to a reference server that takes and gives bytes, one thing after the other."""

import socket
from collections import deque
from typing import NamedTuple

from agent.load import protocol
from agent.load.loop import Act, Loop
from agent.load.talk import Head, Link, Place, head_of, refused, request
from agent.machine.trouble import NetworkError, RefusedError, told

ROOM_BYTES = 1 << 17
_HEAD_BYTES = 1 << 14
_OK, _NOTHING = 200, 204


class Tally:
    """What all tubes of a class carried, in bytes of payload, and what broke some of them."""

    def __init__(self) -> None:
        self.received = self.sent = 0
        self.owed = 0
        """Asked for and not here yet."""
        self.broken = 0
        self.trouble: NetworkError | None = None
        """The first thing that broke a tube."""


class Hub(NamedTuple):
    """What all tubes of a class share: `line` names their session, `room` takes what nobody looks at."""

    loop: Loop
    place: Place
    line: str
    tally: Tally
    room: memoryview
    block: memoryview


class _Job(NamedTuple):
    amount: int
    gives: bool
    done: Act


class Tube:
    """Opened when it is first used, and again after it broke. `broke` is told of each thing that was lost."""

    def __init__(self, hub: Hub, broke: Act) -> None:
        self._hub, self._broke = hub, broke
        self._link: Link | None = None
        self._jobs: deque[_Job] = deque()
        self._head: bytes | None = b""
        """Of the answer under way, as far as it has come; None once its body comes."""
        self._left = 0

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return bool(self._jobs)

    def take(self, amount: int, done: Act) -> None:
        """Ask for `amount` bytes, after all that was asked for before."""
        self._hub.tally.owed += amount
        self._add(_Job(amount, gives=False, done=done))

    def give(self, amount: int, done: Act) -> None:
        """Hand in `amount` bytes, after all that was asked for before."""
        self._add(_Job(amount, gives=True, done=done))

    def close(self) -> None:
        """End it at once; nobody is told of what was under way."""
        if self._link:
            self._link.close()
        self._link = None
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            if not job.gives:
                self._hub.tally.owed -= self._left if job is jobs[0] else job.amount

    # --- one thing after the other -------------------------------------------------------------------------

    def _add(self, job: _Job) -> None:
        self._jobs.append(job)
        if len(self._jobs) == 1:
            if self._link is None:
                self._left = job.amount
                self._link = Link(self._hub.loop, self._hub.place, self._ask, self._failed)
            else:
                self._ask()

    def _ask(self) -> None:
        """The first job's request goes out."""
        job = self._jobs[0]
        self._left, self._head = job.amount, b""
        if job.gives:
            data = request("POST", protocol.GIVE, self._hub.line, f"Content-Length: {job.amount}")
        else:
            data = request("GET", protocol.take(job.amount), self._hub.line)
        try:
            self._sock.send(data)
        except OSError as error:
            self._fail(error)
            return
        if job.gives:
            self._hub.loop.writes(self._sock, self._write)
        else:
            self._hub.loop.reads(self._sock, self._read)

    def _done(self) -> None:
        job = self._jobs.popleft()
        if self._jobs:
            self._ask()
        job.done()

    def _write(self) -> None:
        try:
            size = self._sock.send(self._hub.block[: min(self._left, len(self._hub.block))])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        self._hub.tally.sent += size
        self._left -= size
        if not self._left:
            self._hub.loop.reads(self._sock, self._read)

    def _read(self) -> None:
        try:
            if not self._jobs:
                self._rest()
            elif self._head is None:
                self._body(self._came(self._sock.recv_into(self._hub.room, min(self._left, ROOM_BYTES))))
            else:
                self._answer(self._head)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, RefusedError) as error:
            self._fail(error)

    def _rest(self) -> None:
        """Nothing was asked for, so that this can only be its end."""
        if self._link:
            self._link.close()
        self._link = None

    def _answer(self, before: bytes) -> None:
        """The head of an answer, and what comes with it. Raises OSError and RefusedError."""
        data = self._sock.recv(_HEAD_BYTES)
        self._came(len(data))
        self._head = before + data
        if (found := head_of(self._head)) is None:
            return
        job, (head, rest) = self._jobs[0], found
        _check(job, head, rest)
        if job.gives:
            self._done()
        else:
            self._head = None
            self._body(len(rest))

    @staticmethod
    def _came(size: int) -> int:
        """Raises ConnectionResetError if the other side has closed."""
        if not size:
            raise ConnectionResetError
        return size

    def _body(self, size: int) -> None:
        self._hub.tally.received += size
        self._hub.tally.owed -= size
        self._left -= size
        if not self._left:
            self._done()

    # --- its end -------------------------------------------------------------------------------------------

    @property
    def _sock(self) -> socket.socket:
        if self._link is None:
            raise ConnectionResetError
        return self._link.sock

    def _fail(self, error: Exception) -> None:
        if self._link:
            self._link.fail(error)

    def _failed(self, error: Exception) -> None:
        tally = self._hub.tally
        tally.broken += 1
        tally.trouble = tally.trouble or told(error)
        self.close()
        self._broke()


def _check(job: _Job, head: Head, rest: bytes) -> None:
    """Raises RefusedError unless the head is that of what was asked for."""
    if head.status != (_NOTHING if job.gives else _OK):
        raise refused(head, rest)
    if not job.gives and (head.length != job.amount or len(rest) > job.amount):
        raise RefusedError("the server sent something else than what was asked for")

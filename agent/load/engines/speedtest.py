"""The engine `speedtest`: throughput to a public test server, by speedtest-cli (its only door).

The library is abandoned and is fenced accordingly: it lives in a child process, its connections are
metered, its plan is cut to size before it starts, and its own results are not used: they count what it
handed to the kernel, and they hold the public address of the school. Its method stays: the mean over the
whole transfer, slow start included.
"""

import contextlib
import http.client
import logging
import math
import re
import threading
import urllib.error
import urllib.request
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import speedtest

from agent.load.engines.base import Direction, Request, Result, outcome
from agent.load.meter import Meter, Phase
from agent.load.metered import BadPageError, metered_opener
from agent.load.surroundings import Surroundings, Way
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, RefusedError, SilentError, told
from firstbell.catalogue import TEXT_CHARS

# Its own use of datetime.utcnow(), which warns from Python 3.12 on.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="speedtest")

DOWN_SHARE = 0.7
"""Of the bytes, for the way down: the library's own full test is 408 MB down and 151 MB up."""
STEP_S = 5.0
"""The longest that one step of a socket may take."""
AFTER_S = 3.0
"""How long the library's threads may take to notice the end."""
SHORTEST_S = 2.0
"""A direction that has less time than this is not worth loading the line for."""
_LOOK_S = 0.05
MOST_STREAMS = 16
MOST_ROUNDS = 8
MOST_UPLOAD_BYTES = 160_000_000
"""The library builds everything that it may send beforehand, in memory."""
_BROKEN_SHARE = 0.1
"""Of the transfers: with more broken ones a rate says nothing of the line."""
_UNANSWERED_MS = 1_800_000
"""What the library makes of a server that answered none of its three requests: an hour each, halved."""

_LIBRARY_FAULTS = (
    speedtest.SpeedtestException,
    OSError,
    http.client.HTTPException,
    ValueError,
    LookupError,
    AttributeError,
    NameError,  # its second XML parser was never imported
    TypeError,
    ArithmeticError,
    EOFError,
    zlib.error,
)
"""What it is known to raise when an answer is not what it expects (facts: measurement.md 1.1)."""

_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f]*:[0-9a-f:]*", re.IGNORECASE)

_STARVED = "the test needed more memory than it may have"
_REASONS = {
    speedtest.SpeedtestBestServerFailure: "no test server could be reached",
    speedtest.NoMatchedServers: "no test server could be reached",
    speedtest.SpeedtestUploadTimeout: "the upload did not end in time",
    speedtest.SpeedtestCLIError: _STARVED,
}

_log = logging.getLogger(__name__)


def run(request: Request, machine: Machine) -> Result:
    """One whole test. Ends at the ceilings of `request`, whatever the library does.

    Sets `threading.excepthook`: a fault in one of the library's threads would otherwise be a line on
    stderr and a transfer less.
    """
    return _Test(request, machine).result()


class _Library(speedtest.Speedtest):  # type: ignore[misc]  # it has no types
    """speedtest-cli over our opener, with a meter as the event that stops it."""

    def __init__(self, opener: urllib.request.OpenerDirector, meter: Meter, *, secure: bool) -> None:
        self._metered = opener
        super().__init__(timeout=STEP_S, secure=secure, shutdown_event=meter)

    def get_config(self) -> Any:  # noqa: ANN401 - the library's
        """Called by the library's constructor, after it has made an opener and before it uses it."""
        self._metered.addheaders = [("User-agent", speedtest.build_user_agent())]
        self._opener: urllib.request.OpenerDirector = self._metered
        return super().get_config()


class _Test:
    """One run of the library, in a thread of its own, and the facts that it leaves."""

    def __init__(self, request: Request, machine: Machine) -> None:
        self._request, self._machine = request, machine
        self._now = machine.clock.monotonic
        self._end_s = self._now() + request.max_seconds
        self._meter = Meter(self._now)
        self._around = Surroundings(machine, request.interface)
        self._peers: set[str] = set()
        self._trouble: NetworkError | None = None
        self._rates: dict[str, float] = {}
        self._server = ""
        self._capped: tuple[Direction, ...] = ()
        self._faltered: tuple[Direction, ...] = ()

    def result(self) -> Result:
        """Run it, and tell what came of it."""
        threading.excepthook = self._fault_in_thread
        worker = threading.Thread(target=self._work, daemon=True)
        worker.start()
        while worker.is_alive() and self._left_s() > 0:
            worker.join(_LOOK_S)
            self._meter.look()
        self._meter.stop()
        self._meter.look()
        worker.join(AFTER_S)
        if worker.is_alive():
            self._trouble = self._trouble or SilentError("the test did not come to its end in time")
        return self._summed_up(self._trouble)

    def _left_s(self) -> float:
        return self._end_s - self._now()

    def _work(self) -> None:
        try:
            library = self._prepared()
            self._download(library)
            self._upload(library)
        except MemoryError:
            self._trouble = RefusedError(_STARVED)
        except NetworkError as trouble:
            self._trouble = self._trouble or trouble
        except _LIBRARY_FAULTS as fault:
            _log.warning("speedtest-cli: %r", fault)
            self._trouble = self._trouble or _told(fault)

    def _fault_in_thread(self, fault: threading.ExceptHookArgs) -> None:
        _log.warning("speedtest-cli, in a thread: %r", fault.exc_value)
        if isinstance(fault.exc_value, MemoryError | RuntimeError | speedtest.SpeedtestCLIError):
            # No room for a buffer or for one more thread; who waits for that thread waits for ever.
            self._trouble = RefusedError(_STARVED)
            self._end_s = self._now()
            self._meter.stop()
        elif isinstance(fault.exc_value, Exception):
            self._meter.broke(fault.exc_value)

    def _prepared(self) -> _Library:
        """The library with a server chosen. Raises NetworkError and whatever the library raises."""
        opener = metered_opener(self._meter, STEP_S, self._peers.add)
        library = _Library(opener, self._meter, secure=self._request.secure)
        library.get_servers()
        if not library.servers:
            cause = self._meter.phase.first_trouble
            raise RefusedError(f"no list of test servers{f': {_told(cause).reason}' if cause else ''}")
        best = library.get_best_server()
        if best["latency"] >= _UNANSWERED_MS:
            raise RefusedError("no test server answered")
        self._server = _named(best)
        if self._left_s() < 2 * SHORTEST_S:
            raise SilentError("to find a test server took all the time of the test")
        return library

    def _download(self, library: _Library) -> None:
        counts, streams = library.config["counts"], library.config["threads"]
        counts["download"] = min(counts["download"], MOST_ROUNDS)
        streams["download"] = min(streams["download"], MOST_STREAMS)
        with self._direction(
            library, "download", DOWN_SHARE * self._request.max_bytes, self._left_s() / 2
        ) as phase:
            library.download()
        self._rates["down_mbps"] = self._mbps(phase, phase.received)

    def _upload(self, library: _Library) -> None:
        counts, sizes = library.config["counts"], library.config["sizes"]["upload"]
        left = self._request.max_bytes - self._meter.port_received - self._meter.port_sent
        if left <= 0 or self._left_s() < SHORTEST_S:
            raise SilentError("nothing of the ceiling was left for it")
        rounds = math.ceil(min(MOST_UPLOAD_BYTES, left) / sum(sizes))
        counts["upload"] = min(counts["upload"], rounds)
        library.config["upload_max"] = counts["upload"] * len(sizes)
        with self._direction(library, "upload", self._request.max_bytes, self._left_s()) as phase:
            library.upload()
        self._rates["up_mbps"] = self._mbps(phase, phase.delivered)

    @contextlib.contextmanager
    def _direction(self, library: _Library, way: Way, max_bytes: float, most_s: float) -> Iterator[Phase]:
        """Let the library load the line one way, within the ceilings."""
        planned_s = float(library.config["length"][way])
        seconds = library.config["length"][way] = min(planned_s, most_s)
        phase = self._meter.begin(max_bytes=max_bytes, seconds=seconds, started=self._around.begin)
        yield phase
        self._around.end(way, phase)
        cut_short = seconds < planned_s and self._now() >= phase.end_s
        direction: Direction = "down" if way == "download" else "up"
        if phase.full or self._meter.stopped or cut_short:
            self._capped += (direction,)
        if phase.broken:
            self._faltered += (direction,)

    def _mbps(self, phase: Phase, payload: int) -> float:
        """The mean rate of a phase. Raises NetworkError when it says nothing of the line."""
        if self._trouble:
            raise self._trouble
        if phase.first_trouble and phase.broken > _BROKEN_SHARE * phase.transfers:
            trouble = _told(phase.first_trouble)
            raise type(trouble)(f"{phase.broken} of {phase.transfers} transfers failed: {trouble.reason}")
        seconds = min(self._now(), phase.end_s) - (phase.begin_s or 0.0)
        if payload <= 0 or phase.begin_s is None or seconds <= 0:
            raise SilentError("not one byte was carried")
        return payload * 8 / seconds / 1e6

    def _summed_up(self, trouble: NetworkError | None) -> Result:
        known = "down_mbps" in self._rates
        if not known and trouble is None:
            trouble = RefusedError("the test ended without a result")
        status, reason = outcome(trouble, down_known=known)
        return Result(
            status=status,
            reason=reason,
            down_mbps=self._rates.get("down_mbps"),
            up_mbps=self._rates.get("up_mbps"),
            bytes_received=self._meter.port_received,
            bytes_sent=self._meter.port_sent,
            own_processor_pct=self._around.own_processor_pct,
            cpu_busy_pct=self._around.cpu_busy_pct,
            cross_traffic_pct=self._around.cross_traffic_pct,
            server=self._server,
            capped=self._capped,
            faltered=self._faltered,
            to_self=any(self._machine.network.is_own(peer) for peer in self._peers),
        )


def _told(fault: Exception) -> NetworkError:
    """A fault of the library in our words; never in its own, which hold addresses."""
    while (inner := _wrapped(fault)) is not None:
        fault = inner
    if isinstance(fault, urllib.error.HTTPError):
        return RefusedError(f"the test service answered with status {fault.code}")
    if isinstance(fault, BadPageError):
        wrong = f"status {fault.status}" if fault.status >= http.client.BAD_REQUEST else "a page, not a file"
        return RefusedError(f"the test server answered with {wrong}")
    if isinstance(fault, NetworkError | OSError | http.client.HTTPException):
        return told(fault)
    for kinds, reason in _REASONS.items():
        if isinstance(fault, kinds):
            return RefusedError(reason)
    return RefusedError("the test service's answer was not its own (a sign-in page, a filter?)")


def _wrapped(fault: Exception) -> Exception | None:
    """The fault that was behind this one, for the library and urllib both wrap them."""
    if isinstance(fault, speedtest.SpeedtestHTTPError):
        inner = fault.args[0] if fault.args else None
    else:
        inner = fault.reason if isinstance(fault, urllib.error.URLError) else None
    return inner if isinstance(inner, Exception) else None


def _named(server: dict[str, Any]) -> str:
    """The server as it names itself, printable, short, and without addresses."""
    name = f"{server.get('sponsor', '')} ({server.get('name', '')})"
    printable = "".join(char if char.isprintable() else " " for char in _ADDRESS.sub("", name))
    return " ".join(printable.split())[:TEXT_CHARS]

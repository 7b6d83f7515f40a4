"""Many simulated boxes in one process, each with its own MQTT connection: paho, read and written by asyncio.

A box does on the wire what `agent.uplink` does: a clean session, a last will, three topics, the question for
the time at each connection, batches that are kept until the collector has answered that it holds them, and
sent again until then. It has no disk: what it keeps is in memory.
"""

import asyncio
import math
import random
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from agent.uplink.window import Flight, Window
from benchmarks import looks
from collector.clock import SystemClock
from firstbell import wire
from firstbell.district import NS
from firstbell.report import Report

KEEPALIVE_S = 20
"""As the agent has it (`agent.uplink.mqtt`), and so are the next three."""
ROOM = 200
FIRST_RECONNECT_S, MOST_RECONNECT_S = 8, 60
PATIENCE_S = 10.0
SPARE_FILES = 500
_CONNECTING = 64
"""Connections that are made at once; the kernel's queue of the broker holds about a hundred."""
_TICK_S = 1.0
_VERBS = ("answer", "lease", "nudge")


def need_files(boxes: int) -> None:
    """Let this process, and the broker that it starts, have a socket for each box, or end it in words."""
    needed = boxes + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(
            f"{boxes:,} boxes need {needed:,} open files, in this process and in mosquitto, and no more "
            f"than {hard:,} are allowed here. As root: `ulimit -n {needed}` in the shell that starts this; "
            "for a broker under systemd, LimitNOFILE= in its unit."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@dataclass
class Counters:
    """What all boxes together have done. `since`: reports measured and held since the window began."""

    connected: int = 0
    measured: int = 0
    held: int = 0
    sent: int = 0
    resent: int = 0
    later: int = 0
    refused: int = 0
    lost_connections: int = 0
    waits_s: list[float] = field(default_factory=list)
    """From measuring to the answer, of what was measured while its box was connected."""


class Box:
    """One box: its connection, what waits, and what is under way."""

    def __init__(self, name: str, number: int, fleet: "Fleet") -> None:
        self.name, self.number, self._fleet = name, number, fleet
        self.wifi = bool(number % 2)
        self.dice = random.Random(number)
        self.epoch = f"{number:016x}"
        self.seq = 0
        self.waiting: list[bytes] = []
        """Reports that are in no batch yet, the newest last."""
        self.window = Window(self.dice)
        self.ready = False
        self._measured_ns: dict[str, int] = {}
        self._nonce = ""
        self._asked_at = math.inf
        self._client: Client | None = None
        self.bare: list[bytes] | None = None
        """For a peer without a collector: what is sent at once, and no answer is waited for."""

    # --- measuring ---

    def measure(self, reports: Sequence[Report], *, send: bool = True) -> None:
        """Keep reports, and send them if there is a connection."""
        self.waiting += [wire.encode_report(report) for report in reports]
        self.seq += len(reports)
        self._fleet.counters.measured += len(reports)
        if send and self.ready:
            self.send(reports[0].at_ns)

    def pack(self) -> Iterator[Flight]:
        """What waits as batches, of which nothing is sent yet."""
        while self.waiting:
            count = wire.fit(self.waiting)
            rows, self.waiting = self.waiting[:count], self.waiting[count:]
            first = self.seq - len(self.waiting) - count + 1
            digest, payload = wire.encode_batch(self.name, self.epoch, first, rows)
            flight = Flight(first, self.epoch, first, count, digest, payload)
            self.window.add(flight)
            yield flight

    def send(self, measured_ns: int = 0) -> None:
        """Send what waits. `measured_ns` is when it was measured if that is to be timed."""
        now = self._fleet.clock.monotonic()
        self.window.begin_round()
        for flight in self.pack():
            if measured_ns:
                self._measured_ns[flight.digest] = measured_ns
            self._transmit(flight, now)

    def tend(self, now: float) -> None:
        """About once a second: keep the connection up, and send again what is due."""
        if self._client is None:
            return
        if self._asked_at + PATIENCE_S < now:
            self._begin()
        if self.ready and len(self.window):
            self.window.begin_round()
            for flight in self.window.due(now):
                self._transmit(flight, now)

    def _transmit(self, flight: Flight, now: float) -> None:
        assert self._client
        said = self._client.publish(wire.topic(self.name, "report"), flight.payload, 1)
        if said.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._fleet.counters.sent += 1
            self._fleet.counters.resent += flight.tries > 0
            self.window.sent(flight, now)

    # --- the connection ---

    def connect(self) -> None:
        """Connect; blocks, so it is called in a thread. Raises OSError."""
        if self._client is None:
            self._client = self._build()
        self._client.connect("127.0.0.1", self._fleet.port, KEEPALIVE_S)

    def end(self) -> None:
        """Disconnect."""
        if self._client:
            self._client.disconnect()

    def misc(self) -> None:
        """Let paho send its pings."""
        if self._client:
            self._client.loop_misc()

    def _build(self) -> Client:
        loop = self._fleet.loop
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"fb-{self.dice.getrandbits(64):016x}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.max_inflight_messages_set(ROOM)
        client.max_queued_messages_set(ROOM)
        client.will_set(
            wire.topic(self.name, "state"), wire.encode(wire.State(alive=False)), qos=1, retain=True
        )

        def opened(_client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - paho's
            loop.call_soon_threadsafe(lambda: loop.add_reader(sock, client.loop_read))

        def writes(_client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401
            loop.call_soon_threadsafe(self._watch_writing, sock)

        client.on_socket_open = opened
        client.on_socket_register_write = writes
        client.on_socket_unregister_write = lambda _client, _data, sock: _quiet(loop.remove_writer, sock)
        client.on_socket_close = lambda _client, _data, sock: self._closed(sock)
        client.on_connect = lambda *_: self._subscribe()
        client.on_subscribe = lambda *_: self._connected()
        client.on_disconnect = lambda *_: self._lost()
        client.on_message = lambda _client, _data, message: self._hear(message)
        return client

    def _watch_writing(self, sock: Any) -> None:  # noqa: ANN401
        client = self._client
        if client and client.want_write() and sock.fileno() >= 0:
            self._fleet.loop.add_writer(sock, client.loop_write)

    def _closed(self, sock: Any) -> None:  # noqa: ANN401
        _quiet(self._fleet.loop.remove_reader, sock)
        _quiet(self._fleet.loop.remove_writer, sock)

    def _subscribe(self) -> None:
        assert self._client
        self._client.subscribe([(wire.topic(self.name, verb), 1) for verb in _VERBS])

    def _connected(self) -> None:
        assert self._client
        self._fleet.counters.connected += 1
        if self.bare is not None:
            for payload in self.bare:
                self._client.publish(wire.topic(self.name, "report"), payload, 1)
            self.bare = []
            return
        now = self._fleet.clock.monotonic()
        self.window.spread(now, 5.0)
        self._asked_at = now
        self._nonce = f"{self.dice.getrandbits(64):016x}"
        state = wire.State(alive=True, epoch=self.epoch, clock="ntp", nonce=self._nonce)
        self._client.publish(wire.topic(self.name, "state"), wire.encode(state), 1, retain=True)

    def _lost(self) -> None:
        if self._asked_at < math.inf or self.ready:
            self._fleet.counters.connected -= 1
        self.ready, self._asked_at = False, math.inf
        self._fleet.lost(self)

    def _begin(self) -> None:
        """The time is known, or was waited for: what was kept goes out."""
        self.ready, self._asked_at = True, math.inf
        now = self._fleet.clock.monotonic()
        self.window.begin_round()
        for flight in list(self.window):
            if not flight.round:  # those that were sent before are due again within five seconds
                self._transmit(flight, now)
        self.send()

    def _hear(self, message: MQTTMessage) -> None:
        if message.retain or not message.topic.endswith("/answer"):
            return
        answer = wire.read_answer(bytes(message.payload))
        now = self._fleet.clock.monotonic()
        if self._nonce and answer.nonce == self._nonce:
            self._nonce = ""
            self._begin()
        flight = self.window.get(answer.digest)
        if flight is None:
            return
        counters = self._fleet.counters
        counters.refused += sum(last - first + 1 for first, last, _ in answer.refused)
        if answer.held != ((flight.first, flight.first + flight.count - 1),):
            counters.later += 1
            return
        self.window.answered(flight, now, taken=True)
        self.window.remove(flight)
        counters.held += flight.count
        measured_ns = self._measured_ns.pop(answer.digest, 0)
        if measured_ns:
            counters.waits_s.append((self._fleet.clock.now_ns() - measured_ns) / NS)
        self._fleet.answered(answer.digest)


class Fleet:
    """All boxes, in one thread with an event loop of its own. `names` are theirs, in order."""

    def __init__(self, names: Sequence[str], begin_ns: int) -> None:
        self.clock = SystemClock()
        self.loop = asyncio.get_running_loop()
        self.counters = Counters()
        self.port = 0
        self.boxes = [Box(name, number, self) for number, name in enumerate(names)]
        self._begin_ns = begin_ns
        self._dice = random.Random(20_270_301)
        self._rhythm = looks.Rhythm(len(names), begin_ns, self._dice)
        self._pool = ThreadPoolExecutor(_CONNECTING)
        self._away = False
        self._returning: set[str] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.returned_at = 0.0
        """When the last of those that came back with a backlog had its answers, on the monotonic clock."""

    # --- phases ---

    async def first_word(self, port: int) -> None:
        """Connect all boxes, a few at a time, and have the first report of each held."""
        self.port = port
        self._tasks = [asyncio.create_task(self._tend()), asyncio.create_task(self._ping())]
        for box in self.boxes:
            box.measure(looks.reports("box", self._begin_ns, box.dice, wifi=box.wifi, first=True))
        await asyncio.gather(*(self._connect(box) for box in self.boxes))
        await self._until(lambda: self.counters.held == len(self.boxes), "the first reports are held")

    def away(self) -> None:
        """From here on the broker is gone, and nobody tries to reach it."""
        self._away = True

    async def measure_alone(self, until_ns: Callable[[], int]) -> int:
        """Measure without a connection up to that time, and pack it; how many reports wait."""
        await asyncio.sleep(0)
        for turn in self._rhythm.until(until_ns()):
            self._take(turn, send=False)
            if not turn.number % 16:
                await asyncio.sleep(0)
        for box in self.boxes:
            for _ in box.pack():
                await asyncio.sleep(0)
        return self.counters.measured - self.counters.held

    def live(self) -> None:
        """From here on each box measures as time goes by."""
        self._tasks.append(asyncio.create_task(self._live()))

    def come_back(self) -> None:
        """The broker is there again: each box comes back at a random moment of the agent's first wait."""
        self._away = False
        self._returning = {flight.digest for box in self.boxes for flight in box.window}
        for box in self.boxes:
            self._come(box)

    async def all_back(self) -> None:
        """Wait until all that the boxes came back with is answered as held."""
        await self._until(lambda: not self._returning, "what waited is held", 1800)

    async def finish(self) -> None:
        """Measure nothing more, and wait until all is answered as held."""
        self._tasks.pop().cancel()
        await self._until(lambda: self.counters.held == self.counters.measured, "all is held", 600)

    async def only_send(self, port: int, payloads: Sequence[list[bytes]]) -> None:
        """The peer: each box connects and sends these; nobody answers."""
        self.port = port
        for box, mine in zip(self.boxes, payloads, strict=True):
            box.bare = mine
        self._tasks = [asyncio.create_task(self._ping())]
        self.come_back()
        await self._until(lambda: not any(box.bare for box in self.boxes), "all is sent")

    async def close(self) -> None:
        """End all connections."""
        self._away = True
        for task in self._tasks:
            task.cancel()
        for box in self.boxes:
            box.end()
        for connecting in self._connecting:
            connecting.cancel()
        await asyncio.sleep(0.5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- what boxes tell it ---

    def lost(self, box: Box) -> None:
        """A box has no connection: it tries again, as the agent does. Any thread."""
        if not self._away:
            self.counters.lost_connections += 1
            self.loop.call_soon_threadsafe(self._come, box)

    def answered(self, digest: str) -> None:
        """All of a batch is held."""
        if digest in self._returning:
            self._returning.discard(digest)
            if not self._returning:
                self.returned_at = self.clock.monotonic()

    # --- its own tasks ---

    def _come(self, box: Box) -> None:
        task = self.loop.create_task(self._connect(box, self._dice.randint(1, FIRST_RECONNECT_S)))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, box: Box, wait_s: float = 0.0) -> None:
        while not self._away:
            await asyncio.sleep(wait_s)
            try:
                await self.loop.run_in_executor(self._pool, box.connect)
            except OSError:
                wait_s = min(MOST_RECONNECT_S, 2 * max(1.0, wait_s))
            else:
                return

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            now = self.clock.monotonic()
            for box in self.boxes:
                box.tend(now)

    async def _ping(self) -> None:
        while True:
            for number, box in enumerate(self.boxes):
                box.misc()
                if not number % 100:
                    await asyncio.sleep(KEEPALIVE_S / 4 / (len(self.boxes) / 100 + 1))

    async def _live(self) -> None:
        while True:
            for turn in self._rhythm.until(self.clock.now_ns()):
                self._take(turn)
                if not turn.number % 16:
                    await asyncio.sleep(0)
            await asyncio.sleep(max(0.001, (self._rhythm.next_ns() - self.clock.now_ns()) / NS))

    def _take(self, turn: looks.Turn, *, send: bool = True) -> None:
        box = self.boxes[turn.box]
        box.measure(looks.reports(turn.probe, turn.at_ns, box.dice, wifi=box.wifi), send=send)

    async def _until(self, condition: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
        deadline = self.clock.monotonic() + seconds
        while not condition():
            if self.clock.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds:g} s in vain: {what}; {self._said()}")
            await asyncio.sleep(0.05)

    def _said(self) -> str:
        told = self.counters
        return (
            f"{told.connected:,} of {len(self.boxes):,} boxes connected, {told.held:,} of {told.measured:,} "
            f"reports held, {told.resent:,} of {told.sent:,} batches sent again, {told.later:,} not taken"
        )


def _quiet(call: Callable[[Any], object], argument: Any) -> None:  # noqa: ANN401
    with suppress(ValueError, OSError):
        call(argument)

"""The way in and out over MQTT.

Nothing is acknowledged to the broker before it is settled, and only on the connection it came by: packet
numbers start again with each, so that a late one would acknowledge a message that nobody has kept.
The broker's session is persistent, but nothing relies on it: what is lost there, the boxes send again.
"""

import functools
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, Protocol, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from collector.clock import Clock
from collector.intake import Pending
from firstbell import wire
from firstbell.wire import Answer, WireError

if TYPE_CHECKING:
    from typing_extensions import Buffer

log = logging.getLogger(__name__)

P = ParamSpec("P")

CLIENT_ID = "firstbell-collector"
_KEEPALIVE_S = 20
_MOST_RECONNECT_S = 30
_ANSWERS = 10_000
"""Answers that the broker has not acknowledged. None waits for another's acknowledgement: that comes behind
all messages which the broker has on its way to us, and these may be a thousand."""
_LOOK_EVERY_S = 0.5
_STOP_S = 5.0
_DEAF_S = 30.0
"""How long a broker that took us in may be silent before it lets us hear."""
_NEEDED = 2
"""Of what the collector subscribes to, reports and states: without them it is of no use."""
_NONCE_CHARS = 64
_MOST_OVERSIZERS = 1000
_READ_BYTES = 64 * 1024
_MOST_PACKET_BYTES = 4 * wire.WIRE_BYTES
"""What of one message is kept in memory: the longest topic, an envelope, and more than a body may have."""


class Address(NamedTuple):
    """How to reach the broker. `tls` makes what is ready to use: whom to trust, and the certificate to show.

    It is called for each connection, so that a renewed certificate is shown from the next one on.
    """

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: Callable[[], ssl.SSLContext] | None = None
    client_id: str = CLIENT_ID


class Taker(Protocol):
    """Whoever takes messages: the intake."""

    def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:
        """Take a message of `agent` (empty: of nobody well named), waiting if there is no room."""


class Hearer(Protocol):
    """Whoever hears what boxes say of leases: the coordinator."""

    def hear(self, agent: str, payload: bytes, /) -> None:
        """Take a word of a box, without waiting."""


class _Bounded(bytearray):
    """A packet that stops growing at its bound, whatever is added."""

    def __iadd__(self, more: "Buffer", /) -> Self:  # type: ignore[override]  # as bytearray itself has it
        self.extend(memoryview(more)[: max(0, _MOST_PACKET_BYTES - len(self))])
        return self


class _Client(Client):
    """paho's client with bounded memory: MQTT 3.1.1 has no word for "nothing larger than this".

    What is beyond the bound is read off the line and forgotten, so that the message can be acknowledged and
    does not come again.
    """

    tls_anew: Callable[[], ssl.SSLContext] | None = None

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 - paho itself does without it
        """Read one packet; then writing has its turn.

        paho reads as many in a row as there are answers that nobody acknowledged yet. Where thousands of
        boxes come back at once and each message waits for room at the writer's, that is minutes in which
        neither an acknowledgement nor a ping goes out, and the broker takes the collector for dead.
        """
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        rc = self._packet_read()
        return self._loop_rc_handle(rc) if rc > 0 else MQTTErrorCode.MQTT_ERR_SUCCESS

    def oversized(self) -> int:
        """The length of the message that is being handled if it was cut; else 0."""
        whole = self._in_packet["remaining_length"]
        return whole if whole > len(self._in_packet["packet"]) else 0

    def _packet_read(self) -> MQTTErrorCode:
        if not isinstance(self._in_packet["packet"], _Bounded):
            self._in_packet["packet"] = _Bounded()
        return super()._packet_read()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        if self.tls_anew:
            self._ssl_context = self.tls_anew()
        return super()._ssl_wrap_socket(tcp_sock)

    def _sock_recv(self, bufsize: int) -> bytes:
        return super()._sock_recv(min(bufsize, _READ_BYTES))  # recv makes room for all that it is asked for


class _Receipt:
    """The right to acknowledge one message, once, on the connection that brought it."""

    def __init__(self, client: _Client, connection: int, message: MQTTMessage) -> None:
        self.client = client
        self.connection = connection
        self.mid = message.mid
        self.qos = message.qos
        self.given = False


def _shielded(callback: Callable[P, None]) -> Callable[P, None]:
    """Keep an exception from ending the thread on which `callback` runs; it is logged."""

    @functools.wraps(callback)
    def shielded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception:
            log.exception("%s failed", callback.__qualname__)

    return shielded


class Link:
    """The collector's connection to the broker; it keeps itself up until it is stopped.

    `journal_id` and `clock` serve a box that asks for the time. Words about leases go to `hearer`.
    """

    def __init__(
        self, address: Address, taker: Taker, clock: Clock, journal_id: str, hearer: Hearer | None = None
    ) -> None:
        self.received = 0
        self.acknowledged = 0
        self.outlived = 0
        """Messages that were settled after their connection was gone; the broker brings them again."""
        self.answered = 0
        self.unsaid = 0
        """Answers that could not be said for want of a connection; the boxes ask again."""
        self.rebuilt = 0
        self.oversized = 0
        """Messages far larger than any box makes: not kept, not answered, and said once for each box."""
        self._oversizers: set[str] = set()
        self._address = address
        self._taker = taker
        self._hearer = hearer
        self._clock = clock
        self._journal_id = journal_id
        # Reentrant: a network thread that closes its socket while it acknowledges comes by twice.
        self._lock = threading.RLock()
        self._connection = 0
        # Online from the broker's welcome on, connected once it lets us hear: between the two it brings
        # what was never acknowledged, and that is answered already.
        self._online = False
        self._connected = False
        self._deaf_at = 0.0
        self._stopping = threading.Event()
        self._client = self._build()
        self._keeper = threading.Thread(target=self._keep_up, name="mqtt-keeper", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker took us in and lets us hear the boxes."""
        return self._connected

    def start(self) -> None:
        """Connect, and stay connected."""
        self._run(self._client)
        self._keeper.start()

    def stop(self) -> None:
        """Hear nothing more. What is not settled by now, the broker or the box brings again."""
        self._stopping.set()
        self._keeper.join()
        self._client.disconnect()
        # paho waits for its thread without end, and that may be waiting for room at the writer's.
        ending = threading.Thread(target=self._client.loop_stop, name="mqtt-stop", daemon=True)
        ending.start()
        ending.join(_STOP_S)
        self._lost(self._client)

    def nudge(self, agent: str) -> bool:
        """Ask a box to run its cheap checks now; whether it could be said. One that is off never hears it."""
        if not self._connected:
            return False
        # Not kept for later by anybody: what is asked now is of no use in an hour.
        said = self._client.publish(wire.topic(agent, "nudge"), b"", qos=0)
        return said.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def tell(self, agent: str, payload: bytes) -> bool:
        """Say something about a lease to a box; whether it could be said."""
        if not self._online:
            return False
        said = self._client.publish(wire.topic(agent, "lease"), payload, qos=1)
        return said.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _build(self) -> _Client:
        address = self._address
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=address.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if address.username:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            client.tls_set_context(address.tls())
            client.tls_anew = address.tls
        client.max_inflight_messages_set(_ANSWERS)
        client.max_queued_messages_set(_ANSWERS)
        client.reconnect_delay_set(1, _MOST_RECONNECT_S)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = functools.partial(self._on_message, client)
        client.on_disconnect = self._on_disconnect
        client.on_socket_close = self._on_socket_close
        return client

    def _run(self, client: Client) -> None:
        client.connect_async(self._address.host, self._address.port, _KEEPALIVE_S)
        client.loop_start()

    def _keep_up(self) -> None:
        """Replace the client when its thread has died, which paho itself neither heals nor shows."""
        while not self._stopping.wait(_LOOK_EVERY_S):
            if self._client._thread is None:  # noqa: SLF001 - there is no public word for it
                self._replace()
            elif self._online and not self._connected and self._clock.monotonic() > self._deaf_at:
                log.warning("the broker took the collector in and does not let it hear: once more")
                self._deaf_at = self._clock.monotonic() + _DEAF_S
                self._client.disconnect()  # and its thread ends

    @_shielded
    def _replace(self) -> None:
        log.error("the network thread is dead; a new client takes over")
        self._lost(self._client)
        with self._lock:
            self.rebuilt += 1
            self._client = self._build()
        self._run(self._client)

    # --- callbacks, on paho's thread: an exception in one would end that thread without a word ---------

    @_shielded
    def _on_connect(
        self, client: Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if code.is_failure:
            log.error("the broker refused the collector: %s", code)
            return
        log.info("connected to the broker at %s:%d", self._address.host, self._address.port)
        self._deaf_at = self._clock.monotonic() + _DEAF_S
        self._online = client is self._client
        client.subscribe([(wire.REPORTS_OF_ALL, 1), (wire.STATES_OF_ALL, 1), (wire.ASKS_OF_ALL, 1)])

    @_shielded
    def _on_subscribe(
        self, client: Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        needed = codes[:_NEEDED]
        if any(code.is_failure for code in needed):
            log.error("the broker lets the collector hear nothing: %s", ", ".join(map(str, needed)))
            return
        if any(code.is_failure for code in codes):
            # A list of topics from before there were leases: reports are worth more than heavy tests.
            log.error("the broker does not let the collector hear %s: no heavy test runs", wire.ASKS_OF_ALL)
        self._connected = client is self._client

    @_shielded
    def _on_disconnect(
        self, client: Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        self._lost(client)
        if not self._stopping.is_set():
            log.warning("the connection to the broker is gone: %s", code)

    @_shielded
    def _on_socket_close(self, client: Client, _data: object, _socket: object) -> None:
        # The one callback that paho makes for every connection that ends, and before it forgets what was
        # to be sent on it: an acknowledgement that is queued after this would go out on the next one.
        self._lost(client)

    @_shielded
    def _on_message(self, client: _Client, _same: Client, _data: object, message: MQTTMessage) -> None:
        self.received += 1
        # What was never acknowledged comes before the word that we may hear: it may be thousands of messages.
        self._deaf_at = self._clock.monotonic() + _DEAF_S
        receipt = _Receipt(client, self._connection, message)
        try:
            self._hear(message, receipt)
        except Exception:
            log.exception("a message could not be taken; it is acknowledged, and its box will ask again")
            self._acknowledge(receipt)

    # --- what it does -----------------------------------------------------------------------------------

    def _lost(self, client: Client) -> None:
        with self._lock:
            if client is self._client:
                self._connection += 1
                self._online = self._connected = False

    def _hear(self, message: MQTTMessage, receipt: _Receipt) -> None:
        topic = _topic_of(message)
        agent = wire.agent_of(topic) or ""
        if size := receipt.client.oversized():
            self._acknowledge(receipt)
            self._shun(agent, size)
            return
        if agent and topic == wire.topic(agent, "state"):
            self._acknowledge(receipt)
            self._tell_time(agent, bytes(message.payload))
            return

        if topic == wire.topic(agent, "lease/ask"):
            self._acknowledge(receipt)
            if agent and self._hearer and not message.retain:
                self._hearer.hear(agent, bytes(message.payload))
            return

        def settled(answer: Answer | None) -> None:
            self._acknowledge(receipt)
            if answer:
                self._say(agent, answer)

        self._taker.take(agent, bytes(message.payload), self._clock.now_ns()).then(settled)

    def _shun(self, agent: str, size: int) -> None:
        self.oversized += 1
        if agent not in self._oversizers and len(self._oversizers) < _MOST_OVERSIZERS:
            self._oversizers.add(agent)
            log.warning("a message of %s has %d bytes: read past, not answered", agent or "nobody", size)

    def _tell_time(self, agent: str, payload: bytes) -> None:
        try:
            nonce = wire.read_state(payload).nonce
        except WireError as error:
            log.warning("the state of %s can't be read: %s", agent, error)
            return
        if nonce and len(nonce) <= _NONCE_CHARS:
            self._say(agent, Answer(journal=self._journal_id, now_ns=self._clock.now_ns(), nonce=nonce))

    def _acknowledge(self, receipt: _Receipt) -> None:
        with self._lock:
            if receipt.given:
                return
            receipt.given = True
            if receipt.connection != self._connection or receipt.client is not self._client:
                self.outlived += 1
                return
            receipt.client.ack(receipt.mid, receipt.qos)
            self.acknowledged += 1

    def _say(self, agent: str, answer: Answer) -> None:
        # Nothing is given to paho while offline: it would keep it in memory, and the box asks again anyway.
        if not self._online:
            self.unsaid += 1
            return
        said = self._client.publish(wire.topic(agent, "answer"), wire.encode(answer), qos=1)
        if said.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.answered += 1
        else:
            self.unsaid += 1


def _topic_of(message: MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""

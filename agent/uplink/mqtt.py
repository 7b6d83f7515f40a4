"""The line to the collector over MQTT 3.1.1. The only door to paho on the box.

Every callback is guarded: an exception in one would end paho's network thread while the client goes on
saying that it is connected. A thread that ended anyway is noticed by `tend`, and the client is built anew.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from random import Random
from typing import TYPE_CHECKING, Any, ParamSpec

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.machine import dates
from firstbell import wire

if TYPE_CHECKING:
    from agent.uplink.way import Way

KEEPALIVE_S = 20
"""A dead link is noticed after twice this."""
ROOM = 200
"""Messages that paho may hold: those which the broker has not acknowledged yet."""
STUCK_S = 300.0
"""A client that has no connection and has not tried for so long hangs, in a name lookup for example."""
REBUILD_S = 10.0
"""The shortest time between two clients, in case each dies at once."""
GOODBYE_S = 2.0
FEEL_S = 10.0

P = ParamSpec("P")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broker:
    """Where the broker is and how to speak to it.

    With `tls`, `ca_file` is the only authority that is believed; without it, those of the system are.
    `reconnect_s` bounds the wait before connecting again, in seconds: it starts anywhere from 1 to the
    first, drawn anew after each connection, and doubles up to the second. With `way` the bytes go through a
    WebSocket of the collector's web server; without, straight to the broker.
    """

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    reconnect_s: tuple[int, int] = (8, 60)
    way: "Way | None" = None

    def socket(self, timeout_s: float) -> "socket.socket":
        """A connection to the broker, before any TLS. Raises OSError."""
        if self.way is None:
            return socket.create_connection((self.host, self.port), timeout_s)
        from agent.uplink import tunnel  # noqa: PLC0415 - its library, where it is needed

        return tunnel.dug(self.way)


def _guarded(callback: Callable[P, None]) -> Callable[P, None]:
    """A callback that logs what goes wrong in it; nothing may end paho's thread."""

    @wraps(callback)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it is, it must not end the thread
            _log.exception("%s failed in the network thread", callback.__name__)

    return guarded


class _Client(paho.Client):
    """paho's client, which also says when its thread has ended and why it could not connect."""

    def __init__(self, client_id: str, connect: Callable[[float], socket.socket]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=paho.MQTTv311
        )
        self._connect = connect
        self.ended = threading.Event()
        self.trouble = ""

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Run in paho's thread until it is told to end, or until something ends it."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception:  # noqa: BLE001 - whatever ended it, `tend` builds another
            _log.exception("the network thread has ended")
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.ended.set()

    def reconnect(self) -> MQTTErrorCode:
        """Try to connect. Raises OSError."""
        try:
            return super().reconnect()
        except OSError as error:
            self.trouble = str(error) or type(error).__name__
            raise

    def _create_socket_connection(self) -> socket.socket:
        return self._connect(self._connect_timeout)

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """As paho does it, but closed where it fails: what waits at a tunnel's other end must see that."""
        assert self._ssl_context is not None
        return _shaken(tcp_sock, self._ssl_context, self._host, self._connect_timeout)


class MqttLine:
    """A line (see `agent.uplink.sender.Line`) over MQTT: clean session, QoS 1, a last will on the state.

    `oversized` counts messages that came and were longer than any should be. Raises OSError if the files
    for TLS can't be read. `any_date` says whether this box does not know the date: then that of the broker's
    certificate counts for nothing.
    """

    def __init__(
        self, broker: Broker, agent: str, random: Random, any_date: Callable[[], bool] = lambda: False
    ) -> None:
        self.oversized = 0
        self._any_date = any_date
        self._broker, self._agent, self._random = broker, agent, random
        self._tls = _tls(broker)
        self._verbs = {wire.topic(agent, verb): verb for verb in ("answer", "lease", "nudge")}
        self._client: _Client | None = None
        self._connections = self._connection = 0
        self._attempted = threading.Event()
        self._attempted_at = self._built_at = 0.0
        self._refused = self._said = ""

    # --- what the sender uses -------------------------------------------------------------------------

    def open(
        self,
        receive: Callable[[str, bytes], None],
        wake: Callable[[], None],
        attempted: Callable[[], None],
    ) -> None:
        """Begin to connect, and to reconnect for ever."""
        self._receive, self._wake, self._tell_attempt = receive, wake, attempted
        self._build()

    def connected(self) -> int:
        """The number of the present connection, counted from 1; 0 while there is none."""
        return self._connection

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send now or not at all: False if there is no connection or no room."""
        if not self._connection or self._client is None:
            return False
        info = self._client.publish(wire.topic(self._agent, verb), payload, qos=1, retain=retain)
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def tend(self, now: float) -> None:
        """Build the client anew if its thread has ended, or hangs."""
        if self._attempted.is_set() or self._connection:
            self._attempted.clear()
            self._attempted_at = now
        self._log_trouble()
        if self._client is None or now < self._built_at + REBUILD_S:
            return
        dead = self._client.ended.is_set()
        if dead or (not self._connection and now > self._attempted_at + STUCK_S):
            _log.warning("the network thread %s: starting anew", "is dead" if dead else "hangs")
            self._lost()
            self._client.disconnect()
            self._build()
            self._built_at = now

    def _log_trouble(self) -> None:
        trouble = self.trouble
        if trouble and trouble != self._said:
            _log.warning("no connection to the broker: %s", trouble)
        self._said = trouble

    def close(self, last_word: bytes) -> None:
        """Publish `last_word` as the state if there is a connection, and end."""
        client, self._client = self._client, None
        if client is None:
            return
        if self._connection:
            client.publish(wire.topic(self._agent, "state"), last_word, qos=1, retain=True)
        self._connection = 0
        client.disconnect()
        if client.ended.wait(GOODBYE_S):
            client.loop_stop()

    def try_out(self, seconds: float) -> str:
        """Connect and log in once, and say what is wrong; empty if nothing is. Leaves no word behind."""
        came = threading.Event()
        self.open(lambda _verb, _payload: None, came.set, lambda: None)
        came.wait(seconds)
        trouble = "" if self._connection else self.trouble or f"no answer in {seconds:g} s"
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            if client.ended.wait(GOODBYE_S):
                client.loop_stop()
        return trouble

    def feel(self) -> str:
        """See whether the broker is there and is the district's, and say what is wrong; "" if nothing is.

        Nobody logs in, so that a session of this box's on another line goes on.
        """
        try:
            with self._socket(FEEL_S) as made:
                if self._tls:
                    _shaken(made, self._tls, self._broker.host, FEEL_S).close()
        except OSError as error:
            return str(error) or type(error).__name__
        return ""

    def _socket(self, timeout_s: float) -> socket.socket:
        if self._tls:
            dates.overlook(self._tls, dates=self._any_date())
        return self._broker.socket(timeout_s)

    @property
    def trouble(self) -> str:
        """Why there is no connection, as far as it is known; empty while there is one."""
        if self._connection:
            return ""
        return self._refused or (self._client.trouble if self._client else "")

    # --- paho's thread --------------------------------------------------------------------------------

    def _build(self) -> None:
        broker = self._broker
        client = _Client(f"fb-{self._random.getrandbits(64):016x}", self._socket)
        client.max_inflight_messages_set(ROOM)
        client.max_queued_messages_set(ROOM)
        client.will_set(
            wire.topic(self._agent, "state"), wire.encode(wire.State(alive=False)), qos=1, retain=True
        )
        if broker.username:
            client.username_pw_set(broker.username, broker.password)
        if self._tls:
            client.tls_set_context(self._tls)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        self._attempted.set()
        self._draw_delay(client)
        client.connect_async(broker.host, broker.port, KEEPALIVE_S)
        client.loop_start()

    def _draw_delay(self, client: paho.Client) -> None:
        """A minimum of its own for each box and connection, so that a fleet does not come back as one."""
        least, most = self._broker.reconnect_s
        client.reconnect_delay_set(self._random.randint(1, max(1, least)), most)

    def _lost(self) -> None:
        if self._connection:
            self._connection = 0
            self._wake()

    @_guarded
    def _on_pre_connect(self, client: paho.Client, _userdata: Any) -> None:  # noqa: ANN401 - paho's
        if client is self._client:
            self._attempted.set()
            self._tell_attempt()

    @_guarded
    def _on_connect(
        self,
        client: paho.Client,
        _userdata: Any,  # noqa: ANN401 - paho's
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if client is not self._client:
            client.disconnect()  # given up as hung, and come back after all
            return
        if reason.is_failure:
            self._refused = f"the broker says: {reason}"
            _log.warning("the broker refused this box: %s", reason)
            return
        self._draw_delay(client)
        client.subscribe([(topic, 1) for topic in self._verbs])

    @_guarded
    def _on_subscribe(
        self,
        client: paho.Client,
        _userdata: Any,  # noqa: ANN401 - paho's
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        """Only now can an answer arrive: this is when the connection counts."""
        if client is not self._client:
            return
        if any(reason.is_failure for reason in reasons):
            self._refused = "the broker does not let this box read its answers"
            _log.warning(self._refused)
            return
        self._refused = ""
        self._connections += 1
        self._connection = self._connections
        _log.info("connected to the broker%s", " again" if self._connections > 1 else "")
        self._wake()

    @_guarded
    def _on_disconnect(
        self,
        client: paho.Client,
        _userdata: Any,  # noqa: ANN401 - paho's
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if client is self._client:
            if self._connection:
                _log.info("the connection to the broker was lost: %s", reason)
            self._lost()

    @_guarded
    def _on_message(
        self,
        client: paho.Client,
        _userdata: Any,  # noqa: ANN401 - paho's
        message: paho.MQTTMessage,
    ) -> None:
        if client is not self._client or message.retain:
            # Nothing that is meant for this box now was said before it came.
            return
        if len(message.payload) > wire.WIRE_BYTES:
            self.oversized += 1
            return
        verb = self._verbs.get(message.topic)
        if verb:
            self._receive(verb, bytes(message.payload))


def _shaken(made: socket.socket, tls: ssl.SSLContext, host: str, timeout_s: float) -> ssl.SSLSocket:
    """TLS with `host` on a connection, which is closed where that fails. Raises OSError."""
    secured = tls.wrap_socket(made, server_hostname=host, do_handshake_on_connect=False)
    try:
        secured.settimeout(timeout_s)
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured


def _tls(broker: Broker) -> ssl.SSLContext | None:
    if not broker.tls:
        return None
    context = ssl.create_default_context(cafile=broker.ca_file)
    if broker.cert_file:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context

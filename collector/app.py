"""The one constructor of the collector: journal, writer, intake, the way in, and the web server."""

import errno
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from collector import config, holding, influxdb, registry, simulated
from collector.clock import Clock, SystemClock
from collector.config import BrokerSettings, Home, Settings, WebSettings
from collector.coordinator.coordinator import Coordinator
from collector.coordinator.desk import Desk
from collector.coordinator.tickets import Tickets
from collector.gateways import Gateways
from collector.identity.authority import Authority, NoAuthorityError
from collector.identity.registrar import Registrar
from collector.identity.renewing import Renewing
from collector.identity.shut_out import ShutOut
from collector.identity.signing import Callers, Voice
from collector.intake import Intake
from collector.keeping import record
from collector.letters import Broker, Letters
from collector.mqtt import Address, Link
from collector.questions.boards import Boards
from collector.registry import Folder, Registry
from collector.sinks.carrier import Carrier
from collector.sinks.way import Way
from collector.store.copied import Copied
from collector.store.decisions import keep_district
from collector.store.errors import InUseError, SimulatedError, StoreError
from collector.store.journal import Journal, open_journal
from collector.store.leases import Leases
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from collector.store.writer import Writer
from collector.supervisor import Supervisor, fed
from collector.telling import Telling
from collector.tokens import Tokens
from collector.web import door
from collector.web.app import create_app
from collector.web.health import Parts
from firstbell.settings import SettingsError

log = logging.getLogger(__name__)

STUCK_S = 240.0
"""On no disk that works does one piece of work of the writer, or one turn of the web server, take so long."""


def run(
    home: Home, settings: Settings, ready: Callable[[int], None], minds: Supervisor | None = None
) -> None:
    """Take, keep and serve until SIGTERM or Ctrl-C; `ready` is told the web server's port once it listens.

    `minds` is told that it is ready, and on and on that writer and web server move.

    Raises SettingsError, StoreError (InUseError where another collector has the folder), or OSError where
    the web server's port is taken.
    """
    if home.demo:
        raise SettingsError(
            str(home.demo_file), ["a simulated district lives here: `firstbell demo` shows it"]
        )
    home.folder.mkdir(parents=True, exist_ok=True)
    try:
        with holding.held(home.folder / "collector.lock"):
            _run(home, settings, ready, minds or Supervisor())
    except holding.HeldError as error:
        # Two would take each other's place at the broker for ever, and neither would hear a box.
        raise InUseError(
            f"another collector uses {home.folder}: {error}. Stop it, or choose another folder with --data."
        ) from None


def _run(home: Home, settings: Settings, ready: Callable[[int], None], minds: Supervisor) -> None:
    clock = SystemClock()
    renewing = Renewing(home.folder, (settings.broker.cert_file, settings.web.cert_file), clock)
    renewing.look()
    address = _address(home, settings)
    journal = open_journal(home.journal)
    if journal.simulated():
        raise SimulatedError(
            f"{home.journal} is a demo's: nothing in it was measured. Put it elsewhere first."
        )
    districts = _registry(home, journal, clock)
    writer = Writer(journal, clock)
    shut_out = ShutOut(journal)
    intake = Intake(writer, clock, journal.id, shut_out.out)
    folder_now = simulated.watched(home, districts.now)
    leases = Leases(journal)
    desk = Desk(leases, lambda: folder_now().district, clock, Tickets(home.folder))
    coordinator = Coordinator(desk, clock, shut_out.out)
    link = Link(address, intake, clock, journal.id, coordinator)
    reads = Reads(journal)
    authority = _authority(home)
    registrar = Registrar(journal, authority, clock) if authority else None
    letters = _letters(authority, settings, journal, clock, intake, coordinator, link)
    carrier = _carrier(home, settings, journal, reads, folder_now, clock)
    parts = Parts(
        writer=writer,
        intake=intake,
        reads=reads,
        link=link,
        clock=clock,
        folder=home.folder,
        folder_now=folder_now,
        folder_trouble=districts.trouble,
        targets=registry.targets(),
        program=config.program(home) if settings.web.on_loopback else "firstbell",
        coordinator=coordinator,
        journal=journal,
        influx_trouble=(lambda: carrier.trouble) if carrier else None,
        registrar=registrar,
        certificates=lambda: renewing.troubles,
        letters=letters,
        backup_trouble=record.watched(home, settings.keep, clock.now_ns),
    )
    gateways = Gateways(
        lambda: [school.gateway for school in parts.folder_now().district.schools], writer, clock
    )
    telling = Telling(f"{address.host}:{address.port}", lambda: link.connected, districts.trouble)
    with _listen(settings.web) as listening:
        shut_out.start()
        writer.start()
        coordinator.start(letters.tell if letters else link.tell)
        link.start()
        gateways.start()
        telling.start()
        renewing.start()
        if carrier:
            carrier.start()
        try:
            with _told(home, listening.getsockname()[1]):
                _serve(home, settings.web, parts, listening, ready, minds)
        finally:
            # In this order: nothing new comes in, what came in is committed and answered where it can be.
            telling.stop()
            shut_out.stop()
            renewing.stop()
            if carrier:
                carrier.stop()
            gateways.stop()
            link.stop()
            coordinator.stop()
            leases.close()
            writer.stop()
            reads.close()


def _authority(home: Home) -> Authority | None:
    """The district's own authority; None where it has none. Raises AuthorityError."""
    try:
        return Authority(home.folder)
    except NoAuthorityError:
        return None


def _letters(
    authority: Authority | None,
    settings: Settings,
    journal: Journal,
    clock: Clock,
    intake: Intake,
    coordinator: Coordinator,
    link: Link,
) -> Letters | None:
    """Who takes what boxes bring by HTTPS. A WebSocket leads to a broker that speaks TLS, or nowhere."""
    if authority is None:
        return None
    broker = settings.broker
    to = Broker(broker.host, broker.port) if broker.ca_file else None
    callers, voice = Callers(journal, authority, clock), Voice(authority, clock)
    return Letters(intake, coordinator, link, clock, journal.id, callers, voice, to)


def _carrier(
    home: Home,
    settings: Settings,
    journal: Journal,
    reads: Reads,
    folder_now: Callable[[], Folder],
    clock: Clock,
) -> Carrier | None:
    """What ships to InfluxDB; None where none is named."""
    if not settings.influx.url:
        return None
    outbox = Outbox(journal, influxdb.SINK)
    # Which remembers what it said, whatever happens.
    boards = Boards(reads, Copied(journal), folder_now, registry.targets())

    def opened() -> Way:
        return influxdb.way(home, settings.influx, journal, reads, folder_now, clock, outbox, boards)

    return Carrier(opened, outbox, clock)


@contextmanager
def _told(home: Home, port: int) -> Iterator[None]:
    """Leave word of the port while it is served: commands on this machine look for the collector there."""
    with suppress(OSError):  # a full disk has no room for it; then they look where the settings say
        home.served_at.write_text(f"{port}\n", encoding="ascii")
    try:
        yield
    finally:
        with suppress(OSError):
            home.served_at.unlink(missing_ok=True)


class NoLink:
    """In the place of the broker where nothing is to come: a demo's reports are all there."""

    connected = False
    received = acknowledged = outlived = answered = unsaid = rebuilt = oversized = 0

    def nudge(self, _agent: str) -> bool:
        """No box is there to hear it."""
        return False


def show(home: Home, web: WebSettings, ready: Callable[[int], None]) -> None:
    """Serve the pages of a demo at its own moment until SIGTERM or Ctrl-C; it hears no broker.

    Raises StoreError, or OSError where the port is taken.
    """
    clock = home.clock
    journal = open_journal(home.journal)
    districts = _registry(home, journal, clock)
    writer = Writer(journal, clock)
    reads = Reads(journal)
    parts = Parts(
        writer=writer,
        intake=Intake(writer, clock, journal.id),
        reads=reads,
        link=NoLink(),
        clock=clock,
        folder=home.folder,
        folder_now=simulated.watched(home, districts.now),
        folder_trouble=districts.trouble,
        targets=registry.targets(),
        simulated=True,
        program=config.program(home),
    )
    with _listen(web) as listening:
        writer.start()
        try:
            _serve(home, web, parts, listening, ready, Supervisor())
        finally:
            writer.stop()
            reads.close()


def _listen(web: WebSettings) -> door.Door:
    """The web server's port. The default one may be another program's: then any will do. Raises OSError."""
    try:
        return listener(web.host, web.port)
    except OSError as error:
        if web.port != config.WEB_PORT or error.errno != errno.EADDRINUSE:
            raise
        log.warning("port %d is taken; serving at another one", web.port)
        return listener(web.host, 0)


def listener(host: str, port: int) -> door.Door:
    """A listening socket. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.create_server(address[:2], family=family)
    # What it accepts inherits this. An answer's body is written after its head, and would wait 40 ms for the
    # browser's delayed acknowledgement of that.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return door.Door(made)


def _serve(
    home: Home,
    web: WebSettings,
    parts: Parts,
    listening: socket.socket,
    ready: Callable[[int], None],
    minds: Supervisor,
) -> None:
    """Serve in this thread until a signal, which is heard from before `ready` on.

    uvicorn hears it only once it runs, and gives it back at its end, when it means nothing any more.
    """
    tokens = _tokens(home, web)
    cert, key = (home.folder / name if name else None for name in (web.cert_file, web.key_file))
    settings = door.settings(create_app(parts, tokens), cert, key)
    try:
        settings.load()
    except OSError as error:
        raise SettingsError(
            str(home.settings), [f"web.cert_file, web.key_file can't be used: {error}"]
        ) from error
    door.quieten()
    server = door.Server(settings)

    def end(_number: int, _frame: FrameType | None) -> None:
        log.info("stopping")
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with fed(minds, lambda: stuck(parts.writer, server)):
        ready(listening.getsockname()[1])
        minds.ready()
        server.run(sockets=[listening])


def stuck(writer: Writer, server: door.Server, most_s: float = STUCK_S) -> str:
    """What does not move any more and would after a new start; "" while all does.

    A disk that refuses is not that, nor one that is slow, nor a journal that another process has locked:
    these are told, and boxes keep what they have meanwhile.
    """
    if not writer.alive:
        return "the writer is dead"
    if writer.busy_s() > most_s:
        return f"the writer has been at one thing for {writer.busy_s():.0f} s"
    if server.still_s() > most_s:
        return f"the web server has not turned for {server.still_s():.0f} s"
    return ""


def _tokens(home: Home, web: WebSettings) -> Tokens | None:
    """Who may sign in; None where nobody has to."""
    if web.on_loopback:
        return None
    tokens = Tokens(home.folder)
    if not tokens.all():
        log.warning("nobody can sign in yet: `firstbell token add NAME` gives somebody a token")
    return tokens


def _address(home: Home, settings: Settings) -> Address:
    broker = settings.broker
    password = config.secret(home.folder, broker.password_file)
    return Address(broker.host, broker.port, broker.username, password, _tls_anew(home, broker))


def _tls_anew(home: Home, broker: BrokerSettings) -> Callable[[], ssl.SSLContext] | None:
    """What the collector believes and shows at the broker, as the files are by now. Raises SettingsError.

    Later a file that can't be used is told, and what it was before goes on.
    """
    if not broker.ca_file:
        return None
    last = _tls(home, broker)

    def anew() -> ssl.SSLContext:
        nonlocal last
        try:
            last = _tls(home, broker)
        except SettingsError as error:
            log.warning("%s", error)
        return last

    return anew


def _tls(home: Home, broker: BrokerSettings) -> ssl.SSLContext:
    path = home.folder / broker.ca_file
    try:
        context = ssl.create_default_context(cafile=str(path))
        if broker.cert_file:
            path = home.folder / broker.cert_file
            context.load_cert_chain(path, home.folder / broker.key_file, password="")
    except OSError as error:
        raise SettingsError(str(home.settings), [f"broker: {path} can't be used: {error}"]) from error
    return context


def _registry(home: Home, journal: Journal, clock: Clock) -> Registry:
    """The district folder, watched; each one that is loaded is kept by its digest.

    So an answer that was given under it can be given again.
    """

    def keep(folder: Folder) -> str:
        try:
            keep_district(journal, folder.district.digest, folder.contents, clock.now_ns())
        except StoreError as error:
            return f"it can't be kept in the journal: {error}"
        return ""

    return Registry(home.district, clock, keep)

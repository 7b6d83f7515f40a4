"""How a box gets its certificate, and the next one: by the card that it was given, later by its key.

EnrolError              the district says no, or what is on the card can't be
└── OutOfReachError     nobody answered; trying again may help

It dials out, over HTTPS, and believes the authority on its card and nobody else: a filter that opens the
connection gets nothing to see. A box that was just unpacked may have any date: then all of the certificate of
the server counts but its dates.
"""

import http.client
import logging
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from agent.identity import AUTHORITIES, CERTIFICATE, KEY, Identity
from agent.machine.light import Sign
from agent.machine.page import Deadline, TimedLine
from firstbell import enrolment
from firstbell import settings as toml
from firstbell.enrolment import TOKEN, Claim, EnrolmentError, Granted, Refused, Renewal, Waiting, Word
from firstbell.report import PLAUSIBLE_NS

ANSWER_S = 30.0
LEAST_S, MOST_S = 15.0, 3600.0
"""Between two tries."""
_ANSWER_BYTES = 64 * 1024
_ANY_DATE = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""

_log = logging.getLogger(__name__)


class EnrolError(RuntimeError):
    """What keeps this box from getting a certificate."""


class OutOfReachError(EnrolError):
    """Nobody answered. Trying again may help."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a box is given on its card: where to ask, whom to believe, and the token (worth something once).

    `collector` is an https address; `broker` and `broker_port` are where its reports go; `authorities` is a
    file, seen from the card's folder.
    """

    collector: str
    broker: str
    broker_port: int = 8883
    token: str = ""
    authorities: str = AUTHORITIES

    def __post_init__(self) -> None:
        """See that each value can be."""
        parts = urlsplit(self.collector)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError("collector: an address that begins with https://")
        if not self.broker or any(sign in self.broker for sign in '"\\\n'):
            raise ValueError("broker: a name or an address")
        if self.token and not TOKEN.match(self.token):
            raise ValueError("token: as `firstbell cards` wrote it, fbe_ and 26 letters and digits")


def read(path: Path) -> Card:
    """The card in `path`. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"the card can't be read: {error}"]) from error
    return toml.load(str(path), text, Card)


def tls_of(card: Card, folder: Path, identity: Identity, now_ns: int) -> ssl.SSLContext:
    """Whom the box believes: the authorities it was given last, and its card's. Raises SettingsError.

    Both, because a new card may have to help where the authority that the box knew has ended.
    """
    newest, path = identity.folder / AUTHORITIES, folder / card.authorities
    try:
        if newest.exists() and not path.exists():
            path = newest
        context = ssl.create_default_context(cafile=str(path))
        if newest.exists():
            path = newest
            context.load_verify_locations(str(path))
    except OSError as error:
        raise toml.SettingsError(str(path), [f"the authorities can't be read: {error}"]) from error
    if now_ns < PLAUSIBLE_NS:
        context.verify_flags |= _ANY_DATE
    return context


def settings_for(card: Card, agent: str, folder: Path) -> str:
    """The settings of a box that had none: its name, its broker, and its certificate in `folder`."""
    lines = (
        "# Written once by `firstbell-agent enrol`; yours to change.",
        "[box]",
        f'name = "{agent}"',
        "",
        "[broker]",
        f'host = "{card.broker}"',
        f"port = {card.broker_port}",
        f"ca_file = {msgspec.json.encode(str(folder / AUTHORITIES)).decode()}",
        f"cert_file = {msgspec.json.encode(str(folder / CERTIFICATE)).decode()}",
        f"key_file = {msgspec.json.encode(str(folder / KEY)).decode()}",
        "",
        "[uplink]",
        f'collector = "{card.collector}"',
    )
    return "\n".join(lines) + "\n"


def ask(card: Card, identity: Identity, tls: ssl.SSLContext) -> Word:
    """Ask once: with the key where the district knows it, else with the card.

    Raises EnrolError, IdentityError.
    """
    request = identity.request()
    if identity.agent:
        word = _post(card, "/enrol/renew", enrolment.encode(Renewal(request=request)), tls)
        if not isinstance(word, Refused) or not card.token:
            return word
        _log.info("the key alone is not enough: %s", word.reason)
    return _post(card, "/enrol/claim", enrolment.encode(Claim(token=card.token, request=request)), tls)


def until_let_in(
    card: Card,
    identity: Identity,
    tls: Callable[[], ssl.SSLContext],
    wait: Callable[[float], bool],
    show: Callable[[Sign], None] = lambda _sign: None,
) -> Granted | None:
    """Ask until the district has decided; None where `wait` (seconds) says that it is over.

    `show` is told what the light on the box is to say: a no in any case, the rest while the box has no
    certificate, for then nobody else says it. Raises EnrolError where the answer is no, and IdentityError.
    """
    pause_s, new = LEAST_S, not identity.agent
    while True:
        try:
            word = ask(card, identity, tls())
        except OutOfReachError as error:
            _log.warning("%s; trying again in %g s", error, pause_s)
            word, again_s = None, pause_s
            if new:
                show("no network")
            pause_s = min(2 * pause_s, MOST_S)
        if isinstance(word, Refused):
            show("call us")
        elif word is not None and new:
            show("done")  # whoever hung it up has done it, also where somebody has to let it in yet
        if isinstance(word, Granted):
            identity.take(word)
            return word
        if isinstance(word, Refused) and word.final:
            raise EnrolError(word.reason)
        if word is not None:
            pause_s = LEAST_S
            again_s = word.again_s if isinstance(word, Waiting) else MOST_S / 4
            _log.info("%s", _said(word))
        if wait(min(max(again_s, LEAST_S), MOST_S)):
            return None


def _said(word: Waiting | Refused) -> str:
    if isinstance(word, Refused):
        return word.reason
    return f"somebody has to let this box in; its key is {word.fingerprint}"


def _post(card: Card, path: str, body: bytes, tls: ssl.SSLContext) -> Word:
    url = card.collector.rstrip("/") + path
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - https
    bounded = _Bounded(tls)
    opener = urllib.request.build_opener(bounded, _Straight)
    try:
        with closing(bounded):
            said = _said_by(opener, asked)
        return enrolment.read_word(said)
    except EnrolmentError as error:
        raise OutOfReachError(f"something else answers at {url}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise OutOfReachError(f"{url} can't be reached: {str(reason) or 'no answer in time'}") from error


def _said_by(opener: urllib.request.OpenerDirector, asked: urllib.request.Request) -> bytes:
    """The body of the answer, whatever its status. Raises OSError, HTTPException."""
    try:
        with opener.open(asked, timeout=ANSWER_S) as answer:
            return bytes(answer.read(_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return error.read(_ANSWER_BYTES)


class _Bounded(urllib.request.HTTPSHandler):
    """One bound for all of an answer: whoever answers in the district's place may let a page drip."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(context=tls)
        self._tls, self._deadline = tls, Deadline(time.monotonic, ANSWER_S)
        self._opened: list[socket.socket] = []

    def https_open(self, asked: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask."""
        return self.do_open(self._made, asked, context=self._tls)  # type: ignore[arg-type]  # urllib passes these two

    def _made(self, host: str, *, timeout: float, context: ssl.SSLContext) -> "_Connection":
        made = _Connection(host, timeout=timeout, context=context)
        made.deadline, made.opened = self._deadline, self._opened
        return made

    def close(self) -> None:
        """Hang up."""
        for each in self._opened:
            each.close()


class _Connection(http.client.HTTPSConnection):
    """A connection on which every step has what is left of the bound."""

    deadline: Deadline
    opened: list[socket.socket]

    def connect(self) -> None:
        """Connect, TLS done."""
        super().connect()
        self.opened.append(self.sock)
        self.sock = TimedLine(self.sock, self.deadline)


class _Straight(urllib.request.HTTPRedirectHandler):
    """No redirect is followed: a token goes where the card says, and nowhere else."""

    def redirect_request(self, *_args: object) -> None:
        """Stay."""

"""How a box gets its certificate, and the next one: by the card that it was given, later by its key.

EnrolError              the district says no, or what is on the card can't be
└── OutOfReachError     nobody answered; trying again may help

It dials out, over HTTPS, and believes the authority on its card and nobody else: a filter that opens the
connection gets nothing to see. Where nobody sets the clock, all of the server's certificate counts but its
dates.
"""

import http.client
import logging
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from agent.identity import AUTHORITIES, CERTIFICATE, KEY, Identity
from agent.machine import dates
from agent.machine.light import Sign
from agent.machine.proxy import Proxy, Requests
from firstbell import enrolment
from firstbell import settings as toml
from firstbell.enrolment import TOKEN, Claim, EnrolmentError, Granted, Refused, Renewal, Waiting, Word
from firstbell.report import Stamp

ANSWER_S = 30.0
LEAST_S, MOST_S = 15.0, 3600.0
"""Between two tries."""
_ANSWER_BYTES = 64 * 1024
_PROXY = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")

_log = logging.getLogger(__name__)


class EnrolError(RuntimeError):
    """What keeps this box from getting a certificate."""


class OutOfReachError(EnrolError):
    """Nobody answered. Trying again may help."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a box is given on its card: where to ask, whom to believe, and the token (worth something once).

    `collector` is an https address; `broker` and `broker_port` are where its reports go; `authorities` is a
    file, seen from the card's folder; `proxy` is through whom HTTPS leaves the school, where that is needed.
    """

    collector: str
    broker: str
    broker_port: int = 8883
    token: str = ""
    authorities: str = AUTHORITIES
    proxy: str = ""

    def __post_init__(self) -> None:
        """See that each value can be."""
        parts = urlsplit(self.collector)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError("collector: an address that begins with https://")
        if not self.broker or any(sign in self.broker for sign in '"\\\n'):
            raise ValueError("broker: a name or an address")
        if self.token and not TOKEN.match(self.token):
            raise ValueError("token: as `firstbell cards` wrote it, fbe_ and 26 letters and digits")
        if self.proxy and not _PROXY.fullmatch(self.proxy):
            raise ValueError("proxy: an address such as http://proxy.example.org:3128")


def read(path: Path) -> Card:
    """The card in `path`. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"the card can't be read: {error}"]) from error
    return toml.load(str(path), text, Card)


def tls_of(card: Card, folder: Path, identity: Identity, stamp: Stamp) -> ssl.SSLContext:
    """Whom the box believes: the authorities it was given last, and its card's. Raises SettingsError.

    Both, because a new card may have to help where the authority that the box knew has ended. `stamp` says
    whether this box knows the date.
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
    dates.overlook(context, dates=dates.unknown(stamp))
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
        *([f'proxy = "{card.proxy}"'] if card.proxy else []),
    )
    return "\n".join(lines) + "\n"


def ask(card: Card, identity: Identity, tls: ssl.SSLContext, proxy: Proxy | None = None) -> Word:
    """Ask once: with the key where the district knows it, else with the card.

    Raises EnrolError, IdentityError.
    """
    knew, request = identity.has_key, identity.request()

    def renewed() -> Word:
        return _post(card, "/enrol/renew", enrolment.encode(Renewal(request=request)), tls, proxy)

    if knew and (identity.has_certificate or not card.token):
        word = renewed()
        if not isinstance(word, Refused) or not word.final or not card.token:
            return word
        _log.info("the key alone is not enough: %s", word.reason)
        knew = False
    claim = enrolment.encode(Claim(token=card.token, request=request))
    word = _post(card, "/enrol/claim", claim, tls, proxy)
    if knew and isinstance(word, Refused) and isinstance(again := renewed(), Granted):
        return again  # its certificate was lost, not its key
    return word


def until_let_in(
    card: Card,
    identity: Identity,
    tls: Callable[[], ssl.SSLContext],
    wait: Callable[[float], bool],
    show: Callable[[Sign], None] = lambda _sign: None,
    proxy: Proxy | None = None,
) -> Granted | None:
    """Ask until the district has decided; None where `wait` (seconds) says that it is over.

    `show` is told what the light on the box is to say: a final no in any case, the rest while the box has no
    certificate, for then nobody else says it. Raises EnrolError where the answer is no, and IdentityError.
    """
    pause_s, new = LEAST_S, not identity.agent
    while True:
        try:
            word = ask(card, identity, tls(), proxy)
        except OutOfReachError as error:
            _log.warning("%s; trying again in %g s", error, pause_s)
            word, again_s = None, pause_s
            pause_s = min(2 * pause_s, MOST_S)
        if sign := _sign(word, new=new):
            show(sign)
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


def _sign(word: Word | None, *, new: bool) -> Sign | None:
    """What the light is to say of an answer (None: nobody answered); None where it is another's to say."""
    if isinstance(word, Refused):
        return "call us" if new or word.final else None  # busy for a moment is no reason to call
    if not new:
        return None
    # Whoever hung it up has done it, also where somebody has to let it in yet.
    return "done" if word else "no network"


def _said(word: Waiting | Refused) -> str:
    if isinstance(word, Refused):
        return word.reason
    return f"somebody has to let this box in; its key is {word.fingerprint}"


def _post(card: Card, path: str, body: bytes, tls: ssl.SSLContext, proxy: Proxy | None) -> Word:
    url = card.collector.rstrip("/") + path
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - https
    requests = Requests(tls, proxy, ANSWER_S)
    try:
        with closing(requests):
            said = _said_by(requests, asked)
        return enrolment.read_word(said)
    except EnrolmentError as error:
        raise OutOfReachError(f"something else answers at {url}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise OutOfReachError(f"{url} can't be reached: {str(reason) or 'no answer in time'}") from error


def _said_by(requests: Requests, asked: urllib.request.Request) -> bytes:
    """The body of the answer, whatever its status. Raises OSError, HTTPException."""
    try:
        with requests.open(asked, ANSWER_S) as answer:
            return bytes(answer.read(_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return error.read(_ANSWER_BYTES)

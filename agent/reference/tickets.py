"""Which tickets are good here: the door to `cryptography`, which knows the district's signature.

Only the public half of the district's key is known to this server.
"""

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.reference.limits import MOST_TICKETS
from firstbell import ticket as tickets
from firstbell.settings import SettingsError
from firstbell.ticket import Ticket, TicketError

_KEY_BYTES = 32
_LONGEST_FILE = 4096
_HEX = re.compile(r"[0-9a-fA-F]{64}\Z")


def key_in(path: Path) -> Ed25519PublicKey:
    """The district's public key in a file: its 32 bytes as hex or base64, in a line. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise SettingsError(str(path), [(error.strerror or str(error)).lower()]) from error
    raw = bytes.fromhex(text) if _HEX.match(text) else _from_base64(text)
    if len(raw) != _KEY_BYTES:
        raise SettingsError(str(path), ["no public key: that would be 64 hex digits (or base64) in one line"])
    return Ed25519PublicKey.from_public_bytes(raw)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return b""


class Tickets:
    """Lets each good ticket in once. `now_ns` is the wall clock, `passed_ns` one that is never set.

    What was issued before the start is not good, for it may have been used then; when that was is reckoned
    back from what the wall clock says now, so that one which was wrong at the start, and was put right since,
    keeps nobody out. Used ids are kept while there is room. When one is forgotten, nothing issued before it
    is good any more, whatever the clock says: so a clock that is set back lets no ticket in twice.
    """

    def __init__(
        self,
        key: Ed25519PublicKey,
        target: str,
        now_ns: Callable[[], int],
        passed_ns: Callable[[], int],
    ) -> None:
        self._key, self._target, self._now_ns, self._passed_ns = key, target, now_ns, passed_ns
        self._began_ns = passed_ns()
        self._forgotten_ns = 0
        self._used: OrderedDict[str, int] = OrderedDict()

    def read(self, token: str) -> Ticket:
        """The ticket in `token`, which is good and was not used. Raises TicketError."""
        if not token:
            raise TicketError("a ticket is wanted here")
        payload, signature = tickets.split(token)
        try:
            self._key.verify(signature, payload)
        except InvalidSignature as error:
            raise TicketError("the ticket is not signed by this district") from error
        ticket = tickets.read(payload)
        now_ns = self._now_ns()
        self._forget(now_ns)
        complaint = tickets.complaint(ticket, self._target, now_ns, self._since_ns(now_ns))
        if complaint:
            raise TicketError(complaint)
        if ticket.id in self._used:
            raise TicketError("the ticket was used before")
        if len(self._used) >= MOST_TICKETS:
            raise TicketError("this server has seen too many tickets: try again in some minutes")
        return ticket

    def use(self, ticket: Ticket) -> None:
        """From now on it is used."""
        self._used[ticket.id] = ticket.issued_ns

    def _since_ns(self, now_ns: int) -> int:
        """What was issued before that is not good."""
        started_ns = now_ns - (self._passed_ns() - self._began_ns)
        if now_ns < self._forgotten_ns - tickets.LONGEST_NS:
            self._forgotten_ns = 0  # issued and forgotten by clocks that were ahead: they count no more
        return max(started_ns, self._forgotten_ns)

    def _forget(self, now_ns: int) -> None:
        """When there is no room, forget the ids that came first, if they can't be good again."""
        while len(self._used) >= MOST_TICKETS:
            name, issued_ns = next(iter(self._used.items()))
            if issued_ns + tickets.LONGEST_NS > now_ns:
                return
            del self._used[name]
            self._forgotten_ns = max(self._forgotten_ns, issued_ns + 1)

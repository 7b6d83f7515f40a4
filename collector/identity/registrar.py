"""Where boxes get their certificates. It decides; whoever carries a box's words here decides nothing.

A box that shows a card's token is written down with its key, and waits until somebody lets it in; a card that
says so lets it in at once. From then on its key is enough. Every answer may be lost: who asks again is told
the same again.
"""

import base64
import secrets
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256

from collector.clock import Clock
from collector.identity.authority import Authority, Request, RequestError, read_request
from collector.store import identities
from collector.store.identities import Certificate, Enrolment
from collector.store.journal import Journal
from firstbell.enrolment import (
    CERTIFICATE_DAYS,
    TOKEN,
    TOKEN_DAYS,
    Claim,
    Granted,
    Refused,
    Renewal,
    Waiting,
    Word,
    fingerprint,
)

DAY_NS = 86_400 * 10**9
COLLECTOR = "firstbell_collector"
"""The collector's own name at the broker; no box can have it."""
UNKNOWN = "no card has this token"
UNSEEN_DAYS = 2 * CERTIFICATE_DAYS
"""A key whose last certificate ended longer ago is forgotten: whoever has it now needs a card."""


class Registrar:
    """Answers boxes. Any thread. `revoked` is called once something was revoked and the lists are written."""

    def __init__(
        self, journal: Journal, authority: Authority, clock: Clock, revoked: Callable[[], None] = lambda: None
    ) -> None:
        self._journal, self._authority, self._clock = journal, authority, clock
        self._tell_revoked = revoked

    # --- what people do -------------------------------------------------------------------------------

    def offer(self, agent: str, *, automatic: bool = False, days: int = TOKEN_DAYS) -> tuple[int, str]:
        """A new card for a box: its number, and the token, which is told this once. Raises StoreError."""
        token = "fbe_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
        now_ns = self._clock.now_ns()
        number = identities.offer(
            self._journal,
            _hash(token),
            agent,
            automatic=automatic,
            now_ns=now_ns,
            expires_ns=now_ns + days * DAY_NS,
        )
        return number, token

    def decide(self, number: int, *, let_in: bool) -> Enrolment | None:
        """Let in the box that came with card `number`, or not. Raises StoreError."""
        return identities.decide(self._journal, number, let_in=let_in, now_ns=self._clock.now_ns())

    def revoke(self, agent: str) -> int:
        """Take from a box all that lets it in; how much that was. Raises StoreError, AuthorityError.

        The list is written in any case: the one before may not have been, on a full disk.
        """
        gone = identities.revoke(self._journal, agent, self._clock.now_ns())
        self.publish()
        if gone:
            self._tell_revoked()
        return gone

    def deny(self, agent: str) -> bool:
        """Take nothing of a box whose certificate the journal forgot; if there is one. Raises StoreError."""
        return identities.deny(self._journal, agent)

    def restore(self, agent: str) -> int:
        """Take back that a box was shut out; how many certificates that was.

        Its key is known again, so that it comes in and is renewed without anybody going there. Raises
        StoreError, AuthorityError.
        """
        back = identities.restore(self._journal, agent)
        self.publish()
        if back:
            self._tell_revoked()
        return back

    def publish(self) -> None:
        """Write what the broker reads. Raises StoreError, AuthorityError.

        One at a time, whichever process: of two lists the one written last has to be the one read last. Who
        was shut out is on it as long as the key could be renewed: a journal that is older than that learns it
        from the list alone.
        """
        now_ns = self._clock.now_ns()
        with self._authority.alone():
            with closing(self._journal.reader()) as db:
                gone = identities.revoked(db, now_ns - UNSEEN_DAYS * DAY_NS)
            self._authority.publish(gone, now_ns)

    # --- what boxes ask -------------------------------------------------------------------------------

    def claim(self, claim: Claim) -> Word:
        """A box with a card. Raises StoreError, AuthorityError."""
        now_ns = self._clock.now_ns()
        try:
            request = read_request(claim.request)
        except RequestError as error:
            return Refused(now_ns=now_ns, reason=str(error))
        if not TOKEN.match(claim.token) or not self._is_a_card(claim.token):
            return self._unknown(now_ns)
        known = self._known(request.key)
        if known and known.revoked_ns is not None:
            return _shut_out(now_ns)
        card = identities.claim(self._journal, _hash(claim.token), request.key, now_ns)
        if card is None:
            return self._unknown(now_ns)
        return self._as_it_stands(card, request, known, now_ns)

    def renew(self, renewal: Renewal) -> Word:
        """A box whose key is known. Raises StoreError, AuthorityError."""
        now_ns = self._clock.now_ns()
        try:
            request = read_request(renewal.request)
        except RequestError as error:
            return Refused(now_ns=now_ns, reason=str(error))
        known = self._known(request.key)
        if known is None:
            return Refused(now_ns=now_ns, reason="this key is not known here: the box needs a card")
        if known.revoked_ns is not None:
            return _shut_out(now_ns)
        if now_ns > known.ends_ns + UNSEEN_DAYS * DAY_NS:
            return Refused(now_ns=now_ns, reason="this key was not seen for too long: the box needs a card")
        return self._granted(known.agent, request, known, now_ns)

    def _as_it_stands(
        self, card: Enrolment, request: Request, known: Certificate | None, now_ns: int
    ) -> Word:
        if card.key is None:
            why = "is too old" if card.decided_ns is None else "was followed by another one, or taken back"
            return Refused(now_ns=now_ns, reason=f"this card {why}: the box needs a new one")
        if card.key != request.key:
            return Refused(now_ns=now_ns, reason="another box came with this card before: each needs its own")
        if known and known.agent != card.agent:
            why = f"this box is {known.agent}, and its card says {card.agent}: revoke {known.agent} first"
            return Refused(now_ns=now_ns, reason=why)
        if card.decided_ns is None:
            return Waiting(now_ns=now_ns, fingerprint=fingerprint(request.key))
        if not card.let_in:
            return Refused(now_ns=now_ns, reason="somebody decided not to let this box in")
        return self._granted(card.agent, request, known, now_ns)

    def _granted(self, agent: str, request: Request, known: Certificate | None, now_ns: int) -> Word:
        """The certificate that the key has, or the next one from the middle of its time on."""
        good = (
            known
            and known.authority == self._authority.name
            and now_ns < (known.begins_ns + known.ends_ns) // 2
        )
        pem = known.pem if known and good else self._given(agent, request, now_ns)
        if pem is None:
            return _shut_out(now_ns)
        return Granted(now_ns=now_ns, agent=agent, certificate=pem, authorities=self._authority.pem)

    def _given(self, agent: str, request: Request, now_ns: int) -> str | None:
        """A new certificate; None where the box was shut out while it was made."""
        made = self._authority.for_box(request, agent, now_ns)
        given = Certificate(
            made.authority, made.serial, agent, request.key, made.begins_ns, made.ends_ns, made.pem
        )
        replaced = identities.keep(self._journal, given, now_ns)
        if replaced:
            self.publish()
            self._tell_revoked()
        return None if replaced is None else made.pem

    def _is_a_card(self, token: str) -> bool:
        # Read before anything is written: a made-up token must not hold up who has something to say.
        with closing(self._journal.reader()) as db:
            return identities.known(db, _hash(token))

    def _known(self, key: bytes) -> Certificate | None:
        with closing(self._journal.reader()) as db:
            return identities.newest(db, key)

    @staticmethod
    def _unknown(now_ns: int) -> Refused:
        return Refused(now_ns=now_ns, reason=UNKNOWN)


def _shut_out(now_ns: int) -> Refused:
    return Refused(now_ns=now_ns, reason="this box was shut out: its card and its key count no more")


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()

"""Boxes that were let in, as the journal keeps them."""

from collector.store import identities
from collector.store.identities import Certificate
from collector.store.journal import Journal


def let_in(journal: Journal, given: Certificate, now_ns: int) -> None:
    """By a card of its own, with that certificate."""
    token = b"token of " + given.agent.encode()
    identities.offer(
        journal, token, given.agent, automatic=True, now_ns=now_ns, expires_ns=now_ns + 86_400 * 10**9
    )
    identities.claim(journal, token, given.key, now_ns)
    assert identities.keep(journal, given, now_ns) is not None

"""Who stays shut out although no certificate here says so, as keyed digests of names.

That are names that were erased, and boxes that came in by a certificate which the journal forgot when it came
back from a backup.

From a digest no name can be read; that a name one has in mind was among them can be found out, by whoever has
the journal. A name that gets a new certificate is free again.
"""

import hmac
import secrets
import sqlite3
from dataclasses import dataclass

import msgspec

_META = "denied"


class _Kept(msgspec.Struct, frozen=True):
    key: str
    digests: list[str]


@dataclass(frozen=True)
class Denied:
    """The names that are shut out by a digest; `in` asks for one of them."""

    kept: _Kept
    free: frozenset[str]

    def __contains__(self, agent: object) -> bool:
        """Whether it is one of them, and has got nothing new since."""
        if not self.kept.digests or not isinstance(agent, str) or agent in self.free:
            return False
        return _digest(self.kept.key, agent) in self.kept.digests


NOBODY = Denied(_Kept("", []), frozenset())


def denied(db: sqlite3.Connection) -> Denied:
    """Those of a journal."""
    kept = _kept(db)
    if kept is None:
        return NOBODY
    rows = db.execute("SELECT DISTINCT agent FROM certificates WHERE revoked_ns IS NULL")
    return Denied(kept, frozenset(row[0] for row in rows))


def deny(db: sqlite3.Connection, agent: str) -> None:
    """Keep a name shut out, in the caller's transaction."""
    kept = _kept(db) or _Kept(secrets.token_hex(16), [])
    digests = sorted({*kept.digests, _digest(kept.key, agent)})
    told = msgspec.json.encode(_Kept(kept.key, digests)).decode()
    db.execute("REPLACE INTO meta VALUES (?, ?)", (_META, told))


def allow(db: sqlite3.Connection, agent: str) -> bool:
    """Take that back, in the caller's transaction; whether it was so."""
    kept = _kept(db)
    if kept is None or (digest := _digest(kept.key, agent)) not in kept.digests:
        return False
    told = msgspec.json.encode(_Kept(kept.key, [each for each in kept.digests if each != digest])).decode()
    db.execute("REPLACE INTO meta VALUES (?, ?)", (_META, told))
    return True


def _kept(db: sqlite3.Connection) -> _Kept | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_META,)).fetchone()
    return msgspec.json.decode(row[0], type=_Kept) if row else None


def _digest(key: str, agent: str) -> str:
    return hmac.digest(bytes.fromhex(key), agent.encode(), "sha256").hex()

"""What a box that was taken over might send: payloads that claim what is not theirs, from a seed."""

import json
import zlib
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from firstbell import wire
from tests.collector.workbench import batch, reports

STRANGERS = [
    "", "cedar-1 ", " cedar-1", "CEDAR-1", "cedar-1\n", "cedar-1/report", "+", "#", "firstbell_collector", "collector",
    "c\u0435dar-1", "cedar-1\u0000", "..", "nobody-2", "a" * 200,
]  # fmt: skip
HUGE = [0, -1, 501, 10**6, 1 << 53, 1 << 63, 1 << 200, 1.5, "1", None, True, [], {}]


class Forged(NamedTuple):
    """A payload, what it is, and whether it is in truth the sender's own, so that it may be kept as that."""

    kind: str
    payload: bytes
    own: bool


class Forger:
    """A box `mine` that would be `victim`, of whom it knows the epoch and whatever it ever sent."""

    def __init__(self, mine: str, victim: str, victims_epoch: str, victims: list[bytes], seed: int) -> None:
        self.mine, self.victim, self.epoch, self.victims = mine, victim, victims_epoch, victims
        self.rows: set[bytes] = set()
        """Reports that it sent in its own name, and truly: nothing else may be kept of it."""
        self._random = Random(seed)
        self._next = 1

    def forge(self, count: int) -> Iterator[Forged]:
        """So many payloads, each kind about as often."""
        kinds = [
            self._genuine, self._anothers_name, self._replayed, self._placed, self._huge, self._versioned,
            self._digested, self._altered, self._rows_that_claim, self._named_twice, self._signed_for_another,
        ]  # fmt: skip
        for number in range(count):
            kind = kinds[number % len(kinds)]
            payload, own = kind()
            yield Forged(kind.__name__, payload, own)

    def _rows(self) -> tuple[int, list[bytes]]:
        first, many = self._next, self._random.choice((1, 1, 2, 5, 30))
        self._next += many
        return first, [wire.encode_report(each) for each in reports(first, many)]

    def _made(self, **claims: object) -> tuple[dict[str, object], bytes, list[bytes]]:
        """Envelope and body of a batch of its own, but for `claims`; the digest is of what the envelope says."""
        first, rows = self._rows()
        said: dict[str, object] = {"v": 1, "agent": self.mine, "epoch": self.epoch, "first": first}
        said |= {"count": len(rows)} | claims
        body = b"\n".join(rows)
        try:
            numbers = int(str(said["first"])), int(str(said["count"]))
            said.setdefault(
                "digest", wire.batch_digest(str(said["agent"]), str(said["epoch"]), *numbers, body)
            )
        except ValueError:
            said["digest"] = "0" * 32
        return said, body, rows

    def _genuine(self) -> tuple[bytes, bool]:
        """Its own, in the epoch that is another's by right: an epoch is nobody's name."""
        first, rows = self._rows()
        self.rows.update(rows)
        return batch(first, rows, agent=self.mine, epoch=self.epoch)[1], True

    def _anothers_name(self) -> tuple[bytes, bool]:
        name = self.victim if self._random.random() < 0.5 else self._random.choice(STRANGERS)
        said, body, _ = self._made(agent=name)
        return _packed(said, body), False

    def _replayed(self) -> tuple[bytes, bool]:
        """What the victim itself sent, byte for byte."""
        return self._random.choice(self.victims), False

    def _placed(self) -> tuple[bytes, bool]:
        """Words about a place, a district, a topic: nobody asks a box for these."""
        said, body, rows = self._made()
        self.rows.update(rows)
        extra = dict.fromkeys(("place", "school", "site", "tenant", "topic", "name", "journal"), self.victim)
        return _packed(said | extra, body), True

    def _huge(self) -> tuple[bytes, bool]:
        said, body, _ = self._made()
        claim = {self._random.choice(("first", "count", "v")): self._random.choice(HUGE)}
        return _packed(said | claim, body), False

    def _versioned(self) -> tuple[bytes, bool]:
        said, body, _ = self._made(v=self._random.choice((0, 2, 3, 99, -1, 1 << 40, "1", None)))
        return _packed(said, body), False

    def _digested(self) -> tuple[bytes, bool]:
        wrong = self._random.choice(
            ("", "0" * 32, "f" * 64, f"{self._random.getrandbits(128):032x}", "é" * 32)
        )
        said, body, _ = self._made(digest=wrong)
        return _packed(said, body), False

    def _altered(self) -> tuple[bytes, bool]:
        said, body, _ = self._made()
        at = self._random.randrange(len(body))
        other = bytes([body[at] ^ (1 << self._random.randrange(8))])
        changed = self._random.choice(
            (body[:at] + other + body[at + 1 :], body[:at], body + b"\n" + body, body + b" ", b"", b"\n" * 40)
        )
        if self._random.random() < 0.3:
            return _packed(said | {"deflated": True}, zlib.compress(changed)), False
        return _packed(said | {"deflated": self._random.random() < 0.2}, changed), False

    def _rows_that_claim(self) -> tuple[bytes, bool]:
        """Reports that call themselves another's."""
        first, rows = self._rows()
        claims = dict.fromkeys(("agent", "box", "school", "room", "place", "host", "epoch"), self.victim)
        lying = [json.dumps(json.loads(row) | claims).encode() for row in rows]
        self.rows.update(lying)
        return batch(first, lying, agent=self.mine, epoch=self.epoch)[1], True

    def _named_twice(self) -> tuple[bytes, bool]:
        """Two names in one envelope, in either order, and the digest of either."""
        names = [self.mine, self.victim]
        self._random.shuffle(names)
        said, body, rows = self._made(agent=names[self._random.randrange(2)])
        self.rows.update(rows)
        text = json.dumps(said).removesuffix("}") + f', "agent": "{names[1]}"}}'
        return text.encode() + b"\n" + body, True

    def _signed_for_another(self) -> tuple[bytes, bool]:
        """Its own name, and the digest that would be right for the victim."""
        said, body, _ = self._made(agent=self.victim)
        return _packed(said | {"agent": self.mine}, body), False


def _packed(said: dict[str, object], body: bytes) -> bytes:
    return json.dumps(said).encode() + b"\n" + body

"""The door on the boxes' page: who waits, who came with a copied card, who was shut out."""

from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from collector.store import identities
from collector.store.identities import Certificate
from firstbell.enrolment import fingerprint
from tests.collector.questions.morning import AT_NS, folder
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import NS, Bench

DAY_NS = 86_400 * NS
FIRST, SECOND = sha256(b"one").digest(), sha256(b"two").digest()


def came(bench: Bench, agent: str, key: bytes, *, copies: int = 0, let_in: bool | None = None) -> int:
    """A box that came with its card two hours ago, and then so many copies of the card."""
    token = sha256(agent.encode() + key).digest()
    number = identities.offer(
        bench.journal, token, agent, automatic=False, now_ns=AT_NS - DAY_NS, expires_ns=AT_NS + DAY_NS
    )
    identities.claim(bench.journal, token, key, AT_NS - 7200 * NS)
    for copy in range(copies):
        identities.claim(bench.journal, token, sha256(b"copy %d" % copy).digest(), AT_NS)
    if let_in is not None:
        identities.decide(bench.journal, number, let_in=let_in, now_ns=AT_NS)
    return number


@pytest.fixture
def client(bench: Bench) -> Iterator[httpx.Client]:
    """A browser without script, at the pages of a district without an authority."""
    bench.clock.wall_ns = AT_NS
    with (
        serving(parts_of(bench, folder=folder())) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
    ):
        yield client


def test_nobody_at_the_door_is_no_door(client: httpx.Client) -> None:
    """No empty list and no heading."""
    assert 'class="door"' not in client.get("/boxes").text


def test_who_waits_stands_with_key_place_and_two_buttons(client: httpx.Client, bench: Bench) -> None:
    """The key's first 64 bits as the box shows them, where it is to stand, and since when it waits."""
    number = came(bench, "box-204", FIRST)
    page = client.get("/boxes").text
    assert "1 box at the door" in page
    assert f"<code>{fingerprint(FIRST)}</code>" in page
    assert "Lincoln High, 204" in page
    assert f"card {number}, came 2 h 0 min ago" in page
    assert "Let box-204 in" in page
    assert "copy of this card" not in page


def test_a_copied_card_is_said_before_and_after(client: httpx.Client, bench: Bench) -> None:
    """While the box waits beside its key; once it is in, as long as no newer card came."""
    came(bench, "box-204", FIRST, copies=2)
    assert "Another machine came with a copy of this card, 2 times" in client.get("/boxes").text
    came(bench, "box-203", FIRST, copies=1, let_in=True)
    page = client.get("/boxes").text
    assert "Another machine came with box-203\u2019s card" in page
    assert "<b>box-203</b> is let in" in page
    assert "Kept out" not in page
    assert "copy of this card, 1 time:" in page
    came(bench, "box-203", SECOND, let_in=True)
    assert "copy of this card, 1 time:" not in client.get("/boxes").text


def test_who_was_shut_out_is_named(client: httpx.Client, bench: Bench) -> None:
    """By name; whoever has a certificate is not."""
    for agent, key in (("box-203", FIRST), ("box-204", SECOND)):
        came(bench, agent, key, let_in=True)
        given = Certificate("Maple", agent, agent, key, AT_NS - DAY_NS, AT_NS + DAY_NS, "pem")
        identities.keep(bench.journal, given, AT_NS)
    identities.revoke(bench.journal, "box-203", AT_NS)
    page = client.get("/boxes").text
    assert "<b>box-203</b> shut out" in page
    assert "firstbell box let-back box-203" in page
    assert "Shut out: nothing of it is taken." in page
    assert "<b>box-204</b> shut out" not in page

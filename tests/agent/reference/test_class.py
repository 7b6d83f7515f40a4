"""A class of sixty at one server."""

from contextlib import ExitStack

import pytest

from tests.support.reference import District, Reference, read_all

pytestmark = pytest.mark.alone

CLASS = 60
BYTES = 8_000_000
ROOM = 1 << 17
"""Little beside the bytes: else whoever came first has its share before the last one has come."""


def test_a_class_of_sixty_has_fair_shares(server: Reference, district: District) -> None:
    """Sixty sessions down at once: each gets its last byte, and nobody is far behind when the first has it."""
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(server.session(district.token(agent=f"box-{n:02d}", max_bytes=BYTES)))
            for n in range(CLASS)
        ]
        assert sessions[-1].opened.json["others"] == CLASS - 1
        streams = {n: stack.enter_context(session.down(ROOM)) for n, session in enumerate(sessions)}
        ends = list(read_all(streams, 60))
        assert len(ends) == CLASS
        assert set(ends[-1].values()) == {BYTES}
        assert min(ends[0].values()) > 0.6 * BYTES
        assert {session.counts()["sent"] for session in sessions} == {BYTES}

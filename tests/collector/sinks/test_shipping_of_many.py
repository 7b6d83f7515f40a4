"""Ten thousand boxes, of which something comes all the time: shipping it keeps nothing else back."""

import pytest

from collector.sinks.shipping import Batch, Sent, Shipper
from tests.support.shipping import Road, reports


def test_what_comes_without_end_waits_for_the_next_time(way: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was there is shipped, and then copies and sums have their turn."""
    way.bench.send(1, reports(1, 25))
    sent = 0
    send = Shipper._send

    def one_more(shipper: Shipper, batch: Batch) -> Sent:
        nonlocal sent
        sent += 1
        if sent < 50:
            way.bench.send(25 + sent, reports(25 + sent, 1))
        return send(shipper, batch)

    monkeypatch.setattr(Shipper, "_send", one_more)
    assert way.ship().arrival >= 25
    assert sent < 20
    monkeypatch.setattr(Shipper, "_send", send)
    assert way.ship().arrival == way.bench.reads.facts_until()
    assert way.wrong() == []

"""The queue before the writer: bounded in reports and in bytes."""

import threading

import pytest

from collector.store.inbox import Inbox
from collector.store.offers import Offer, Refusal
from tests.collector.workbench import BOX, EPOCH, NOW_NS


def offer(reports: int, size: int) -> Offer:
    """So many reports that were set aside, of so many bytes together."""
    each = [Refusal(n, n, "no", b"x" * (size // reports)) for n in range(1, reports + 1)]
    return Offer(BOX, EPOCH, NOW_NS, (), each, lambda _outcome: None)


@pytest.mark.parametrize("more", [offer(1, 500), offer(6, 6)])
def test_whoever_brings_too_much_waits_for_room(more: Offer) -> None:
    """Few large reports are held up like many small ones, until what was there has been taken."""
    inbox = Inbox(most_reports=10, most_bytes=1000)
    assert inbox.put(offer(5, 600))
    bringing = threading.Thread(target=inbox.put, args=(more,), daemon=True)
    bringing.start()
    bringing.join(0.3)
    assert bringing.is_alive()
    assert inbox.gather(100, 0) is not None
    bringing.join(10)
    assert not bringing.is_alive()
    assert inbox.depth == more.reports


def test_one_offer_fits_however_large() -> None:
    """Nothing is too large for ever: an empty inbox takes what is above its bounds."""
    inbox = Inbox(most_reports=10, most_bytes=1000)
    assert inbox.put(offer(20, 5000))
    assert inbox.depth == 20

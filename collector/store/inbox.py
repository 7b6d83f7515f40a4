"""The bounded queue before the writer. When it is full, whoever brings more waits."""

import threading
from collections import deque

from collector.store.offers import Offer


class Inbox:
    """Offers on their way to the writer, bounded in reports and in bytes.

    One offer always fits an empty inbox, so that none is too large for ever.
    """

    def __init__(self, most_reports: int, most_bytes: int) -> None:
        self._most_reports = most_reports
        self._most_bytes = most_bytes
        self._offers: deque[Offer] = deque()
        self._reports = 0
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def depth(self) -> int:
        """Reports that wait."""
        return self._reports

    def put(self, offer: Offer) -> bool:
        """Add an offer, waiting for room if need be; False if the inbox was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._fits(offer))
            if self._closed:
                return False
            self._offers.append(offer)
            self._count(offer, 1)
            self._changed.notify_all()
            return True

    def gather(self, most_reports: int, timeout_s: float | None) -> list[Offer] | None:
        """What waits, up to `most_reports`; waits for the first, up to `timeout_s`, then returns nothing.

        None says that the inbox is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._offers or self._closed, timeout_s)
            if self._closed and not self._offers:
                return None
            group: list[Offer] = []
            room = most_reports
            while self._offers and (not group or self._offers[0].reports <= room):
                offer = self._offers.popleft()
                self._count(offer, -1)
                room -= offer.reports
                group.append(offer)
            self._changed.notify_all()
            return group

    def close(self) -> None:
        """Take nothing more; what waits can still be gathered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, offer: Offer) -> bool:
        return not self._offers or (
            self._reports + offer.reports <= self._most_reports
            and self._bytes + offer.size <= self._most_bytes
        )

    def _count(self, offer: Offer, sign: int) -> None:
        self._reports += sign * offer.reports
        self._bytes += sign * offer.size

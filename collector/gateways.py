"""Tries each school's gateway, so that a silent box is told from a silent school.

By unprivileged ICMP where the system allows it, and by TCP where that gets no answer: a refused connection
is an answer, too. A few at a time, spread over the minute, on a thread of its own.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from icmplib import ICMPLibError, SocketPermissionError, async_ping

from collector.clock import Clock
from collector.store.gateways import EVERY_NS, Try
from collector.store.offers import Offer

log = logging.getLogger(__name__)

_EVERY_S = EVERY_NS / 10**9
_AT_ONCE = 32
_ECHOES = 2
_BETWEEN_S = 0.2
_ECHO_S = 1.0
_PORTS = (443, 80)
_CONNECT_S = 1.5
_SILENCE = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH})
"""Errors that are a gateway's: nobody answers there. Any other one is this machine's, and proves nothing."""
_BELIEVED_AFTER_S = 24 * 3600.0
"""Most gateways falling silent at once is the collector's trouble; after a day it is the schools' own."""


class Keeper(Protocol):
    """Whoever keeps what was found: the writer."""

    def put(self, offer: Offer) -> bool:
        """Take an offer, to be settled later; False if nothing is taken any more."""


Asker = Callable[[Sequence[str]], Sequence[bool | None]]
"""Which of these addresses answer, in their order; None for one that could not be tried."""


class Gateways:
    """A thread that tries all `addresses` once a round and hands what it found to the writer."""

    def __init__(
        self,
        addresses: Callable[[], Iterable[str]],
        keeper: Keeper,
        clock: Clock,
        *,
        ask: Asker | None = None,
        every_s: float = _EVERY_S,
    ) -> None:
        self._addresses = addresses
        self._keeper = keeper
        self._clock = clock
        self._ask = ask or answering
        self._every_s = every_s
        self._stopping = threading.Event()
        self._answered: frozenset[str] = frozenset()
        """The gateways that answered in the last round that was believed."""
        self._untried: set[str] = set()
        self._cut_off_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="gateways", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Try nothing more; what is on its way is waited for, some seconds at most."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun = self._clock.monotonic()
            try:
                self._keep(self._round(begun))
            except Exception:
                log.exception("the schools' gateways could not be tried")
            self._wait_until(begun + self._every_s)

    def _round(self, begun: float) -> list[Try]:
        """Try every address once, the groups of them spread over the round."""
        addresses = sorted({address for address in self._addresses() if address})
        groups = [addresses[n : n + _AT_ONCE] for n in range(0, len(addresses), _AT_ONCE)]
        tries: list[Try] = []
        untried: set[str] = set()
        for n, group in enumerate(groups):
            self._wait_until(begun + self._every_s * n / len(groups))
            if self._stopping.is_set():
                return []
            at_ns = self._clock.now_ns()
            found = list(zip(group, self._ask(group), strict=True))
            tries += [Try(address, at_ns, answers) for address, answers in found if answers is not None]
            untried |= {address for address, answers in found if answers is None}
        if untried - self._untried:
            log.warning("%d gateways could not be tried, as %s", len(untried), min(untried))
        self._untried = untried
        return tries

    def _keep(self, tries: Sequence[Try]) -> None:
        if not tries or self._is_cut_off(tries):
            return
        self._answered = frozenset(each.address for each in tries if each.answers)
        self._keeper.put(Offer("", "", self._clock.now_ns(), (), (), lambda _: None, tuple(tries)))

    def _is_cut_off(self, tries: Sequence[Try]) -> bool:
        """Whether the trouble is rather the collector's own: most that answered fall silent, or all do.

        Its own building's gateway answers even then, so one that answers proves nothing.
        """
        silent = {each.address for each in tries if not each.answers}
        before = self._answered & {each.address for each in tries}
        nobody = len(silent) == len(tries)
        if not nobody and 2 * len(before & silent) <= len(before):
            self._cut_off_at = None
            return False
        now = self._clock.monotonic()
        if self._cut_off_at is None:
            self._cut_off_at = now
            log.warning(
                "%d of %d gateways fell silent at once: is this machine cut off? nothing is noted",
                len(silent),
                len(tries),
            )
        return nobody or now - self._cut_off_at < _BELIEVED_AFTER_S

    def _wait_until(self, moment: float) -> None:
        self._stopping.wait(max(0.0, moment - self._clock.monotonic()))


def answering(addresses: Sequence[str]) -> list[bool | None]:
    """Which of these addresses answer, in their order; all are tried at once, for four seconds at most."""

    async def all_of_them() -> list[bool | None]:
        return await asyncio.gather(*(_answers(address) for address in addresses))

    return asyncio.run(all_of_them())


async def _answers(address: str) -> bool | None:
    """Whether it answers; None where that could not be tried, as for want of sockets."""
    echo = await _echoes(address)
    if echo:
        return True
    found = await asyncio.gather(*(_connects(address, port) for port in _PORTS))
    if any(found):
        return True
    # Many gateways answer no echo at all: its absence alone proves nothing.
    return (None if None in found else False) if found else echo


async def _echoes(address: str) -> bool | None:
    try:
        host = await async_ping(address, _ECHOES, _BETWEEN_S, _ECHO_S, privileged=False)
    except SocketPermissionError:
        log.debug("this system lets nobody send echoes (net.ipv4.ping_group_range); trying TCP alone")
        return None
    except (ICMPLibError, OSError, ValueError) as error:
        log.debug("no echo to %s: %s", address, error)
        return None
    return bool(host.is_alive)


async def _connects(address: str, port: int) -> bool | None:
    """Whether anything there answers, be it a refusal; None where that could not be tried."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), _CONNECT_S)
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        return False
    except (OSError, ValueError) as error:
        log.debug("no connection to %s, port %d: %s", address, port, error)
        return False if isinstance(error, OSError) and error.errno in _SILENCE else None
    writer.close()
    return True

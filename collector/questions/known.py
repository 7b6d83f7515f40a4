"""A district's whole evidence, weighed once for all ways of teaching and kept while nothing new came.

Where weighing takes long it is kept for a while longer, so that no more than a twentieth of the time goes
into it, however often pages are opened. After that one thread weighs anew, and whoever asks meanwhile has
the answer of before. So somebody waits only at the first question, at the first after the folder has changed
or a new day has begun, and where nobody asked for twice as long as an answer is kept. Every answer says the
moment (`as_of_ns`) and the last report (`facts_until`) that it knows.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from threading import Lock, Thread
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from collector.questions import ask as asking
from collector.registry import Folder
from collector.store.errors import StoreError
from collector.store.reads import HighWater, Reads
from firstbell import district as districts
from firstbell.district import NS
from firstbell.readiness.models import Targets
from firstbell.readiness.weighing import SchoolEvidence

T = TypeVar("T")

QUICK_S = 0.25
"""What takes no longer than this is done anew whenever anything changed."""
RESTS = 20
"""What takes longer is kept for so many times as long."""
QUIET_S = 600
"""And so long where looks went on and saw nothing new: only lessons that end in it are told of later."""
MEANWHILE = 2
"""What was kept for its time answers for up to so many times as long, while it is weighed anew."""
_MINUTE_NS = 60 * NS
_MOST_ANSWERS = 64


@dataclass
class Known:
    """All of a district's evidence at one moment, and what was made of it already; `cost_s`: to weigh it."""

    schools: Mapping[str, SchoolEvidence]
    as_of_ns: int
    facts_until: int
    mark: HighWater
    cost_s: float
    said: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: "Callable[[Known], T]") -> T:
        """What `make` makes of this, made only once for `key`."""
        if key not in self.said:
            if len(self.said) >= _MOST_ANSWERS:
                self.said.pop(next(iter(self.said)))
            self.said[key] = make(self)
        found: T = self.said[key]
        return found


class Shelf:
    """What the readers of one journal share. Only one of them weighs at a time.

    While `anew` is set a thread weighs without the lock; what was known before stays until it is done.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.key: object = None
        self.known: Known | None = None
        self.anew = False

    def fits(self, key: object, mark: HighWater, as_of_ns: int) -> Known | None:
        """What is kept, if it still answers the question."""
        known = self.known
        if known is None or key != self.key or as_of_ns < known.as_of_ns:
            return None
        if mark == known.mark and as_of_ns // _MINUTE_NS == known.as_of_ns // _MINUTE_NS:
            return known
        age_ns = as_of_ns - known.as_of_ns
        return known if age_ns < _kept_s(known, mark) * NS else None

    def meanwhile(self, key: object, mark: HighWater, as_of_ns: int) -> Known | None:
        """What may still be told while it is weighed anew."""
        known = self.known
        if known is None or key != self.key or as_of_ns < known.as_of_ns:
            return None
        age_ns = as_of_ns - known.as_of_ns
        return known if age_ns < MEANWHILE * _kept_s(known, mark) * NS else None

    def is_quick(self, key: object) -> bool:
        """Whether what was asked is known to take so short a time that each question weighs it anew."""
        known = self.known
        return known is not None and key == self.key and known.cost_s <= QUICK_S

    def put(self, key: object, known: Known) -> None:
        """Keep this from now on."""
        self.key, self.known = key, known


def _kept_s(known: Known, mark: HighWater) -> float:
    if known.cost_s <= QUICK_S:
        return 0
    nothing_new = mark._replace(arrival=0) == known.mark._replace(arrival=0)
    return max(RESTS * known.cost_s, QUIET_S if nothing_new else 0)


_SHELVES: WeakKeyDictionary[Reads, Shelf] = WeakKeyDictionary()
_ONE_AT_A_TIME = Lock()


def ask(
    reads: Reads, folder: Folder, targets: Targets, as_of_ns: int, key: object, make: Callable[[Known], T]
) -> T:
    """What `make` makes of the whole district's evidence; kept by `key` while the evidence is."""
    shelf = _shelf_of(reads)
    with shelf.lock:
        asked, mark = _asked(folder, targets, as_of_ns), reads.high_water()
        known = shelf.fits(asked, mark, as_of_ns)
        weigh = partial(_weigh, reads, folder, targets, as_of_ns, mark)
        if known is None and (known := shelf.meanwhile(asked, mark, as_of_ns)):
            _begin(shelf, asked, weigh, as_of_ns)
        elif known is None:
            shelf.known = None  # nobody may have it any more
            known = weigh()
            shelf.put(asked, known)
        return known.once(key, make)


def school(
    reads: Reads, folder: Folder, targets: Targets, school: districts.School, as_of_ns: int
) -> SchoolEvidence:
    """One school's evidence: the district's while that is kept, so that its page says what the table says.

    Else this school is weighed alone, so that nobody waits for a whole district to see one; and where that
    takes long a thread weighs it for those who ask next.
    """
    shelf = _shelf_of(reads)
    asked, mark = _asked(folder, targets, as_of_ns), reads.high_water()
    known = shelf.fits(asked, mark, as_of_ns)
    if known is None:
        known = shelf.meanwhile(asked, mark, as_of_ns)
        if not shelf.is_quick(asked) and not shelf.lock.locked():  # who has the lock may be weighing it
            _begin(shelf, asked, partial(_weigh, reads, folder, targets, as_of_ns, mark), as_of_ns)
    return known.schools[school.id] if known else asking.weigh(reads, folder, targets, school, as_of_ns)


def _shelf_of(reads: Reads) -> Shelf:
    with _ONE_AT_A_TIME:
        return _SHELVES.setdefault(reads, Shelf())


def _asked(folder: Folder, targets: Targets, as_of_ns: int) -> object:
    """What an answer is of: another folder or day is another question."""
    district = folder.district
    return district.digest or id(district), targets.digest, today(folder, as_of_ns)


def _begin(shelf: Shelf, asked: object, weigh: Callable[[], Known], as_of_ns: int) -> None:
    """Let one thread weigh anew, while others answer with what was known before."""
    with _ONE_AT_A_TIME:
        if shelf.anew:
            return
        shelf.anew = True
    weighed = (shelf, shelf.known, asked, weigh, as_of_ns)
    Thread(target=_anew, args=weighed, name="weighing", daemon=True).start()


def _anew(
    shelf: Shelf, before: Known | None, asked: object, weigh: Callable[[], Known], as_of_ns: int
) -> None:
    try:
        known = weigh()
        with shelf.lock:
            now = shelf.known
            # Somebody may have asked for another day or folder meanwhile.
            if now is None or now is before or (shelf.key == asked and now.as_of_ns <= as_of_ns):
                shelf.put(asked, known)
    except StoreError:
        pass  # whoever asks when the answer of before is too old is told
    finally:
        shelf.anew = False


def today(folder: Folder, as_of_ns: int) -> date:
    """The district's day."""
    zone = districts.zone(folder.district.settings.tz or districts.DEFAULT_TZ)
    return datetime.fromtimestamp(as_of_ns // NS, zone).date()


def _weigh(reads: Reads, folder: Folder, targets: Targets, as_of_ns: int, mark: HighWater) -> Known:
    begin = time.perf_counter()
    facts_until = mark.arrival
    schools = asking.weigh_all(reads, folder, targets, as_of_ns)
    for evidence in schools.values():
        for circuit in evidence.lines.network.path(evidence.school.id):
            evidence.lines.line(circuit.id)  # weighed when it is first asked for
        facts_until = evidence.lines.facts_until
    return Known(schools, as_of_ns, facts_until, mark, time.perf_counter() - begin)

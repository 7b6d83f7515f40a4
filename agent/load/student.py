"""One virtual student: watches a lesson, opens pages, hands things in, each over connections of its own."""

from functools import partial

from agent.load.loop import Act
from agent.load.tube import Hub, Tube
from agent.load.verdict import PAGES, UPLOADS, VIDEO, Deed
from firstbell.readiness.students import Student as Kind

_TURNS = (0.6180339887, 0.4142135624, 0.7320508076)
"""Fractions by which students differ in their rhythm (golden ratio, roots of 2 and 3): however many there
are, they are spread evenly, so that groups of one size ask alike."""


class Student:
    """The student with this `number`. `deeds` is where what is done is written down.

    A student whose connection broke does no more until it begins anew.
    """

    def __init__(self, number: int, kind: Kind, hub: Hub) -> None:
        self._kind, self._hub, self._number = kind, hub, number
        self._video, self._pages = Tube(hub, self._broke), Tube(hub, self._broke)
        self._uploads: Tube | None = None
        self._deeds: list[Deed] = []
        self._turn = 0
        """Each beginning is a turn of its own: what was planned in an earlier one is not done any more."""

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        tubes = (self._video, self._pages, *filter(None, [self._uploads]))
        return any(tube.busy for tube in tubes)

    def begin(self, shift: float, deeds: list[Deed]) -> None:
        """Begin to learn; `shift` (0 to 1) moves the whole group's rhythm."""
        self._turn += 1
        self._deeds = deeds
        kind, turn = self._kind, self._turn
        for act, every_s, fraction in (
            (self._first_piece, kind.piece_s.value, _TURNS[0]),
            (self._page, kind.page_s.value, _TURNS[1]),
            (self._upload, kind.upload_s.value, _TURNS[2]),
        ):
            phase = (self._number * fraction + shift) % 1.0
            self._hub.loop.later(phase * every_s, partial(self._if_still, turn, act))

    def rest(self) -> None:
        """Ask for nothing more; what is under way may come."""
        self._turn += 1

    def drop(self) -> None:
        """End what is under way, if anything is."""
        for tube in (self._video, self._pages, self._uploads):
            if tube and tube.busy:
                tube.close()

    def close(self) -> None:
        """End all connections."""
        self.rest()
        for tube in (self._video, self._pages, self._uploads):
            if tube:
                tube.close()

    def _broke(self) -> None:
        self.rest()

    def _if_still(self, turn: int, act: Act) -> None:
        if turn == self._turn:
            act()

    def _later(self, seconds: float, act: Act) -> None:
        self._hub.loop.later(seconds, partial(self._if_still, self._turn, act))

    def _begun(self, name: str, due_s: float | None = None) -> Deed:
        deed = Deed(name, self._hub.loop.now(), due_s)
        self._deeds.append(deed)
        return deed

    # --- video ---------------------------------------------------------------------------------------------

    def _first_piece(self) -> None:
        """The player holds its pieces already, and has just played the first of them."""
        held_s = (self._kind.buffer_pieces.value - 1) * self._kind.piece_s.value
        self._piece(self._hub.loop.now() + held_s)

    def _piece(self, dry_s: float) -> None:
        """Ask for the next piece: at `dry_s` the player will have played all that it holds."""
        deed = self._begun(VIDEO, dry_s)
        self._video.take(self._kind.piece_bytes, partial(self._piece_came, self._turn, deed, dry_s))

    def _piece_came(self, turn: int, deed: Deed, dry_s: float) -> None:
        now_s = deed.ended_s = self._hub.loop.now()
        if turn != self._turn:
            return
        piece_s = self._kind.piece_s.value
        dry_s = max(dry_s, now_s) + piece_s
        room_s = dry_s - (self._kind.buffer_pieces.value - 1) * piece_s
        self._later(max(0.0, room_s - now_s), partial(self._piece, dry_s))

    # --- pages and uploads ---------------------------------------------------------------------------------

    def _page(self) -> None:
        kind, deed = self._kind, self._begun(PAGES)
        self._later(kind.page_s.value, self._page)
        first = round(kind.page_first_bytes.value)
        self._pages.take(first, partial(self._page_began, round(kind.page_bytes.value) - first, deed))

    def _page_began(self, rest: int, deed: Deed) -> None:
        if rest:
            self._pages.take(rest, partial(self._ended, deed))
        else:
            self._ended(deed)

    def _upload(self) -> None:
        kind, deed = self._kind, self._begun(UPLOADS)
        self._later(kind.upload_s.value, self._upload)
        # Now and then, and to another place than the pages: over a connection that is opened for it.
        self._uploads = self._uploads or Tube(self._hub, self._broke)
        self._uploads.give(round(kind.upload_bytes.value), partial(self._handed_in, deed))

    def _handed_in(self, deed: Deed) -> None:
        self._ended(deed)
        if self._uploads and not self._uploads.busy:
            self._uploads.close()
            self._uploads = None

    def _ended(self, deed: Deed) -> None:
        deed.ended_s = self._hub.loop.now()

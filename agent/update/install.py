"""The change from one version to the next, and back: each step is remembered before it is done.

Whatever ends this program, at whatever point, `current` names a whole version, and the next run goes on where
this one ended. It runs itself from `updater`, the version that was proved last, so that a version in which
nothing works can't keep itself.
"""

import logging
import platform
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from agent.spool import look as spool_look
from agent.update import state as states
from agent.update.archive import ArchiveError
from agent.update.asking import AskError, Asking
from agent.update.outlook import Look
from agent.update.releases import BEFORE, CURRENT, UPDATER, MakingError, Releases
from agent.update.state import State
from firstbell.update import Here, Offer, Parcel, judge

PROVE_S = 900.0
"""So long a new version has to be answered by the collector."""
LOOK_S = 5.0
MOST_TRIES = 3
"""So often an offer is tried for which nobody knows whose fault it was."""

_log = logging.getLogger(__name__)


class Now(NamedTuple):
    """The time: seconds since 1970, and the box's own time of day."""

    wall_s: float
    local: datetime


def here(agent: str, release: str, state: State, now: Now) -> Here:
    """What this box knows of itself."""
    return Here(
        agent=agent,
        machine=platform.machine(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        release=release,
        seen=state.seen,
        done=state.done,
        now_s=now.wall_s,
        local=now.local,
    )


class Updater:
    """Changes the version in use. `wait` sleeps, `step` hears the name of each step before it is done."""

    def __init__(
        self,
        releases: Releases,
        asking: Asking,
        now: Callable[[], Now],
        monotonic: Callable[[], float],
        wait: Callable[[float], object],
        *,
        prove_s: float = PROVE_S,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._releases, self._asking = releases, asking
        self._now, self._monotonic, self._wait = now, monotonic, wait
        self._prove_s, self._step = prove_s, step
        self._folder = releases.folder

    def run(self, offer: Offer | None, archive: Path) -> State:
        """End what was begun; else do what `offer` wants, if it is this box's turn. What is remembered then.

        Raises OSError where the disk refuses.
        """
        state = states.read(self._folder)
        if state.phase != "idle":
            return self._go_on(state)
        if state.making:
            self._releases.forget(state.making)
            state = self._keep(replace(state, making=""))
        if state.new and state.done >= state.serial:  # it was put back and may still lie there
            if state.new not in {self._releases.linked(link) for link in (CURRENT, BEFORE, UPDATER)}:
                self._releases.forget(state.new)
            state = self._keep(replace(state, new=""))
        if offer is None:
            return state
        if offer.serial > state.seen:
            state = self._keep(replace(state, seen=offer.serial))
        try:
            now = self._look(CURRENT)
        except AskError as error:
            return self._say(state, f"the box can't be asked: {error}")
        word = judge(offer, here(now.agent, self._releases.linked(CURRENT), state, self._now()))
        if word.why != "take" or word.parcel is None:
            return self._say(state, word.says)
        if now.testing or not now.held:
            why = "a test loads the line" if now.testing else "the collector has not answered this box lately"
            return self._say(state, f"{word.parcel.release} waits: {why}")
        return self._take(state, offer.serial, word.parcel, archive)

    # --- forth ----------------------------------------------------------------------------------------

    def _take(self, state: State, serial: int, parcel: Parcel, archive: Path) -> State:
        state = replace(state, tried=serial, tries=state.tries if state.tried == serial else 0)
        if not self._releases.whole(parcel.release):
            state = self._keep(replace(state, making=parcel.release))
            self._step("making")
            try:
                self._releases.make(parcel, archive)
            except (ArchiveError, MakingError, OSError) as error:
                self._releases.forget(parcel.release)
                return self._failed(replace(state, making=""), serial, parcel.release, str(error))
            self._step("made")
            state = self._keep(replace(state, making=""))
        if trouble := self._unfit(parcel.release):
            self._releases.forget(parcel.release)
            return self._settle(state, serial, f"{parcel.release} does not run here: {trouble}")
        self._step("fit")
        return self._switch(state, serial, parcel.release)

    def _unfit(self, release: str) -> str:
        """Why a version can't be used here, by its own word; "" if it can."""
        try:
            fit = self._asking.fit(self._releases.program_of(release))
        except AskError as error:
            return str(error)
        own = spool_look.forms().written
        if fit.spool_readable_since > own:
            return (
                f"it writes a spool of form {fit.spool_form}, from which nobody could go back to form {own}"
            )
        return ""

    def _switch(self, state: State, serial: int, new: str) -> State:
        try:
            now = self._look(CURRENT)
        except AskError as error:
            return self._say(state, f"{new} waits: the box can't be asked: {error}")
        if now.testing:
            return self._say(state, f"{new} waits: a test loads the line")
        old, old_before = self._releases.linked(CURRENT), self._releases.linked(BEFORE)
        state = self._keep(
            replace(
                state,
                phase="switching",
                serial=serial,
                old=old,
                new=new,
                old_before=old_before,
                epoch=now.epoch,
            )
        )
        self._step("switching")
        if not self._releases.linked(UPDATER):
            self._releases.point(UPDATER, old)
        self._releases.point(BEFORE, old)
        self._step("linked before")
        self._releases.point(CURRENT, new)
        self._step("linked current")
        return self._prove(self._keep(replace(state, phase="proving")))

    def _prove(self, state: State) -> State:
        self._step("proving")
        self._restart()
        self._step("started")
        if not self._answered(state.epoch):
            return self._back(state)
        self._step("proved")
        self._releases.point(UPDATER, state.new)
        self._step("linked updater")
        state = self._settle(state, state.serial, f"{state.new} is in use, and the collector has answered it")
        self._releases.prune()
        return state

    # --- back -----------------------------------------------------------------------------------------

    def _back(self, state: State) -> State:
        _log.warning("%s got no answer within %g s: back to %s", state.new, self._prove_s, state.old)
        state = self._keep(replace(state, phase="returning"))
        self._step("returning")
        self._releases.point(CURRENT, state.old)
        self._step("linked back")
        self._releases.point(BEFORE, state.old_before)
        return self._return(state)

    def _return(self, state: State) -> State:
        """The old version is in use: see that it is answered, which tells whose fault it was."""
        try:
            epoch = self._look(CURRENT).epoch
        except AskError as error:
            _log.warning("the box can't be asked: %s", error)
            epoch = state.epoch
        self._restart()
        self._step("started back")
        if self._answered(epoch):
            said = f"{state.new} got no answer here: back to {state.old}, which does"
            state = self._settle(state, state.serial, said)
            self._releases.forget(state.new)
            return state
        return self._failed(state, state.serial, state.new, f"neither it nor {state.old} gets an answer")

    # --- what was begun -------------------------------------------------------------------------------

    def _go_on(self, state: State) -> State:
        """After a power cut, or whatever else ended this in the middle."""
        current = self._releases.linked(CURRENT)
        if state.phase == "returning" and current in {state.old, state.new}:
            self._releases.point(CURRENT, state.old)
            self._releases.point(BEFORE, state.old_before)
            return self._return(state)
        if current == state.new:
            return self._prove(self._keep(replace(state, phase="proving")))
        if current == state.old:
            self._releases.point(BEFORE, state.old_before)
            return self._say(
                replace(state, phase="idle"), f"{state.new} was not yet in use: from the beginning"
            )
        return self._say(replace(state, phase="idle"), f"somebody has put {current} here meanwhile")

    def _answered(self, before: str) -> bool:
        """Wait until the collector has answered a report of another start than `before`; whether it did."""
        end_s = self._monotonic() + self._prove_s
        while True:
            try:
                now = self._look(CURRENT)
            except AskError as error:
                _log.info("the new start says nothing yet: %s", error)
            else:
                if now.epoch != before and now.held:
                    return True
            if self._monotonic() >= end_s:
                return False
            self._wait(LOOK_S)

    def _restart(self) -> None:
        try:
            self._asking.restart()
        except AskError as error:  # then nothing is answered, and that is what counts
            _log.warning("the box could not be started anew: %s", error)

    def _look(self, link: str) -> Look:
        return self._asking.look(self._releases.program(link))

    # --- what is remembered ---------------------------------------------------------------------------

    def _failed(self, state: State, serial: int, release: str, why: str) -> State:
        """Nobody knows yet whose fault it is: once more later, but not for ever."""
        tries = state.tries + 1
        said = f"{release} could not be taken: {why}"
        if tries >= MOST_TRIES:
            state = self._settle(state, serial, f"{said} (tried {tries} times, given up)")
            self._releases.forget(release)
            return state
        return self._say(replace(state, phase="idle", tries=tries, tried=serial), said)

    def _settle(self, state: State, serial: int, said: str) -> State:
        return self._say(replace(state, phase="idle", done=serial), said)

    def _say(self, state: State, said: str) -> State:
        if said != state.said:
            _log.info("%s", said)
            state = replace(state, said=said, said_at_s=int(self._now().wall_s))
        return self._keep(state)

    def _keep(self, state: State) -> State:
        if state != states.read(self._folder):  # an SD card is not written for nothing
            states.write(self._folder, state)
        return state

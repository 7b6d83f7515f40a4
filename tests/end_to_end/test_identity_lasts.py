"""What happens to boxes' identities in years: each ends well, with real servers and the commands that docs name."""

import json
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from agent.identity import Identity
from collector.identity import authority
from collector.identity.authority import Authority
from collector.identity.registrar import Registrar
from collector.store import identities
from collector.store.journal import open_journal
from firstbell.enrolment import Claim, Granted
from tests.collector.workbench import StillClock
from tests.support.deployed import BOX, Deployed, Machine
from tests.support.mosquitto import wait_until

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]

DAY_NS = 86_400 * 10**9


def days_ago(days: float) -> StillClock:
    """A clock that stands there."""
    clock = StillClock()
    clock.wall_ns = time.time_ns() - int(days * DAY_NS)  # noqa: TID251 - the servers' clock is the machine's
    return clock


def aged(folder: Path, authority_days: float) -> Deployed:
    """A district whose authority was made so long ago; all that servers show is new."""
    district = Deployed(folder)
    authority.make(district.data, "Example", days_ago(authority_days).now_ns()).publish(
        (), days_ago(0).now_ns()
    )
    return district


def enrolled_then(district: Deployed, machine: Machine, days: float) -> Granted:
    """Enrol the box as it was done so many days ago."""
    clock = days_ago(days)
    registrar = Registrar(open_journal(district.data / "journal.db"), Authority(district.data), clock)
    token = registrar.offer(BOX, automatic=True)[1]
    identity = Identity(machine.folder / "identity")
    granted = registrar.claim(Claim(token=token, request=identity.request()))
    assert isinstance(granted, Granted)
    identity.take(granted)
    return granted


def test_a_card_that_two_use_at_the_same_time_is_one_boxs(tmp_path: Path) -> None:
    """Two machines with one card, two processes at one moment: one is let in, and that another came is told."""
    district = Deployed(tmp_path)
    district.sign()
    with district.running():
        first = district.machine("one", "--automatic")
        second = first.cloned(tmp_path / "two")
        running = [
            subprocess.Popen(machine.enrolling(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for machine in (first, second)
        ]
        said = [(process.communicate(timeout=60)[0], process.returncode) for process in running]
        assert sorted(code for _, code in said) == [0, 1]
        (refused,) = [text for text, code in said if code]
        assert "another box came with this card before: each needs its own" in refused
        with closing(open_journal(district.data / "journal.db").reader()) as db:
            (card,) = identities.enrolments(db)
            assert card.doubled >= 1


def test_a_year_in_a_drawer_ends_without_a_hand(tmp_path: Path) -> None:
    """Its certificate is over and the broker refuses it; its key is enough for the next one, and what waits arrives."""
    district = aged(tmp_path, 500)
    district.sign()
    with district.running():
        box = district.machine("box")
        given = enrolled_then(district, box, 400)
        box.settle()
        with box.measuring():
            wait_until(lambda: box.spool()["waiting"] > 0, "it measures all the same")
        waiting = box.spool()["waiting"]
        assert district.reports() == 0
        assert "NOT broker" in box.check(code=1)
        assert box.enrol()["agent"] == BOX
        assert (box.folder / "identity" / "box.pem").read_text(encoding="ascii") != given.certificate
        with box.measuring():
            district.wait_for_more(waiting - 1)
        state = district.state()
        assert (state.missing, state.lost, state.refused) == (0, 0, 0)


def test_an_authority_in_its_last_year_is_followed_under_way(tmp_path: Path) -> None:
    """Said by status; one command; the collector runs on, boxes follow, and one that knows the old one alone, too."""
    district = aged(tmp_path, 365 * 9 + 100)
    district.sign()
    with district.running():
        drawer, box = district.machine("drawer"), district.machine("box", "--automatic")
        box.enrol()
        box.first_now()
        assert "--follow" in district.say("status")["certificates"][0]
        district.say("authority", "make", "--follow")
        with box.measuring():  # the broker knows nothing of it yet
            district.wait_for_more()
        before = Identity(box.folder / "identity").agent, certificates(box)
        assert box.enrol()["agent"] == BOX
        assert (before[1], certificates(box)) == (1, 2)
        district.broker.kill()
        district.broker.start()
        with box.measuring():
            district.wait_for_more(district.reports())
        # It was made ready for the broker before, and asks now for the first time, knowing the old authority.
        assert certificates_in(drawer.folder / "card" / "ca.pem") == 1
        assert "followed by another" in drawer.enrol(code=1)
        assert district.say("status")["certificates"] == []


def certificates(box: Machine) -> int:
    """How many authorities a box believes."""
    return certificates_in(box.folder / "identity" / "ca.pem")


def certificates_in(path: Path) -> int:
    """How many certificates are in a file."""
    return path.read_text(encoding="ascii").count("BEGIN CERTIFICATE")


def test_a_copied_box_is_seen_told_and_put_right(tmp_path: Path) -> None:
    """Two machines with one key and one past: no evidence until decided; a new key for the true one ends it."""
    district = Deployed(tmp_path)
    district.sign()
    with district.running():
        box = district.machine("box", "--automatic")
        box.enrol()
        box.first_now()
        with box.measuring():
            district.wait_for_more()
        copy = box.cloned(tmp_path / "copy")
        for machine in (box, copy):
            with machine.measuring():
                district.wait_for_more(district.reports())
        assert "both say that they follow" in district.state().suspended
        told = json.dumps(district.say("status"))
        assert "two boxes with one name" in told
        # What docs/identity.md says to type.
        district.say("box", "card", BOX, "--out", str(box.folder / "card"), "--automatic")
        assert box.enrol("--new-key")["agent"] == BOX
        assert "shut out" in copy.enrol(code=1)
        district.broker.kill()
        district.broker.start()
        assert "NOT broker" in copy.check(code=1)
        district.say("box", "accept", BOX)
        with box.measuring():
            district.wait_for_more(district.reports())
        assert district.state().suspended == ""

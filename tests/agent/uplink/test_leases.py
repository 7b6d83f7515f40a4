"""What a box makes of the coordinator's words, and of its silence."""

import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agent.uplink import leases as module
from agent.uplink.leases import Leases
from firstbell import lease as words
from firstbell import ticket
from firstbell.lease import Grant, Lease, Refusal, Refuse, Renewed, Revoke
from tests.support.clocks import HandClock

BOX = "lincoln-1"
WANTED = Lease(kind="throughput", max_bytes=500, max_seconds=30, targets=("hub",))


class Talk:
    """The two ends of a line: what the box says, and a coordinator that answers as `answers` says."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.online = True
        self.said: list[words.FromBox] = []
        self.answers: Callable[[words.Ask], words.ToBox | None] = lambda _: None
        self.box = Leases(BOX, self.publish, clock, random.Random(5), lambda: "wifi")

    def publish(self, verb: str, payload: bytes) -> bool:
        """Take a message of the box's."""
        if not self.online:
            return False
        assert verb == "lease/ask"
        message = words.read_from_box(payload)
        self.said.append(message)
        if isinstance(message, words.Ask) and (answer := self.answers(message)):
            self.say(answer)
        return True

    def say(self, message: words.ToBox) -> None:
        """Let the box hear it."""
        self.box.hear(words.encode(message))

    def ask(self) -> Lease | Refusal:
        """What the box's gate hears."""
        return self.box.ask(WANTED, {"hub": "wan"})

    def granted(self, ttl_s: float = words.TTL_S) -> Lease:
        """A lease, granted."""
        self.answers = lambda ask: Grant(
            nonce=ask.nonce, lease="7", max_bytes=400, max_seconds=20, ttl_s=ttl_s
        )
        lease = self.ask()
        assert isinstance(lease, Lease)
        return lease

    def passes(self, seconds: float) -> None:
        """Time goes by, and the box's threads see it."""
        self.clock.advance(seconds)
        time.sleep(0.03)


@pytest.fixture
def talk(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """A box and a coordinator; no waiting for what does not come."""
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    monkeypatch.setattr(module, "_LOOK_S", 0.005)
    made = Talk(clock)
    yield made
    for held in made.box._held.values():
        held.done.set()


def test_a_question_says_what_is_wanted_and_the_grant_is_its_answer(talk: Talk) -> None:
    """Kind, targets, segments, bounds and medium go out; id, bounds and tickets come back."""
    talk.answers = lambda ask: Grant(
        nonce=ask.nonce, lease="7", max_bytes=400, max_seconds=20, tickets={"hub": "t"}
    )
    lease = talk.ask()
    assert lease == Lease(
        kind="throughput", max_bytes=400, max_seconds=20, id="7", targets=("hub",), tickets={"hub": "t"}
    )
    (question,) = talk.said
    assert isinstance(question, words.Ask)
    assert (question.kind, question.targets, question.segments) == ("throughput", ("hub",), {"hub": "wan"})
    assert (question.max_bytes, question.max_seconds, question.medium) == (500, 30, "wifi")


def test_a_no_has_its_reason_and_its_time(talk: Talk) -> None:
    """What the coordinator says goes to the report and to the schedule."""
    talk.answers = lambda ask: Refuse(nonce=ask.nonce, reason="quiet time", again_s=90)
    assert talk.ask() == Refusal("quiet time", 90)


def test_silence_is_a_no(talk: Talk) -> None:
    """Offline at once, unanswered after a while: in neither case may the line be loaded."""
    refused = talk.ask()
    assert isinstance(refused, Refusal)
    assert "did not say" in refused.reason
    assert talk.box.unheard == 1
    talk.online = False
    offline = talk.ask()
    assert isinstance(offline, Refusal)
    assert "no connection" in offline.reason


def test_the_answer_to_another_question_is_none(talk: Talk) -> None:
    """A grant with another nonce lets nobody test, and is given back at once."""
    talk.answers = lambda ask: Grant(nonce=f"{ask.nonce}0", lease="9", max_bytes=1, max_seconds=1)
    assert isinstance(talk.ask(), Refusal)
    assert talk.said[-1] == words.Settle(lease="9", bytes=0)


def test_a_grant_that_comes_too_late_is_given_back(talk: Talk) -> None:
    """Nobody else has to wait for the end of a lease that nobody uses."""
    talk.ask()
    question = talk.said[0]
    assert isinstance(question, words.Ask)
    talk.say(Grant(nonce=question.nonce, lease="8", max_bytes=1, max_seconds=1))
    assert talk.said[-1] == words.Settle(lease="8", bytes=0)


def test_a_doubled_grant_is_taken_once(talk: Talk) -> None:
    """The same grant again, by the broker's at-least-once, neither frees nor doubles the lease in use."""
    lease = talk.granted()
    question = talk.said[0]
    assert isinstance(question, words.Ask)
    talk.say(Grant(nonce=question.nonce, lease="7", max_bytes=400, max_seconds=20))
    assert talk.said == [question]
    assert not talk.box.stop(lease).is_set()


def test_a_grant_that_is_doubled_at_once_is_renewed_once(talk: Talk) -> None:
    """Both may come before the asker has seen the first: still one lease, and one question to go on."""

    def twice(ask: words.Ask) -> Grant:
        grant = Grant(nonce=ask.nonce, lease="7", max_bytes=400, max_seconds=20)
        talk.say(grant)
        return grant

    talk.answers = twice
    assert isinstance(talk.ask(), Lease)
    talk.passes(16)
    assert talk.said[1:] == [words.Renew(lease="7")]


def test_a_late_grant_counts_from_its_question(talk: Talk) -> None:
    """One that was 5 s on its way holds for 40 s: the coordinator counts from when it was asked."""

    def late(ask: words.Ask) -> Grant:
        talk.clock.advance(5)
        return Grant(nonce=ask.nonce, lease="7", max_bytes=400, max_seconds=20)

    talk.answers = late
    lease = talk.ask()
    assert isinstance(lease, Lease)
    stop = talk.box.stop(lease)
    talk.passes(39)
    assert not stop.is_set()
    talk.passes(1)
    assert stop.wait(2)


def test_a_lease_in_use_is_renewed_and_goes_on(talk: Talk) -> None:
    """Every 15 seconds the box asks to go on; as long as it hears yes the test runs beyond the lease's time."""
    stop = talk.box.stop(talk.granted())
    for turn in range(12):
        talk.passes(16)
        assert talk.said[-1] == words.Renew(lease="7")
        assert len(talk.said) == turn + 2
        talk.say(Renewed(lease="7"))
    assert not stop.is_set()


def test_a_lease_that_nobody_renews_is_over(talk: Talk) -> None:
    """45 s without a yes stop the test, whatever the grant itself promised: a quiet time is kept within a minute."""
    stop = talk.box.stop(talk.granted(ttl_s=100_000))
    talk.passes(44)
    assert not stop.is_set()
    talk.passes(1)
    assert stop.wait(2)


def test_a_renewal_promises_no_more_than_45_seconds(talk: Talk) -> None:
    """Whatever time the answer names: the box that hears nothing more stops within a minute."""
    stop = talk.box.stop(talk.granted())
    talk.passes(15)
    talk.say(Renewed(lease="7", ttl_s=100_000))
    talk.passes(44)
    assert not stop.is_set()
    talk.passes(1)
    assert stop.wait(2)


def test_a_late_yes_counts_from_its_question(talk: Talk) -> None:
    """An answer that was 30 s on its way leaves 15 s, for the coordinator counts from when it was asked."""
    stop = talk.box.stop(talk.granted())
    talk.passes(15)
    assert talk.said[-1] == words.Renew(lease="7")
    talk.clock.advance(14)
    talk.say(Renewed(lease="7"))
    talk.passes(30)
    assert not stop.is_set()
    talk.passes(2)
    assert stop.wait(2)


def test_a_lease_called_back_is_over_at_once(talk: Talk) -> None:
    """A word about another lease changes nothing; a word about this one ends the test."""
    stop = talk.box.stop(talk.granted())
    talk.say(Revoke(lease="8", reason="quiet time"))
    assert not stop.is_set()
    talk.say(Revoke(lease="7", reason="quiet time"))
    assert stop.is_set()


def test_the_end_is_told_once_and_frees_the_lease(talk: Talk) -> None:
    """Bytes and seconds go out; from then on nothing is renewed, and the lease can't be used again."""
    lease = talk.granted()
    talk.box.settle(lease, 321, 4.5)
    assert talk.said[-1] == words.Settle(lease="7", bytes=321, seconds=4.5)
    told = len(talk.said)
    talk.passes(16)  # when it would be renewed
    assert len(talk.said) == told
    talk.passes(100)
    assert len(talk.said) == told
    assert talk.box.stop(lease).is_set()


def test_a_grant_with_another_boxs_ticket_is_none(talk: Talk) -> None:
    """Whoever brings it, and whatever nonce it bears: the question stays unanswered; one of its own is taken."""

    def token(agent: str) -> str:
        own = ticket.Ticket(
            id="0" * 32, agent=agent, target="hub", kind="throughput", max_bytes=1, max_seconds=1, issued_ns=1,
            expires_ns=2,
        )  # fmt: skip
        return ticket.token_of(ticket.payload_of(own), bytes(ticket.SIGNATURE_BYTES))

    for agent, expected in (("lincoln-9", Refusal), (BOX, Lease)):
        tickets = {"hub": token(agent)}
        talk.answers = lambda ask, tickets=tickets: Grant(  # type: ignore[misc]
            nonce=ask.nonce, lease="7", max_bytes=1, max_seconds=1, tickets=tickets
        )
        assert isinstance(talk.ask(), expected)


def test_what_is_no_word_about_leases_is_no_word(talk: Talk) -> None:
    """Garbage, and a grant with impossible bounds, are passed over; the question stays unanswered."""
    talk.box.hear(b"\xff")
    talk.box.hear(b'{"say":"grant","nonce":"x","lease":"7","max_bytes":-1,"max_seconds":1}')
    talk.box.hear(b'{"say":"dance"}')
    assert isinstance(talk.ask(), Refusal)


def test_two_questions_at_once_get_each_its_own_answer(talk: Talk) -> None:
    """Answers are told apart by nonce, not by their order."""
    talk.answers = lambda ask: Refuse(nonce=ask.nonce, reason=f"for {ask.kind}")
    found: dict[str, Lease | Refusal] = {}

    def ask(kind: str) -> None:
        found[kind] = talk.box.ask(Lease(kind=kind, max_bytes=1, max_seconds=1), {kind: ""})

    askers = [threading.Thread(target=ask, args=(kind,)) for kind in ("internet", "capacity")]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(5)
    assert found == {kind: Refusal(f"for {kind}") for kind in ("internet", "capacity")}

"""Who is let in, as what, and until when."""

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.identity import authority
from collector.identity.registrar import DAY_NS, Registrar
from collector.identity.shut_out import ShutOut
from collector.store import identities
from collector.store.journal import Journal, open_journal
from firstbell.enrolment import Claim, Granted, Refused, Renewal, Waiting, Word
from tests.collector.workbench import StillClock
from tests.support.box_keys import openssl, request


class House:
    """A district's registrar, its clock in the test's hand, and boxes' keys beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.told = folder, StillClock(), 0
        self.journal: Journal = open_journal(folder / "journal.db")
        self.signs = authority.make(folder, "Example", self.clock.now_ns())
        self.registrar = self.opened()
        self.registrar.publish()

    def opened(self) -> Registrar:
        """A registrar, as another process opens it."""
        return Registrar(self.journal, authority.Authority(self.folder), self.clock, self._revoked)

    def _revoked(self) -> None:
        self.told += 1

    def days(self, days: float) -> None:
        """Let days go by."""
        self.clock.passes(int(days * DAY_NS))

    def claim(self, token: str, key: str = "box") -> Word:
        """What a box is told that shows a card."""
        return self.registrar.claim(Claim(token=token, request=request(self.folder, key)))

    def renew(self, key: str = "box") -> Word:
        """What a box is told that shows its key alone."""
        return self.registrar.renew(Renewal(request=request(self.folder, key)))

    def enrolled(self, agent: str = "lincoln-1", key: str = "box") -> Granted:
        """A box that was let in."""
        granted = self.claim(self.registrar.offer(agent, automatic=True)[1], key)
        assert isinstance(granted, Granted)
        return granted

    def good(self, pem: str) -> bool:
        """Whether the broker lets in whoever shows that certificate now, by openssl."""
        path = self.folder / "it.pem"
        path.write_text(pem, encoding="ascii")
        ca, crl = (str(self.folder / "ca" / name) for name in ("ca.pem", "crl.pem"))
        at = str(self.clock.now_ns() // 10**9)
        try:
            openssl("verify", "-CAfile", ca, "-CRLfile", crl, "-crl_check", "-attime", at, str(path))
        except AssertionError:
            return False
        return True


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A district with an authority and no boxes."""
    return House(tmp_path)


def refused(word: Word) -> str:
    """Why not."""
    assert isinstance(word, Refused)
    return word.reason


def test_a_box_waits_until_it_is_let_in(house: House) -> None:
    """Its key is shown to who decides; from then on it is the box that its card says."""
    number, token = house.registrar.offer("lincoln-1")
    first = house.claim(token)
    assert isinstance(first, Waiting)
    with closing(house.journal.reader()) as db:
        (card,) = identities.enrolments(db)
    assert (card.number, card.agent, card.let_in) == (number, "lincoln-1", None)
    assert card.key is not None
    assert first.fingerprint.replace(" ", "") == card.key.hex()[:16]
    house.registrar.decide(number, let_in=True)
    granted = house.claim(token)
    assert isinstance(granted, Granted)
    assert granted.agent == "lincoln-1"
    assert house.good(granted.certificate)


def test_the_same_question_has_the_same_answer(house: House) -> None:
    """An answer that was lost on the way is no second certificate."""
    _, token = house.registrar.offer("lincoln-1", automatic=True)
    first, second = house.claim(token), house.claim(token)
    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert first.certificate == second.certificate
    assert house.renew() == second


def test_a_box_that_is_not_let_in_stays_out(house: House) -> None:
    """And nobody decides twice."""
    number, token = house.registrar.offer("lincoln-1")
    house.claim(token)
    assert house.registrar.decide(number, let_in=False)
    assert "decided" in refused(house.claim(token))
    assert house.registrar.decide(number, let_in=True) is None
    assert "decided" in refused(house.claim(token))


def test_nobody_is_let_in_who_did_not_come(house: House) -> None:
    """A card that nobody used can't be approved in advance by mistake."""
    number, _ = house.registrar.offer("lincoln-1")
    assert house.registrar.decide(number, let_in=True) is None


def test_of_two_that_come_at_once_one_wins(house: House) -> None:
    """A card that was copied lets one box in, and that somebody else came is kept."""
    for turn in range(10):
        number, token = house.registrar.offer(f"box-{turn}", automatic=True)
        asked = [request(house.folder, f"{turn}-{key}") for key in range(4)]
        words: list[Word] = []
        start = threading.Barrier(len(asked))

        def come(
            pem: str, token: str = token, start: threading.Barrier = start, words: list[Word] = words
        ) -> None:
            registrar = house.opened()
            start.wait()
            words.append(registrar.claim(Claim(token=token, request=pem)))

        threads = [threading.Thread(target=come, args=(pem,)) for pem in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(word).__name__ for word in words) == ["Granted", "Refused", "Refused", "Refused"]
        with closing(house.journal.reader()) as db:
            (card,) = [card for card in identities.enrolments(db) if card.number == number]
        assert card.doubled == 3


def test_a_card_too_old_lets_nobody_in(house: House) -> None:
    """Sixty days to the first contact; a box that came in time may be let in later."""
    number, token = house.registrar.offer("lincoln-1")
    house.days(59.9)
    assert isinstance(house.claim(token), Waiting)
    house.days(30)
    house.registrar.decide(number, let_in=True)
    assert isinstance(house.claim(token), Granted)
    _, late = house.registrar.offer("lincoln-2")
    house.days(60.1)
    assert "too old" in refused(house.claim(late, "other"))


@pytest.mark.parametrize("token", ["", "fbe_", "fbe_" + "a" * 26, "fb_x", "fbe_" + "a" * 26 + "\n", "é" * 30])
def test_a_made_up_token_opens_nothing(house: House, token: str) -> None:
    """Whatever is wrong with it, it is told no more than that."""
    house.registrar.offer("lincoln-1", automatic=True)
    assert refused(house.claim(token)) == "no card has this token"


def test_a_new_card_takes_the_old_ones_place(house: House) -> None:
    """A card that was lost in the post is worth nothing once another was made; one that was used stays used."""
    _, lost = house.registrar.offer("lincoln-1", automatic=True)
    _, token = house.registrar.offer("lincoln-1", automatic=True)
    assert "followed" in refused(house.claim(lost))
    assert isinstance(house.claim(token), Granted)


def test_the_journal_holds_no_token(house: House) -> None:
    """Whoever reads a backup gets in nowhere."""
    _, token = house.registrar.offer("lincoln-1")
    with closing(house.journal.writer()) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert token.encode() not in (house.folder / "journal.db").read_bytes()


def test_a_certificate_is_renewed_from_its_middle_on(house: House) -> None:
    """Before that the box is given the one it has; the old one stays good, so that a lost answer costs nothing."""
    first = house.enrolled()
    house.days(182)
    assert house.renew() == Granted(
        now_ns=house.clock.now_ns(),
        agent="lincoln-1",
        certificate=first.certificate,
        authorities=first.authorities,
    )
    house.days(1)
    second = house.renew()
    assert isinstance(second, Granted)
    assert second.certificate != first.certificate
    assert house.good(first.certificate)
    assert house.good(second.certificate)
    house.days(200)
    assert not house.good(first.certificate)
    assert house.good(second.certificate)


@pytest.mark.parametrize("away", [100, 366, 1000])
def test_a_box_that_was_in_the_dark_comes_back_by_itself(house: House, away: int) -> None:
    """A summer, a year in a drawer: nobody has to click."""
    first = house.enrolled()
    house.days(away)
    granted = house.renew()
    assert isinstance(granted, Granted)
    assert house.good(granted.certificate)
    assert house.good(first.certificate) is (away < 365)


def test_a_key_is_forgotten_in_the_end(house: House) -> None:
    """Two years after its last certificate it needs a card."""
    house.enrolled()
    house.days(365 + 731)
    assert "card" in refused(house.renew())


def test_a_key_that_nobody_knows_is_not_renewed(house: House) -> None:
    """Nor does that make it known."""
    assert "not known" in refused(house.renew())
    assert "not known" in refused(house.renew())


def test_who_is_shut_out_stays_out(house: House) -> None:
    """The broker is told at once; neither the key nor the card lets it in again, and a new card needs a new key."""
    _, token = house.registrar.offer("lincoln-1", automatic=True)
    granted = house.claim(token)
    assert isinstance(granted, Granted)
    bystander = house.enrolled("lincoln-2", "other")
    assert house.registrar.revoke("lincoln-1") == 2
    assert house.told == 1
    assert not house.good(granted.certificate)
    assert house.good(bystander.certificate)
    assert "shut out" in refused(house.renew())
    assert "shut out" in refused(house.claim(token))
    assert "shut out" in refused(house.claim(house.registrar.offer("lincoln-1", automatic=True)[1]))
    with closing(house.journal.reader()) as db:
        assert identities.shut_out(db) == {"lincoln-1"}
    again = house.claim(house.registrar.offer("lincoln-1", automatic=True)[1], "new key")
    assert isinstance(again, Granted)
    assert house.good(again.certificate)
    with closing(house.journal.reader()) as db:
        assert identities.shut_out(db) == frozenset()


def while_it_signs(house: House, monkeypatch: pytest.MonkeyPatch, *, shut_out: str) -> Registrar:
    """A registrar in which a box is shut out, by another process, just when a certificate was signed."""
    signs = authority.Authority(house.folder)
    signed = signs.for_box

    def for_box(*asked: Any) -> authority.Issued:
        made = signed(*asked)
        house.registrar.revoke(shut_out)
        return made

    monkeypatch.setattr(signs, "for_box", for_box)
    return Registrar(house.journal, signs, house.clock)


def test_a_renewal_under_way_is_overtaken_by_being_shut_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate that was just made is not given, and nothing good is left."""
    house.enrolled()
    house.days(200)
    slow = while_it_signs(house, monkeypatch, shut_out="lincoln-1")
    assert "shut out" in refused(slow.renew(Renewal(request=request(house.folder, "box"))))
    with closing(house.journal.reader()) as db:
        assert identities.shut_out(db) == {"lincoln-1"}
        assert identities.good(db, house.clock.now_ns()) == frozenset()
    assert "shut out" in refused(house.renew())


def test_a_first_certificate_is_overtaken_as_well(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its card was taken back meanwhile: there is no certificate yet that could be revoked."""
    token = house.registrar.offer("lincoln-1", automatic=True)[1]
    slow = while_it_signs(house, monkeypatch, shut_out="lincoln-1")
    assert "shut out" in refused(slow.claim(Claim(token=token, request=request(house.folder, "box"))))
    with closing(house.journal.reader()) as db:
        assert identities.good(db, house.clock.now_ns()) == frozenset()


def listed(house: House) -> int:
    """How many certificates the broker's list names."""
    return len(house.signs.revoked_in((house.folder / "ca" / "crl.pem").read_bytes()))


def test_of_two_that_are_shut_out_at_once_both_are_on_the_list(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is about to write the list is not overtaken: the other one waits, reads again, and writes last."""
    for agent in ("box-x", "box-y"):
        house.enrolled(agent, agent)
    signs = authority.Authority(house.folder)
    wrote = signs.publish
    other = threading.Thread(target=house.opened().revoke, args=("box-y",))

    def publish(*told: Any) -> None:
        other.start()
        while identities.shut_out(reader) != {"box-x", "box-y"}:
            other.join(0.01)
        other.join(0.3)  # as long as it would take the other one to write, if it did
        wrote(*told)

    monkeypatch.setattr(signs, "publish", publish)
    with closing(house.journal.reader()) as reader:
        Registrar(house.journal, signs, house.clock).revoke("box-x")
    other.join()
    assert listed(house) == 2


def test_who_is_shut_out_after_its_certificates_end_is_on_the_list(house: House) -> None:
    """As long as its key could be renewed: a backup from before knows nothing of it but by the list."""
    house.enrolled()
    house.days(400)
    house.registrar.revoke("lincoln-1")
    assert listed(house) == 1
    house.days(694)
    house.registrar.publish()
    assert listed(house) == 1
    house.days(3)
    house.registrar.publish()
    assert listed(house) == 0


def test_who_was_shut_out_by_mistake_is_let_back(house: House) -> None:
    """The broker is told, its certificate is good again, and its key is enough for the next one."""
    granted = house.enrolled()
    house.registrar.revoke("lincoln-1")
    assert not house.good(granted.certificate)
    assert house.registrar.restore("lincoln-1") == 1
    assert house.told == 2
    assert house.good(granted.certificate)
    house.days(200)
    assert isinstance(house.renew(), Granted)


def test_whose_name_nobody_knows_is_no_box(house: House) -> None:
    """What another list said, and what was erased, stays revoked: it is shown as no box, and no empty name frees it."""
    identities.take_over(house.journal, [(house.signs.name, "ab", house.clock.now_ns())], house.signs.ends_ns)
    with closing(house.journal.reader()) as db:
        assert identities.shut_out(db) == frozenset()
        assert house.registrar.restore("") == 0
        assert len(identities.revoked(db, house.clock.now_ns())) == 1


def test_shutting_out_nobody_says_so(house: House) -> None:
    """No list is written, nobody is told."""
    assert house.registrar.revoke("nobody") == 0
    assert house.told == 0


def test_a_card_that_waits_is_taken_back_with_its_box(house: House) -> None:
    """Else whoever holds it would be let in after all."""
    number, token = house.registrar.offer("lincoln-1")
    house.claim(token)
    assert house.registrar.revoke("lincoln-1") == 1
    assert house.registrar.decide(number, let_in=True) is None
    assert isinstance(house.claim(token), Refused)


def test_a_new_box_takes_a_dead_ones_name(house: House) -> None:
    """The key before it is shut out: a name is one box's."""
    dead = house.enrolled(key="dead")
    house.enrolled(key="new")
    assert not house.good(dead.certificate)
    assert "shut out" in refused(house.renew("dead"))
    assert isinstance(house.renew("new"), Granted)


def test_one_box_is_not_two(house: House) -> None:
    """A key that is one box's does not become another's by a card that went to the wrong school."""
    house.enrolled("lincoln-1")
    said = refused(house.claim(house.registrar.offer("cedar-1", automatic=True)[1]))
    assert said == "this box is lincoln-1, and its card says cedar-1: revoke lincoln-1 first"


def test_boxes_follow_to_the_next_authority(house: House) -> None:
    """Whoever asks is given the new authority and a certificate of its hand; before that the old ones hold.

    A collector that runs meanwhile learns of it: it must not write the new one off again.
    """
    first = house.enrolled()
    authority.make(house.folder, "Example", house.clock.now_ns())
    house.registrar.publish()
    assert house.good(first.certificate)
    second = house.renew()
    assert isinstance(second, Granted)
    assert second.certificate != first.certificate
    assert second.authorities.count("BEGIN CERTIFICATE") == 2
    assert house.good(second.certificate)


def test_an_old_card_that_was_let_in_takes_no_name_back(house: House) -> None:
    """Its machine never fetched its certificate; another one has the name since, and keeps it."""
    number, token = house.registrar.offer("lincoln-1")
    house.claim(token, "old")
    house.registrar.decide(number, let_in=True)
    house.enrolled(key="new")
    assert "not to let this box in" in refused(house.claim(token, "old"))
    assert isinstance(house.renew("new"), Granted)


def test_a_made_up_token_writes_nothing(house: House) -> None:
    """While somebody else writes the journal, it is refused all the same, at once."""
    with closing(house.journal.writer()) as db:
        db.execute("BEGIN IMMEDIATE")
        assert isinstance(house.claim("fbe_" + "a" * 26), Refused)
        db.execute("ROLLBACK")


def test_a_list_that_could_not_be_written_is_written_the_next_time(house: House) -> None:
    """The journal says it already; a second shut-out is not the end of it."""
    granted = house.enrolled()
    before = (house.folder / "ca" / "crl.pem").read_bytes()
    house.registrar.revoke("lincoln-1")
    (house.folder / "ca" / "crl.pem").write_bytes(before)
    assert house.good(granted.certificate)
    assert house.registrar.revoke("lincoln-1") == 0
    assert not house.good(granted.certificate)


def test_a_box_whose_certificate_was_forgotten_is_shut_out_by_its_name(house: House) -> None:
    """After a restore: there are reports of it, and nothing else. And it is let back."""
    with closing(house.journal.writer()) as db:
        db.execute("INSERT INTO agents (name, first_ns) VALUES ('lincoln-1', 1)")
    look = ShutOut(house.journal)
    assert house.registrar.revoke("lincoln-1") == 0
    assert not house.registrar.deny("nobody")
    assert house.registrar.deny("lincoln-1")
    look.look()
    assert ("lincoln-1" in look.out(), "cedar-1" in look.out()) == (True, False)
    assert house.registrar.restore("lincoln-1") == 1
    look.look()
    assert "lincoln-1" not in look.out()

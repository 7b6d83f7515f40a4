"""Which group of students is tried next, on lines that are made up: exact ones, noisy ones, and one that never breaks."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.load.search import Found, Search, first_group

MOST = 1000
CLOSE = 1 / 20
MOST_REPEATS = 6
"""What the file claims, and not whatever the search now has."""
KNEES = st.integers(0, MOST - 1)


def play(search: Search, good: Callable[[int], bool], most_tries: int = 60) -> tuple[Found, list[int]]:
    """Try until it is known, or so often; what was found, and what was tried."""
    tried: list[int] = []
    while search.next is not None and len(tried) < most_tries:
        tried.append(search.next)
        search.tried(good(search.next))
    return search.found(), tried


def near(knee: int) -> float:
    """How far from a knee an answer may be: a student, or a twentieth."""
    return max(1.0, CLOSE * (knee + 1))


@given(knee=KNEES, guess=st.integers(0, 2 * MOST))
def test_an_exact_knee_is_found_from_any_guess(knee: int, guess: int) -> None:
    """Within a student or a twentieth below the knee, nothing below it called bad, in few tries."""
    first = first_group(guess, 1.0, MOST)
    found, tried = play(Search(first, MOST, known=guess > 0), lambda n: n <= knee)
    assert knee - near(knee) <= found.ok <= knee
    assert found.low == found.ok
    assert found.high is not None
    assert found.low <= knee < found.high <= found.low + 1 + CLOSE * found.high
    assert len(tried) == found.tries <= 30


@given(knee=st.integers(20, MOST - 1))
def test_a_good_guess_saves_tries(knee: int) -> None:
    """From 0.7 of what is carried it takes at most ten, both edges tried twice among them."""
    found, tried = play(Search(first_group(knee, 1.0, MOST), MOST, known=True), lambda n: n <= knee)
    assert len(tried) <= 10
    assert tried.count(found.ok) == 2


def test_a_noisy_knee_is_held_by_its_interval() -> None:
    """A knee of 23.5 that wobbles by a student: 97 answers of 100 within two of it, 9 intervals of 10 within one."""
    dice = random.Random(4)
    runs = [play(Search(16, MOST, known=True), lambda n: n <= dice.gauss(23.5, 1.0)) for _ in range(300)]
    assert sum(abs(found.ok - 23) <= 2 for found, _ in runs) >= 291
    assert sum(found.low - 1 <= 23.5 <= (found.high or MOST) + 1 for found, _ in runs) >= 270
    for found, tried in runs:
        assert found.high is not None
        assert found.low < found.high
        assert found.low <= found.ok
        assert len(tried) <= 12 + MOST_REPEATS
        assert len(tried) - len(set(tried)) <= MOST_REPEATS


def test_a_line_that_will_not_hold_still_is_given_up() -> None:
    """Heads or tails at every try: six groups are tried again, and no more, and what was seen is still told."""
    dice = random.Random(4)
    repeats = []
    for _ in range(300):
        found, tried = play(Search(16, MOST, known=True), lambda _: dice.random() < 0.5)
        repeats.append(len(tried) - len(set(tried)))
        assert found.tries == len(tried)
        assert found.high is not None
        assert found.low < found.high
    assert max(repeats) == MOST_REPEATS


def test_better_two_of_three_decide_at_an_edge() -> None:
    """22 is good once, then not, then good: it is carried, but not at every try, and the interval says so."""
    words = {22: [True, False, True], 23: [False, False]}
    found, tried = play(Search(22, MOST, known=True), lambda n: words[n].pop(0) if n in words else n < 22)
    assert (found.ok, found.low, found.high) == (22, 0, 22)
    assert tried.count(22) == 3


def test_a_line_that_never_breaks_is_loaded_once_with_the_most() -> None:
    """All good up to the most: at least so many, and the largest group is not played thrice."""
    found, tried = play(Search(70, 100, known=True), lambda _: True)
    assert (found.ok, found.high, found.at_least) == (100, None, True)
    assert tried == [70, 91, 100]


def test_what_is_known_when_it_is_cut_short() -> None:
    """After two good groups and no bad one nothing has given; after a bad one the interval is wide, and true."""
    found, _ = play(Search(10, MOST, known=True), lambda n: n <= 30, most_tries=2)
    assert (found.ok, found.at_least) == (13, True)
    found, _ = play(Search(10, MOST, known=True), lambda n: n <= 15, most_tries=3)
    assert (found.ok, found.low, found.high, found.at_least) == (13, 13, 17, False)


def test_a_line_that_carries_nobody() -> None:
    """Not even one: none, and one is too many."""
    found, tried = play(Search(5, MOST, known=True), lambda _: False)
    assert (found.ok, found.low, found.high) == (0, 0, 1)
    # Downwards it gallops in the steps in which it would go up; one who can't be carried is tried twice.
    assert tried == [5, 3, 2, 1, 1]


def test_where_nobody_knows_the_line_it_begins_gently() -> None:
    """Two at first, and twice as many each time, until something gives."""
    assert first_group(0, 0.76, MOST) == 2
    assert first_group(0, 0.76, 1) == 1
    _, tried = play(Search(2, MOST, known=False), lambda n: n <= 40)
    assert tried[:6] == [2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize(("mbps", "first"), [(100, 92), (0.5, 1), (5000, MOST)])
def test_the_first_guess_is_seven_tenths(mbps: float, first: int) -> None:
    """0.7 * C / d, at least one, at most the most."""
    assert first_group(mbps, 0.76, MOST) == first


def test_a_try_that_was_not_asked_for_is_refused() -> None:
    """Nothing is learned after the end, and no group is larger than the most."""
    search = Search(1, 1, known=True)
    search.tried(True)
    with pytest.raises(ValueError, match="nothing was to be tried"):
        search.tried(True)
    with pytest.raises(ValueError, match="not among"):
        Search(2, 1, known=True)

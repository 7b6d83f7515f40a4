"""When a lesson was good enough: late pieces, a debt that grows, slow pages, long round trips, broken connections."""

import pytest

from agent.load.verdict import CONNECTIONS, PAGES, TRIPS, UPLOADS, VIDEO, Deed, Watched, hard_sign, judge
from tests.support.classroom import student

STUDENT = student()
"""Pieces of half a second; 20 of them take 21 Mbit/s."""


def deed(kind: str, began_s: float, took_s: float | None, due_s: float | None = None) -> Deed:
    """Something that a student did, or has not ended."""
    made = Deed(kind, began_s, due_s)
    made.ended_s = None if took_s is None else began_s + took_s
    return made


def seen(
    deeds: list[Deed] | None = None,
    *,
    grows_mbps: float = 0.0,
    trips_ms: float = 20.0,
    broken: int = 0,
    last_ms: list[float] | None = None,
) -> Watched:
    """Twenty students from second 2 to 5, with looks at what is owed each 50 ms."""
    looks = [(2 + n * 0.05, round(1e5 + grows_mbps / 8e-6 * n * 0.05)) for n in range(60)]
    return Watched(20, 2.0, 5.0, deeds or [], looks, [trips_ms] * 30 + (last_ms or []), 15.0, broken)


def pieces(late: int, of: int = 100) -> list[Deed]:
    """Pieces of video, some of them after their time."""
    return [deed(VIDEO, 2.5, 0.6 if n < late else 0.3, 3.0) for n in range(of)]


@pytest.mark.parametrize(("late", "good"), [(0, True), (2, True), (3, False)])
def test_two_late_pieces_of_a_hundred_are_borne(late: int, good: bool) -> None:
    """2 % may come when the player has run dry."""
    quality = judge(seen(pieces(late)), STUDENT)
    assert (quality.good, quality.video_late_pct) == (good, late)
    assert good or quality.gave == VIDEO


def test_a_piece_that_never_came_is_late() -> None:
    """What is missing when it was due counts as late, what is not due yet says nothing."""
    missing = [deed(VIDEO, 2.5, None, 3.0) for _ in range(5)]
    not_due = [deed(VIDEO, 4.8, None, 5.3) for _ in range(50)]
    assert judge(seen(pieces(0, 95) + missing + not_due), STUDENT).video_late_pct == 5
    # Late, but due while the group still settled.
    before = [deed(VIDEO, 1.4, 1.0, 1.9) for _ in range(50)]
    assert judge(seen(pieces(0, 95) + missing + before), STUDENT).video_late_pct == 5


@pytest.mark.parametrize(
    ("grows", "good"), [(0.0, True), (0.5, True), (0.67, True), (0.72, False), (1.2, False), (-3.0, True)]
)
def test_a_debt_that_grows_breaks_the_video_before_players_run_dry(grows: float, good: bool) -> None:
    """3 % of what 20 students ask for (0.63 Mbit/s, and half a page, 0.06): beyond it, later pieces will be late."""
    quality = judge(seen(pieces(0), grows_mbps=grows), STUDENT)
    assert quality.good is good
    assert good or quality.gave == VIDEO


@pytest.mark.parametrize(
    ("kind", "seconds", "good"), [(PAGES, 0.9, True), (PAGES, 1.1, False), (UPLOADS, 1.1, False)]
)
def test_slow_pages_and_uploads_give_by_their_names(kind: str, seconds: float, good: bool) -> None:
    """95 of 100 within the limit of a second."""
    quality = judge(seen([deed(kind, 2.5, seconds) for _ in range(10)]), STUDENT)
    assert quality.good is good
    assert good or quality.gave == kind


@pytest.mark.parametrize("kind", [PAGES, UPLOADS])
@pytest.mark.parametrize(("slow", "good"), [(5, True), (6, False)])
def test_five_of_a_hundred_may_be_slow(kind: str, slow: int, good: bool) -> None:
    """The 95th of a hundred decides, each kind against its own limit: of pages 1 s, of uploads 2 s."""
    limit_s = {PAGES: 1.0, UPLOADS: 2.0}[kind]
    took = [limit_s + 0.1] * slow + [limit_s - 0.1] * (100 - slow)
    quality = judge(seen([deed(kind, 2.5, seconds) for seconds in took]), student(upload_limit_s=2.0))
    assert (quality.good, quality.gave == kind) == (good, True)
    p95_ms = quality.page_p95_ms if kind == PAGES else quality.upload_p95_ms
    assert p95_ms == pytest.approx(1000 * (limit_s - 0.1 if good else limit_s + 0.1))


def test_a_page_under_way_counts_once_it_is_too_slow() -> None:
    """One that began a moment ago says nothing, one that hangs is slow."""
    fresh, hangs = deed(PAGES, 4.9, None), deed(PAGES, 2.1, None)
    assert judge(seen([fresh]), STUDENT).page_p95_ms is None
    assert judge(seen([hangs]), STUDENT).gave == PAGES


def test_what_was_over_before_is_not_looked_at() -> None:
    """A slow page of the settling seconds is not held against the group; one that lasted beyond them is."""
    assert judge(seen([deed(PAGES, 0.1, 1.5)]), STUDENT).good
    assert judge(seen([deed(PAGES, 0.9, 1.5)]), STUDENT).gave == PAGES


@pytest.mark.parametrize(("ms", "good"), [(214.0, True), (216.0, False)])
def test_round_trips_may_grow_by_two_hundred_ms(ms: float, good: bool) -> None:
    """The median, less that of the idle line."""
    # Of 54, 24 took three seconds: the median does not see them.
    for last_ms in ([], [3000.0] * 24):
        quality = judge(seen(trips_ms=ms, last_ms=last_ms), STUDENT)
        assert (quality.good, quality.rtt_p50_ms) == (good, ms)
        assert good or quality.gave == TRIPS


@pytest.mark.parametrize(("broken", "good"), [(0, True), (1, True), (2, False)])
def test_two_broken_connections_are_not_good(broken: int, good: bool) -> None:
    """Even if nothing else gave; one may be chance."""
    quality = judge(seen(pieces(0), broken=broken), STUDENT)
    assert quality.good is good
    assert good or quality.gave == CONNECTIONS


@pytest.mark.parametrize(
    ("watched", "sign"),
    [
        (seen(pieces(10)), ""),
        (seen(pieces(11)), VIDEO),
        (seen(pieces(5, 9)), ""),
        (seen(last_ms=[501.0] * 5), TRIPS),
        (seen(last_ms=[499.0] * 5), ""),
        (seen(last_ms=[501.0] * 2), ""),
        (seen(last_ms=[2100.0] * 3), TRIPS),
        # Three silences are enough before there are five round trips to have a median of.
        (seen()._replace(trips_ms=[2100.0] * 3), TRIPS),
        (seen()._replace(trips_ms=[20.0, 2100.0, 2100.0, 2100.0]), TRIPS),
        (seen()._replace(trips_ms=[1900.0] * 4), ""),
        (seen()._replace(trips_ms=[2100.0, 2100.0, 1900.0]), ""),
        (seen()._replace(trips_ms=[2100.0] * 2), ""),
        (seen(broken=2), ""),
        (seen(broken=3), CONNECTIONS),
    ],
)
def test_hard_signs_end_a_lesson(watched: Watched, sign: str) -> None:
    """A tenth late, half a second of round trips, three silences, three broken connections; no less."""
    assert hard_sign(watched) == sign

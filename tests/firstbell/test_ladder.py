"""Room, building, line or only our box: every combination, and nobody accused wrongly."""

from collections.abc import Iterator
from itertools import permutations, product

import pytest

from firstbell.ladder import (
    TOGETHER_NS,
    Elsewhere,
    Look,
    Seen,
    Sign,
    State,
    Verdict,
    Where,
    judge,
    seen_of,
)

GOOD, BAD, UNKNOWN = Sign.GOOD, Sign.BAD, Sign.UNKNOWN
KINDS: dict[str, dict[str, object]] = {
    "online": {"gateway": GOOD, "internet": GOOD},
    "joined": {"gateway": GOOD, "internet": GOOD, "wifi": GOOD},
    "no wifi": {"gateway": GOOD, "internet": GOOD, "wifi": BAD},
    "by wifi": {"internet": GOOD, "by_wifi": True},
    "gateway only": {"gateway": GOOD},
    "no internet": {"gateway": GOOD, "internet": BAD},
    "no names": {"gateway": GOOD, "internet": BAD, "by_names": True},
    "no gateway": {"gateway": BAD, "internet": BAD},
    "cut": {"internet": BAD},
    "nothing": {},
    "silent": {"silent_ns": 10 * TOGETHER_NS},
    "long silent": {"silent_ns": TOGETHER_NS},
    "lost wifi": {"gateway": BAD, "internet": BAD, "wifi": BAD, "by_wifi": True},
    "cut by wifi": {"internet": BAD, "by_wifi": True},
    "no internet by wifi": {"gateway": GOOD, "internet": BAD, "wifi": GOOD, "by_wifi": True},
    "silent by wifi": {"silent_ns": 10 * TOGETHER_NS, "by_wifi": True},
}
HERE, OTHERS = "204", ("203", "205")


def look(kind: str, room: str = HERE, box: str = "") -> Look:
    """A box of that kind in a room."""
    return Look(box or f"box-{room}", room, **KINDS[kind])  # type: ignore[arg-type]


def said(kind: str, *others: str, gateway: bool | None = None, elsewhere: bool | None = None) -> Verdict:
    """The verdict on 204 where its box sees `kind` (empty: it has none) and the other rooms' see `others`."""
    looks = [look(kind)] if kind else []
    looks += [look(other, room) for other, room in zip(others, OTHERS, strict=False) if other]
    return judge(HERE, looks, gateway_answers=gateway, others_talk=elsewhere)


@pytest.mark.parametrize(
    ("verdict", "where"),
    [
        (said("no wifi", "joined", "joined"), Where.ROOM),
        (said("no gateway", "no gateway", "no gateway", gateway=True), Where.BUILDING),
        (said("no internet", "no internet"), Where.LINE),
        (said("no internet"), Where.LINE),
        (said("silent", "online", "online", gateway=True), Where.BOX),
        (said("silent", gateway=True), Where.BOX),
        (said("online", "online"), Where.FINE),
        (said("", "online"), Where.NOBODY),
        (said("silent", gateway=False), Where.SCHOOL),
        (said("silent", "silent", gateway=False, elsewhere=True), Where.SCHOOL),
        (said("silent", "silent", gateway=False, elsewhere=False), Where.DEAF),
    ],
)
def test_what_the_room_page_can_say(verdict: Verdict, where: Where) -> None:
    """Each sentence of the page has its case."""
    assert verdict.where is where


@pytest.mark.parametrize(
    "verdict",
    [
        said("no wifi"),  # nobody else measures Wi-Fi
        said("no wifi", "online"),
        said("no gateway"),  # the room or the building
        said("cut"),
        said("no names", "no names"),  # the line or the name server
        said("silent"),  # nobody knows of the gateway
        said("silent", "silent", gateway=True),  # two at once: our boxes, or what they hang on
        said("silent", "cut", gateway=True),
        said("silent by wifi", "online"),  # the box, or the room's Wi-Fi
        said("nothing", "online"),
    ],
)
def test_what_cant_be_told_is_called_so(verdict: Verdict) -> None:
    """No place is called troubled where two could be."""
    assert verdict.where is Where.UNKNOWN
    assert State.TROUBLE not in verdict


@pytest.mark.parametrize(
    ("verdict", "states"),
    [
        (said("no wifi", "joined"), ("fine", "trouble", "fine", "fine")),
        (said("no internet"), ("fine", "fine", "fine", "trouble")),
        (said("silent", "online"), ("silent", "not known", "fine", "fine")),
        (said("silent", gateway=False), ("silent", "not known", "not known", "not known")),
        (said("", "online"), ("none here", "not known", "fine", "fine")),
        (said("no gateway", "no gateway"), ("fine", "not known", "trouble", "not known")),
        (said("no gateway", "no gateway", gateway=True), ("fine", "not known", "trouble", "fine")),
        (said("gateway only"), ("fine", "fine", "fine", "not known")),
    ],
)
def test_the_four_places(verdict: Verdict, states: tuple[str, ...]) -> None:
    """Our box, the room, the building, the line: each with what is known of it."""
    assert (verdict.box, verdict.room, verdict.building, verdict.line) == states


@pytest.mark.parametrize("mine", ["lost wifi", "cut by wifi", "no internet by wifi"])
def test_wifi_alone_is_measured_against_wifi(mine: str) -> None:
    """A cable that gets through elsewhere says nothing of the Wi-Fi: neither room nor box nor line is named."""
    verdict = said(mine, "online", "gateway only")
    assert (verdict.where, verdict.seen) == (Where.UNKNOWN, Seen.NO_WIFI)
    assert (verdict.box, verdict.room, verdict.building, verdict.line) == (*["not known"] * 3, "fine")
    for fine in ("joined", "by wifi"):
        assert said(mine, fine, "online").where is Where.ROOM
    assert said(mine, "no wifi", "online").where is Where.BUILDING
    assert said("lost wifi").where is Where.UNKNOWN


def test_two_boxes_of_one_room_that_disagree() -> None:
    """By cable it is the stuck box; where the stuck one has Wi-Fi alone it is the Wi-Fi."""
    stuck, wireless = look("no internet", box="b"), look("cut", box="c")._replace(by_wifi=True)
    assert judge(HERE, [look("online"), stuck]).where is Where.BOX
    assert seen_of([look("online"), wireless]) is Seen.NO_WIFI
    assert judge(HERE, [look("online"), wireless, look("joined", "203")]).where is Where.ROOM


def test_two_boxes_of_one_room_that_stop_at_once() -> None:
    """That may be their room's power: neither box is accused."""
    both = [look("silent", box="a"), look("silent", box="b"), look("online", "203")]
    assert judge(HERE, both).where is Where.UNKNOWN


def test_a_box_that_was_put_away_long_ago_says_nothing_of_today() -> None:
    """Only what fell silent at about the same time counts as the same trouble."""
    assert said("silent", "long silent", gateway=True).where is Where.BOX
    assert said("silent", "silent", gateway=True).where is Where.UNKNOWN
    assert said("silent", "online", "long silent").where is Where.BOX
    assert said("silent", "online", "silent").where is Where.UNKNOWN


def every_case() -> Iterator[tuple[list[Look], bool | None, bool | None, Verdict]]:
    """All pairs of looks in the room with all looks of two other rooms, and what else can be known."""
    here = ["", *KINDS]
    for one, two, three in product(here, here, here):
        placed = ((one, HERE), (two, "203"), (three, "205"))
        looks = [look(kind, room) for kind, room in placed if kind]
        for gateway, elsewhere in product((True, False, None), (True, False, None)):
            verdict = judge(HERE, looks, gateway_answers=gateway, others_talk=elsewhere)
            yield looks, gateway, elsewhere, verdict


def test_every_accusation_has_its_proof() -> None:
    """Over all combinations: what is called troubled is troubled by more than one box's word, or must be."""
    for looks, gateway, elsewhere, verdict in every_case():
        talking = [item for item in looks if item.talks]
        here = [item for item in talking if item.room == HERE]
        rest = [item for item in talking if item.room != HERE]
        stuck = [item for item in talking if item.internet is BAD or item.wifi is BAD]
        if verdict.where is Where.ROOM:
            assert here
            assert here[0] in stuck
            alike = [item for item in rest if item.wifi is GOOD or item.by_wifi or not here[0].by_wifi]
            assert any(GOOD in {item.internet, item.gateway, item.wifi} for item in alike)
        if verdict.where is Where.LINE:
            assert any(
                item.internet is BAD and item.gateway is GOOD and not item.by_names for item in talking
            )
            assert not any(item.internet is GOOD for item in talking)
        if verdict.where is Where.BUILDING:
            assert len({item.room for item in stuck}) > 1
        if verdict.where is Where.BOX:
            assert not here
            assert gateway or rest
        if verdict.where is Where.SCHOOL:
            assert not talking
            assert gateway is False
        if verdict.where is Where.DEAF:
            assert not talking
            assert elsewhere is False
        if verdict.where is Where.FINE:
            assert here
            assert here[0] not in stuck
        if verdict.line is State.FINE:
            assert gateway or any(item.internet is GOOD for item in talking)


def test_at_most_one_place_is_troubled_and_it_is_the_verdicts() -> None:
    """The strip never points at a place that the sentence doesn't name."""
    places = {Where.BOX: 1, Where.ROOM: 2, Where.BUILDING: 3, Where.LINE: 4}
    for _, _, _, verdict in every_case():
        troubled = [n for n, state in enumerate(verdict) if state is State.TROUBLE]
        silent_box = verdict.where is Where.BOX and verdict.box is State.SILENT
        assert troubled == ([] if silent_box or verdict.where not in places else [places[verdict.where]])


FAULTS: dict[Where, tuple[list[str], list[str], list[bool | None]]] = {
    Where.ROOM: (["no wifi", "no gateway", "cut"], ["joined", "online", "nothing"], [True, None]),
    Where.BUILDING: (["no gateway", "cut", "nothing"], ["no gateway", "cut", "silent", ""], [True, None]),
    Where.LINE: (["no internet", "cut", "nothing"], ["no internet", "cut", "gateway only", ""], [None]),
    Where.BOX: (["silent"], ["joined", "online", "nothing", "long silent", ""], [True, None]),
    Where.SCHOOL: (["silent", ""], ["silent", "long silent", ""], [False, None]),
    Where.UNKNOWN: (["no names", "cut"], ["no names", "cut", "nothing", ""], [True, None]),
    Where.FINE: (
        ["online", "joined", "gateway only"],
        ["online", "joined", "nothing", "long silent", ""],
        [True],
    ),
}
"""One fault at a time: what the room's box may see of it, what others may, and what the gateway does."""


@pytest.mark.parametrize("truth", list(FAULTS))
def test_a_planted_fault_is_named_or_nothing_is(truth: Where) -> None:
    """Whatever part of the truth the boxes happen to see, no other place is accused."""
    mine, theirs, gateways = FAULTS[truth]
    calm = {truth, Where.UNKNOWN, Where.NOBODY}
    named = 0
    for kind, two, three, gateway in product(mine, theirs, theirs, gateways):
        verdict = said(kind, two, three, gateway=gateway, elsewhere=True)
        assert verdict.where in calm or (kind == "gateway only" and verdict.where is Where.FINE), (
            kind,
            two,
            three,
        )
        named += verdict.where is truth
    assert named


def test_the_order_of_boxes_means_nothing() -> None:
    """Which box is looked at first changes no verdict."""
    for kinds in product(list(KINDS)[::2], repeat=3):
        looks = [look(kind, room) for kind, room in zip(kinds, (HERE, *OTHERS), strict=True)]
        assert len({judge(HERE, order, gateway_answers=True) for order in permutations(looks)}) == 1


def test_elsewhere_says_what_the_sentence_repeats() -> None:
    """Whether other rooms are fine stands in the verdict, for the words."""
    assert said("no wifi", "joined").elsewhere is Elsewhere.FINE
    assert said("no internet", "no internet").elsewhere is Elsewhere.SAME
    assert said("no wifi", "joined", "no wifi").elsewhere is Elsewhere.BOTH

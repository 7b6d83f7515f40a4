"""Offers: who may take what when, and what is no offer."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import update
from firstbell.update import Here, Offer, OfferError, Parcel, Stage

DAY_S, BEGIN_S = 86_400, 1_800_000_000
LISTED = "ab" * 32
AT_NIGHT = datetime(2027, 1, 15, 22, 0, tzinfo=UTC)


def parcel(machine: str = "aarch64", python: str = "3.11", version: str = "0.2.0") -> Parcel:
    """An archive for one kind of machine."""
    return Parcel(
        machine=machine,
        python=python,
        release=f"{version}-{LISTED[:12]}",
        sha256="cd" * 32,
        size=9,
        listed=LISTED,
    )


def offer(**changed: Any) -> Offer:
    """An offer of a month, whose pilot is one box."""
    given_: dict[str, Any] = {
        "serial": 7,
        "begins_s": BEGIN_S,
        "ends_s": BEGIN_S + 30 * DAY_S,
        "parcels": (parcel(),),
        "pilots": ("lincoln-1",),
    }
    return Offer(**(given_ | changed))


def here(**changed: Any) -> Here:
    """A box that would take it."""
    box = Here("lincoln-1", "aarch64", "3.11", "0.1.0-000000000000", 0, 0, BEGIN_S + 1, AT_NIGHT)
    return box._replace(**changed)


def test_a_pilot_takes_it_at_night() -> None:
    """What is its, now."""
    word = update.judge(offer(), here())
    assert (word.why, word.parcel) == ("take", parcel())


@pytest.mark.parametrize(
    ("why", "made", "box"),
    [
        ("old", offer(), here(seen=8)),
        ("clock", offer(), here(now_s=3.0)),
        ("ended", offer(), here(now_s=BEGIN_S + 30 * DAY_S)),
        ("nothing", offer(parcels=()), here()),
        ("machine", offer(), here(machine="x86_64")),
        ("machine", offer(), here(python="3.13")),
        ("here", offer(), here(release=parcel().release)),
        ("settled", offer(), here(done=7)),
        ("stage", offer(stages=()), here(agent="cedar-1")),
        ("stage", offer(), here(agent="cedar-1")),
        ("early", offer(), here(now_s=BEGIN_S - 1)),
        ("hours", offer(), here(local=AT_NIGHT.replace(hour=10))),
    ],
)
def test_each_reason_not_to(why: str, made: Offer, box: Here) -> None:
    """Said in a word and in a sentence, and nothing is taken."""
    word = update.judge(made, box)
    assert (word.why, word.parcel) == (why, None)
    assert word.says


def test_a_step_back_is_a_newer_offer() -> None:
    """An older version under a higher serial is taken; the same old offer again is not."""
    back = offer(serial=8, parcels=(parcel(version="0.0.9"),))
    assert update.judge(back, here(seen=7, done=7)).why == "take"
    assert update.judge(offer(), here(seen=8, done=8)).why == "old"


def test_shares_of_boxes_follow_the_stages() -> None:
    """About a tenth, then half, then all; who was in stays in; another offer begins with others."""
    boxes = [f"school-{number}" for number in range(2000)]
    days = {}
    for day in (0.5, 1.5, 3.5, 5.5):
        days[day] = {
            box
            for box in boxes
            if update.judge(offer(), here(agent=box, now_s=BEGIN_S + day * DAY_S)).why == "take"
        }
    shares = [len(taken) / len(boxes) for taken in days.values()]
    assert shares == [0, pytest.approx(0.1, abs=0.03), pytest.approx(0.5, abs=0.04), 1]
    assert days[1.5] <= days[3.5] <= days[5.5]
    other = {box for box in boxes if update.share_of(box, 8) < 10}
    assert len(other & days[1.5]) < len(other) / 2


@pytest.mark.parametrize(
    ("first", "last", "hour", "holds"),
    [(17, 5, 17, True), (17, 5, 4, True), (17, 5, 5, False), (17, 5, 12, False), (8, 9, 8, True), (8, 9, 9, False), (3, 3, 12, True)],
)  # fmt: skip
def test_hours_go_over_midnight(first: int, last: int, hour: int, holds: bool) -> None:
    """The first belongs to them, the last does not."""
    made = offer(from_minute=first * 60, until_minute=last * 60)
    assert update.in_hours(made, AT_NIGHT.replace(hour=hour)) == holds


def test_an_offer_comes_back_as_it_went() -> None:
    """And the signature beside it."""
    payload, signature = update.split(update.join(update.encode(offer()), bytes(64)))
    assert (update.read(payload), signature) == (offer(), bytes(64))


@pytest.mark.parametrize(
    "text", ["", ".", "x", "a.b", "e30.e30", "e30." + "A" * 86 + "==" + "x", "é" * 9, "A" * 70_000]
)
def test_nonsense_is_no_offer(text: str) -> None:
    """Said, before any signature is looked at."""
    with pytest.raises(OfferError):
        update.split(text)


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_no_payload_ends_in_anything_else(payload: bytes) -> None:
    """Whatever was signed by mistake."""
    with pytest.raises(OfferError):
        update.read(payload)


def test_a_form_to_come_is_named() -> None:
    """An older box says that it is too old for it."""
    later = msgspec.json.encode({**msgspec.to_builtins(offer()), "v": 2, "parcels": "another way"})
    with pytest.raises(OfferError, match="form 2"):
        update.read(later)


@pytest.mark.parametrize(
    "changed",
    [
        {"release": "../../etc-" + LISTED[:12]},
        {"release": "0.2.0-" + "0" * 12},
        {"sha256": "../x"},
        {"size": 0},
        {"size": update.MOST_BYTES + 1},
    ],
)
def test_a_parcel_that_can_not_be_is_refused(changed: dict[str, Any]) -> None:
    """Names that lead elsewhere, sizes beyond any."""
    bad = msgspec.json.decode(update.encode(offer()))
    bad["parcels"][0] |= changed
    with pytest.raises(OfferError):
        update.read(msgspec.json.encode(bad))


@pytest.mark.parametrize(
    "changed",
    [
        {"serial": 0},
        {"ends_s": BEGIN_S},
        {"pilots": ("Lincoln 1",)},
        {"from_minute": 1440},
        {"parcels": (parcel(), parcel(version="0.3.0"))},
    ],
)
def test_an_offer_that_can_not_be_is_refused(changed: dict[str, Any]) -> None:
    """At the district already."""
    with pytest.raises(ValueError):
        offer(**changed)
    with pytest.raises(ValueError):
        Stage(after_h=0, share_pct=101)


def test_a_key_is_64_digits() -> None:
    """As it is printed, with the end of its line, and maybe a second one; nothing else."""
    assert update.keys_of("00" * 32 + "\n") == (bytes(32),)
    assert update.keys_of("00" * 32 + "\n" + "01" * 32) == (bytes(32), b"\x01" * 32)
    for text in ("", "00" * 31, "zz" * 32, "00" * 32 + " 00"):
        with pytest.raises(OfferError):
            update.keys_of(text)

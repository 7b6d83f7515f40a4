"""What the room's page says: one sentence that can be read aloud, and where to look."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from collector.questions.sight import Sight, failed_lately, local, wifi_sign
from firstbell.ladder import Elsewhere, Look, Seen, Sign, Verdict, Where, seen_of
from firstbell.readiness import words


class Scene(NamedTuple):
    """All that the sentence may speak of.

    `since_ns` is when the trouble began (None: nobody knows). `fine` and `same` are the other rooms that have
    it not, and that have it too. `nearest` is the nearest room with a box, and what is to be said of it.
    """

    school: str
    room: str
    verdict: Verdict
    here: Sequence[Sight]
    since_ns: int | None
    as_of_ns: int
    zone: tzinfo
    fine: Sequence[str] = ()
    same: Sequence[str] = ()
    nearest: str = ""
    nearest_says: str = ""
    access_points: Sequence[str] = ()
    gateway_answers: bool | None = None
    last_trouble: str = ""
    alone: bool = False
    stuck: str = ""
    full_air: str = ""
    """How full the room's air is, where that is too full for a class; and how full it may be."""


class Said(NamedTuple):
    """The answer: its first words, the rest of the sentence, and where to look."""

    bold: str
    rest: str
    lede: str


_CANT = {
    Seen.NO_WIFI: "can\u2019t get in by its Wi-Fi",
    Seen.NO_INTERNET: "doesn\u2019t reach the internet",
    Seen.CUT: "doesn\u2019t reach the internet",
    Seen.NO_NAMES: "can\u2019t look up names",
    Seen.NO_GATEWAY: "doesn\u2019t reach its gateway",
}
_NO_ROOM = {
    Seen.NO_WIFI: "gets in by Wi-Fi",
    Seen.NO_INTERNET: "reaches the internet",
    Seen.CUT: "reaches the internet",
    Seen.NO_NAMES: "can look up names",
}
_GATEWAY = "reaches the gateway"
_MOST_NAMED = 3
NOTHING_KNOWN = "nothing known"


def say(scene: Scene) -> Said:
    """The sentence of a verdict."""
    return _SAY[scene.verdict.where](scene)


def _room(s: Scene) -> Said:
    rest = f"{s.room} {_cant(s)}{_since(s)}; {_are_fine(s.fine)}."
    return Said("It\u2019s the room.", rest, _look_in(s))


def _building(s: Scene) -> Said:
    if s.fine:
        who = _named([s.room, *s.same])
        verb = _cant(s)
        rest = f"{who} have the same trouble{_since(s)}: {s.room} {verb}; {_are_fine(s.fine)}."
        return Said(
            "It\u2019s the building.",
            rest,
            "Look at what these rooms share: a switch, a closet, a power strip.",
        )
    line = "; the line is fine" if s.verdict.line == "fine" else ""
    what = _NO_ROOM.get(s.verdict.seen, _GATEWAY)
    lede = "Look at the main closet: its switch, what gives out addresses, the router."
    return Said("It\u2019s the building.", f"No room at {s.school} {what}{_since(s)}{line}.", lede)


def _line(s: Scene) -> Said:
    inside = (
        "inside the building the gateway answers" if s.alone else "everything inside the building answers"
    )
    rest = f"{s.school} is cut off{_since(s)}; {inside}."
    return Said(
        "It\u2019s the line.", rest, "Look at the modem or the fiber box, then call whoever sells the line."
    )


def _box(s: Scene) -> Said:
    if s.verdict.seen is Seen.ONE_BOX:
        rest = (
            f"{_boxes([s.stuck])} doesn\u2019t reach the internet{_since(s)}; another one in {s.room} does."
        )
        return Said("It\u2019s only our box.", rest, "Look at its cable and its switch port.")
    others = " and ".join(
        part
        for part in (
            "the school\u2019s gateway answers" if s.gateway_answers else "",
            _are_fine(s.fine) if s.fine else "",
        )
        if part
    )
    rest = f"{_boxes(_agents(s))} is silent{_since(s)}; {others}."
    return Said("It\u2019s only our box.", rest, "Look at its plug and its cable. Class is not in danger.")


def _fine(s: Scene) -> Said:
    at = words.clock(local(max((sight.last_ns or 0 for sight in s.here), default=s.as_of_ns), s.zone))
    silent = [sight.agent for sight in s.here if sight.silent_ns is not None]
    lede = f"{_boxes(silent)} here is silent; another one measures." if silent else ""
    if s.full_air:
        lede = f"Its Wi-Fi doesn\u2019t carry a class: its air is {s.full_air}. {lede}".strip()
        return Said(f"{s.room} works, but its air is full,", f"as of {at}. {s.last_trouble}", lede)
    return Said(f"{s.room} is fine,", f"as of {at}. {s.last_trouble}", lede)


def _nobody(s: Scene) -> Said:
    if not s.nearest:
        return Said(f"Nobody measures {s.room}.", f"No box at {s.school} is near.", "")
    return Said(f"Nobody measures {s.room}.", f"The nearest box is in {s.nearest}; {s.nearest_says}.", "")


def _school(s: Scene) -> Said:
    own = "its box nor its gateway answers" if s.alone else "a box nor the gateway answers"
    return Said(
        "The whole school is silent", f"{_since(s).strip()}: neither {own}.".lstrip(), "Power or the line."
    )


def _deaf(s: Scene) -> Said:
    lede = "Boxes keep what they measure and send it later. Look at the collector and its broker first."
    return Said("Nothing reaches us", f"{_since(s).strip()}: no box of any school is heard.".lstrip(), lede)


def _unknown(s: Scene) -> Said:
    seen, says = s.verdict.seen, s.verdict.elsewhere
    if seen is Seen.NOTHING_KNOWN:
        checked = any(failed_lately(sight) for sight in s.here)
        what = (
            "doesn\u2019t get through, as far back as is known" if checked else "has checked nothing lately"
        )
        lede = "It may never have been let in here: look at its cable and its settings." if checked else ""
        return Said("Not known.", f"{_boxes(_agents(s))} talks and {what}.", lede)
    if seen is Seen.SILENT:
        return _silent(s)
    too = f", and {_named(s.same)} too" if s.same else ""
    nobody = "" if s.same else "; no other room can tell"
    if seen is Seen.NO_WIFI:
        nobody = "; nobody else measures Wi-Fi"
    where = {
        Seen.NO_WIFI: "the room\u2019s or the building\u2019s Wi-Fi, or our box",
        Seen.NO_GATEWAY: "the room or the building",
        Seen.NO_NAMES: "the name server or the line",
        Seen.CUT: "the building or the line",
    }
    alone = {
        Seen.CUT: "the room, the building or the line",
        Seen.NO_NAMES: "the room, the name server or the line",
    }
    could = where[seen] if says is Elsewhere.SAME else alone.get(seen, where[seen])
    rest = f"{s.room} {_cant(s)}{_since(s)}{too}{nobody}: {could}."
    return Said("There is trouble, and where isn\u2019t known.", rest, "")


def _silent(s: Scene) -> Said:
    who, are = _boxes(_agents(s)), "is" if len(s.here) == 1 else "are"
    if s.verdict.elsewhere is Elsewhere.SAME or (s.same and s.fine):
        who, are = _named([s.room, *s.same]), "are"
    fine = f"; {_are_fine(s.fine)}" if s.fine else ""
    if s.gateway_answers:
        fine += " and the school\u2019s gateway answers" if fine else "; the school\u2019s gateway answers"
    could = "our box, the school\u2019s power or its line"
    if all(sight.by_wifi for sight in s.here):
        could = "our box or the Wi-Fi" if fine else could
    elif fine:
        could = "our boxes, or what they hang on" if are == "are" else "our box, or what it hangs on"
    rest = f"{who} {are} silent{_since(s)}{fine}: {could}."
    return Said("Where the trouble is isn\u2019t known.", rest, "")


_SAY = {
    Where.FINE: _fine,
    Where.BOX: _box,
    Where.ROOM: _room,
    Where.BUILDING: _building,
    Where.LINE: _line,
    Where.SCHOOL: _school,
    Where.DEAF: _deaf,
    Where.NOBODY: _nobody,
    Where.UNKNOWN: _unknown,
}


def room_says(found: Sequence[Look]) -> str:
    """What is to be said of a neighbour in a word or two."""
    seen, talking = seen_of(found), [look for look in found if look.talks]
    if seen in {Seen.CUT, Seen.NO_GATEWAY} and all(
        look.by_wifi and look.wifi is Sign.BAD for look in talking
    ):
        seen = Seen.NO_WIFI
    return {
        Seen.NO_BOX: "not measured",
        Seen.SILENT: "silent",
        Seen.NOTHING_KNOWN: NOTHING_KNOWN,
        Seen.GATEWAY: "fine",
        Seen.ONLINE: "fine",
        Seen.ONE_BOX: "fine, but for one of its boxes",
    }.get(seen) or f"{_CANT[seen]}"


def _cant(s: Scene) -> str:
    """What does not go; without a cable, the Wi-Fi is the first step that fails."""
    seen = Seen.NO_WIFI if _wifi_is_it(s) else s.verdict.seen
    if seen is Seen.NO_WIFI and all(wifi_sign(sight) is not Sign.BAD for sight in s.here):
        return "doesn\u2019t get through by its Wi-Fi"
    return _CANT.get(seen, _CANT[Seen.NO_GATEWAY])


def _wifi_is_it(s: Scene) -> bool:
    if s.verdict.seen is Seen.NO_WIFI:
        return True
    talking = [sight for sight in s.here if sight.silent_ns is None]
    return bool(talking) and all(sight.by_wifi and wifi_sign(sight) is Sign.BAD for sight in talking)


def _look_in(s: Scene) -> str:
    if _wifi_is_it(s) or all(sight.by_wifi for sight in s.here):
        named = f" ({words.listed(s.access_points)})" if s.access_points else ""
        return f"Look at the access point in {s.room}{named}, or its switch port."
    return f"Look at the cable in {s.room} and the switch port it ends at."


def _since(s: Scene) -> str:
    if s.since_ns is None:
        return ""
    return f" since {words.since(local(s.since_ns, s.zone), local(s.as_of_ns, s.zone))}"


def _agents(s: Scene) -> list[str]:
    return [sight.agent for sight in s.here]


def _boxes(agents: Sequence[str]) -> str:
    return f"{'Box' if len(agents) == 1 else 'Boxes'} {words.listed(agents)}"


def _named(rooms: Sequence[str]) -> str:
    more = len(rooms) - _MOST_NAMED
    return words.listed([*rooms[:_MOST_NAMED], f"{more} more"] if more > 0 else rooms)


def _are_fine(rooms: Sequence[str]) -> str:
    return f"{_named(rooms)} {'is' if len(rooms) == 1 else 'are'} fine"

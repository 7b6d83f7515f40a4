"""What stands beside an answer: internet at home, the rules it was drawn by, inputs that nobody entered."""

import msgspec

from firstbell.district import Circuit, District, School
from firstbell.readiness import words
from firstbell.readiness.models import Model, Number, Targets
from firstbell.readiness.sizing import Factor


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Internet at home, where students learn there too: what each one needs, and how to find out."""

    down_mbps: float
    up_mbps: float
    sentence: str
    how: str
    source: str


def home(model: Model, targets: Targets) -> Home | None:
    """What students need at home, where they learn there too."""
    if not model.home:
        return None
    down, up = targets.numbers.home_down_mbps, targets.numbers.home_up_mbps
    return Home(
        down_mbps=down.value,
        up_mbps=up.value,
        sentence=f"Home internet: not measured. In {model.name} students learn at home too: ask families.",
        how=(
            "At enrollment, ask each family for a speed check from the room where homework is done: "
            f"{words.number(down.value)} down and {words.mbit(words.number(up.value))} up for each student "
            "at home are enough. Ask on paper too, or those without internet are missed."
        ),
        source=f"{down.source}, {down.year}",
    )


_RULES = (
    "just_short",
    "far_below",
    "tolerance",
    "wire_octets",
    "payload_octets",
    "checks",
    "days",
    "times",
    "places_on_wifi",
    "window_school_days",
)


def rules(targets: Targets) -> tuple[Factor, ...]:
    """The numbers by which verdicts are drawn, each with its source."""

    def factor(name: str) -> Factor:
        number: Number = getattr(targets.numbers, name)
        return Factor(name=name, unit="", **msgspec.structs.asdict(number))

    return tuple(factor(name) for name in _RULES)


def examples(
    district: District, school: School, circuit: Circuit | None, model: Model, *, people_given: bool
) -> dict[str, str]:
    """The inputs of an answer that nobody entered, by name, as words."""
    used = {"school.name": f"the name {school.name}", "school.tz": f"the time zone {school.tz}"}
    if not people_given:
        used["school.people"] = words.count(school.people, "person", "people")
    if circuit and circuit.down_mbps is not None:
        used["circuit.down_mbps"] = f"{words.mbit(words.exact(circuit.down_mbps))} bought"
    if circuit and circuit.up_mbps is not None and model.up_rate_mbps:
        used["circuit.up_mbps"] = f"{words.mbit(words.exact(circuit.up_mbps))} bought upwards"
    whose = {"school": school.id, "circuit": circuit.id if circuit else ""}
    return {
        name: text
        for name, text in used.items()
        if {name, f"{name}:{whose[name.partition('.')[0]]}"} & district.examples
    }


def examples_sentence(used: list[str]) -> str:
    """Examples that nobody entered: 1,200 people and 1,000 Mbit/s bought."""
    return f"Examples that nobody entered: {words.listed(used)}." if used else ""

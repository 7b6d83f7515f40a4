"""`firstbell up`: everything on this machine, the first answer, and what to do next."""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import click
import msgspec

from collector import config, registry, up
from collector.cli import later
from collector.cli.ask import headline
from collector.cli.common import journal_of, loaded, opened, pass_home, to_json
from collector.cli.figures import MBPS, PEOPLE, SchoolName, Zone
from collector.cli.status import result
from collector.clock import SystemClock
from collector.config import Home
from collector.coordinator import foreseen, tickets
from collector.coordinator.book import OVER_S
from collector.questions import ask, status
from collector.questions.status import Measurement
from firstbell.catalogue import PROBES
from firstbell.district import NS, SPLIT
from firstbell.report import Status

_FIRST_MEASUREMENTS_S = 120.0
_ASKS_AFTER_S = 10
"""So long after its start the box asks for its first speed test (`agent.schedule.FIRST_HEAVY_S`)."""
_GRANTED_AFTER_S = 25.0
"""Without a lease by then it was put off, for whatever reason."""
_TEST_S = 30.0
"""What a speed test may take, unless the box's file says less or more."""

WANT_SERVERS = {"throughput", "capacity"}
"""No first answer waits for these: a box without servers of the district's own does not run them."""
_LOOK_S = 0.25
NOBODYS_ZONES = ("UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu")
"""A machine that stands on one of these was told no place; no school is there."""


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the school at first start. `examples` names what nobody entered."""

    name: str = "Example School"
    people: int = 500
    down_mbps: float = 1000.0
    up_mbps: float | None = None
    tz: str = ""
    examples: tuple[str, ...] = ()


class Voice:
    """Where `up` speaks: lines for people, or one JSON document a line for programs."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, event: str, text: str, **more: Any) -> None:  # noqa: ANN401 - whatever JSON can carry
        """Tell an event: its text for people, its name and all there is for programs."""
        click.echo(json.dumps({"event": event, "text": text, **more}) if self.as_json else text)
        sys.stdout.flush()


@click.command("up")
@click.option("--school", type=SchoolName(), help="The school's name (asked at first start, as two more).")
@click.option("--people", type=PEOPLE, help="Students and staff (asked at first start).")
@click.option("--down-mbps", type=MBPS, help="Contracted Mbit/s to the school (asked).")
@click.option("--up-mbps", type=MBPS, help="Contracted Mbit/s from the school, if known.")
@click.option(
    "--tz",
    type=Zone(),
    help="The school's time zone, as America/Chicago; else this machine's (asked where that is UTC).",
)
@click.option("--model", default="flex", show_default=True, help="The way of teaching that is asked about.")
@click.option("--stop-after-answer", is_flag=True, help="End when the first answer has been given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
@pass_home
def command(
    home: Home,
    school: str | None,
    people: int | None,
    down_mbps: float | None,
    up_mbps: float | None,
    tz: str | None,
    model: str,
    stop_after_answer: bool,
    as_json: bool,
) -> None:
    """Measure this machine, carry, keep and judge the measurements, and answer. Ctrl-C ends it."""
    voice, stop = Voice(as_json=as_json), _stop_on_signals()
    ask.check_model(registry.targets(), model)
    with up.alone(home):
        started_before = (home.folder / tickets.FILE).exists()
        given = {"name": school, "people": people, "down_mbps": down_mbps, "up_mbps": up_mbps}
        if home.district.exists():
            if tz:
                raise click.ClickException(
                    f"the time zone stands in {home.district / 'district.toml'}: change it there"
                )
            if taken := later.take(home, given):
                voice.say("entered", f"Taken in place of examples: {', '.join(taken)}", flags=taken)
            voice.say("resumed", f"Going on with the data in {home.folder}", folder=str(home.folder))
        else:
            _found(home, voice, {**given, "tz": tz})
        voice.say("starting", "Starting the broker, the collector and the box on this machine ...")
        with up.standing(home) as household:
            first = _first_answer(home, household, voice, stop, model, started_before)
            if first and not stop_after_answer:
                _what_next(home, voice, household)
                while not stop.wait(_LOOK_S):
                    household.mind(lambda text: voice.say("child", text))
            voice.say("stopping", "Stopping ...")
    voice.say("stopped", "Stopped. What was measured is kept; the same command goes on with it.")


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    return stop


def _found(home: Home, voice: Voice, given: dict[str, Any]) -> None:
    """Write the folder of one school from flags, answers, or defaults that are called examples."""
    zone = registry.local_zone()
    entered = _asked(given, zone) if sys.stdin.isatty() and not voice.as_json else _as_given(given)
    if "school.name" in entered.examples and not sys.stdin.isatty():
        voice.say(
            "examples",
            f"No terminal to ask at: taking an example school of {entered.people:,} people with "
            f"{entered.down_mbps:g} Mbit/s. Your own: --school, --people and --down-mbps, or the files in "
            f"{home.district}",
            examples=entered.examples,
        )
    zone = entered.tz or zone
    if not entered.tz:
        voice.say(
            "time zone",
            f"The school's hours are taken in this machine's time zone, {zone or 'which it does not tell'}. "
            f"Another one: --tz at first start, or tz in {home.district / 'district.toml'}",
            tz=zone,
        )
    # The district folder comes last and at once: where it is, the rest is, whatever ended this start.
    up.prepare(home)
    registry.write_example(
        home.district,
        school_name=entered.name,
        people=entered.people,
        down_mbps=entered.down_mbps,
        up_mbps=entered.up_mbps,
        agent=up.BOX,
        # People were asked for, and not who of them is a student.
        examples=(*entered.examples, SPLIT),
        tz=zone,
    )


_NAMES = {
    "name": "school.name",
    "people": "school.people",
    "down_mbps": "circuit.down_mbps",
    "tz": "school.tz",
}


def _as_given(given: dict[str, Any]) -> Entered:
    known = {key: value for key, value in given.items() if value is not None}
    return Entered(**known, examples=tuple(name for key, name in _NAMES.items() if key not in known))


def _asked(given: dict[str, Any], machines_zone: str) -> Entered:
    """Ask for what no flag said. Whoever only presses Enter has entered nothing, and it stays an example.

    The time zone is asked for where the machine's own is most probably not the school's.
    """
    example = Entered()
    questions: dict[str, tuple[str, click.ParamType[Any], str]] = {
        "name": ("Name of the school", SchoolName(), example.name),
        "people": ("Students and staff together", PEOPLE, f"{example.people:,}"),
        "down_mbps": ("Contracted Mbit/s to the school", MBPS, f"{example.down_mbps:,g}"),
    }
    if machines_zone in NOBODYS_ZONES:
        questions["tz"] = ("Time zone of the school, as America/Chicago", Zone(), machines_zone)
    how_many = "Four" if "tz" in questions else "Three"
    click.echo(f"{how_many} questions about the school; Enter takes the example in brackets.")
    answers = dict(given)
    for key, (question, kind, default) in questions.items():
        if answers.get(key) is None:
            answer = click.prompt(question, default=default, type=kind)
            answers[key] = None if answer == kind.convert(default, None, None) else answer
    return _as_given(answers)


def _first_answer(
    home: Home, household: up.Household, voice: Voice, stop: threading.Event, model: str, started_before: bool
) -> bool:
    """Show each measurement as the journal takes it, then answer; False if stopped before."""
    began, began_ns = time.monotonic(), SystemClock().now_ns()
    waited_for = set(PROBES) - WANT_SERVERS
    not_now = _why_no_test(home, began_ns, started_before)
    if not_now:
        voice.say("measuring", "Measuring ...")
        _put_off(voice, waited_for, not_now)
    else:
        voice.say("measuring", "Measuring; the speed test takes up to half a minute ...")
    for measurement in _arriving(home):
        if measurement is not None:
            _tell(voice, measurement)
            waited_for.discard(measurement.probe)
        if stop.is_set():
            return False
        passed_s = time.monotonic() - began
        if "internet" in waited_for and passed_s > _GRANTED_AFTER_S and not _granted(home, began_ns):
            _put_off(voice, waited_for, "the collector has not let it begin yet")
        if not waited_for or passed_s > _FIRST_MEASUREMENTS_S:
            break
        if measurement is None:
            household.mind(lambda text: voice.say("child", text))
            stop.wait(_LOOK_S)
    _answer(home, voice, model)
    return True


def _why_no_test(home: Home, began_ns: int, started_before: bool) -> str:
    """Why the first speed test, which the box is about to ask for, will not come now; "" where it may."""
    district = loaded(home, journal_of(home)).district
    opens_ns = began_ns + int(OVER_S * NS) if started_before else 0
    asked_ns = began_ns + _ASKS_AFTER_S * NS
    with opened(home) as reads:
        return foreseen.why_not(district, reads.leases, up.BOX, "internet", _TEST_S, asked_ns, opens_ns)


def _granted(home: Home, since_ns: int) -> bool:
    """Whether this machine's box has had leave for a test since then."""
    with opened(home) as reads:
        return any(lease.agent == up.BOX for lease in reads.leases(since_ns, SystemClock().now_ns()))


def _put_off(voice: Voice, waited_for: set[str], why: str) -> None:
    """Nobody waits for the speed test any more; the box itself does."""
    waited_for.discard("internet")
    voice.say("internet", f"  No speed test just now: {why}. The box asks again by itself.")


def _arriving(home: Home) -> Iterator[Measurement | None]:
    """The newest measurements of this machine's box as they reach the journal; None when there is none."""
    with opened(home) as reads:
        seen = reads.facts_until()
        while True:
            newest = [stored for stored in reads.latest(up.BOX) if stored.arrival > seen]
            for stored in sorted(newest, key=lambda stored: stored.arrival):
                seen = stored.arrival
                yield status.measurement(stored)
            yield None


def _tell(voice: Voice, measurement: Measurement) -> None:
    """What was measured; of a speed test also whether it left this machine, and where it went.

    One that was refused says so by its reason, and is no failure.
    """
    voice.say("measured", _line(measurement), measurement=msgspec.to_builtins(measurement))
    if measurement.probe != "internet" or measurement.status is Status.SKIPPED:
        return
    server = measurement.readings.get("server")
    if measurement.status is Status.OK:
        voice.say("internet", f"  The speed test ran against {server or 'a server without a name'}.")
    else:
        voice.say(
            "internet",
            "  No speed test came about from this machine; the failure itself is kept, with its time.",
        )


def _line(measurement: Measurement) -> str:
    return f"  {measurement.probe:9} {measurement.target or '-':11} {result(measurement)}"


def _answer(home: Home, voice: Voice, model: str) -> None:
    folder = loaded(home, journal_of(home))
    with opened(home) as reads:
        answer = ask.ask(
            reads,
            folder,
            registry.targets(),
            school=folder.district.schools[0].id,
            model=model,
            people=None,
            years=None,
            as_of_ns=SystemClock().now_ns(),
        )
    voice.say("answer", "\n" + headline(answer) + "\n", answer=json.loads(to_json(answer)))


def _what_next(home: Home, voice: Voice, household: up.Household) -> None:
    school, program = registry.read(home.district).district.schools[0].id, config.program(home)
    web = config.read(home.settings).web
    url = web.url(household.web_port)
    voice.say(
        "next",
        f"Open {url} in a browser{' on this machine' if web.on_loopback else ''}.\n"
        "First Bell goes on measuring: leave it running, Ctrl-C ends it. Meanwhile, in another terminal:\n"
        f"  {program} ask {school} --model flex\n      the whole answer, with its working\n"
        f"  {program} status\n      what the box does and what was measured\n"
        f"  {url}healthz\n      whether all is well, for a monitor\n"
        f"The school's numbers are in {home.district}; the box's settings in {home.box / 'agent.toml'}",
        school=school,
        web_port=household.web_port,
        url=url,
        folder=str(home.folder),
    )

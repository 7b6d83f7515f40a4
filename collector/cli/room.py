"""`firstbell room`: is it the room, the building, the line or only our box?"""

import http.client
import time
from collections.abc import Callable
from urllib.parse import quote

import click
import msgspec

from collector import config, registry, simulated
from collector.cli.common import json_option, opened, pass_home, show, table
from collector.config import Home
from collector.questions import room
from collector.questions.ladders import Ladder
from collector.questions.room import Room
from collector.questions.sight import local
from collector.store.reads import Reads
from collector.web.room import PATIENCE_NS, SIMULATED, Asked
from firstbell.readiness import words

_LOOK_EVERY_S = 0.25
_ASK_S = 10.0
_MARKS = {"good": "+", "bad": "x", "off": "."}


@click.command("room")
@click.argument("school")
@click.argument("name", metavar="ROOM")
@click.option("--check", is_flag=True, help="Let the nearest boxes look now, and wait for what they see.")
@json_option
@pass_home
def command(home: Home, school: str, name: str, check: bool, as_json: bool) -> None:
    """Is it ROOM of SCHOOL, the building, the line or only our box? And since when?"""
    folder, clock = simulated.marked(home, registry.read(home.district)), home.clock
    why = ""
    with opened(home) as reads:
        answer = room.ask(reads, folder, school, name, clock.now_ns())
        if check:
            asked = _check(home, answer)
            answer = _wait(reads, folder, answer, asked, clock.now_ns) if asked.at_ns else answer
            why = asked.why
    show(answer, text(answer), as_json=as_json, simulated=answer.simulated)
    if why:
        raise click.ClickException(f"nothing was checked now. {why}")


def _check(home: Home, answer: Room) -> Asked:
    """Ask the running collector to ask the boxes. Raises ClickException where it can't be reached."""
    if home.demo:
        return Asked(boxes=(), at_ns=None, why=SIMULATED)
    web = config.read(home.settings).web
    if not web.on_loopback:
        raise click.ClickException(
            f"the collector serves {web.host}: press Check now on the room's page, signed in as an operator"
        )
    port = _port(home, web.port)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=_ASK_S)
    path = f"/rooms/{quote(answer.school, safe='')}/{quote(answer.room)}/check"
    try:
        line.request("POST", path, headers={"Accept": "application/json"})
        reply = line.getresponse()
        body = reply.read()
        if reply.status != http.HTTPStatus.OK:
            raise click.ClickException(f"the collector answered {reply.status}: it may be another district's")
        return msgspec.json.decode(body, type=Asked)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise click.ClickException(
            f"no collector answers at 127.0.0.1:{port}, so no box can be asked. Start `firstbell up` or "
            "`firstbell collector run` first."
        ) from error
    finally:
        line.close()


def _port(home: Home, set_port: int) -> int:
    """Where the collector that runs serves; where the settings say if it left no word."""
    try:
        return int(home.served_at.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return set_port


def _wait(
    reads: Reads, folder: registry.Folder, answer: Room, asked: Asked, now_ns: Callable[[], int]
) -> Room:
    """The room once the boxes have looked, or when they had time enough."""
    assert asked.at_ns is not None
    while answer.as_of_ns - asked.at_ns < PATIENCE_NS:
        if answer.heard_ns is not None and answer.heard_ns >= asked.at_ns:
            break
        time.sleep(_LOOK_EVERY_S)
        answer = room.ask(reads, folder, answer.school, answer.room, now_ns())
    return answer


def text(answer: Room) -> str:
    """The answer for reading: the sentence first, then what stands behind it."""
    where = table(
        [place.name for place in answer.places],
        [[f"{place.state.value}{' <' if place.it else ''}" for place in answer.places]],
    )
    blocks = ["\n".join(filter(None, [answer.sentence, answer.lede, *answer.notes])), where]
    blocks += [_ladder(answer, each) for each in answer.ladders]
    if answer.last_good or answer.same_period:
        last = f"Last good minute: {answer.last_good}" if answer.last_good else ""
        blocks.append("\n".join(filter(None, [last, answer.same_period])))
    if answer.neighbours:
        rows = [[near.room, near.words, _at(answer, near.at_ns)] for near in answer.neighbours]
        blocks.append(table(["neighbour", "says", "last seen"], rows))
    return "\n\n".join(blocks)


def _ladder(answer: Room, ladder: Ladder) -> str:
    way = "By Wi-Fi" if ladder.kind == "wifi" else "By cable"
    rows = [
        [_MARKS[rung.state], rung.name, rung.value, _at(answer, rung.at_ns, seconds=True)]
        for rung in ladder.rungs
    ]
    silent = ", silent: what it said last" if ladder.silent_ns else ""
    return f"{way}, box {ladder.box}{silent}\n" + table(["", "step", "value", "checked"], rows)


def _at(answer: Room, at_ns: int | None, *, seconds: bool = False) -> str:
    if at_ns is None:
        return ""
    zone = room.zone_of(answer)
    if seconds:
        return words.clock(local(at_ns, zone), seconds=True)
    return words.since(local(at_ns, zone), local(answer.as_of_ns, zone))

"""Can every school teach this way? The answer, what to fix first, and a row for each line and school."""

from typing import Literal

import msgspec

from collector.questions import banners, judged, rows, tally
from collector.questions.banners import Banner
from collector.questions.known import Known, today
from collector.questions.known import ask as known_of
from collector.questions.rows import Row
from collector.questions.tally import Group
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell.readiness import plan, sizing, words
from firstbell.readiness.models import Targets
from firstbell.readiness.plan import Fix

_SHARED = (
    "A shared line is judged once, against the sum of its schools; no school is better than the lines it "
    "passes through."
)


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A way of teaching that can be asked for."""

    id: str
    name: str
    how: str


class Schools(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about a district and one way of teaching.

    `state`: no schools are entered, no check of any has counted yet (then `paper_sentence` is the headline),
    or measured. `model_id` is empty where each school is asked for the way it plans to. `sentence` is the
    answer, `more` what follows it, `open_sentence` what isn't known and when it will be. `lines` and
    `schools` stand worst first; `examples_sentence` names the inputs that nobody entered. `last_fall` is
    how far was asked.
    """

    district: str
    state: Literal["no_schools", "not_measured", "measured"]
    question: str
    model_id: str
    model: str
    years: int
    first_fall: int
    last_fall: int
    as_of_ns: int
    facts_until: int
    targets_digest: str
    district_digest: str
    sentence: str
    more: str
    paper_sentence: str
    open_sentence: str
    examples_sentence: str
    working: tuple[str, ...]
    tally: tuple[Group, ...]
    fixes: tuple[Fix, ...]
    lines: tuple[Row, ...]
    schools: tuple[Row, ...]
    ways: tuple[Way, ...]
    banners: tuple[Banner, ...]
    simulated: bool = False


def ask(
    reads: Reads,
    folder: Folder,
    targets: Targets,
    *,
    model: str | None = None,
    years: int | None = None,
    as_of_ns: int,
    bare: bool = False,
) -> Schools:
    """The district's answer; without `model` each school is asked for the way it plans to teach.

    `years` is the horizon unless given; `bare`: it needs no banners, which a page has in its head. Raises
    QuestionError for a way of teaching that isn't known or years that can't be judged.
    """
    model_id, ahead = judged.model_of(targets, model), judged.years_of(targets, years)

    def make(known: Known) -> Schools:
        return _say(known, folder, targets, model_id, ahead)

    said = known_of(reads, folder, targets, as_of_ns, (model_id, ahead), make)
    if bare:
        return said
    return msgspec.structs.replace(said, banners=banners.of(reads, folder, as_of_ns))


def _say(known: Known, folder: Folder, targets: Targets, model_id: str | None, years: int) -> Schools:
    found = judged.of(known, targets, model_id, years)
    schools = rows.of_schools(found)
    said = tally.say(schools, found)
    first_fall = sizing.fall_of(today(folder, known.as_of_ns))
    way = targets.models[model_id].name if model_id else "the way it plans to"
    through = first_fall + years
    return Schools(
        district=folder.district.settings.name,
        simulated=folder.district.settings.simulated,
        state=said.state,
        question=f"Can every school teach {way} through fall {through}?",
        model_id=model_id or "",
        model=way,
        years=years,
        first_fall=first_fall,
        last_fall=through,
        as_of_ns=known.as_of_ns,
        facts_until=known.facts_until,
        targets_digest=targets.digest,
        district_digest=folder.district.digest,
        sentence=said.sentence,
        more=said.more,
        paper_sentence=said.paper,
        open_sentence=said.open,
        examples_sentence=said.examples,
        working=_working(targets, model_id),
        tally=said.groups,
        fixes=plan.first_fixes(found.answers, found.lines),
        lines=rows.of_lines(found, folder),
        schools=schools,
        ways=tuple(Way(id=key, name=way.name, how=way.how) for key, way in targets.models.items()),
        banners=(),
    )


def _working(targets: Targets, model_id: str | None) -> tuple[str, ...]:
    """How a need comes about, for whoever asks."""
    numbers = targets.numbers
    models = [targets.models[model_id]] if model_id else list(targets.models.values())
    shares = words.listed(
        [f"{model.name} has {100 * model.online_share.value:g} % online at once" for model in models]
    )
    formula = (
        f"What a school needs = people {words.TIMES} share on site {words.TIMES} share online at once "
        f"{words.TIMES} {numbers.rate_mbps.value:g} Mbit/s each, or the way's own rate {words.TIMES} "
        f"{1 + numbers.headroom.value:g} headroom, growing {100 * numbers.growth.value:g} % a year; at least "
        f"{numbers.floor_mbps.value:g} Mbit/s for each person."
    )
    told = {"each": numbers.rate_mbps, "headroom": numbers.headroom, "growth": numbers.growth}
    told["at least"] = numbers.floor_mbps
    sources = [f"{name}: {number.source}, {number.year}" for name, number in told.items()]
    return (formula, f"{shares}.", *(f"Source of {source}." for source in sources), _SHARED)

"""The drawings of the pages: marks, and bars of need and have. Every value in them stands beside them, too.

x is in per cent and y in pixels, so that nothing is stretched; positions are attributes of SVG and never
inline styles, which the pages' policy refuses.
"""

from markupsafe import Markup, escape

from firstbell.readiness.verdict import State, Verdict

NEED_AT = 40.0
"""Today's need stands at this per cent of the width, in every drawing."""
CUT_AT = 93.0
"""Where a bar of more than 2.5 times the need gets its slash."""

CLASSES = {
    State.READY_THROUGH: "through",
    State.READY_UNTIL: "until",
    State.JUST_SHORT: "short",
    State.NOT_READY: "no",
    State.NOT_MEASURED: "open",
    State.NOT_KNOWN: "open",
}
"""The class of each state, which is the name of its mark too."""


def state_class(verdict: Verdict | State) -> str:
    """The class by which the stylesheet knows a verdict."""
    return CLASSES[verdict.state if isinstance(verdict, Verdict) else verdict]


def mark(kind: str) -> Markup:
    """A mark without its word, which has to stand beside it."""
    return Markup('<svg class="m" aria-hidden="true"><use href="#m-{}"/></svg>').format(kind)


def verdict(answer: Verdict | State, words: str = "") -> Markup:
    """A verdict: its mark and its words (its label, unless the page has others)."""
    kind = state_class(answer)
    said = words or (answer.label if isinstance(answer, Verdict) else "")
    return Markup('<span class="v {}">{}{}</span>').format(kind, mark(kind), said)


def percent(value: float, need: float) -> float:
    """Where `value` stands on the ruler on which `need` stands at 40."""
    return round(min(100.0, NEED_AT * value / need), 1) if need > 0 else 100.0


def bar(
    have: float | None,
    need: float,
    need_then: float,
    *,
    bought: float | None = None,
    at_least: bool = False,
    height: int = 44,
    then: bool = True,
    short: str = "",
) -> Markup:
    """The bar of one link: bought above and hatched, measured below; today's need is the cell's own upright.

    `have` is None while it isn't assessed. All four are in one unit in which more is better. `then` draws
    the dashed tick of the last fall; leave it out where the cell draws it through all rows (`ruler`).
    `short` is what is missing, as words.
    """
    small = height < 40  # noqa: PLR2004 - the two heights of the design: a link's 44, a table row's 26
    y, thick = ((13, 10) if bought else (8, 10)) if small else ((20, 16) if bought else (12, 20))
    parts = []
    if bought is not None:
        parts += _bought(bought, need, small=small)
    if have is None:
        parts.append(f'<rect class="open" x="1" y="{y}" width="{NEED_AT - 0.4}%" height="{thick}"/>')
    else:
        parts += _measured(have, need, y, thick, at_least=at_least)
    if then and need_then != need:
        parts += _tick(percent(need_then, need), 3, f"{height - 3}")
    if short:
        text = f'<text x="10" y="{y + thick - 3}">{escape(short)}</text>'
        parts.append(f'<svg x="{NEED_AT}%" overflow="visible">{text}</svg>')
    # Only numbers of ours went into it, and words that were escaped.
    return Markup(f'<svg class="bar" height="{height}" aria-hidden="true">{"".join(parts)}</svg>')  # noqa: S704


def ruler(growth: float) -> Markup:
    """The dashed upright of the last fall through a whole cell, where all rows grow `growth` times."""
    inner = "".join(_tick(percent(growth, 1.0), 0, "100%"))
    return Markup(f'<svg class="ruler" aria-hidden="true">{inner}</svg>')  # noqa: S704 - numbers of ours alone


def head_of_ruler(growth: float, fall: str) -> Markup:
    """The words above the two uprights of a table of bars."""
    at = percent(growth, 1.0)
    word, _, year = str(escape(fall)).partition(" ")
    texts = [(NEED_AT, 11, "needs"), (NEED_AT, 25, "today")]
    if growth != 1:
        texts += [(at, 11, word), (at, 25, year)]
    inner = "".join(f'<text x="{x}%" y="{y}" text-anchor="middle">{text}</text>' for x, y, text in texts)
    return Markup(f'<svg class="bar" height="30" aria-hidden="true">{inner}</svg>')  # noqa: S704 - escaped above


def _bought(bought: float, need: float, *, small: bool) -> list[str]:
    y, thick = (3, 7) if small else (7, 8)
    at = percent(bought, need)
    rect = f'<rect class="bought" y="{y}" width="{at}%" height="{thick}" fill="url(#hatch)"/>'
    return [rect, *_slash(bought, need, y, thick)]


def _measured(have: float, need: float, y: int, thick: int, *, at_least: bool) -> list[str]:
    at = percent(have, need)
    parts = [f'<rect class="have" y="{y}" width="{at}%" height="{thick}"/>', *_slash(have, need, y, thick)]
    if at_least and at < CUT_AT:
        tip = thick // 2
        arrow = f'<path class="have" d="M-.5 {y}l{tip + 2} {tip}-{tip + 2} {tip}z"/>'
        parts.append(f'<svg x="{at}%" overflow="visible">{arrow}</svg>')
    if have < need and not at_least:
        parts.append(f'<rect class="gap" x="{at}%" y="{y}" width="{NEED_AT - at:.1f}%" height="{thick}"/>')
    return parts


def _slash(value: float, need: float, y: int, thick: int) -> list[str]:
    """A bar that goes on beyond the paper is cut."""
    if need <= 0 or NEED_AT * value / need <= 100:  # noqa: PLR2004 - the whole width
        return []
    cut = f'<path class="more" d="M0 {y - 1}h4l-4 {thick + 2}h-4z"/>'
    return [f'<svg x="{CUT_AT}%" overflow="visible">{cut}</svg>']


def _tick(at: float, top: int, bottom: str) -> list[str]:
    return [
        f'<line class="{kind}" x1="{at}%" x2="{at}%" y1="{top}" y2="{bottom}"/>' for kind in ("halo", "then")
    ]

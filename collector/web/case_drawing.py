"""Every test of a case as a dot over its days, and what is bought as a line across."""

from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from collector.questions.case import Case
from collector.questions.case_tests import LineTest, counted, speed
from firstbell.readiness import words

HEIGHT = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 8.0, 99.0, 10, 130
_ABOVE = 1.1
"""The top of the drawing, as a share of the highest value in it."""


class Axes(NamedTuple):
    """How moments and speeds become places: seconds from `begin_s` for `seconds`, and Mbit/s up to `top`."""

    begin_s: float
    seconds: float
    top: float

    def x(self, test: LineTest) -> float:
        """In per cent of the width."""
        at_s = datetime.fromisoformat(test.local).timestamp() - self.begin_s
        return round(_LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, at_s / self.seconds)), 2)

    def y(self, mbps: float) -> float:
        """In pixels from above."""
        return round(_BOTTOM - (_BOTTOM - _TOP) * min(1.0, mbps / self.top), 1)


def dots(case: Case) -> Markup:
    """The drawing of the tests towards the school that count; empty where none does."""
    tests = [test for test in case.tests if counted(test, "down")]
    if not tests:
        return Markup()
    axes = _axes(case, tests)
    parts = [
        Markup('<svg class="dots" height="{}" width="100%" role="img" aria-label="{}">').format(
            HEIGHT, _said(case, len(tests))
        )
    ]
    parts += _scale(case, axes)
    parts += [_dot(axes, test) for test in tests]
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _axes(case: Case, tests: list[LineTest]) -> Axes:
    zone = datetime.fromisoformat(tests[0].local).tzinfo
    begin = datetime.fromisoformat(case.first_day).replace(tzinfo=zone)
    end = datetime.fromisoformat(case.last_day).replace(tzinfo=zone, hour=23, minute=59, second=59)
    highest = max(*(speed(test, "down") for test in tests), case.bought_down_mbps or 0.0, 1.0)
    return Axes(begin.timestamp(), max(1.0, (end - begin).total_seconds()), highest * _ABOVE)


def _scale(case: Case, axes: Axes) -> list[Markup]:
    made = [
        Markup('<line class="axis" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(
            _LEFT, _RIGHT, _BOTTOM, _BOTTOM
        ),
        Markup('<text class="label" x="0" y="{}">0</text>').format(_BOTTOM),
        Markup('<text class="label" x="{}%" y="{}">{}</text>').format(_LEFT, HEIGHT - 4, case.first_day),
        Markup('<text class="label end" x="{}%" y="{}">{}</text>').format(_RIGHT, HEIGHT - 4, case.last_day),
    ]
    if case.bought_down_mbps is not None:
        y = axes.y(case.bought_down_mbps)
        made += [
            Markup('<line class="boughtline" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(
                _LEFT, _RIGHT, y, y
            ),
            Markup('<text class="label" x="0" y="{}">{}</text>').format(
                y + 4, words.exact(case.bought_down_mbps)
            ),
        ]
    return made


def _dot(axes: Axes, test: LineTest) -> Markup:
    """Full outside class, hollow in class, a cross where the line was dead: no meaning by colour alone."""
    x, mbps = axes.x(test), speed(test, "down")
    y = axes.y(mbps)
    if not mbps:
        return Markup('<text class="deadmark" x="{}%" y="{}">\u00d7</text>').format(x, y + 3)
    kind = "inclass" if test.in_class else "quiet"
    return Markup('<circle class="{}" cx="{}%" cy="{}" r="2.5"/>').format(kind, x, y)


def _said(case: Case, tests: int) -> str:
    bought = "" if case.bought_down_mbps is None else f", with {words.exact(case.bought_down_mbps)} bought"
    return f"{words.count(tests, 'test')} towards the school from {case.first_day} to {case.last_day}{bought}"

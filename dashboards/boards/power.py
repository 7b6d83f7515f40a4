"""Power: whether batteries last to the last bell, and whether the boxes' own supplies hold."""

from dashboards import palette
from dashboards.frame import DISTRICT, SCHOOLS, Board, Section
from dashboards.looks import TO_SCHOOL, Column, filled, gauge, links, tinted, wrapped
from dashboards.palette import BAD, CHARGE, GOOD, HEALTH, SHORT
from dashboards.panels import STANDING, Series, rows, trend
from dashboards.queries import power

_BOX = "$tag_school, $tag_agent"
_TROUBLE = filled(palette.yes_no(("Yes", BAD), ("No", GOOD)))
_ONCE = filled(palette.yes_no(("Yes", SHORT), ("No", GOOD)))

_ANSWERS = Section(
    "",
    (
        rows(
            "Batteries of each school, the worst first",
            "Whether enough devices last to the last bell, for the planned way of teaching.",
            power.POWER_ANSWERS,
            (
                Column("school", "School", "string", 170, links(TO_SCHOOL)),
                Column("label", "Answer", "string", 200, filled(palette.labels())),
                Column("have", "There", "none", 80),
                Column("need", "Needed", "none", 80),
                Column("counted_in", "Unit", "string", 100),
                Column("sentence", "In words", "string", 0, wrapped()),
            ),
            ("state_rank",),
            size=(24, 8), since=STANDING,
        ),
    ),
)  # fmt: skip

_BATTERIES = Section(
    "Batteries",
    (
        rows(
            "Batteries, the most worn first",
            "What each battery holds of what it held when new, and its charge now.",
            power.BATTERIES,
            (
                Column("school", "School", "string", 150, links(TO_SCHOOL)),
                Column("agent", "Machine", "string"),
                Column("health_pct", "Of when new", "percent", 150, gauge(HEALTH, 100)),
                Column("battery_pct", "Charge", "percent", 90, tinted(CHARGE)),
                Column("battery_full_wh", "Holds", "watth", 90),
                Column("battery_design_wh", "When new", "watth", 100),
                Column("cycles", "Cycles", "none", 80),
                Column("battery_status", "State", "string", 120),
            ),
            ("health_pct",),
            size=(24, 9),
        ),
        trend(
            "Charge over the day",
            "Charge of each machine's batteries; below the dashed line is not for lessons.",
            (Series(power.CHARGE, _BOX),), "percent", size=(12, 9), steps=CHARGE,
        ),
        trend(
            "Power drawn",
            "Power out of the batteries; below nought while they charge.",
            (Series(power.DRAW, _BOX),), "watt", size=(12, 9), low=None,
        ),
    ),
)  # fmt: skip

_SUPPLIES = Section(
    "The boxes' own supplies",
    (
        rows(
            "Raspberry Pis and their supplies",
            "A supply whose voltage sags slows the box down and spoils its card: another supply mends it.",
            power.SUPPLIES,
            (
                Column("school", "School", "string", 150, links(TO_SCHOOL)),
                Column("agent", "Box", "string"),
                Column("undervoltage_now", "Voltage too low", "bool", 140, _TROUBLE),
                Column("undervoltage_since_boot", "Since its start", "bool", 130, _ONCE),
                Column("capped_now", "Capped", "bool", 90, _TROUBLE),
                Column("throttled_now", "Slowed", "bool", 90, _TROUBLE),
                Column("hot_now", "Hot", "bool", 80, _TROUBLE),
            ),
            ("-undervoltage_now", "-undervoltage_since_boot"),
            size=(24, 9),
        ),
        trend(
            "Looks that found the voltage too low", "How often a look found a box's supply too weak.",
            (Series(power.UNDERVOLTAGE, _BOX),), "none", size=(12, 8), dots=True,
        ),
        trend(
            "Temperature", "The warmest of each box's processor.",
            (Series(power.TEMPERATURE, _BOX),), "celsius", size=(12, 8), low=None,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    "firstbell-power",
    "Power",
    "Whether batteries last to the last bell, and whether the boxes' own supplies hold.",
    "7d",
    (DISTRICT, SCHOOLS),
    (_ANSWERS, _BATTERIES, _SUPPLIES),
    page="/boxes",
)

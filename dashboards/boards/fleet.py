"""Fleet and data health: the boxes themselves, and whether this database holds what the collector holds."""

from dashboards import palette
from dashboards.frame import DISTRICT, SCHOOLS, Board, Section
from dashboards.looks import TO_BOXES_PAGE, TO_SCHOOL, Column, filled, links, said, tinted
from dashboards.palette import ALL_PLAIN, ANY_IS_BAD, BAD, GOOD
from dashboards.panels import LATELY, Series, numbers, rows, trend
from dashboards.queries import fleet, now

_SPEAKS = palette.yes_no(("Silent", BAD), ("Speaks", GOOD))

_TOP = Section(
    "",
    (
        numbers(
            "Silent boxes", "Boxes that measure nothing.",
            now.SILENT_BOXES, "none", ANY_IS_BAD, size=(6, 4), since=LATELY, link=TO_BOXES_PAGE,
        ),
        numbers(
            "Behind the collector", "Reports in the collector's journal that are not in this database yet.",
            fleet.BEHIND, "none", ALL_PLAIN, size=(6, 4), since=LATELY,
        ),
        numbers(
            "Set aside", "Reports that this database would not take; the journal keeps them.",
            fleet.ASIDE, "none", ANY_IS_BAD, size=(6, 4), since=LATELY,
        ),
        numbers(
            "Reports in the journal", "All reports that the collector holds.",
            fleet.JOURNAL, "locale", ALL_PLAIN, size=(6, 4), since=LATELY,
        ),
    ),
)  # fmt: skip

_BOXES = Section(
    "Boxes, the silent ones first",
    (
        rows(
            "Every box",
            "Who speaks, who waits, and what is missing of each.",
            fleet.BOXES,
            (
                Column("agent", "Box", "string", 0, links(TO_BOXES_PAGE)),
                Column("school", "School", "string", 150, links(TO_SCHOOL)),
                Column("room", "Room", "string", 110),
                Column("silent", "Now", "bool", 90, filled(_SPEAKS)),
                Column("silent_s", "Silent for", "s", 110, said(palette.words({"0": palette.BLANK}))),
                Column("last_seen_ms", "Heard", "dateTimeFromNow", 140),
                Column("waiting", "Waiting", "none", 90),
                Column("missing", "Missing", "none", 90, tinted(ANY_IS_BAD)),
                Column("lost", "Lost", "none", 80, tinted(ANY_IS_BAD)),
                Column("refused", "Refused", "none", 90, tinted(ANY_IS_BAD)),
                Column("starts", "Starts", "none", 80),
                Column("two_boxes", "Name", "bool", 120, filled(palette.if_so("Two boxes", BAD))),
                Column("version", "Version", "string", 90),
            ),
            ("-silent_s", "-missing"),
            size=(24, 11), since=LATELY,
        ),
        rows(
            "The machines, the busiest first",
            "Processor, memory, disk and temperature of each box.",
            fleet.HOSTS,
            (
                Column("agent", "Box", "string"),
                Column("school", "School", "string", 150, links(TO_SCHOOL)),
                Column("cpu_busy_pct", "Processor", "percent", 110),
                Column("memory_used_pct", "Memory, most", "percent", 130),
                Column("disk_free_mib", "Disk free", "mbytes", 110),
                Column("temperature_c", "Warmest", "celsius", 100),
                Column("uptime_s", "Up for", "s", 110),
            ),
            ("-cpu_busy_pct",),
            size=(12, 9), since="24h",
        ),
        trend(
            "Reports that wait in boxes", "What each box keeps that the collector has not taken yet.",
            (Series(fleet.WAITING, "$tag_agent"),), "none", size=(12, 9),
        ),
    ),
)  # fmt: skip

_DATA = Section(
    "Is it all here?",
    (
        trend(
            "Reports behind the collector", "It falls by itself; if it grows, this database is slow.",
            (Series(fleet.SINK_BEHIND, "behind"),), "none", size=(12, 8),
        ),
        trend(
            "Spools", "How full the spool of each box is.",
            (Series(fleet.SPOOLS, "$tag_agent"),), "percent", size=(12, 8),
        ),
        trend(
            "How latency checks ended", "Reports an hour, by how they ended.",
            (Series(fleet.ENDED_LATENCY, "$col"),), "none", size=(12, 8),
        ),
        trend(
            "How throughput tests ended", "Reports an hour, by how they ended.",
            (Series(fleet.ENDED_THROUGHPUT, "$col, $m"),), "none", size=(12, 8), dots=True,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    "firstbell-fleet",
    "Fleet and data health",
    "The boxes themselves, and whether this database holds all that the collector holds.",
    "7d",
    (DISTRICT, SCHOOLS),
    (_TOP, _BOXES, _DATA),
    page="/boxes",
)

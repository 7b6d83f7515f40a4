"""Wi-Fi: how full the air is in each room, and how well boxes hang on their access points."""

from dashboards import palette
from dashboards.boards.week import AGAINST
from dashboards.frame import DISTRICT, SCHOOLS, Board, Section
from dashboards.looks import TO_SCHOOL, Column, coloured, filled, gauge, links, tinted, wrapped
from dashboards.palette import AIR, ANY_IS_BAD, PLAIN
from dashboards.panels import STANDING, Series, bars, rows, trend
from dashboards.queries import wifi

_MBPS = "Mbits"
_ROOM = "$tag_school, $tag_room"

_ANSWERS = Section(
    "",
    (
        rows(
            "Wi-Fi of each school, the worst first",
            "How many rooms have Wi-Fi for the planned way of teaching, of how many that need it.",
            wifi.WIFI_ANSWERS,
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

_AIR = Section(
    "How full the air is",
    (
        rows(
            "Rooms, the fullest first",
            "How busy the channel was (90th percentile), by the access point, too, and who else is there.",
            wifi.AIR_BY_ROOM,
            (
                Column("school", "School", "string", 150, links(TO_SCHOOL)),
                Column("room", "Room", "string"),
                Column("busy_pct", "Busy", "percent", 160, gauge(AIR, 100)),
                Column("ap_busy_pct", "By the access point", "percent", 150, tinted(AIR)),
                Column("ap_stations", "Devices, most", "none", 120),
                Column("channel_networks", "Networks on it", "none", 130),
            ),
            ("-busy_pct",),
            size=(12, 10),
        ),
        trend(
            "Busy time by room",
            "Share of time in which the channel was busy; the dashed line is where it counts as full.",
            (Series(wifi.AIR, _ROOM),), "percent", size=(12, 10), steps=AIR,
        ),
        bars(
            "Busy time by period",
            "The 90th percentile over the rooms in each period; the dashed line is where it counts as full.",
            (wifi.AIR_BY_PERIOD,), (Column("period"), Column("busy_pct", "Busy", look=coloured(PLAIN))),
            "percent", size=(12, 8), steps=AIR,
        ),
        trend(
            "Networks heard",
            "Other networks that boxes heard, on average, by band.",
            (Series(wifi.NETWORKS, "$col"),), "none", size=(12, 8),
        ),
    ),
)  # fmt: skip

_LINKS = Section(
    "How well boxes hang on it",
    (
        rows(
            "Rooms, the weakest signal first",
            "Signal, what the driver expects of it, and how much had to be sent again.",
            wifi.LINK_BY_ROOM,
            (
                Column("school", "School", "string", 150, links(TO_SCHOOL)),
                Column("room", "Room", "string"),
                Column("signal_dbm", "Signal", "dBm", 90),
                Column("expected_mbps", "Expected", _MBPS, 110),
                Column("tx_retry_pct", "Sent again", "percent", 100),
                Column("tx_failed_pct", "Given up", "percent", 100, tinted(ANY_IS_BAD)),
                Column("lost_beacons", "Beacons lost", "none", 120),
            ),
            ("signal_dbm",),
            size=(12, 9),
        ),
        bars(
            "By cable and over the air",
            "The median of throughput down, by how boxes hung on the network and what they tested against.",
            (wifi.BY_MEDIUM_AT_REFERENCE, wifi.BY_MEDIUM_IN_PUBLIC), (Column("medium"), *AGAINST), _MBPS,
            size=(12, 9),
        ),
        trend(
            "Signal by room", "Strength of the access point's signal at each box.",
            (Series(wifi.SIGNAL, _ROOM),), "dBm", size=(12, 8), low=None,
        ),
        trend(
            "Sent again by room", "Share of all transmissions that were repetitions.",
            (Series(wifi.RETRIES, _ROOM),), "percent", size=(12, 8),
        ),
    ),
)  # fmt: skip

BOARD = Board(
    "firstbell-wifi",
    "Wi-Fi",
    "How full the air is in each room, against where it counts as full, and how well boxes hang on it.",
    "7d",
    (DISTRICT, SCHOOLS),
    (_ANSWERS, _AIR, _LINKS),
    page="/rooms",
)

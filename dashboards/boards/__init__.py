"""The boards, one file each."""

from dashboards.boards import fleet, now, power, school, week, wifi
from dashboards.frame import Board


def all_boards() -> tuple[Board, ...]:
    """Every board, in the order in which they are read."""
    return (now.BOARD, week.board(), school.BOARD, wifi.BOARD, power.BOARD, fleet.BOARD)

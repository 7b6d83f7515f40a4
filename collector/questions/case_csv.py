"""The tests of a case for a spreadsheet: one header line, units in the names, no cell a formula."""

import msgspec

from collector.questions.case import Case
from collector.questions.case_tests import LineTest
from firstbell.tables import Columns, escape, render

COLUMNS = Columns(known=tuple(LineTest.__struct_fields__), needed=())


def csv(case: Case) -> str:
    """A line a test, in order of time; numbers are exact. A last column `simulated` where all is made up."""
    made_up = {"simulated": "yes"} if case.simulated else {}
    columns = COLUMNS._replace(known=(*COLUMNS.known, *made_up))
    return render(columns, [_cells(test) | made_up for test in case.tests])


def _cells(test: LineTest) -> dict[str, str]:
    return {name: _cell(value) for name, value in msgspec.structs.asdict(test).items()}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(value) if isinstance(value, str) else repr(value)

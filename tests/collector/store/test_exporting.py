"""Reports come out of the journal page by page, each once."""

from contextlib import closing
from pathlib import Path

import pytest

from collector.store import exporting
from tests.collector.workbench import BOX, NOW_NS, Bench, report


@pytest.mark.parametrize("page", [1, 2, 3, 5_000])
def test_no_page_ends_between_reports_of_one_moment(tmp_path: Path, page: int) -> None:
    """However many fit on a page: those that were measured at the same time are all there, once, in order."""
    times = [0, 1, 1, 1, 1, 1, 2]
    with closing(Bench(tmp_path)) as bench:
        bench.send(1, [report(n, at_ns=NOW_NS + at) for n, at in enumerate(times, 1)])
        found = [each.seq for each in exporting.each(bench.journal, [(BOX, 0, None)], page=page)]
    assert found == [1, 2, 3, 4, 5, 6, 7]

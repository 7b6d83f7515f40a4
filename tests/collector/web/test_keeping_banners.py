"""Pages say that backups are late, and, after a restore, who has not come back; machines are told, too."""

import json
from pathlib import Path
from urllib.request import urlopen

from collector.store import restored
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import BOX, Bench, report

LATE = "The last good backup is 3 days old."


def got(port: int, path: str) -> str:
    """What is served there."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def test_a_late_backup_is_on_every_page(tmp_path: Path) -> None:
    """With its words, in health and figures, too; where none is late nothing is said."""
    bench = Bench(tmp_path)
    parts = parts_of(bench)
    with serving(parts._replace(backup_trouble=lambda: LATE)) as port:
        assert f"<b>Backup</b> {LATE}" in got(port, "/boxes")
        assert json.loads(got(port, "/healthz"))["backup_trouble"] == LATE
        assert "firstbell_backup_late 1.0" in got(port, "/metrics")
    with serving(parts) as port:
        assert "<b>Backup</b>" not in got(port, "/boxes")
        assert "firstbell_backup_late 0.0" in got(port, "/metrics")
    bench.close()


def test_after_a_restore_pages_say_who_is_not_back(tmp_path: Path) -> None:
    """Until it is."""
    bench = Bench(tmp_path)
    now_ns = bench.clock.now_ns()
    bench.send(1, [report(n, at_ns=now_ns - 10 + n) for n in (1, 2, 3)])
    restored.mark(bench.journal, now_ns)
    with serving(parts_of(bench)) as port:
        said = f"0 of 1 box has sent what it kept. Not yet: {BOX} (nothing heard since)."
        assert f"<b>Restored</b> {said}" in got(port, "/boxes")
        bench.send(5, [report(5, at_ns=now_ns)])
        assert f"{BOX} (1 of its reports are missing)" in got(port, "/boxes")
        bench.send(4, [report(4, at_ns=now_ns - 1)])
        assert "<b>Restored</b>" not in got(port, "/boxes")
    bench.close()

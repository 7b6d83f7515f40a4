"""What holds for all tests: how hypothesis runs, and that CI skips nothing without a reason on the list."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# In CI the examples are the same each time: a landing must not hang on what another's code meets by chance.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("house")

# Started in the background by a shell, Ctrl-C is ignored, and all that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Not the status of a failed test: scripts/test asks failed tests once more, and that would forget the skipped ones.
_SKIPPED = 6
_ALLOWED = Path(__file__).with_name("skips.txt")


TOGETHER = ("tests/deploy/test_roles.py", "tests/net/test_twelve.py", "tests/influx/test_verify.py")
"""Files whose tests share what takes long to make: with `--dist loadgroup` one worker has all of a file's."""


class _Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """xdist's own groups are marks that get lost under this pytest: here a file is one, or a test."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", maxsplit=1)[0]
        return file if file in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Hand tests out by those groups."""
    return _Together(config, log) if config.getoption("dist") == "loadgroup" else None


def _allowed_skips() -> set[str]:
    """Test ids that CI may skip, from lines of `id: reason`."""
    lines = _ALLOWED.read_text(encoding="utf-8").splitlines()
    return {line.split(": ")[0] for line in lines if line and not line.startswith("#")}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, and where a failed test is asked again, a skipped one is a failure, unless the list says why."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    strict = os.environ.get("CI") or os.environ.get("FIRSTBELL_NO_SKIPS")
    if not strict or reporter is None:
        return
    skipped = {report.nodeid for report in reporter.stats.get("skipped", ())} - _allowed_skips()
    if skipped:
        reporter.write_line(f"skipped in CI without a reason in {_ALLOWED.name}: {sorted(skipped)}", red=True)
        session.exitstatus = _SKIPPED

"""The first command of docs/deploy.md, on machines that First Bell has never seen."""

import shutil
from pathlib import Path

import pytest

from tests.deploy.district import District
from tests.deploy.roots import needed

pytestmark = [pytest.mark.proof, pytest.mark.root, pytest.mark.timeout(900)]


def test_what_would_be_done_is_told_before_the_first_time(tmp_path: Path) -> None:
    """`site.yml --check --diff` goes through every role, and leaves the machines as they are."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name in ("VERSION", "requirements.txt"):  # all that is looked at before anything is put in
        shutil.copy(needed("FIRSTBELL_BUNDLE", "bundle") / name, bundle)
    district = District(tmp_path, servers=True, program_bundle=str(bundle))
    said = district.control.play("site.yml", "--check", "--diff")
    assert "firstbell-collector.service" in said
    assert "firstbell-agent.service" in said
    for machine in (district.server, district.box):
        for path in ("opt/firstbell", "etc/firstbell", "var/lib/firstbell-collector"):
            assert not machine.path(path).exists()
        assert "firstbell" not in machine.path("etc/passwd").read_text(encoding="utf-8")
        assert not list(machine.path("etc/systemd/system").glob("firstbell*"))

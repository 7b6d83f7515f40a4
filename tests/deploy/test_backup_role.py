"""A server whose backups go off it each night: by the deployed units alone, in a Debian root."""

import json
from pathlib import Path

import pytest

from collector import registry
from tests.deploy.district import DATA, changed
from tests.deploy.roots import Control, Machine, needed

pytestmark = [pytest.mark.proof, pytest.mark.root, pytest.mark.timeout(600)]

PASSWORD = "canary-of-the-backups"
KEY = "canary-of-the-place"
PLACE = "/srv/backups"


def test_backups_are_made_by_what_was_deployed(tmp_path: Path) -> None:
    """The unit makes one, checked, as the collector's user; secrets are in no output; a second run changes nothing."""
    base, bundle = needed("FIRSTBELL_ROOT", "Debian root"), needed("FIRSTBELL_BUNDLE", "bundle")
    registry.write_example(
        tmp_path / "district",
        school_name="Lincoln High",
        people=100,
        down_mbps=100,
        up_mbps=None,
        agent="lincoln-1",
        tz="America/Chicago",
    )
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="ascii")
    (tmp_path / "keys").write_text(f"AWS_SECRET_ACCESS_KEY={KEY}\n", encoding="ascii")
    server = Machine(tmp_path / "server", base)
    variables = {
        "program_bundle": str(bundle),
        "collector_district": str(tmp_path / "district"),
        "collector_names": ["localhost"],
        "broker_names": ["localhost"],
        "collector_backup_repository": PLACE,
        "collector_backup_password_file": str(tmp_path / "password"),
        "collector_backup_environment_file": str(tmp_path / "keys"),
        "collector_settings": {"keep": {"daily": 3}},
    }
    control = Control(tmp_path, {"collector": {"server": server}, "boxes": {}}, variables)
    said = control.play("site.yml", "-vvv", "--diff")
    assert PASSWORD not in said
    assert KEY not in said
    server.run("install", "-d", "-o", "firstbell-collector", "-m", "0700", PLACE)
    ((user, argv),) = server.exec_of("firstbell-backup.service")
    assert user == "firstbell-collector"
    assert "checked, read back and counted" in server.run(*argv, user=user)
    told = json.loads(server.run(*argv[:3], "backup", "--json", user=user))
    assert (told["late"], told["kept"], told["trouble"]) == ("", 1, "")
    enabled = server.path("/etc/systemd/system/timers.target.wants/firstbell-backup.timer")
    assert enabled.is_symlink()
    assert "crl.pem" in server.path("/etc/systemd/system/firstbell-backup.path").read_text(encoding="utf-8")
    private = server.run(
        "find",
        DATA,
        "(",
        "-name",
        "backup.password",
        "-o",
        "-name",
        "backup.environment",
        ")",
        "-perm",
        "/077",
    )
    assert private == ""
    assert changed(control.play("site.yml")) == {"server": 0}

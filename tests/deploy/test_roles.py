"""The roles, in Debian roots: a district deployed twice, a box from its card to its reports, and out again.

Upgrades, the rest of the server and what takes minutes more are in test_rollout.py, test_servers.py and
test_updates.py: `scripts/test -m proof` runs them.
"""

import pytest

from firstbell import update
from tests.deploy.district import BOX, BROKER, DATA, District, changed
from tests.deploy.life import enrol, is_shut_out, reports, says_no_secret, within
from tests.deploy.roots import needed
from tests.support.mosquitto import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(600),
]


def test_a_second_run_changes_nothing(district: District) -> None:
    """Whatever there is stays as it is. The release is called as an offer of the same bundle calls it."""
    bundle = needed("FIRSTBELL_BUNDLE", "bundle")
    called = update.release_of(
        (bundle / "VERSION").read_text(encoding="utf-8"), (bundle / "requirements.txt").read_bytes()
    )
    assert district.box.path("/opt/firstbell/current").readlink().name == called
    assert changed(district.control.play("site.yml")) == {"server": 0, BOX: 0}


def test_keys_are_their_owners(district: District) -> None:
    """Nobody else reads a key or a password; what runs for the district owns none of its program or settings."""
    for machine, user in ((district.server, "firstbell-collector"), (district.box, "firstbell")):
        find = (
            "find",
            "/etc",
            "/var",
            "/opt",
            "-xdev",
            "(",
            "-name",
            "*.key",
            "-o",
            "-name",
            "authority-*.pem",
            ")",
        )
        readable = machine.run(*find, "-perm", "/007")
        assert readable == ""
        owned = (
            machine.run("find", "/opt/firstbell", "/etc/firstbell", "/etc/systemd/system", "-user", user)
            if (machine.path("/etc/firstbell").exists())
            else ""
        )
        assert owned == ""


def test_a_box_from_its_card_to_its_end(district: District) -> None:
    """Let in, reporting over mutual TLS, shut out within a minute: by units and playbooks alone, and no secret is told."""
    server = district.server
    with server.process(BROKER, "root", "broker") as broker, server.kept("firstbell-collector.service"):
        wait_until(server.path(f"{DATA}/web.port").exists, "the pages are served")
        token = enrol(district)
        with district.box.service("firstbell-agent.service") as agent:
            within(60, lambda: reports(district) > 0)
            is_shut_out(district, broker, agent)
    says_no_secret(district, token)


def test_nothing_stays_after_a_removal(district: District) -> None:
    """No file, no user, no unit; a second time nothing is changed."""
    district.control.play("remove.yml")
    assert changed(district.control.play("remove.yml")) == {BOX: 0}
    found = district.box.run(
        "find", "/", "-xdev", "-iname", "*firstbell*", "-not", "-path", "/root/.ansible/*"
    )
    assert found == ""
    assert "firstbell" not in district.box.path("/etc/passwd").read_text(encoding="utf-8")
    assert "firstbell" not in district.box.path("/etc/group").read_text(encoding="utf-8")

"""A deployed district over the years: new versions in stages and back, certificates made anew, places entered.

Takes minutes: `scripts/test -m proof`.
"""

import ssl
from pathlib import Path

import pytest

import firstbell
from tests.deploy.district import BOX, BROKER, DATA, District, changed
from tests.deploy.life import enrol, more_reports, reports, runs, says_no_secret, within
from tests.deploy.releases import another
from tests.deploy.roots import needed
from tests.support.mosquitto import wait_until

pytestmark = [
    pytest.mark.proof,
    pytest.mark.root,
    pytest.mark.timeout(1200),
]


def test_what_would_be_done_is_nothing(whole_district: District) -> None:
    """Right after it was done; with all servers, and as `--check --diff` tells it."""
    assert changed(whole_district.control.play("site.yml", "--check", "--diff")) == {"server": 0, BOX: 0}


def test_places_entered_on_the_server_are_not_written_over(whole_district: District) -> None:
    """A click on the boxes' page is a line in the server's seats.csv: a deployment stops, and says how to fetch it."""
    district = whole_district
    control = district.folder / "district" / "seats.csv"
    server = district.server.path(f"{DATA}/district/seats.csv")
    before = server.read_text(encoding="utf-8")
    entered = before + before.splitlines()[-1].replace(BOX, "lincoln-2") + "\n"
    server.write_text(entered, encoding="utf-8")
    said = " ".join(district.control.play("site.yml", "--limit", "server,localhost", code=2).split())
    assert "seats.csv was changed on the server since the last deployment" in said
    assert server.read_text(encoding="utf-8") == entered != control.read_text(encoding="utf-8")
    district.control.play("fetch.yml")
    assert control.read_text(encoding="utf-8") == entered
    assert changed(district.control.play("site.yml", "--limit", "server,localhost"))["server"] == 1
    assert changed(district.control.play("site.yml", "--limit", "server,localhost"))["server"] == 0


def is_upgraded_and_goes_back(district: District, bundle: Path) -> None:
    """Server and box get another version, and the gate hears of it; in one command they are back. Nothing is lost."""
    held = reports(district)
    said = district.control.play(
        "site.yml", "-e", f"program_bundle={bundle}", "-e", "rollout_wait_s=120", "-vvv", "--diff"
    )
    assert f"{BOX}: heard" in said
    assert (runs(district), reports(district) > held) == ("9.9.9", True)
    held = reports(district)
    district.control.play("rollback.yml", "-e", "machines=boxes:collector")
    within(60, lambda: runs(district) == firstbell.__version__)
    assert reports(district) > held
    assert district.json("box", "show", BOX)["absences"] == []


def holds_up_a_rollout(district: District, bundle: Path) -> None:
    """A box that does not come back stops it; it is named, and so is the command that takes it back."""
    said = district.control.play(
        "boxes.yml", "-e", f"program_bundle={bundle}", "-e", "rollout_wait_s=5", code=2
    )
    said = " ".join(said.split())
    assert f"The rollout stops here: {BOX} did not report with the new version within 5 s." in said
    assert f"firstbell.district.rollback -e machines={BOX}" in said
    assert "9.9.9" in district.box.path("/opt/firstbell/current").readlink().name
    district.control.play("rollback.yml", "-e", f"machines={BOX}")
    assert "9.9.9" not in district.box.path("/opt/firstbell/current").readlink().name


def is_rotated(district: District) -> None:
    """Broker, pages and collector have other certificates; the one that the broker shows is made anew, too."""
    path = district.server.path("/etc/mosquitto/firstbell/broker.pem")
    before = path.read_text(encoding="ascii")
    district.control.play("rotate.yml", "-vvv", "--diff")
    assert path.read_text(encoding="ascii") != before


def test_a_box_lives_through_new_versions_and_certificates(whole_district: District) -> None:
    """Upgraded and taken back, a rollout held up, through a rotation: it notices a reconnect, and nothing is lost."""
    district, server, box = whole_district, whole_district.server, whole_district.box
    bundle = another(needed("FIRSTBELL_BUNDLE", "bundle"), district.folder / "newer", "9.9.9")
    said = district.control.play("rollback.yml", code=2)
    assert "There was no other version here" in said
    with (
        server.process(BROKER, "root", "broker") as broker,
        server.kept("firstbell-collector.service") as again,
    ):
        wait_until(server.path(f"{DATA}/web.port").exists, "the pages are served")
        token = enrol(district)
        with box.kept("firstbell-agent.service"):
            within(60, lambda: reports(district) > 0)
            is_upgraded_and_goes_back(district, bundle)
        holds_up_a_rollout(district, bundle)
        with box.service("firstbell-agent.service") as agent:
            more_reports(district)
            is_rotated(district)
            broker.terminate()
            broker.wait(20)
            with server.process(BROKER, "root", "broker"):
                again.set()
                more_reports(district)
                assert agent.poll() is None
    says_no_secret(district, token)


def test_the_broker_shows_its_next_certificate(whole_district: District) -> None:
    """Signed by the collector's user, put in its place by the unit that sees it, shown by a broker that is no root."""
    district, server = whole_district, whole_district.server
    there = server.path("/etc/mosquitto/firstbell/broker.pem")
    before = there.read_text(encoding="ascii")
    renewed = district.json("authority", "renew", "--all")["renewed"]
    assert f"{DATA}/broker/localhost.pem" in renewed
    path = server.path("/etc/systemd/system/firstbell-revoked.path").read_text(encoding="utf-8")
    assert f"PathChanged={DATA}/broker/localhost.pem" in path
    ((user, (*takes, _)),) = server.exec_of("firstbell-revoked.service")
    server.run(*takes, user=user)
    assert there.read_text(encoding="ascii") != before
    drop_in = server.path("/etc/systemd/system/mosquitto.service.d/firstbell.conf").read_text(
        encoding="utf-8"
    )
    assert "\nUser=mosquitto\n" in drop_in
    with server.process(BROKER, "mosquitto", "broker"):
        wait_until(lambda: shown(district.broker_port) == there.read_text(encoding="ascii"), "it is shown")


def shown(port: int) -> str:
    """The certificate that a server shows; "" while there is none."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port))
    except OSError:
        return ""

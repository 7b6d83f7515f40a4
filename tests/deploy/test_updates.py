"""A box that nobody can reach, in a Debian root: it takes a new version by itself, and goes back from a bad one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from collector.updates import Key
from tests.deploy.district import BOX, BROKER, DATA, District
from tests.deploy.releases import another, minded
from tests.deploy.roots import Machine, needed
from tests.support.mosquitto import wait_until

pytestmark = [
    pytest.mark.proof,
    pytest.mark.root,
    pytest.mark.timeout(1200),
]


class Pulling(District):
    """A district that offers, and a box that takes. The key that signs is brought when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.key = Key(folder / "stick", make=True)
        super().__init__(folder, agent_update_key=self.key.public, system_reboot_time="02:15")

    def offer(self, version: str, *, dumb: bool = False) -> dict[str, Any]:
        """Offer another version."""
        made = another(needed("FIRSTBELL_BUNDLE", "bundle"), self.folder / version, version, dumb=dumb)
        shutil.copytree(made, self.server.path(f"{DATA}/{version}"))
        return self.signed("offer", f"{DATA}/{version}", "--pilot", BOX, "--hours", "00:00-00:00")

    def signed(self, *words: str) -> dict[str, Any]:
        """What needs the key, which is there as long as that takes."""
        stick = self.server.path("/run/stick")
        shutil.copy(self.folder / "stick", stick)
        self.server.run("chown", "-R", "firstbell-collector:", "/run/stick", DATA)
        said: dict[str, Any] = self.json("update", *words, "--key", "/run/stick")
        stick.unlink()
        return said

    def fetch(self) -> str:
        """The box asks what is offered, as its unit does."""
        ((user, argv),) = self.box.exec_of("firstbell-update-fetch.service")
        assert user == "firstbell"
        return self.box.run(*argv, user=user)

    def install(self, *more: str) -> dict[str, Any]:
        """And changes, as its other unit does."""
        ((user, argv),) = self.box.exec_of("firstbell-update.service")
        assert user == "root"
        said = self.box.run(*argv, "--json", *more, deadline_s=400)
        state: dict[str, Any] = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
        return state

    def link(self, name: str) -> str:
        """What a link of the box's program names."""
        return self.box.path(f"/opt/firstbell/{name}").readlink().name

    def versions(self) -> set[str]:
        """Which version of the program each box says that it runs."""
        return {box["version"] for box in self.json("status")["boxes"]}


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Pulling:
    """Deployed once; the box has its card and knows whose updates to take."""
    made = Pulling(tmp_path_factory.mktemp("pulling"))
    made.control.play("site.yml")
    return made


def test_a_box_takes_a_version_and_goes_back_from_a_bad_one(district: Pulling) -> None:
    """From the district's server over TLS, by the deployed units alone: up, heard, bad one back, and no more of it."""
    server, box = district.server, district.box
    with server.process(BROKER, "root", "broker"), server.service("firstbell-collector.service"):
        wait_until(server.path(f"{DATA}/web.port").exists, "the pages are served")
        district.firstbell("box", "card", BOX, "--automatic", "--out", f"{DATA}/card")
        shutil.copytree(server.path(f"{DATA}/card"), box.path("/etc/firstbell/card"))
        box.run("chown", "-R", "root:firstbell", "/etc/firstbell/card")
        box.run("chmod", "-R", "u=rwX,g=rX", "/etc/firstbell/card")
        first = district.link("current")
        assert district.link("updater") == first
        district.enrol(code=0)
        with minded(box) as minder:
            wait_until(lambda: district.json("status")["reports"] > 0, "its reports are there")
            good = district.offer("0.2.0")["parcels"][0]["release"]
            assert "is to be taken" in district.fetch()
            state = district.install()
            assert (district.link("current"), district.link("before"), district.link("updater")) == (
                good,
                first,
                good,
            ), state
            assert "the collector has answered it" in state["said"]
            assert minder.starts == 2
            wait_until(lambda: "0.2.0" in district.versions(), "the collector knows the new version")
            assert "is in use" in district.fetch()
            looks_like_the_role(box, first, good)

            bad = district.offer("0.3.0", dumb=True)["parcels"][0]["release"]
            assert "is to be taken" in district.fetch()
            state = district.install("--prove-s", "30")
            assert f"{bad} got no answer here: back to {good}" in state["said"], state
            assert (district.link("current"), district.link("before"), district.link("updater")) == (
                good,
                first,
                good,
            )
            assert minder.starts == 4
            assert "not tried again" in district.fetch()
            district.install()
            assert minder.starts == 4
            releases = {path.name for path in box.path("/opt/firstbell/releases").iterdir()}
            assert releases == {first, good}

            district.signed("stop")
            assert "nothing is offered" in district.fetch()


def looks_like_the_role(box: Machine, first: str, pulled: str) -> None:
    """What the box put there is laid like what the role did: the same names, the same owners and rights."""
    ours = "lib/python3.11/site-packages/firstbell"

    def laid(release: str) -> list[str]:
        at = f"/opt/firstbell/releases/{release}"
        find = ("find", at, f"{at}/{ours}", "-maxdepth", "1", "-printf", "%P %u %g %m %y\\n")
        return sorted(
            {*box.run(*find).splitlines(), box.run("stat", "-c", "%U %a", f"{at}/bin/firstbell-agent")}
        )

    assert laid(first) == laid(pulled)
    whole = box.path(f"/opt/firstbell/releases/{pulled}/whole").read_text(encoding="ascii")
    assert whole == f"{pulled}\n"


def test_the_systems_own_updates_come_at_night(district: Pulling) -> None:
    """Apt reads what the role wrote; one variable takes it back, and nothing stays of a box that took updates."""
    said = district.box.run("apt-config", "dump")
    assert 'Unattended-Upgrade::Automatic-Reboot-Time "02:15";' in said
    assert 'APT::Periodic::Unattended-Upgrade "1";' in said
    assert "label=Debian-Security" in said
    assert "a time of day" in district.control.play("boxes.yml", "-e", "system_reboot_time=late", code=2)
    district.control.play("boxes.yml", "-e", "system_security_updates=false")
    assert not district.box.path("/etc/apt/apt.conf.d/52firstbell-updates").exists()
    district.control.play("remove.yml")
    find = ("find", "/", "-xdev", "-iname", "*firstbell*", "-not", "-path", "/root/.ansible/*")
    assert district.box.run(*find) == ""

"""The change from one version to the next, and back, with its plug pulled wherever it can be."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.machine.commands import SystemCommands
from agent.update import state as states
from agent.update.releases import CURRENT, Releases
from tests.agent.update import bundles
from tests.agent.update.world import OLD, World, links


@dataclass
class Count:
    """Hears the events of a run."""

    names: list[str]

    def __call__(self, name: str) -> None:
        """One of them."""
        self.names.append(name)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A box that runs and is answered."""
    return World(tmp_path)


def test_a_box_takes_a_version_that_is_answered(world: World) -> None:
    """The one before stays to go back to; the next run does nothing, and writes nothing."""
    offer = world.offered("0.2.0", 7)
    state = world.update(offer)
    new = offer.parcels[0].release
    assert links(world) == (new, OLD, new)
    assert (state.phase, state.done, state.seen) == ("idle", 7, 7)
    assert "answered" in state.said
    world.update(offer)
    written = (world.opt / states.FILE).stat().st_mtime_ns
    world.update(offer)
    assert (world.opt / states.FILE).stat().st_mtime_ns == written


def test_only_two_versions_stay(world: World) -> None:
    """However many come."""
    world.keep(answered=[f"0.{number}.0" for number in range(1, 9)])
    for number in range(2, 6):
        world.update(world.offered(f"0.{number}.0", number))
    assert sorted(name.split("-")[0] for name in world.releases) == ["0.4.0", "0.5.0"]


def test_a_version_without_an_answer_goes_back(world: World) -> None:
    """By itself, and is never tried again, until there is another offer."""
    offer = world.offered("0.3.0", 7)
    state = world.update(offer)
    assert links(world) == (OLD, "", OLD)
    assert (world.read()["running"], world.releases) == (OLD, {OLD})
    assert (state.done, state.phase) == (7, "idle")
    assert "back to" in state.said
    assert 60 <= world.slept <= 70
    assert "not tried again" in world.update(offer).said
    assert world.current == OLD
    world.update(world.offered("0.2.0", 8))
    assert world.current.startswith("0.2.0-")


def test_the_old_starts_answer_proves_nothing(world: World) -> None:
    """What runs on, and was answered before the change, says nothing about the new version."""
    offer = world.offered("0.2.0", 7)
    world.keep(stays=True)
    state = world.update(offer)
    assert links(world) == (OLD, "", OLD)
    assert "gets an answer" in state.said
    world.keep(stays=False)
    world.update(offer)
    assert world.current == offer.parcels[0].release


def test_a_version_that_does_not_run_is_not_taken(world: World) -> None:
    """Nor one from whose spool nobody could go back: the box goes on without a break."""
    world.keep(unfit=["0.2.0"])
    state = world.update(world.offered("0.2.0", 7))
    assert ("does not run here" in state.said, "Traceback" in state.said, state.done) == (True, False, 7)
    world.keep(since=9)
    state = world.update(world.offered("0.2.1", 8))
    assert ("nobody could go back" in state.said, state.done) == (True, 8)
    assert (world.releases, world.read()["epoch"]) == ({OLD}, 1)


@pytest.mark.parametrize("why", [{"testing": True}, {"down": True}])
def test_it_waits_while_a_test_runs_or_nobody_answers(world: World, why: dict[str, bool]) -> None:
    """And takes it afterwards."""
    world.keep(**why)
    offer = world.offered("0.2.0", 7)
    state = world.update(offer)
    assert ("waits" in state.said, state.done, world.current) == (True, 0, OLD)
    world.keep(testing=False, down=False)
    world.update(offer)
    assert world.current != OLD


def test_nobody_is_blamed_for_a_line_that_is_down(world: World) -> None:
    """Where the old version gets no answer either, it is tried again; but not for ever."""
    offer = world.offered("0.3.0", 7)

    def goes_down(name: str) -> None:
        if name == "step linked current":
            world.keep(down=True)

    world.at_event = goes_down
    for turn in (1, 2):
        state = world.update(offer)
        assert (state.tries, state.done, world.current) == (turn, 0, OLD)
        world.keep(down=False)
    assert "given up" in world.update(offer).said
    assert (world.state.done, world.releases) == (7, {OLD})


@pytest.mark.parametrize("version", ["0.2.0", "0.3.0"])
def test_the_plug_is_pulled_at_every_step(tmp_path: Path, version: str) -> None:
    """Then the old or the new program is there, whole; and it ends as it would have without."""
    heard = Count([])
    whole_run = World(tmp_path / "whole")
    whole_run.at_event = heard
    whole_run.update(whole_run.offered(version, 7))
    for event in range(len(heard.names)):
        world = World(tmp_path / str(event))
        offer = world.offered(version, 7)
        assert world.killed_at(offer, event), heard.names[event]
        assert (world.opt / CURRENT / "whole").exists(), heard.names[event]
        world.boot()
        for _ in range(3):
            world.update(offer)
        assert links(world) == links(whole_run), heard.names[event]
        assert (world.state.phase, world.state.done) == ("idle", 7), heard.names[event]
        assert world.releases == whole_run.releases, heard.names[event]
        assert not [*(world.opt / "releases").glob("*.bundle"), *(world.opt / "releases").glob("*.tar")]
    assert len(heard.names) >= 15


@pytest.mark.parametrize("first", range(0, 24, 4))
def test_the_plug_is_pulled_again_and_again(tmp_path: Path, first: int) -> None:
    """A box whose plug is pulled in the middle of going on is no worse off."""
    world = World(tmp_path)
    offer = world.offered("0.3.0", 7)
    for event in range(first, 0, -1):
        world.killed_at(offer, event)
        world.boot()
        assert (world.opt / CURRENT / "whole").exists()
    for _ in range(4):
        world.update(offer)
    assert (world.current, world.state.phase, world.releases) == (OLD, "idle", {OLD})


def test_an_altered_archive_changes_nothing(world: World) -> None:
    """It was changed after it was got: said, and tried again when it is got anew."""
    offer = world.offered("0.2.0", 7)
    good = world.archive.read_bytes()
    world.archive.write_bytes(good[:-1] + b"x")
    assert "not the one that was signed" in world.update(offer).said
    assert (world.releases, world.state.done) == ({OLD}, 0)
    world.archive.write_bytes(good)
    world.update(offer)
    assert world.current != OLD


def test_somebody_else_decides_meanwhile(world: World) -> None:
    """Ansible put another version there in the middle: that one stays."""
    offer = world.offered("0.2.0", 7)

    def ends(name: str) -> None:
        if name == "step proving":
            raise InterruptedError

    world.at_event = ends
    with pytest.raises(InterruptedError):
        world.update(offer)
    world.at_event = lambda _name: None
    other = world.opt / "releases" / "9.9.9-000000000000"
    other.mkdir()
    (other / "whole").touch()
    (world.opt / CURRENT).unlink()
    (world.opt / CURRENT).symlink_to(other)
    assert "somebody has put" in world.update(None).said
    assert world.current == other.name


def test_an_old_offer_is_never_taken(world: World) -> None:
    """Recorded and shown again: the box has seen a newer one."""
    old = world.offered("0.2.0", 7)
    world.update(replace(world.offered("0.2.1", 8), parcels=()))
    assert world.state.seen == 8
    assert "older than" in world.update(old).said
    assert world.current == OLD


def test_a_disk_that_is_too_small_is_said(world: World) -> None:
    """Before anything is written to it."""
    world.free = 50_000_000
    assert "of the disk" in world.update(world.offered("0.2.0", 7)).said
    assert world.releases == {OLD}


@pytest.mark.slow
def test_pip_takes_nothing_that_is_not_listed(tmp_path: Path) -> None:
    """A wheel that is not the listed one is refused by pip itself, even in an archive that was signed."""
    commands = SystemCommands()
    made = bundles.bundle(tmp_path / "bundle", "0.2.0")
    releases = Releases(tmp_path, commands)
    wheel = made / "wheels" / "firstbell-0.2.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")
    listed = (made / "requirements.txt").read_bytes()
    evil = bundles.packed(
        tmp_path / "evil.tar",
        {"requirements.txt": listed, "VERSION": b"9.9.9", f"wheels/{wheel.name}": wheel.read_bytes()},
        listed,
    )
    with pytest.raises(RuntimeError, match="pip"):
        releases.make(evil, tmp_path / "evil.tar")
    assert not releases.whole(evil.release)

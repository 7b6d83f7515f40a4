"""The built wheel, in an environment that has nothing else: what users get, not what lies in the tree."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import firstbell
from tests.support import installed

ROOT = Path(__file__).parents[1]
EVERYTHING = ("agent", "collector", "broker", "cards", "speedtest", "reference")
IMPORT_ALL = """
import importlib, pkgutil, sys
BUILT_WITH = tuple("dashboards." + name for name in ("boards", "build", "changes", "frame", "panels"))  # want Grafana's SDK
count = 0
for name in ("firstbell", "agent", "collector", "dashboards"):
    package = importlib.import_module(name)
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__") and not module.name.startswith(BUILT_WITH):
            importlib.import_module(module.name)
            count += 1
from collector import registry
print(count, registry.targets().models["flex"].name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    run([*pip, "install", "--no-index", "--no-deps", "--no-compile", "--quiet", str(wheel)])
    return folder


def run(
    argv: list[str], *, cwd: Path | None = None, packages: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program that ends well."""
    ended = tried(argv, cwd=cwd, packages=packages)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def tried(
    argv: list[str], *, cwd: Path | None = None, packages: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program, however it ends; it sees no packages but its own and those in `packages`."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        argv,
        cwd=cwd,
        env=env | ({"PYTHONPATH": str(packages)} if packages else {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def packages_of(wheel: Path, extras: tuple[str, ...], folder: Path) -> Path:
    """A folder with the libraries that the wheel itself says these extras need, and with no other."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    needs = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    folder.mkdir()
    for dist in installed.closure(needs, extras).values():
        for file in dist.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(dist.locate_file(top))))
    return folder


def test_the_wheel_holds_the_program_and_nothing_else(wheel: Path) -> None:
    """The packages with data, pages and boards, the licences, no tests, scripts, docs or compiled files."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "firstbell",
        "agent",
        "collector",
        "dashboards",
    }
    assert "firstbell/readiness/models.toml" in names
    assert "dashboards/generated/firstbell-now.json" in names
    pages = (
        "collector/web/templates/",
        "collector/web/static/",
        "dashboards/generated/",
        "dashboards/provisioning/",
    )
    plain = [name for name in names if ".dist-info/" not in name and not name.startswith(pages)]
    assert [name for name in plain if not name.endswith((".py", ".toml"))] == []
    assert {name.split("/", 1)[1] for name in names if "/licenses/" in name} == {
        "licenses/LICENSE",
        "licenses/NOTICE",
    }
    tree = {
        path.relative_to(ROOT).as_posix()
        for top in ("firstbell", "agent", "collector", "dashboards")
        for pattern in ("*.py", "*.html", "static/*", "generated/*.json", "provisioning/*/*.yaml")
        for path in (ROOT / top).rglob(pattern)
    }
    assert tree <= set(names)


def test_every_module_can_be_imported(wheel: Path, environment: Path, tmp_path: Path) -> None:
    """With all extras, every module is found in the environment and starts, and its data with it."""
    packages = packages_of(wheel, EVERYTHING, tmp_path / "packages")
    said = run(
        [str(environment / "bin" / "python"), "-c", IMPORT_ALL], cwd=tmp_path, packages=packages
    ).stdout
    count, model = said.split(maxsplit=1)
    assert int(count) > 60
    assert model.strip() == "1:1 flex"


@pytest.mark.parametrize(
    ("extras", "command", "words"),
    [
        (("collector",), "firstbell --version", f"firstbell, version {firstbell.__version__}"),
        (("collector",), "firstbell ask --help", "--model"),
        (("collector",), "firstbell collector run --help", "/healthz"),
        (("agent",), "firstbell-agent --version", f"firstbell-agent, version {firstbell.__version__}"),
        (("agent",), "firstbell-agent probes", "rtt_p50_ms"),
        (("agent",), "firstbell-agent once host", "host: ok"),
        (("agent",), "firstbell-agent once internet --now", "speedtest-cli is not installed"),
        (("agent",), "firstbell-agent serve --help", "LibreSpeed"),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "+".join(value),
)
def test_an_extra_is_enough_for_its_commands(
    wheel: Path, environment: Path, tmp_path: Path, extras: tuple[str, ...], command: str, words: str
) -> None:
    """A box needs the extra `agent`, a collector the extra `collector`; the commands are installed by name."""
    packages = packages_of(wheel, extras, tmp_path / "packages")
    program, *arguments = command.split()
    said = run([str(environment / "bin" / program), *arguments], cwd=tmp_path, packages=packages).stdout
    assert words in said


BOXES = "firstbell-agent is the box's program"
DISTRICTS = "firstbell is the district's program"


@pytest.mark.parametrize(
    ("extras", "lacking"),
    [
        ((), {"firstbell": DISTRICTS, "firstbell-agent": BOXES}),
        (("agent",), {"firstbell": DISTRICTS}),
        (("agent", "speedtest"), {"firstbell": DISTRICTS}),
        (("agent", "reference"), {"firstbell": DISTRICTS}),
        (("collector",), {"firstbell-agent": BOXES}),
        (("collector", "broker"), {}),  # amqtt brings the box's libraries along
        (EVERYTHING, {}),
    ],
    ids=lambda value: "+".join(value) or "none" if isinstance(value, tuple) else "",
)
def test_each_program_runs_or_says_what_to_install(
    wheel: Path, environment: Path, tmp_path: Path, extras: tuple[str, ...], lacking: dict[str, str]
) -> None:
    """Both programs are there under every extra; the one whose libraries are not says so, and how to get them."""
    packages = packages_of(wheel, extras, tmp_path / "packages")
    for program, extra in (("firstbell", "collector"), ("firstbell-agent", "agent")):
        argv = [str(environment / "bin" / program), "--version"]
        ended = tried(argv, cwd=tmp_path, packages=packages)
        if program in lacking:
            assert (ended.returncode, ended.stdout) == (1, "")
            assert ended.stderr.startswith(f"Error: {lacking[program]}")
            assert f"pip install '.[{extra}]'" in ended.stderr
            assert len(ended.stderr.splitlines()) == 1
        else:
            assert ended.stdout == f"{program}, version {firstbell.__version__}\n"

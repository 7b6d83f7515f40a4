"""The documentation says what the program does, or the build fails."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import msgspec
import pytest

import agent.cli
from agent import config as agent_config
from agent.probes import PROBES
from agent.probes.settings import Server, Target
from collector import config as collector_config
from collector import registry
from collector.cards.network import Network
from firstbell import catalogue, folder
from firstbell import settings as toml
from firstbell.district import Settings as DistrictSettings
from scripts.pages import book, commands, settings

ROOT = Path(__file__).parents[1]
PAGES = {page.relative_to(ROOT).as_posix(): page for page in book.pages()}
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def text(page: str) -> str:
    """A page as it is."""
    return PAGES[page].read_text(encoding="utf-8")


def fences(language: str) -> Iterator[tuple[str, str]]:
    """Every fenced block of a language, with its page."""
    for page in PAGES:
        for kind, body in _FENCE.findall(text(page)):
            if kind == language:
                yield page, body


def anchors(page: Path) -> set[str]:
    """The names by which GitHub links to the headings of a page."""
    lines = _FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()
    titles = [line.lstrip("#").strip() for line in lines if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_the_program_is_today(page: str) -> None:
    """Tables match structs, commands and catalogue; a session's commands, run again, say the same."""
    assert text(page) == book.written_anew(text(page)), "run scripts/docs"


def test_every_block_is_used() -> None:
    """Nothing that can be made from the program is left out of the pages."""
    assert {name for page in PAGES for name in book.used(text(page))} == set(book.BLOCKS)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Files that a page links to exist, and so do the headings in them."""
    for target in _LINK.findall(_FENCE.sub("", text(page))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (PAGES[page].parent / path).resolve() if path else PAGES[page]
        assert file.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page} links to {target}"


def test_every_command_and_option_is_named() -> None:
    """Every command has a heading with its whole name, every option a line with its meaning."""
    page = text("docs/commands.md")
    for program, main in commands.PROGRAMS.items():
        for name, command in commands.walk(program, main):
            section = page.partition(f"### `{name}`\n")[2].partition("\n### ")[0]
            assert command.help, f"{name} has no help"
            assert " ".join(command.help.split()) in section, name
            for option in commands.options(command):
                assert option.help, f"{name} {option.name} has no help"
                assert all(f"`{flag}`" in section for flag in option.opts), f"{name} {option.name}"


SETTINGS: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("docs/settings.md", "## agent.toml: a box"): agent_config.Settings,
    ("docs/settings.md", "### Targets"): Target,
    ("docs/settings.md", "### Servers"): Server,
    ("docs/settings.md", "## collector.toml: the collector"): collector_config.Settings,
    ("docs/district.md", "## district.toml"): DistrictSettings,
}


@pytest.mark.parametrize("place", SETTINGS, ids=lambda place: place[1])
def test_every_setting_is_named(place: tuple[str, str]) -> None:
    """Every field of every settings struct stands in its table, with a type, a default and a meaning."""
    page, heading = place
    below = text(page).partition(f"\n{heading}\n")[2]
    level = heading.partition(" ")[0]
    section = re.split(rf"\n#{{2,{len(level)}}} ", below, maxsplit=1)[0]
    for name, _, _ in settings.fields(SETTINGS[place]):
        (line,) = [line for line in section.splitlines() if line.startswith(f"| `{name}` |")]
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 4, line
        assert all(cells), line


def test_the_start_names_what_does_not_run_then() -> None:
    """What `first_now` says names each probe of once a week, for the schedule leaves these out."""
    (line,) = [line for line in text("docs/settings.md").splitlines() if "| `probes.first_now` |" in line]
    weekly = [probe.name for probe in catalogue.PROBES.values() if probe.heavy and probe.once_in == "week"]
    assert weekly
    assert all(f"`{name}`" in line for name in weekly)


def test_every_metric_probe_and_model_is_named() -> None:
    """What the catalogue, the registry of probes and models.toml hold stands on its page."""
    hops = re.compile(r"hop\d\d_")
    metrics = [name for name in catalogue.METRICS if not hops.match(name)]
    for name in [*metrics, *catalogue.PROBES, *PROBES]:
        assert f"| `{name}` |" in text("docs/metrics.md")
    for told in ("address", "rtt_ms"):
        assert f"| `hop01_{told}` to `hop20_{told}` |" in text("docs/metrics.md")
    targets = registry.targets()
    for name, model in targets.models.items():
        section = text("docs/models.md").partition(f"### `{name}`")[2].partition("\n### ")[0]
        assert model.online_share.source in section
    for published in targets.published.values():
        assert published.name in text("docs/models.md")
    for name in [*folder.FILES, *folder.EXAMPLES]:
        assert f"`{name}`" in text("docs/district.md")


def test_every_variable_of_the_environment_is_named() -> None:
    """What First Bell's own code and scripts take from the environment stands in the settings."""
    found = {collector_config.DATA_VARIABLE, agent.cli.CONFIG_VARIABLE}
    for script in ("check_tls.py", "setup.sh"):
        source = (ROOT / "scripts" / script).read_text(encoding="utf-8")
        found |= set(re.findall(r"(?:environ\.get\(\"|\$\{)(\w+)(?:\"\)|:-)", source))
    assert {"FIRSTBELL_PYTHON", "PIP_CERT", "SSL_CERT_FILE"} < found
    assert [name for name in sorted(found) if f"`{name}`" not in text("docs/settings.md")] == []


def test_examples_of_settings_can_be_read(tmp_path: Path) -> None:
    """Every TOML on the pages is one that the program takes, whole."""
    kinds: dict[str, type[msgspec.Struct]] = {
        "# agent.toml": agent_config.Settings,
        "# collector.toml": collector_config.Settings,
        "# district.toml": DistrictSettings,
        "# network.toml": Network,
    }
    seen = set()
    for page, body in fences("toml"):
        first = body.splitlines()[0]
        if first in kinds:
            toml.load(page, body, kinds[first])
            seen.add(first)
        else:
            (tmp_path / "agent.toml").write_text(f'[box]\nname = "a-box"\n{body}', encoding="utf-8")
            read = agent_config.read(tmp_path / "agent.toml")
            assert read.targets == agent_config.Settings(box=read.box).targets
    assert seen == set(kinds)


def test_examples_of_the_districts_files_can_be_read() -> None:
    """The tables on the district's page are a district, the one in docs/example."""
    contents = {}
    for page, body in fences("csv"):
        assert page == "docs/district.md"
        (name,) = [
            name
            for name, known in folder.COLUMNS.items()
            if set(body.splitlines()[0].split(",")) <= set(known[0])
        ]
        contents[name] = body
    assert folder.parse(contents).schools
    for name, body in contents.items():
        example = ROOT / "docs" / "example" / "district" / name
        assert example.read_text(encoding="utf-8") == body


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every command line of First Bell's on a page, in a block or in a sentence."""
    for page in PAGES:
        blocks = [body for kind, body in _FENCE.findall(text(page)) if kind in {"sh", "console"}]
        lines = [line.removeprefix("$ ") for body in blocks for line in body.splitlines()]
        spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text(page)))
        for line in [*lines, *spans]:
            if re.match(r"(\S+/)?firstbell(-agent)?( |$)", line):
                yield page, shlex.split(line.partition("|")[0], comments=True)


def test_command_lines_are_ones_that_the_programs_take() -> None:
    """Every `firstbell ...` on a page names commands and options that exist."""
    seen = 0
    for page, (program, *words) in command_lines():
        command: click.Command = commands.PROGRAMS[program.rsplit("/", 1)[-1]]
        known = {"--help", "--version"}
        for word in words:
            known |= {flag for option in commands.options(command) for flag in option.opts}
            if word.startswith("--"):
                assert word in known, f"{page}: {program} {' '.join(words)}: {word}"
            elif isinstance(command, click.Group) and word in command.commands:
                command = command.commands[word]
                seen += 1
            elif isinstance(command, click.Group) and word.islower() and "/" not in word and "-" not in word:
                raise AssertionError(f"{page}: {program} has no command {word}")
    assert seen > 10


def complaint(program: str, words: list[str]) -> str:
    """What the program would say of these words before it does anything; "" if it would begin."""
    command: click.Command = commands.PROGRAMS[program.rsplit("/", 1)[-1]]
    name: str | None = program
    parent: click.Context | None = None
    try:
        while True:
            context = command.make_context(name, list(words), parent=parent)
            if not isinstance(command, click.Group):
                return ""
            name, found, words = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            command, parent = found, context
    except click.UsageError as error:
        return error.format_message()


def test_a_command_that_can_be_typed_as_it_stands_is_whole() -> None:
    """One that names the program's place is there to be typed: it lacks no word that the program wants."""
    typed = [(page, line) for page, line in command_lines() if "/" in line[0] and line[1:]]
    assert len(typed) > 5
    assert {(page, *line): said for page, line in typed if (said := complaint(line[0], line[1:]))} == {}


def test_scripts_that_are_named_exist() -> None:
    """`scripts/...` on a page is a script."""
    named = {name for page in PAGES for name in re.findall(r"scripts/([a-z_]+(?:\.\w+)?)", text(page))}
    assert {"up", "test", "docs", "example"} <= named
    assert [name for name in sorted(named) if not (ROOT / "scripts" / name).exists()] == []


@cache
def said() -> str:
    """Every text that the product and its scripts hold, as they would say it."""
    files = [*(ROOT / "scripts").glob("*.py")]
    for package in ("firstbell", "agent", "collector"):
        files += (ROOT / package).rglob("*.py")
    texts = [(ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8")]
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        ]
    return "\n".join(" ".join(part.split()) for part in texts)


def messages() -> list[str]:
    """The messages on the page for technicians."""
    rows = [line for line in text("docs/troubleshooting.md").splitlines() if line.startswith("| `")]
    return [match[1] for row in rows if (match := re.match(r"\| `([^`]+)`", row))]


def test_messages_are_ones_that_the_program_says() -> None:
    """Each message that a technician may look up is in the program, up to the names and numbers in it."""
    assert len(messages()) > 30
    for message in messages():
        parts = [part.strip(" .") for part in message.split("…")]
        for part in filter(None, parts):
            assert part in said(), f"nothing says {part!r}"
        assert max(map(len, parts)) > 8, f"{message} could be anything"

"""Pages of commands, from the commands themselves."""

from collections.abc import Iterator

import click

import agent.cli
import collector.cli
from scripts.pages.markdown import code, table

PROGRAMS: dict[str, click.Command] = {
    "firstbell": collector.cli.main,
    "firstbell-agent": agent.cli.main,
}


def firstbell() -> str:
    """Every command of `firstbell`."""
    return _page("firstbell")


def firstbell_agent() -> str:
    """Every command of `firstbell-agent`."""
    return _page("firstbell-agent")


def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """`command` under its whole name, and all commands inside it."""
    yield name, command
    if isinstance(command, click.Group):
        for inner_name, inner in command.commands.items():
            yield from walk(f"{name} {inner_name}", inner)


def options(command: click.Command) -> list[click.Option]:
    """The options of a command, without those that click adds by itself."""
    own = [param for param in command.params if isinstance(param, click.Option)]
    return [option for option in own if option.name not in {"help", "version"}]


def _page(program: str) -> str:
    return "\n\n".join(_command(name, command) for name, command in walk(program, PROGRAMS[program]))


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"### {code(name)}", code(usage), " ".join((command.help or "").split())]
    if isinstance(command, click.Group) and " " in name:
        parts.pop(1)
    rows = [_option(option, context) for option in options(command)]
    if rows:
        parts.append(table(["option", "value", "meaning"], rows))
    return "\n\n".join(parts)


def _option(option: click.Option, context: click.Context) -> list[str]:
    meaning = (option.help or "").replace("[default: 3]", "(Default: 3.)").split()
    if option.required:
        meaning.append("Must be given.")
    if option.show_default and option.default is not None:
        meaning.append(f"(Default: {option.default}.)")
    return [", ".join(code(name) for name in option.opts), _value(option, context), " ".join(meaning)]


def _value(option: click.Option, context: click.Context) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.IntRange | click.FloatRange):
        kind = "whole number" if isinstance(option.type, click.IntRange) else "number"
        most = "" if option.type.max is None else f" to {option.type.max:,}"
        return f"{kind}, {option.type.min:,}{most}"
    return code(option.make_metavar(context))

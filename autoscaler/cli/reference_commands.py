"""The commands' part of the reference, read from the commands themselves."""

import inspect
from collections.abc import Iterator

from typer.core import TyperArgument, TyperGroup, TyperOption

from autoscaler.cli.output import ExitCode
from autoscaler.cli.tree import VERBS, Command, load

_ENDS = {
    ExitCode.OK: "ok",
    ExitCode.RUNTIME: "something went wrong",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.CHECK_FAILED: "a check failed",
}


def command_lines() -> Iterator[str]:
    """Every verb with its options."""
    ends = ", ".join(f"{code.value} {text}" for code, text in _ENDS.items())
    yield f"Exit codes: {ends}. Where data is printed, `-o json` prints it for programs."
    for name, command in commands():
        yield from ("", f"### `neevscale {name}`", "")
        yield _text(command)
        rows = list(_options(command))
        if rows:
            yield ""
            yield from rows


def commands() -> Iterator[tuple[str, Command]]:
    """(words of the command line, command) of every verb that is no group and not hidden."""
    for name, verb in VERBS.items():
        if verb.hidden:
            continue
        command = load(name)
        if isinstance(command, TyperGroup):
            for inner_name, inner in command.commands.items():
                yield f"{name} {inner_name}", inner  # type: ignore[misc]  # typer makes no others
        else:
            yield name, command


def _text(command: Command) -> str:
    """The help with its paragraphs, in Markdown."""
    return inspect.cleandoc(command.help or "")


def _options(command: Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            shown = f"`{(parameter.name or '').upper()}`"
            yield f"- {shown}: {parameter.help or ''}"
        elif isinstance(parameter, TyperOption) and parameter.name != "help":
            names = ", ".join(f"`{option}`" for option in parameter.opts)
            yield f"- {names}: {parameter.help or ''}{_default(parameter)}"


def _default(option: TyperOption) -> str:
    value = option.default
    if value is None or value is False or not option.show_default:
        return ""
    return f" Default `{getattr(value, 'value', value)}`."

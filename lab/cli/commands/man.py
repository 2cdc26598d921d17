"""`lab man`: the manual page, made of the parser, in the macros of man(7)."""

from argparse import Action, ArgumentParser
from collections.abc import Iterator, Mapping

from lab.cli.console import Console
from lab.cli.grammar.command_table import COMMANDS, EXITS
from lab.cli.grammar.options import grammar
from lab.core.version import __version__
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """Print it."""
    root, commands = grammar(["", *COMMANDS])
    console.out("\n".join(_page(root.description or "", commands)))
    return 0


def _page(description: str, commands: Mapping[str, ArgumentParser]) -> Iterator[str]:
    yield f'.TH LAB 1 "" "lab {__version__}" "Invoke Async Lab"'
    yield from (".SH NAME", r"lab \- a mocked asynchronous agent API, and a client of it", ".SH SYNOPSIS")
    yield from (
        r"\fBlab\fR \fICOMMAND\fR ...",
        ".SH DESCRIPTION",
        *map(_roff, description.splitlines()),
        ".SH COMMANDS",
    )
    for name, command in commands.items():
        does, example = COMMANDS[name]
        yield from (f".SS lab {name}", _roff(f"{does[:1].upper()}{does[1:]}. Example:"))
        yield from (".PP", rf"\fB{_roff(example)}\fR")
        for action in command._actions[1:]:  # --help is the first, of each
            yield from (".TP", rf"\fB{_roff(_form(action))}\fR", _roff((action.help or "").replace("%%", "%")))
    yield from (".SH EXIT STATUS", ".nf", *(_roff(line.strip()) for line in EXITS.splitlines()), ".fi")
    yield from (".SH SEE ALSO", _roff("lab docs lists the pages of the reference, lab docs PAGE prints one."))


def _form(action: Action) -> str:
    """An option, or what a command is about, as it is written."""
    choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper()
    value = "" if action.nargs == 0 else action.metavar if isinstance(action.metavar, str) else choices
    return " ".join([*action.option_strings[:1], *([value] if value else [])]).replace(" =", "=")


def _roff(text: str) -> str:
    """Text of which no sign commands the formatter."""
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain

"""What is said of a command, or an option, that there isn't: the nearest that there is."""

import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence

from lab.cli.grammar.command_table import COMMANDS
from lab.core.errors import UsageError

_MEANT = {"fast": "speed", "instant": "speed", "quick": "speed", "user": "as"}
"""What people call an option that has another name."""
BELOW_ZERO = re.compile(r"-\.?[0-9]")
"""How a value begins that no option takes: the option says so, and it isn't looked for among the options."""


def refuse_unknown_command(argv: Sequence[str]) -> None:
    """UsageError if the call begins with a word that is no command."""
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise UsageError(
            f"There is no command {argv[0]}.", hint=_near(argv[0], COMMANDS) or "lab --help lists the commands."
        )


def refuse_unknown_options(
    unknown: Sequence[str], command: ArgumentParser, every: Callable[[], Mapping[str, ArgumentParser]]
) -> None:
    """UsageError for the first that the command doesn't take; a value written behind `=` isn't repeated.

    `every` gives all commands, of which another may have it.
    """
    if unknown:
        word = unknown[0].partition("=")[0]
        kind = "option" if word.startswith("-") else "argument"
        known = (name for action in command._actions for name in action.option_strings)
        having = ", ".join(name for name, each in every().items() if word in each._option_string_actions)
        hint = f"It is an option of lab {having}." if having else _near(word, known) or f"Try: {command.prog} --help"
        raise UsageError(f"{command.prog} takes no {kind} {word}.", hint=hint)


def _near(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    names = {each.lstrip("-"): each for each in known}  # the dashes, which all have, would make strangers alike
    said = word.lstrip("-")
    meant = [_MEANT[said]] if _MEANT.get(said) in names else get_close_matches(said, names, n=1)
    return next((f"Did you mean {names[each]}?" for each in meant), "")

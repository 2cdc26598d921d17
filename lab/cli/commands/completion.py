"""`lab completion`: what completes the command line in a shell, made of the parser."""

import shtab

from lab.cli.command_table import COMMANDS
from lab.cli.console import Console
from lab.cli.options import grammar
from lab.settings import Flags

_PLACES = {"FILE": shtab.FILE, "PATH": shtab.FILE, "CAPTURE": shtab.FILE, "SCENARIO": shtab.FILE, "DIR": shtab.DIR}
"""By the placeholder of a value: which names on disk stand for it."""


def execute(flags: Flags, console: Console) -> int:
    """Print the script of the shell."""
    root, commands = grammar(["", *COMMANDS])
    for command in commands.values():
        for action in command._actions:
            # shtab looks at an attribute that argparse doesn't know
            if isinstance(action.metavar, str) and action.metavar in _PLACES:
                action.complete = _PLACES[action.metavar]  # type: ignore[attr-defined]
    console.out(shtab.complete(root, flags["shell"]).rstrip("\n"))
    return 0

"""Says where a scenario came from that the folder of scenarios doesn't have."""

from argparse import Namespace

from lab.cli.console import Console
from lab.cli.grammar.parser import options_of
from lab.core.errors import LabError
from lab.files.scenarios import scenarios_folder, shipped_path
from lab.plugin import CliCommand

_NAMING = ("SCENARIO", "PATH")
"""What stands in the help for values that name scenarios, of a command that looks for them in a folder."""


def tell_origin(command: CliCommand, options: Namespace, console: Console) -> None:
    """A line for each name that is taken from the shipped scenarios though another folder was searched first."""
    names: list[str] = []
    for option in options_of(command) if hasattr(options, "scenarios") else ():
        given = getattr(options, option.key, None) if option.value in _NAMING else None
        names.extend((given,) if isinstance(given, str) else given or ())
    if not names:
        return
    try:
        folder = scenarios_folder(options.scenarios)
    except LabError:  # the command itself says so
        return
    for name in dict.fromkeys(names):
        if shipped_path(name, folder) is not None:
            console.err(f"note: {folder} has no scenario {name}: it is the shipped one.")

"""Says where a scenario came from that the folder of scenarios doesn't have."""

from lab.cli.console import Console
from lab.cli.parser import ReadCall
from lab.core.errors import LabError
from lab.files.scenarios import scenarios_folder, shipped_path

_NAMING = ("SCENARIO", "PATH")
"""What stands in the help for values that name scenarios, of a command that looks for them in a folder."""


def tell_origin(call: ReadCall, console: Console) -> None:
    """A line for each name that is taken from the shipped scenarios though another folder was searched first."""
    names: list[str] = []
    for option in call.taken.values() if "--scenarios" in call.taken else ():
        given = call.given.get(option.name) if {option.name, option.value} & {*_NAMING} else None
        names.extend((given,) if isinstance(given, str) else given or ())
    if not names:
        return
    folder_given = call.given.get("--scenarios")
    try:
        folder = scenarios_folder(folder_given if isinstance(folder_given, str) else None)
    except LabError:  # the command itself says so
        return
    for name in dict.fromkeys(names):
        if shipped_path(name, folder) is not None:
            console.err(f"note: {folder} has no scenario {name}: it is the shipped one.")

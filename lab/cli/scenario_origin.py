"""Says where a scenario came from that the folder of scenarios doesn't have."""

from argparse import Namespace

from lab.cli.console import Console

_NAMING = {
    "demo": "targets",
    "serve": "targets",
    "run": "targets",
    "check": "targets",
    "rehearse": "targets",
    "drill": "target",
}
"""The commands that take scenarios by name, and in which argument."""


def tell_origin(options: Namespace, console: Console) -> None:
    """A line for each name that is taken from the shipped scenarios though another folder was searched first."""
    if options.command not in _NAMING:
        return
    from lab.core.errors import LabError  # such a command loads both anyway
    from lab.files.scenarios import scenarios_folder, shipped_path

    given = getattr(options, _NAMING[options.command]) or ()
    names = (*((given,) if isinstance(given, str) else given), getattr(options, "drills", None))
    try:
        folder = scenarios_folder(options.scenarios)
    except LabError:  # the command itself says so
        return
    for name in dict.fromkeys(filter(None, names)):
        if shipped_path(name, folder) is not None:
            console.err(f"note: {folder} has no scenario {name}: it is the shipped one.")

"""From arguments to a command's exit code; a command's module is loaded when it is called."""

import gc
from collections.abc import Callable
from importlib import import_module

from lab.cli.console import Console, guarded
from lab.cli.installation import incomplete
from lab.cli.options import parse_options
from lab.cli.scenario_origin import tell_origin


def run_command(argv: list[str], console: Console | None = None) -> int:
    """Parse, load, execute; errors become text and an exit code."""
    console = console or Console()

    def whole() -> int:
        # who names no command on a terminal wants to see the lab
        given = argv or (["demo"] if console.terminal else [])
        try:
            options = parse_options(given, console)
        except SystemExit as end:  # --help and --version have printed and are done
            return int(end.code or 0)
        # What is loaded stays: collecting garbage meanwhile costs a tenth of the start, and finds none.
        gc.disable()
        try:
            from lab.settings import Flags  # after the help, which needs no settings

            execute: Callable[[Flags, Console], int] = import_module(f"lab.cli.commands.{options.command}").execute
        except ImportError as fault:
            gc.enable()
            raise incomplete(fault) from None
        tell_origin(options, console)
        gc.freeze()
        gc.enable()
        return execute(Flags(options, arguments=tuple(given)), console)

    return guarded(whole, console)

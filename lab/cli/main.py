"""From arguments to a command's exit code; a command's module is loaded when it is called."""

import gc
from typing import TYPE_CHECKING, cast

from lab.cli.console import Console, guarded
from lab.cli.grammar.parser import additions_given, command_of, parse_options
from lab.cli.installation import incomplete
from lab.plugin import resolve

if TYPE_CHECKING:
    from lab.cli.command import Execute
    from lab.cli.serve.worker_place import WorkerPlace


def run_worker() -> int:
    """Run `lab serve` as one of the workers of another process, which says on stdin which."""
    from lab.cli.serve.worker_place import read_place

    place = read_place()
    return run_command(list(place.arguments), place=place)


def run_command(argv: list[str], console: Console | None = None, place: "WorkerPlace | None" = None) -> int:
    """Parse, load, execute; errors become text and an exit code. `place` is that of a worker."""
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
            from lab.cli.scenario_origin import tell_origin
            from lab.settings import Flags  # after the help, which needs no settings

            command = command_of(options.command)
            taken_over = (each.run for each in additions_given(command, given) if each.run)
            execute = cast("Execute", resolve(next(taken_over, command.run)))
        except ImportError as fault:
            gc.enable()
            raise incomplete(fault, given) from None
        options.place = place
        if place is None or place.announces:
            tell_origin(command, options, console)
        gc.freeze()
        gc.enable()
        return execute(Flags(options, arguments=tuple(given)), console)

    return guarded(whole, console)

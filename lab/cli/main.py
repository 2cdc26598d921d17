"""From arguments to a command's exit code; a command's module is loaded when it is called."""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from lab.cli.console import Console, guarded
from lab.cli.installation import incomplete
from lab.cli.parser import read_call
from lab.plugin import resolve

if TYPE_CHECKING:
    from lab.cli.serve.workers import WorkerPlace


def run_worker() -> int:
    """Run `lab serve` as one of the workers of another process, which says on stdin which."""
    from lab.cli.serve.workers import read_place

    place = read_place()
    return run_command(list(place.arguments), place=place)


def run_command(argv: list[str], console: Console | None = None, place: "WorkerPlace | None" = None) -> int:
    """Parse, load, execute; errors become text and an exit code. `place` is that of a worker."""
    console = console or Console()

    def whole() -> int:
        # who names no command on a terminal wants to see the lab
        given = argv or (["demo"] if console.terminal else [])
        try:
            settings = read_call(given, console)
        except SystemExit as end:  # --help and --version have printed and are done
            return int(end.code or 0)
        except ImportError as fault:
            raise incomplete(fault, given) from None
        # What is loaded stays: collecting garbage meanwhile costs a tenth of the start, and finds none.
        gc.disable()
        try:
            from lab.cli.scenario_origin import tell_origin

            taken_over = (each.run for each, _ in settings.additions if each.run)
            execute = cast("Callable[..., int]", resolve(next(taken_over, settings.command.run)))
        except ImportError as fault:
            gc.enable()
            raise incomplete(fault, given) from None
        if place is None or place.announces:
            tell_origin(settings, console)
        more: dict[str, Any] = {} if place is None else {"place": place}  # a worker is one of `lab serve`
        gc.freeze()
        gc.enable()
        return execute(settings.options, console, **more)

    return guarded(whole, console)

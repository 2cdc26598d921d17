"""`lab demo --web`: the screen in a browser, one process a visitor, on loopback only (tui.md §12)."""

import sys
from collections.abc import Sequence
from shlex import join

from lab.cli.console import Console
from lab.core.errors import HostError, UsageError
from lab.settings import Settings

HOST = "127.0.0.1"
"""The page has no login, so it is served to this machine alone; use a tunnel for more."""


def execute(asked: Settings, console: Console) -> int:
    """Serve until stopped; each visitor's process is this command without `--web`."""
    try:
        from lab.cli.page import BrowserPage
    except ModuleNotFoundError:
        raise UsageError(
            "--web needs textual-serve, which is not installed.", hint="pip install 'invoke-async-lab[web]'"
        ) from None
    assert asked.web is not None
    page = BrowserPage(visitor(without("--web", asked.arguments)), HOST, asked.web, console)
    try:
        page.serve()
    except OSError as error:
        raise HostError(
            f"Port {asked.web} can't be had: {error.strerror or error}.", hint="Choose another: --web PORT"
        ) from None
    return 0


def visitor(arguments: Sequence[str]) -> str:
    """The command of a visitor's process, for a shell; Ctrl-C, which a terminal sends to all, is left to the page."""
    command = join([sys.executable, "-m", "lab", *arguments])
    # what is ignored when Python starts it leaves ignored, at its start and at its end, too
    return command if sys.platform == "win32" else f"trap '' INT; exec {command}"


def without(option: str, arguments: Sequence[str]) -> list[str]:
    """The arguments without an option and its number, if it has one."""
    left: list[str] = []
    after = False
    for argument in arguments:
        number, after = after and argument.isdigit(), argument == option
        if not after and not number and not argument.startswith(f"{option}="):
            left.append(argument)
    return left

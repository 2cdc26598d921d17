"""`lab demo --web`: the screen in a browser of this machine (screen.md §6)."""

from lab.cli.commands.demo import DemoSettings
from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.plugins.web.page import serve_page
from lab.settings import Flags


def execute(flags: Flags, console: Console) -> int:
    """The page; each visitor's process is this command without `--web`."""
    settings = flags.into(DemoSettings)
    listen = settings.mock.listen
    shared = {
        "--record": settings.mock.record,
        "--port": listen.port or None,
        "--control-port": listen.control_port or None,
    }
    for option, value in shared.items():
        if value is not None:
            raise UsageError(f"{option} can't be used with --web: each visitor has a run of their own.")
    serve_page(flags["web"], flags.arguments, console)
    return 0

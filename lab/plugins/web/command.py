"""`lab demo --web`: the screen in a browser of this machine (screen.md §6)."""

from lab.cli.console import Console
from lab.cli.run_settings import DemoSettings
from lab.options import addition
from lab.plugins.web.options import WebSettings
from lab.plugins.web.page import serve_page


def execute(settings: DemoSettings, console: Console) -> int:
    """The page; each visitor's process is this command without `--web`."""
    web = addition(settings.additions, WebSettings)
    assert web is not None
    serve_page(web.port, settings.arguments, console)
    return 0

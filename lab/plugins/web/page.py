"""`lab demo --web`: the screen in a browser, one process a visitor, on loopback only (screen.md §6).

It needs the extra `[web]`: the page is textual-serve's, kept to this machine's own browser.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from shlex import join
from subprocess import list2cmdline

from aiohttp import web
from textual_serve import server
from textual_serve.app_service import AppService

from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.signals import Interrupted
from lab.core.errors import HostError
from lab.core.version import __version__

HOST = "127.0.0.1"
"""The page has no login, so it is served to this machine alone; use a tunnel for more."""
LEAVING = 0.5
"""Real seconds that visitors have to leave by themselves once the page ends; then each one's process is told to quit."""


_ELSEWHERE = re.compile(r'<link\b[^>]*\bhref="https?://[^>]*>')
"""What textual-serve's page would fetch from another host: a font, which a browser without it replaces by its own."""


class Visitor(AppService):
    """One visitor's process; it is gone once it is stopped, and not only silent, as textual-serve's own may be.

    Of what is left of it when the loop closes, Python before 3.13.4 complains on stderr.
    """

    async def stop(self) -> None:
        """Tell it to quit, and wait for its end."""
        await super().stop()
        if self._process is not None:
            await self._process.wait()


server.AppService = Visitor  # type: ignore[attr-defined]  # it takes no other


class BrowserPage(server.Server):
    """Serves the screen; a page of another origin can neither show it nor type into it."""

    def __init__(self, command: str, host: str, port: int, console: Console) -> None:
        super().__init__(command, host=host, port=port, title=f"Invoke Async Lab {__version__}")
        self._lab_console = console
        self._names = {f"{name}:{port}" for name in (host, "localhost")}

    async def on_startup(self, app: web.Application) -> None:
        """textual-serve's own words are left out."""

    async def serve_until_stopped(self, stop: Stop) -> None:
        """Serve until a signal comes; OSError if the port can't be had."""
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=LEAVING)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            self._lab_console.out(
                f"Open {self.public_url} in a browser; each visitor gets a run of their own. Stop with Ctrl-C."
            )
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._own)
        return app

    @web.middleware
    async def _own(self, request: web.Request, handler: object) -> web.StreamResponse:
        """Refuse another host's name (DNS rebinding), and a WebSocket that another origin's page opens."""
        origin = request.headers.get("origin")
        if request.host not in self._names or (origin is not None and origin.partition("://")[2] not in self._names):
            raise web.HTTPForbidden(text="This page is for the browser of this machine.\n")
        answer: web.StreamResponse = await handler(request)  # type: ignore[operator]  # aiohttp's handler
        if isinstance(answer, web.Response) and answer.content_type == "text/html" and answer.text:
            answer.text = _ELSEWHERE.sub("", answer.text)
        return answer


def serve_page(port: int, arguments: Sequence[str], console: Console) -> None:
    """Serve until stopped; each visitor's process is this command without `--web`."""
    page = BrowserPage(visitor_command(without("--web", arguments)), HOST, port, console)
    console.serving = True
    try:
        complete(page.serve_until_stopped)
    except Interrupted:
        return
    except OSError as error:
        raise HostError(
            f"Port {port} can't be had: {error.strerror or error}.", hint="Choose another: --web PORT"
        ) from None


def visitor_command(arguments: Sequence[str]) -> str:
    """The command of a visitor's process, for a shell; Ctrl-C, which a terminal sends to all, is left to the page."""
    command = [sys.executable, "-m", "lab", *arguments]
    if sys.platform == "win32":  # its shell has other quotes, and no traps
        return list2cmdline(command)
    # what is ignored when Python starts it leaves ignored, at its start and at its end, too
    return f"trap '' INT; exec {join(command)}"


def without(option: str, arguments: Sequence[str]) -> list[str]:
    """The arguments without an option and its number, if it has one."""
    left: list[str] = []
    after = False
    for argument in arguments:
        number, after = after and argument.isdigit(), argument == option
        if not after and not number and not argument.startswith(f"{option}="):
            left.append(argument)
    return left

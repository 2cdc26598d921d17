"""textual-serve's page, kept to this machine's own browser. It needs the extra `[web]`."""

from aiohttp import web
from textual_serve.server import Server

from lab import __version__
from lab.cli.console import Console


class BrowserPage(Server):
    """Serves the screen; a page of another origin can neither show it nor type into it."""

    def __init__(self, command: str, host: str, port: int, console: Console) -> None:
        super().__init__(command, host=host, port=port, title=f"Invoke Async Lab {__version__}")
        self._told = console
        self._names = {f"{name}:{port}" for name in (host, "localhost")}

    async def on_startup(self, app: web.Application) -> None:
        """textual-serve's own words are left out."""

    def serve(self, debug: bool = False) -> None:
        """Serve until a signal comes; OSError if the port can't be had."""
        web.run_app(self._make_app(), host=self.host, port=self.port, access_log=None, print=self._announce)

    def _announce(self, *_: object) -> None:
        self._told.out(f"Open {self.public_url} in a browser; each visitor gets a run of their own. Stop with Ctrl-C.")

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
        return answer

"""Receivers of callbacks on loopback, in a thread of their own: what came, and what each is answered."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Came(NamedTuple):
    """One callback as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """A receiver that can be killed and come back at its port."""

    answer: Callable[[Came], tuple[int, dict[str, str]]] = lambda _: (204, {})
    body: bytes = b""
    """Of each answer."""
    came: list[Came] = field(default_factory=list)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=%20b"

    def start(self) -> None:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                came = Came(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                hook.came.append(came)
                status, headers = hook.answer(came)
                self.send_response(status)
                for name, value in {"content-length": str(len(hook.body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(hook.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@contextmanager
def receiving(answer: Callable[[Came], tuple[int, dict[str, str]]] = lambda _: (204, {})) -> Iterator[Hook]:
    """A receiver until the block ends."""
    hook = Hook(answer)
    hook.start()
    try:
        yield hook
    finally:
        hook.stop()

"""A proxy on loopback between a client and a pod, which tells what it sees (recordings.md §16).

What the client sends goes on as it is, what the pod answers comes back piece by piece as it came. Nothing is repeated,
kept for later or unpacked; only `Host`, what concerns one connection, and a `Location` at the pod itself are changed.
"""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import AnyClock
from lab.core.clock import Epoch, Millis
from lab.core.exchange import Headers, RawHeaders, Request, Response, header_of, is_target
from lab.core.journal.fact import Fact
from lab.core.journal.shell import ConnectionClosed, TapeNoted
from lab.core.observe import Noted, Observation, Observer, Replied, Requested
from lab.core.refusal import Refusal
from lab.core.reply import gathered
from lab.core.upstream import Upstream, UpstreamAnswer, UpstreamFailed, UpstreamRequest
from lab.dialects import FUSION, dialect_of
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE
from lab.identity.routes import FORM_ROUTES, IDENTITY_NAMES, IDENTITY_ROUTES
from lab.program.switches import Switches
from lab.recording.format.lines import LONGEST_BODY
from lab.recording.tape.unpacked_bodies import unpacked
from lab.server import request_reader as reader
from lab.server.connection import SENT, Connection, Sent, reset
from lab.server.delivery import Awaited
from lab.server.limits import ServerLimits
from lab.server.listening_server import ListeningServer
from lab.server.response_writer import BODILESS, CLOSE, ResponseWriter, field_line, one_line

PROXY_LIMITS = replace(ServerLimits(), line=65_536, header_deadline=75.0, body_deadline=3_600.0)
"""What a pod admits is the pod's affair: these only guard the process."""
_NOTHING = Response(0)
"""An answer of which no status line left."""
_MADE_ANEW = frozenset((b"host", b"content-length", b"expect"))
"""Headers of a request that say what this hop says anew: where it goes, how long it is, that it was waited for."""
_IDENTITY_PLACES = frozenset(row.path.split("/")[1] for row in IDENTITY_ROUTES) - {".well-known"}
_PORTS = {"http": 80, "https": 443}
_BEGINNING = re.compile(r"(?i)https?://[^/?#]*")
_OF_ONE_CONNECTION = frozenset(b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split())
"""Headers that go no further (RFC 9110 §7.6.1)."""


def passed_on(headers: RawHeaders, without: frozenset[bytes] = frozenset()) -> RawHeaders:
    """The headers that go further than one connection."""
    named = {
        part.strip().lower()
        for name, value in headers
        if name.rstrip().lower() == b"connection"
        for part in value.split(b",")
    }
    left = _OF_ONE_CONNECTION | named | without
    names = ((name.rstrip(), value) for name, value in headers)  # no blank before the colon goes on (RFC 9112 §5.1)
    return tuple((name, value) for name, value in names if name.lower() not in left)


class PodOrigins(Struct, frozen=True):
    """Where the two halves of a pod are: `https://host` or `https://host:port`."""

    pod: str
    tokens: str
    token_path: str = ""
    """What paths begin with that are the token origin's, beside those of the identity domain as the lab knows it."""

    def of(self, method: str, path: str) -> tuple[str, str]:
        """The origin that a path belongs to, and the name of its route."""
        route = ROUTER.name(method, path)
        known = ROUTER.at(path)
        if known is not None:
            tokens = known.name in IDENTITY_NAMES
        else:
            beneath = self.token_path and (path + "/").startswith(self.token_path + "/")
            tokens = bool(beneath) or not _IDENTITY_PLACES.isdisjoint(path.split("/")[1:2])
        if not tokens:
            return self.pod, route
        # what a tape doesn't know by its path has secrets where those of the token endpoint are
        return self.tokens, route if route != UNKNOWN_ROUTE else "token"

    def moved(self, location: bytes, here: str) -> bytes:
        """A `Location`: one at either origin is at `here` then."""
        text = location.decode("latin-1")
        found = _BEGINNING.match(text)
        ours = found is not None and _compared(found[0]) in (_compared(self.pod), _compared(self.tokens))
        return here.encode() + location[found.end() :] if found and ours else location


def _compared(origin: str) -> tuple[str, str, int | None] | None:
    """An origin as it is compared: case and the usual port don't count. None if it is none."""
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


class PodProxy(ListeningServer):
    """The proxy on its sockets; observers are told of each exchange, bodies unpacked."""

    def __init__(
        self,
        clock: AnyClock,
        epoch: Epoch,
        origins: PodOrigins,
        connect: Callable[[], Upstream],
        say: Callable[[str], None],
    ) -> None:
        """`connect` makes what stands for one of a client's connections; `say` tells the person at the terminal."""
        super().__init__(clock, PROXY_LIMITS)
        self.observers: list[Observer] = []
        self.exchanges = 0
        self.say = say
        self.pod_origins = origins
        self._connect = connect
        self._upstreams: dict[int, Upstream] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._writer = ResponseWriter(epoch)

    def tell(self, observation: Observation) -> None:
        """Notify all observers."""
        for observer in self.observers:
            observer(observation)

    async def stop(self, grace: Millis = 5_000, hurry: asyncio.Event | None = None) -> None:
        """As any server; then nothing is open towards the pod."""
        await super().stop(grace, hurry)
        for ordinal in tuple(self._upstreams):
            self._close_upstream(ordinal)
        await asyncio.gather(*self._closing)

    # What a connection tells

    def note(self, fact: Fact) -> None:
        """Tell a fact about a socket."""
        self.tell(Noted(fact.at, fact))

    def left(self, fact: ConnectionClosed) -> None:
        """What stood for it at the pod goes too."""
        self._close_upstream(fact.c)

    def _close_upstream(self, ordinal: int) -> None:
        upstream = self._upstreams.pop(ordinal, None)
        if upstream is not None:
            task = asyncio.ensure_future(upstream.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse without asking anybody, and close."""
        self._write(connection, _word(problem, "GET", ""), "GET")
        connection.over("server")

    # One exchange

    async def exchange(self, connection: Connection, incoming: web.BaseRequest) -> Sent:
        """Carry one request on, and its answer back."""
        since, headers = self.clock.now(), connection.headers
        path, query = reader.target_of(incoming.raw_path)
        body: bytes | Refusal = _refused(incoming, f"{path}?{query}", headers) or b""
        if isinstance(body, bytes) and incoming.body_exists:
            body = await connection.body(self.limits.upload_body, packed=True)
        now = self.clock.now()
        x = self.exchanges = self.exchanges + 1
        origin, route = self.pod_origins.of(incoming.method, path)
        plain_headers, plain = unpacked(headers, b"" if isinstance(body, Refusal) else body)
        request = Request(incoming.method, path, query, plain_headers, plain)
        self.tell(Requested(now, x, route, request, c=connection.ordinal, took=now - since))
        if isinstance(body, Refusal):
            return self.refuse(connection, body, request, x)
        sent = passed_on(incoming.raw_headers, _MADE_ANEW)
        outgoing = UpstreamRequest(origin, incoming.method, request.target, sent, body)
        return await _ProxiedExchange(self, connection, x, now).run(outgoing, request)

    def upstream(self, connection: Connection) -> Upstream:
        """What stands for a client's connection at the pod."""
        if (upstream := self._upstreams.get(connection.ordinal)) is None:
            upstream = self._upstreams[connection.ordinal] = self._connect()
        return upstream

    def refuse(self, connection: Connection, problem: Refusal, request: Request, x: int) -> Sent:
        """Answer without the pod; the connection ends."""
        response = _word(problem, request.method, request.path)
        self._write(connection, response, request.method)
        self.tell(Replied(self.clock.now(), x, response, by="shell"))
        return connection.over("server")

    def _write(self, connection: Connection, response: Response, method: str) -> None:
        connection.write(self._writer.bytes_of(response, self.clock.now(), method=method, last=CLOSE))

    def here(self, connection: Connection) -> str:
        """The origin that this client called."""
        return self.origins[-1 if connection.secure else 0] if self.origins else self.origin


class _ProxiedExchange:
    """One exchange, from the pod's first byte to the client's last."""

    def __init__(self, proxy: PodProxy, connection: Connection, x: int, since: Millis) -> None:
        self.proxy = proxy
        self.connection = connection
        self.x = x
        self.since = since
        self.head = _NOTHING
        self.first: Millis | None = None
        self.body: list[tuple[Millis, bytes]] = []
        """What has left of the body and when, as far as a recording keeps it."""
        self.sent = 0
        self.last = True
        """Whether the client's connection ends with this answer."""

    async def run(self, outgoing: UpstreamRequest, request: Request) -> Sent:
        answer: UpstreamAnswer | None = None
        try:
            with Awaited(self.connection, self.proxy.clock):
                answer = await self.proxy.upstream(self.connection).ask(outgoing)
                await self._pass(answer)
        except UpstreamFailed as failed:
            self.proxy.say(f"note: {outgoing.origin}, asked in exchange {self.x}: {failed.why}.")
            if failed.cut is None and self.first is None:
                refusal = reader.shell_refusal(502, f"The lab asked {outgoing.origin}: {failed.why}.")
                return self.proxy.refuse(self.connection, refusal, request, self.x)
            return self._cut(failed.cut or "truncated")
        except asyncio.CancelledError:
            self._cut("shutdown")
            raise
        except ConnectionError:
            return self._cut("client_gone")
        finally:
            if answer is not None:
                answer.close()
        self._tell(None)
        return self.connection.over("server") if self.last else SENT

    async def _pass(self, answer: UpstreamAnswer) -> None:
        connection, incoming = self.connection, self.connection.request
        http_1_0, bodiless = incoming.version < (1, 1), incoming.method == "HEAD" or answer.status in BODILESS
        headers = passed_on(answer.headers)
        # a length that the pod names in Connection goes no further than this hop
        framed = bodiless or any(name.lower() == b"content-length" for name, _ in headers)
        chunked = not framed and not http_1_0
        # without a length or chunks nothing but the end of the connection tells where the body ends
        self.last = not (framed or chunked) or connection.last()
        own = b"Transfer-Encoding: chunked\r\n" if chunked else b""
        ends = b"Connection: close\r\n" if self.last else b"Connection: keep-alive\r\n" if http_1_0 else b""
        at = self.proxy.clock.now()
        reason = one_line(answer.reason.encode("utf-8", "surrogateescape"))
        lines = (field_line(*each) for each in self._located(headers))
        if not connection.write(b"HTTP/1.1 %d %b\r\n%b%b%b\r\n" % (answer.status, reason, b"".join(lines), own, ends)):
            raise ConnectionResetError("The client is gone.")
        self.head, self.first = Response(answer.status, reader.headers_of(headers)[0]), at - self.since
        while piece := await answer.piece():
            await connection.write_long(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if self.sent <= LONGEST_BODY:
                self.body.append((self.proxy.clock.now(), piece))
            self.sent += len(piece)
        if chunked:
            connection.write(b"0\r\n\r\n")

    def _located(self, headers: RawHeaders) -> RawHeaders:
        """The headers, with Location at this proxy where it was at the pod."""
        here, origins = self.proxy.here(self.connection), self.proxy.pod_origins
        return tuple(
            (name, origins.moved(value, here) if name.lower() == b"location" else value) for name, value in headers
        )

    def _cut(self, cut: str) -> Sent:
        self._tell(cut)
        over = self.connection.over("client" if cut == "client_gone" else "server")
        if cut == "reset":
            reset(self.connection.wire)
        else:
            self.connection.wire.close()
        return over

    def _tell(self, cut: str | None) -> None:
        proxy, now = self.proxy, self.proxy.clock.now()
        raw = gathered(self.head, self.body, self.since)
        headers, body = unpacked(raw.headers, raw.body)
        if self.sent > LONGEST_BODY:
            text = f"of the {self.sent} bytes of the answer {self.x} the first {LONGEST_BODY} are kept"
            proxy.tell(Noted(now, TapeNoted(at=now, text=text)))
        reply = Response(raw.status, headers, body, raw.times if body is raw.body else ())
        proxy.tell(Replied(now, self.x, reply, None, self.first, cut=cut, sent=self.sent if cut else None))


def _refused(incoming: web.BaseRequest, target: str, headers: Headers) -> Refusal | None:
    """What the lab itself can't carry on."""
    if incoming.version < (1, 0):
        return reader.shell_refusal(400, "HTTP/0.9 is not spoken here.")
    if (header_of(headers, "upgrade") or "").strip().lower() == "websocket":
        return reader.shell_refusal(426, "A capture carries no WebSockets.")
    if incoming.method == "CONNECT" or not is_target(target):
        return reader.shell_refusal(501, "A capture carries on what is asked of a path, and nothing else.")
    return None


def _word(problem: Refusal, method: str, path: str) -> Response:
    """A refusal by the lab, in the form that this path's answers have."""
    route = ROUTER.name(method, path)
    if route in FORM_ROUTES:
        return reader.identity_refusal(problem)
    return (dialect_of(route) or FUSION).refuse(problem, Switches())

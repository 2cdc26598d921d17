"""The receiver of `lab demo --notify`: it verifies, and answers at once."""

from hmac import compare_digest

from aiohttp import web

from lab.clocks import AnyClock
from lab.core.clock import Epoch
from lab.core.exchange import Headers, Response, header_of
from lab.core.journal.fact import Fact
from lab.core.refusal import Refusal
from lab.dialects.signed import key_of_secret, signature_of
from lab.server.connection import Connection, Sent
from lab.server.limits import ServerLimits
from lab.server.listening_server import ListeningServer
from lab.server.response_writer import CLOSE, ResponseWriter

TOLERANCE = 300
"""Seconds by which a timestamp may be off its clock, either way."""
_LARGEST = 1_048_576


def verified(secret: str, headers: Headers, body: bytes, now: int) -> bool:
    """Whether a callback is whole, signed with that secret, and of now, in seconds since 1970."""
    callback, timestamp = header_of(headers, "webhook-id"), header_of(headers, "webhook-timestamp") or ""
    if callback is None or not timestamp.isdigit() or abs(int(timestamp) - now) > TOLERANCE:
        return False
    mine = signature_of(key_of_secret(secret), callback, int(timestamp), body)
    return any(compare_digest(mine, each) for each in (header_of(headers, "webhook-signature") or "").split(" "))


class OwnReceiver(ListeningServer):
    """On its socket, with the lab's clock."""

    def __init__(self, clock: AnyClock, epoch: Epoch, secret: str) -> None:
        super().__init__(clock, ServerLimits())
        self._epoch, self._secret = epoch, secret
        self._writer = ResponseWriter(epoch)

    def note(self, fact: Fact) -> None:
        """Its connections are no client's."""

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        self._end(connection, Response(problem.status), "POST")

    async def exchange(self, connection: Connection, request: web.BaseRequest) -> Sent:
        body = await connection.receive(_LARGEST)
        if isinstance(body, Refusal):
            return self._end(connection, Response(body.status), request.method)
        now = (self._epoch * 1_000 + self.clock.now()) // 1_000
        good = verified(self._secret, connection.headers, body, now)
        return self._end(connection, Response(204 if good else 401), request.method)

    def _end(self, connection: Connection, response: Response, method: str) -> Sent:
        connection.write(self._writer.bytes_of(response, self.clock.now(), method=method, last=CLOSE))
        return connection.over("server")

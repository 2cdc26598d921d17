"""Where phones decide: a listener of its own with two routes, `GET /G/CODE` and `POST /G/CODE`, and nothing else.

Whoever has the code decides, so a code is good for one opening of one gate. Which gates are open, and what becomes of an
answer, whoever shows the code knows (`AnswerableGates`). There is no cookie and no script; neither a job nor the control plane
is named (limits.md §7).
"""

import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs

from aiohttp import web

from lab.clocks import AnyClock, real_millis
from lab.core.clock import Epoch, Millis
from lab.core.exchange import Headers, Response, header_of
from lab.core.journal.fact import Fact
from lab.core.refusal import Refusal
from lab.server import request_reader as reader
from lab.server.connection import Connection, Sent
from lab.server.limits import ServerLimits
from lab.server.listening_server import ListeningServer
from lab.server.phone_page import HEADERS, LONGEST_COMMENT, PhoneQuestion, notice, question_page
from lab.server.response_writer import CLOSE, ResponseWriter

MOST_A_SECOND = 5
"""Answers, and calls with a wrong code, that are looked at within a real second."""
_LARGEST_FORM = 16_384
_PATH = re.compile(r"/[Gg]/([A-Za-z0-9]{1,32})")


class AnswerableGates(Protocol):
    """The gates that phones may decide."""

    def look(self, code: str) -> PhoneQuestion | None:
        """The gate of a code, open or decided; None if there is no such code."""

    async def decide(self, code: str, verdict: str, comment: str) -> str | None:
        """Decide it; why not, if somebody was faster or the answer was refused."""


class SecondsBudget:
    """So many calls within any real second."""

    def __init__(self, most: int, now: Callable[[], Millis]) -> None:
        self._most = most
        self._now = now
        self._calls: list[Millis] = []

    def spend(self) -> bool:
        """Whether one more may be made now; then it was."""
        now = self._now()
        self._calls = [at for at in self._calls if now - at < 1_000]
        if len(self._calls) >= self._most:
            return False
        self._calls.append(now)
        return True


class PhoneServer(ListeningServer):
    """The page on its socket; `now` counts real milliseconds."""

    def __init__(
        self,
        clock: AnyClock,
        limits: ServerLimits,
        epoch: Epoch,
        gates: AnswerableGates,
        now: Callable[[], Millis] = real_millis,
    ) -> None:
        super().__init__(clock, limits)
        self._gates = gates
        self._writer = ResponseWriter(epoch)
        self._answers, self._guesses = SecondsBudget(MOST_A_SECOND, now), SecondsBudget(MOST_A_SECOND, now)

    # What a connection tells

    def note(self, fact: Fact) -> None:
        """Nobody is told of these connections: they are no client's."""

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse what is no request, or met a bug of ours, and close."""
        self._end(connection, _refused(problem), "GET")

    # One exchange

    async def exchange(self, connection: Connection, request: web.BaseRequest) -> Sent:
        """Serve one request."""
        path, _ = reader.target_of(request.raw_path)
        body = await connection.receive(_LARGEST_FORM)
        if isinstance(body, Refusal):
            return self._end(connection, _refused(body), request.method)
        return self._end(connection, await self._answer(request.method, path, connection.headers, body), request.method)

    def _end(self, connection: Connection, response: Response, method: str) -> Sent:
        """Answer, and close: the page loads nothing else, and phones that hold on to connections would use them up."""
        connection.write(self._writer.bytes_of(response, self.clock.now(), method=method, last=CLOSE))
        return connection.over("server")

    async def _answer(self, method: str, path: str, headers: Headers, body: bytes) -> Response:
        found = _PATH.fullmatch(path)
        if found is None:
            return _page(404, notice("There is nothing here."))
        if method not in ("GET", "POST"):
            return _page(405, notice("A phone reads this page, and answers by its buttons."), ("allow", "GET, POST"))
        code = found[1].upper()
        gate = self._gates.look(code)
        if gate is None:
            if not self._guesses.spend():
                return _too_many()
            text = "A code is good for one decision of one run; scan the one that shows now."
            return _page(404, notice("There is no such question.", text))
        if method == "GET":
            return _page(200, question_page(gate))
        return await self._post(code, gate, headers, body)

    async def _post(self, code: str, gate: PhoneQuestion, headers: Headers, body: bytes) -> Response:
        origin = header_of(headers, "origin")
        if origin is not None and origin.partition("://")[2].lower() != (header_of(headers, "host") or "").lower():
            return _page(403, notice("Another page may not answer."))
        if gate.decided:
            return _page(409, question_page(gate, "It was decided before your answer came."))
        form = _form(headers, body)
        verdict, comment = form.get("verdict", ""), form.get("comment", "").strip()
        if verdict not in dict(gate.answers):
            return _page(400, question_page(gate, "This answer isn't offered."))
        if len(comment) > LONGEST_COMMENT or (verdict == gate.with_text and not comment):
            return _page(400, question_page(gate, f"Write 1 to {LONGEST_COMMENT} characters."))
        # what nobody could be asked with costs the others in the room nothing
        if not self._answers.spend():
            return _too_many()
        refused = await self._gates.decide(code, verdict, comment)
        if refused is not None:
            return _page(409, question_page(self._gates.look(code) or gate, refused))
        return Response(303, (("location", f"/G/{code}"), *HEADERS))


def _form(headers: Headers, body: bytes) -> dict[str, str]:
    """The fields of a form; none of a body that is no form."""
    essence = (header_of(headers, "content-type") or "").partition(";")[0].strip().lower()
    if essence != "application/x-www-form-urlencoded":
        return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=10, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _page(status: int, body: bytes, *more: tuple[str, str]) -> Response:
    return Response(status, (*HEADERS, *more), body)


def _refused(problem: Refusal) -> Response:
    return _page(problem.status, notice(problem.message, problem.hint), *problem.headers)


def _too_many() -> Response:
    return _page(429, notice("Too many at once.", "Try again in a second."), ("retry-after", "1"))

"""Where phones decide: a listener of its own with two routes, `GET /G/CODE` and `POST /G/CODE`, and nothing else.

Whoever has the code decides, so a code is good for one opening of one gate. There is no cookie and no script; neither a
job nor the control plane is named (limits.md §7).
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from aiohttp import web

from lab.clocks import AnyClock, real_millis
from lab.core.clock import Epoch, Millis
from lab.core.exchange import Headers, Response, header_of
from lab.core.journal.fact import Fact
from lab.core.refusal import Refusal
from lab.plugins.phone.gates import PhoneGates
from lab.plugins.phone.page import HEADERS, LONGEST_COMMENT, WITH_TEXT, PhoneQuestion, question_page
from lab.server import request_reader as reader
from lab.server.connection import Connection, Sent
from lab.server.limits import ServerLimits
from lab.server.listening_server import ListeningServer
from lab.server.response_writer import CLOSE, ResponseWriter

MOST_A_SECOND = 5
"""Answers, and calls with a wrong code, that are looked at within a real second."""
_LARGEST_FORM = 16_384
_PATH = re.compile(r"/[Gg]/([A-Za-z0-9]{1,32})")
_TOO_MANY = Refusal(429, "Too many at once.", "Try again in a second.", (("retry-after", "1"),))


class PhoneServer(ListeningServer):
    """The page on its socket; `now` counts real milliseconds."""

    def __init__(
        self,
        clock: AnyClock,
        limits: ServerLimits,
        epoch: Epoch,
        gates: PhoneGates,
        now: Callable[[], Millis] = real_millis,
    ) -> None:
        super().__init__(clock, limits)
        self._gates, self._now = gates, now
        self._writer = ResponseWriter(epoch)
        self._answers: list[Millis] = []
        self._guesses: list[Millis] = []

    def note(self, fact: Fact) -> None:
        """Nobody is told of these connections: they are no client's."""

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse what is no request, or met a bug of ours, and close."""
        self._end(connection, _refused(problem), "GET")

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

    def _spent(self, calls: list[Millis]) -> bool:
        """Whether so many were made within this second that one more is too many; else it is made."""
        now = self._now()
        calls[:] = [at for at in calls if now - at < 1_000]
        if len(calls) >= MOST_A_SECOND:
            return True
        calls.append(now)
        return False

    async def _answer(self, method: str, path: str, headers: Headers, body: bytes) -> Response:
        found = _PATH.fullmatch(path)
        if found is None:
            return _refused(Refusal(404, "There is nothing here."))
        if method not in ("GET", "POST"):
            allow = (("allow", "GET, POST"),)
            return _refused(Refusal(405, "A phone reads this page, and answers by its buttons.", headers=allow))
        code = found[1].upper()
        gate = self._gates.look(code)
        if gate is None:
            text = "A code is good for one decision of one run; scan the one that shows now."
            return _refused(
                _TOO_MANY if self._spent(self._guesses) else Refusal(404, "There is no such question.", text)
            )
        return (
            Response(200, HEADERS, question_page(gate))
            if method == "GET"
            else await self._post(code, gate, headers, body)
        )

    async def _post(self, code: str, gate: PhoneQuestion, headers: Headers, body: bytes) -> Response:
        origin = header_of(headers, "origin")
        if origin is not None and origin.partition("://")[2].lower() != (header_of(headers, "host") or "").lower():
            return _refused(Refusal(403, "Another page may not answer."))
        form = _form(headers, body)
        verdict, comment = form.get("verdict", ""), form.get("comment", "").strip()
        if gate.decided:
            return Response(409, HEADERS, question_page(gate, "It was decided before your answer came."))
        if verdict not in dict(gate.answers):
            return Response(400, HEADERS, question_page(gate, "This answer isn't offered."))
        if len(comment) > LONGEST_COMMENT or (verdict == WITH_TEXT and not comment):
            return Response(400, HEADERS, question_page(gate, f"Write 1 to {LONGEST_COMMENT} characters."))
        # what nobody could be asked with costs the others in the room nothing
        if self._spent(self._answers):
            return _refused(_TOO_MANY)
        why = await self._gates.decide(code, verdict, comment)
        if why is not None:
            return Response(409, HEADERS, question_page(self._gates.look(code) or gate, why))
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


def _refused(problem: Refusal) -> Response:
    return Response(
        problem.status, (*HEADERS, *problem.headers), question_page(PhoneQuestion(problem.message), problem.hint)
    )

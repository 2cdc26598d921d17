"""The external app: its passage from token to result, told with `yield`.

A run yields *Send*, *Wait* and *Ask*, is sent what came of each, and returns an *Outcome*. It knows the wire
and nothing else, so the same run works against the mock and against a real pod. Read top to bottom, this is
how to integrate with an asynchronous agent API.
"""

from base64 import b64encode
from collections.abc import Generator
from urllib.parse import quote_plus, urlencode

from lab.app.effects import (
    Answer,
    App,
    Ask,
    Badge,
    Effect,
    Outcome,
    Question,
    Received,
    Result,
    Run,
    Send,
    Silence,
    Wait,
)
from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response, text_of
from lab.core.seeds import draw
from lab.dialects import fusion as wire
from lab.identity.routes import PATHS
from lab.language.document import Status


class _Stopped(Exception):
    """The run can't go on; `why` says so in one sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Lost(_Stopped):
    """A call that may have been accepted, and mustn't be sent again, brought no answer."""


def run(app: App, start: Millis, *, badge: Badge | None = None, conversation: str | None = None) -> Run:
    """One turn: a token, a job, polls until a final status. `badge` and `conversation` come from the turn before."""
    return (yield from _Turn(app, start, badge, conversation).play())


class _Turn:
    """The little that a turn remembers between its calls."""

    def __init__(self, app: App, start: Millis, badge: Badge | None, conversation: str | None) -> None:
        self.app = app
        self.start = start
        self.now = start
        self.badge = badge
        self.conversation = conversation
        self.polls = 0
        self.found = False
        self.body: wire.JobBody | None = None

    def play(self) -> Run:
        try:
            yield from self._invoke()
            yield from self._poll()
        except _Stopped as stop:
            return self._outcome(stop.why)
        return self._outcome(None)

    def _outcome(self, why: str | None) -> Outcome:
        body = self.body
        return Outcome(
            status=body.status if body else None, output=body.output if body else None,
            error=body.error if body else None, job=body.job if body else None,
            conversation=body.conversation if body else self.conversation,
            polls=self.polls, elapsed=self.now - self.start, why=why,
            follow_up=body.follow_up if body else (), badge=self.badge,
        )  # fmt: skip

    def _invoke(self) -> Generator[Effect, Result, None]:
        document: dict[str, Json] = {
            "message": self.app.message, "conversational": True, "conversationId": self.conversation,
            "progressMessage": True,
        }  # fmt: skip
        if self.app.parameters:
            document["parameters"] = dict(self.app.parameters)
        try:
            response = yield from self._call("invoke", self._post(document), again=False)
        except _Lost as lost:
            raise _Stopped(f"{lost.why} A job may have begun; asking again could double it.") from None
        self.body = self._job(response, expected=(200, 202))

    def _post(self, document: dict[str, Json]) -> Request:
        body = text_of(document).encode("utf-8", "surrogatepass")
        path = wire.fusion_path("invoke", code=self.app.team)
        return Request("POST", path, headers=(("content-type", "application/json"),), body=body)

    def _poll(self) -> Generator[Effect, Result, None]:
        pause = self.app.backoff.first
        waiting: Millis | None = None
        while self.body is not None and not wire.final(self.body.status):
            if self.app.patience is not None and self.now - self.start >= self.app.patience:
                raise _Stopped(f"The job had not ended after {self.app.patience} ms.")
            if self.body.status != Status.WAITING:
                waiting = None
            elif waiting is None:
                waiting = self.now
            waited = 0 if waiting is None else self.now - waiting
            answer = yield from self._wait(self.app.backoff.waiting(pause, waited))
            if answer is not None:
                yield from self._answer(answer)
                pause = self.app.backoff.first
                continue
            path = wire.fusion_path("status", code=self.app.team, job=self.body.job)
            response = yield from self._call("status", Request("GET", path), again=True)
            self.found = True
            before = self.body.status
            self.body = self._job(response, expected=(200,))
            pause = self.app.backoff.after(pause)
            if before == Status.WAITING and self.body.status == Status.RUNNING:
                pause = self.app.backoff.first

    def _wait(self, pause: Millis) -> Generator[Effect, Result, Answer | None]:
        body = self.body
        assert body is not None
        until = self.now + pause
        if body.node is not None and body.node.type == "HUMAN":
            got = yield Ask(until, Question(body.job, body.conversation, body.node))
        else:
            got = yield Wait(until, "poll")
        self.now = got.at
        return got if isinstance(got, Answer) else None

    def _answer(self, answer: Answer) -> Generator[Effect, Result, None]:
        body = self.body
        assert body is not None and body.node is not None
        resume: dict[str, Json] = {"messageInstanceId": body.node.callback_token, "userResponse": answer.action}
        if answer.content:
            resume["content"] = answer.content
        document: dict[str, Json] = {
            "message": "", "conversationId": body.conversation, "jobId": body.job, "resumeInput": resume,
        }  # fmt: skip
        try:
            response = yield from self._call("invoke", self._post(document), again=False)
        except _Lost:
            return  # the next poll tells whether it was accepted; if not, the question is still open
        # 409: somebody else decided first, or patience ran out. The next poll tells what became of it.
        if response.status != 409:
            self.body = self._job(response, expected=(200, 202))

    def _job(self, response: Response, expected: tuple[int, ...]) -> wire.JobBody:
        if response.status not in expected:
            raise _Stopped(wire.refusal_of(response))
        body = wire.parse_job(response.body)
        if body is None:
            raise _Stopped("The answer is no job body: it lacks jobId or status, or is no JSON object.")
        return body

    def _call(self, route: str, request: Request, *, again: bool) -> Generator[Effect, Result, Response]:
        """A call with the bearer; a 401 gets one new token, and what failed is tried again if it may be."""
        renewed = False
        tries = 0
        while True:
            badge = yield from self._token()
            signed = Request(
                request.method, request.path, request.query,
                (("authorization", f"Bearer {badge.token}"), *request.headers), request.body,
            )  # fmt: skip
            got = yield Send(route, signed, self.now + self.app.answer_within)
            self.now = got.at
            self.polls += route == "status"
            if isinstance(got, Received):
                if got.response.status == 401 and not renewed:
                    renewed, self.badge = True, None
                    continue
                if self._settles(route, got.response):
                    return got.response
            tries += 1
            yield from self._retry(got, tries, again=again)

    def _settles(self, route: str, response: Response) -> bool:
        """Whether a reply is an answer, good or bad; else it is a failure that may pass."""
        if response.status == 429 or response.status >= 500:
            return False
        if route != "status":
            return True
        # a job may be unknown for a moment after its acceptance; and half a body, or a page, is no result
        early = response.status == 404 and not self.found
        return not early and (response.status != 200 or wire.parse_job(response.body) is not None)

    def _retry(self, got: Result, tries: int, *, again: bool) -> Generator[Effect, Result, None]:
        """Wait before the next try, as long as Retry-After says; _Stopped when there is none."""
        response = got.response if isinstance(got, Received) else None
        told = wire.retry_after(response, self.now) if response else None
        # 429, and 503 with Retry-After, say that nothing was accepted (RFC 6585 §4, RFC 9110 §10.2.3), so even invoke
        # may be sent again.
        unprocessed = response is not None and (response.status == 429 or (response.status == 503 and told is not None))
        if not (again or unprocessed):
            raise _Lost(_failure(got))
        if tries >= self.app.attempts:
            raise _Stopped(_failure(got))
        pause = self._pause(tries) if told is None else told
        woke = yield Wait(self.now + pause, "retry" if told is None else "retry-after")
        self.now = woke.at

    def _pause(self, tries: int) -> Millis:
        """Twice as long after each failure, at most a minute, and up to a quarter more, so that clients part."""
        pause = min(60_000, self.app.backoff.longest << (tries - 1))
        return pause + draw(0, f"{self.app.client_id}/{self.app.message}/retry@{self.now}", 0, pause // 4)

    def _token(self) -> Generator[Effect, Result, Badge]:
        if self.badge is not None and self.badge.fresh(self.now):
            return self.badge
        tries = 0
        while True:
            asked = self.now
            got = yield Send("token", token_request(self.app), self.now + self.app.answer_within)
            self.now = got.at
            if isinstance(got, Received) and got.response.status == 200:
                granted = wire.parse_grant(got.response.body)
                if granted is not None:
                    token, lifetime = granted
                    self.badge = Badge(token, asked, asked + lifetime)
                    return self.badge
            elif isinstance(got, Received) and got.response.status not in (429, 500, 502, 503, 504):
                raise _Stopped(wire.refusal_of(got.response))
            tries += 1
            yield from self._retry(got, tries, again=True)


def _failure(got: Result) -> str:
    """What went wrong with a call, in one sentence."""
    match got:
        case Silence(why=why):
            return f"No answer came: {why}."
        case Received(response=response) if response.status == 200:
            return "The answer can't be read: it is neither a job body nor a grant."
        case Received(response=response):
            return wire.refusal_of(response)
        case _:
            return "The call failed."


def token_request(app: App) -> Request:
    """The client credentials grant with Basic authentication, both parts form-encoded (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(app.client_id)}:{quote_plus(app.client_secret)}"
    form = urlencode({"grant_type": "client_credentials", "scope": app.scope})
    return Request(
        "POST",
        PATHS["token"],
        headers=(
            ("authorization", f"Basic {b64encode(pair.encode()).decode()}"),
            ("content-type", "application/x-www-form-urlencoded"),
        ),
        body=form.encode(),
    )

"""The external app: its way from a token to an output, told with `yield`.

A run yields *Send*, *Wait* and *Ask*, is sent what came of each, and returns an *Outcome*. It gives commands and looks
at jobs; the words for them are its dialect's. So the same run works over every wire, against the mock and against a
real pod. Read top to bottom, this is how to integrate with an asynchronous agent API.
"""

from collections.abc import Generator
from typing import TypeAlias, TypeVar, assert_never

from msgspec.structs import replace

from lab.app.effects import (
    ANSWER_TOO_LARGE,
    LARGEST_ANSWER,
    NOT_CONNECTED,
    Answer,
    App,
    Ask,
    Effect,
    EffectResult,
    Outcome,
    Received,
    Run,
    Send,
    Silence,
    Wait,
)
from lab.core.clock import Millis
from lab.core.exchange import retry_after, unprocessed
from lab.core.refusal import Refusal
from lab.core.seeds import draw
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import Acknowledged, Seen, Sendable, Understood, Unreadable
from lab.identity.client import AccessToken, read_token, token_request
from lab.program.words import Status, duration_text

T = TypeVar("T")
Steps: TypeAlias = Generator[Effect, EffectResult, T]
"""A part of a run, and what it comes to."""


class _Stopped(Exception):
    """The run can't go on; `why` says so in one sentence. `refused` is the HTTP status of a refusal that is the reason."""

    def __init__(self, why: str, refused: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.refused = refused


class _Lost(_Stopped):
    """A call that may have been accepted, and mustn't be sent again, brought no answer."""


def run(app: App, start: Millis, *, token: AccessToken | None = None, conversation: str | None = None) -> Run:
    """One turn: a token, a job, polls until a final status. `token` and `conversation` come from the turn before."""
    return (yield from _Turn(app, start, token, conversation).play())


class _Failures:
    """How often in a row a call has failed."""

    def __init__(self) -> None:
        self.count = 0
        """Failures that count: all but those by which the server says when to come again, while they are young."""
        self._since: Millis | None = None
        """When it first said so."""

    def add(self, now: Millis, *, invited: Millis | None) -> None:
        """One more; `invited`, of one with Retry-After: for how long such don't count."""
        if invited is not None:
            self._since = now if self._since is None else self._since
            if now - self._since < invited:
                return
        self.count += 1


class _Turn:
    """The little that a turn remembers between its calls."""

    def __init__(self, app: App, start: Millis, token: AccessToken | None, conversation: str | None) -> None:
        self.app = app
        self.start = start
        self.now = start
        self.token = token
        self.conversation = conversation
        self.polls = 0
        self.found = False
        """Whether a poll has found the job."""
        self.job: Seen | None = None
        """The job as the last answer showed it."""

    def play(self) -> Run:
        try:
            yield from self._follow((yield from self._begin()))
        except _Stopped as stop:
            return self._outcome(stop)
        return self._outcome(None)

    def _outcome(self, stop: _Stopped | None) -> Outcome:
        job = self.job
        return Outcome(
            status=str(job.status or job.word) if job else None,
            output=job.output if job else None,
            error=job.error if job else None,
            job=job.job if job else None,
            conversation=job.conversation if job else self.conversation,
            polls=self.polls,
            elapsed=self.now - self.start,
            why=stop.why if stop else None,
            refused=stop.refused if stop else None,
            follow_up=job.follow_up if job else (),
            token=self.token,
        )

    # The job, from its beginning to its end

    def _begin(self) -> Steps[Seen]:
        app = self.app
        command = Invoke(team=app.team, message=app.message, conversation=self.conversation, parameters=app.parameters)
        try:
            return self._seen((yield from self._call(command)))
        except _Lost as lost:
            why = f"{_sentence(lost.why)} A job may have begun; asking again could double it."
            raise _Stopped(why, lost.refused) from None

    def _follow(self, job: Seen) -> Steps[None]:
        """Poll with growing pauses; after an answer, and once the job goes on after one, with short ones again."""
        backoff = self.app.backoff
        pause, deadline = backoff.first, self.start + self.app.deadline
        since, waiting, cancel_after = self.now, False, self.app.cancel_after
        cancel = None if cancel_after is None else self.now + cancel_after
        while not job.final:
            if waiting != (job.status is Status.WAITING):
                deadline += self.now - since if waiting else 0
                since, waiting = self.now, not waiting
            if not waiting and self.now >= deadline:
                worked = duration_text(self.app.deadline)
                raise _Stopped(f"The job had not ended after {worked} of work; --deadline DURATION allows more.")
            until = self.now + backoff.lasting(pause, self.now - since, waiting=waiting)
            answer = yield from self._wait(job, until if cancel is None else min(until, max(cancel, self.now)))
            if answer is not None:
                job = yield from self._answer(job, answer)
                pause = backoff.first
                continue
            if cancel is not None and self.now >= cancel:
                cancel = None
                job = yield from self._tell(job, Cancel(team=self.app.team, job=job.job))
                pause = backoff.first
                continue
            before = job.status
            job = self._seen((yield from self._call(Look(team=self.app.team, job=job.job))))
            self.found = True
            resumed = before is Status.WAITING and job.status is Status.RUNNING
            pause = backoff.first if resumed else backoff.after(pause)

    def _wait(self, job: Seen, until: Millis) -> Steps[Answer | None]:
        """Let the pause go by; a person who is asked something may end it."""
        question = job.question
        got = yield Wait(until, "poll") if question is None or not question.human else Ask(until, question)
        self.now = got.at
        return got if isinstance(got, Answer) else None

    def _answer(self, job: Seen, answer: Answer) -> Steps[Seen]:
        """Send a person's answer; the job as it is then."""
        opening = job.question.opening if job.question is not None else None
        command = Decide(
            team=self.app.team, job=job.job, opening=opening or "", verdict=answer.verdict, comment=answer.comment,
            conversation=job.conversation,
        )  # fmt: skip
        return (yield from self._tell(job, command))

    def _tell(self, job: Seen, command: Decide | Cancel) -> Steps[Seen]:
        """Send what changes a job's course; the job as it is then."""
        try:
            came = yield from self._call(command)
        except _Lost:
            return job  # the next poll tells whether it was accepted; if not, the question is still open
        # 409: somebody else decided first, patience ran out, or it has ended. The next poll tells what became of it.
        if isinstance(came, Refusal) and came.status == 409:
            return job
        if isinstance(came, Acknowledged):  # with no word of the job: nothing is asked any more, until a poll says so
            return replace(job, status=Status.RUNNING, question=None)
        return self._seen(came)

    def _seen(self, answer: Understood) -> Seen:
        match answer:
            case Seen():
                self.job = answer
                return answer
            case Refusal(status=status, message=why):
                raise _Stopped(why, status)
            case Unreadable(why):
                raise _Stopped(why)
            case Acknowledged():
                raise _Stopped("The answer says nothing of a job.")
            case _:
                assert_never(answer)

    # A call, and what may go wrong with it

    def _call(self, command: Sendable) -> Steps[Understood]:
        """A call with the bearer; a 401 gets one new token, and what failed is sent again if it may be."""
        looks = isinstance(command, Look)
        route, request = self.app.dialect.ask(command, f"{self.app.client_id}@{self.now}")
        renewed = False
        failures = _Failures()
        while True:
            token = yield from self._valid_token()
            bearer = ("authorization", f"Bearer {token.token}")
            signed = replace(request, headers=(bearer, *request.headers))
            got = yield Send(route, signed, self.now + self.app.answer_within)
            self.now = got.at
            self.polls += looks
            why = _failure(got)
            if isinstance(got, Received):
                if got.response.status == 401 and not renewed:
                    renewed, self.token = True, None
                    continue
                answer = self.app.dialect.understand(route, got.response)
                if self._settles(answer, looks=looks):
                    return answer
                why = answer.message if isinstance(answer, Refusal) else why
            # a poll changes nothing, so it can be sent as often as one likes
            yield from self._pause(got, why, failures, again=looks)

    def _settles(self, answer: Understood, *, looks: bool) -> bool:
        """Whether an answer, good or bad, is one; else the call failed in a way that may pass."""
        match answer:
            case Refusal(status=status):
                # a job may be unknown for a moment after its acceptance
                early = looks and status == 404 and not self.found
                return not early and status != 429 and status < 500
            case Unreadable():
                return not looks  # half a body, or a page, is no result: the next poll brings a whole one
            case Seen() | Acknowledged():
                return True
            case _:
                assert_never(answer)

    def _pause(self, got: EffectResult, why: str, failures: _Failures, *, again: bool) -> Steps[None]:
        """Wait before the next try, as long as Retry-After says; _Stopped when there is none."""
        response = got.response if isinstance(got, Received) else None
        wanted = retry_after(response) if response else None
        # a connection that never came about accepted nothing either
        untaken = (isinstance(got, Silence) and got.why == NOT_CONNECTED) or (
            response is not None and unprocessed(response)
        )
        refused = response.status if response is not None and response.status >= 400 else None
        if not (again or untaken):
            raise _Lost(why, refused)
        # "at once" is no time to come again
        failures.add(self.now, invited=self.app.invited if refused is not None and wanted else None)
        if failures.count >= self.app.tries:
            often = "once" if failures.count == 1 else f"{failures.count} times in a row"
            raise _Stopped(f"{_sentence(why)} It failed {often}; --tries N allows more.", refused)
        pause = self._backed_off(failures.count) if wanted is None else wanted
        woke = yield Wait(self.now + pause, "retry" if wanted is None else "retry-after")
        self.now = woke.at

    def _backed_off(self, tries: int) -> Millis:
        """Twice as long after each failure, at most a minute, and up to a quarter more, so that clients part."""
        pause = min(60_000, self.app.backoff.longest << (tries - 1))
        return pause + draw(0, f"{self.app.client_id}/{self.app.message}/retry@{self.now}", 0, pause // 4)

    # The token

    def _valid_token(self) -> Steps[AccessToken]:
        """The token at hand while it is fresh, else a new one."""
        app, failures = self.app, _Failures()
        while self.token is None or not self.token.fresh(self.now):
            since = self.now
            request = token_request(app.client_id, app.client_secret, app.scope, app.user, app.password)
            got = yield Send("token", request, since + app.answer_within)
            self.now = got.at
            why = _failure(got)
            if isinstance(got, Received):
                self.token = read_token(got.response, since)
                if self.token is not None:
                    return self.token
                if got.response.status != 200:
                    why = app.dialect.explain(got.response)
                    if got.response.status not in (429, 500, 502, 503, 504):
                        raise _Stopped(why, got.response.status)
            yield from self._pause(got, why, failures, again=True)
        return self.token


def _sentence(why: str) -> str:
    """What a server said, as one that another sentence may follow."""
    return why if why.endswith((".", "!", "?")) else f"{why}."


def _failure(got: EffectResult) -> str:
    """What went wrong with a call that brought no answer, or one that can't be read, in one sentence."""
    if isinstance(got, Silence):
        if got.why == ANSWER_TOO_LARGE:
            return f"The answer is larger than {LARGEST_ANSWER // 1_048_576} MiB, and was not read to its end."
        if got.why == NOT_CONNECTED:
            return "No connection came about, so nothing was sent."
        return f"No answer came: {got.why}."
    return "The answer can't be read: it is neither a job body nor a grant."

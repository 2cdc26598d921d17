"""A recording's calls to another server, and what came of them: a machine without I/O (recordings.md §6.3).

Whoever drives it sends what is `ready`, hands each answer to `take`, and waits until `due` or until the next answer comes;
when it is `over`, `result` has the differences. Instants are in the recording's time: at ten times its pace the driver's
clock runs ten times as fast.
"""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Request, Response, retry_after
from lab.recording.bindings import Bindings
from lab.recording.client_replay.order import CallOrder
from lab.recording.client_replay.plan import BUSY, ClientPlan, PlannedCall, Shown, bearer_in
from lab.recording.client_replay.polls import ANSWER_SPARE, TRY_PAUSE, ClientTerms, FollowedJob
from lab.recording.client_replay.values import ClientRequests, Credentials
from lab.recording.client_replay.verdict import ClientVerdict
from lab.recording.divergences import Divergences
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import CAPTURE
from lab.recording.matchers import Matcher
from lab.recording.origins import Origins
from lab.recording.redaction.stand_ins import stand_ins
from lab.recording.story import JobAnswer, understood

_TRIES = 5
"""How often a call is sent that the server has no time for."""
_LONGEST_PAUSES: Millis = 600_000
"""Real milliseconds from the first try to the last, at most; a patience may be shorter."""
_BEFORE_WORK = frozenset((429, 503))
"""Statuses after which even a message may be sent again: nothing was begun."""


class Outgoing(Struct, frozen=True, eq=False):
    """A request to be sent now."""

    recorded: RecordedExchange
    """The call of which it is made."""
    request: Request
    at: Millis
    until: Millis
    """When to give up waiting for the answer."""
    call: PlannedCall | None = None
    job: FollowedJob | None = None

    @property
    def route(self) -> str:
        return self.recorded.route


class ClientReplay:
    """One recording, one server."""

    def __init__(
        self,
        plan: ClientPlan,
        credentials: Credentials,
        origins: tuple[str, str],
        terms: ClientTerms,
        matchers: Sequence[Matcher] = (),
    ) -> None:
        """`origins` are those of the server's API, and of its identity domain.

        Nothing of `wanted` may be lacking in `credentials`; `matchers` say what may differ.
        """
        self._plan, self._terms = plan, terms
        # a capture's first host is the API's, its second the identity domain's
        is_capture = plan.recording.header.source == CAPTURE
        self._bound = Bindings(credentials.secrets, dict(enumerate(origins, 1)) if is_capture else {})
        self._requests = ClientRequests(plan, self._bound, credentials, terms.nonce)
        self._origins = Origins(plan.exchanges)
        self._order = CallOrder(plan, fast=terms.fast)
        self._jobs = {name: FollowedJob(job, terms) for name, job in plan.jobs.items()}
        self._verdict = ClientVerdict(plan, self._bound, terms, matchers)
        self._tries = Counter[int]()
        self._first = dict[int, Millis]()
        """By exchange when it was sent first."""
        self._good: set[str] = set()
        """Aliases of bearers that this server took."""
        self.under_way = self._busy = 0
        """Calls that are sent, and not answered."""

    @property
    def over(self) -> bool:
        """Whether everything was sent, answered, and followed to its end."""
        following = any(job.begun and not job.over for job in self._jobs.values())
        return self._order.over and not self.under_way and not following

    def due(self, now: Millis) -> Millis | None:
        """When something is to be sent that isn't yet; None: not before an answer comes."""
        dues = (self._order.due(now), *(job.due() for job in self._jobs.values()))
        return min((due for due in dues if due is not None), default=None)

    def ready(self, now: Millis) -> list[Outgoing]:
        """What is to be sent now; from now on it is under way."""
        found = [out for call in self._order.take_due(now) if (out := self._send(call, now)) is not None]
        for job in self._jobs.values():
            due = job.due()
            if due is not None and due <= now and (out := self._poll(job, now)) is not None:
                found.append(out)
        self.under_way += len(found)
        return found

    def take(self, out: Outgoing, at: Millis, response: Response | None, why: str = "") -> None:
        """An answer came at that instant; None: none came, for that reason."""
        self.under_way -= 1
        if response is not None and self._renews(out, at, response):
            return
        if out.job is not None:
            self._take_poll(out.job, out.route, at, response)
        elif out.call is not None and not self._tries_again(out, out.call, at, response):
            self._take_answer(out.call, at, at - out.at, response, why)
        if self._order.over and not self.under_way:
            for job in self._jobs.values():
                if job.begun and not job.over and not job.planned.polls:
                    job.end("")  # nobody asks about it any more
                    self._end_job(job, at)

    def result(self) -> Divergences:
        """What was found."""
        busy = (self._busy, "times the server was busy, or not to be understood, and was asked again")
        return self._verdict.result(*self._plan.notes, busy)

    # What is sent

    def _send(self, call: PlannedCall, now: Millis) -> Outgoing | None:
        if lacking := self._lacking(call.call):
            self._differ(call, f"it wasn't sent: no answer here gave {', '.join(map(self._bound.name, lacking))}")
            self._end_call(call, now)
            return None
        until = now + 2 * call.took + self._terms.within_patience(ANSWER_SPARE)
        try:
            request = self._requests.built(call.call)
        except ValueError as fault:
            self._differ(call, f"it can't be sent: {fault}")
            self._end_call(call, now)
            return None
        return Outgoing(call.call, request, now, until, call=call)

    def _poll(self, job: FollowedJob, now: Millis) -> Outgoing | None:
        poll = job.poll(now, lambda each: not self._lacking(each))
        if poll is None:
            job.failed(now, self._terms.real(TRY_PAUSE))
            self._end_job(job, now)
            return None
        until = now + self._terms.within_patience(ANSWER_SPARE)
        return Outgoing(poll, self._requests.built(poll), now, until, job=job)

    def _lacking(self, call: RecordedExchange) -> list[str]:
        return [each for each in self._origins.needs(call) if self._bound.get(each) is None]

    def _differ(self, call: PlannedCall, what: str) -> None:
        self._verdict.differ(call.job, call.line, f"{self._verdict.title(call.call)}: {what}")

    # What came of it

    def _renews(self, out: Outgoing, at: Millis, response: Response) -> bool:
        """Whether a token that was good has ended: it is asked for anew, and the call is sent again."""
        bearers = set(stand_ins(bearer_in(out.recorded.request)))
        if response.status < 300:
            self._good |= bearers
        expected = out.call.call.status if out.call is not None else 0
        ended = self._good & bearers if response.status == 401 and expected != 401 else set()
        for alias in ended:
            grants = (call for call in self._plan.calls if alias.encode() in call.call.body)
            if (granting := next(grants, None)) is None:
                return False
            self._good.discard(alias)
            self._requests.forget(alias)
            self._order.repeat(granting, at)
        if ended and out.job is not None:
            out.job.delay(at + self._terms.real(TRY_PAUSE))
        elif ended and out.call is not None:
            self._order.repeat(out.call, at + self._terms.real(TRY_PAUSE))
        return bool(ended)

    def _take_poll(self, job: FollowedJob, route: str, at: Millis, response: Response | None) -> None:
        answer = understood(route, response) if response is not None else JobAnswer()
        if response is None or response.status in BUSY or not answer.readable:
            self._busy += 1
            job.failed(at, self._wished(response))
        else:
            place = self._show(job, at, answer)
            if place is not None and place.call is not None and place.call.kind is CallKind.POLL:
                self._verdict.shown(job, place.call, answer, response)
        self._end_job(job, at)

    def _show(self, job: FollowedJob, at: Millis, answer: JobAnswer) -> Shown | None:
        """An answer about a job; what it shows first is held against what was recorded of that."""
        place = job.take(at, answer)
        if place is None:
            return None
        self._order.come(at, (job.planned.id, place))
        return job.planned.shown[place]

    def _tries_again(self, out: Outgoing, call: PlannedCall, at: Millis, response: Response | None) -> bool:
        """Whether the server had no time for it, and it may be sent again."""
        expected, status = call.call.status, response.status if response is not None else 0
        safe = call.call.request.method in ("GET", "HEAD") or call.call.route == "token"
        busy = status in _BEFORE_WORK or (safe and (status == 0 or status in BUSY))
        self._tries[call.call.x] += 1
        again = at + self._pause_of(response)
        last = self._first.setdefault(call.call.x, out.at) + self._terms.within_patience(_LONGEST_PAUSES)
        if not call.compared or not busy or status == expected or self._tries[call.call.x] >= _TRIES or again > last:
            return False
        self._busy += 1
        self._order.repeat(call, again)
        return True

    def _take_answer(self, call: PlannedCall, at: Millis, took: Millis, response: Response | None, why: str) -> None:
        if not call.compared:
            pass
        elif response is None:
            self._differ(call, f"no answer: {why}")
        else:
            about = self._verdict.answer(call, response, took)
            job = self._jobs.get(call.job or "")
            if job is not None and about:
                self._take_shown(call, job, at, response)
        self._end_call(call, at)

    def _take_shown(self, call: PlannedCall, job: FollowedJob, at: Millis, response: Response) -> None:
        """What the answer to a call shows of its job, which it may have begun."""
        shown = understood(call.call.route, response).seen
        if call.begins and shown:
            job.begin(at)
            self._bound.bind(shown[0].job, job.planned.id)
        for each in shown if job.begun and not job.over else ():
            self._show(job, at, JobAnswer((each,)))
        self._end_job(job, at)

    def _end_call(self, call: PlannedCall, at: Millis) -> None:
        self._order.come(at, call.call.x)
        job = self._jobs.get(call.job or "")
        if call.begins and job is not None and not job.begun:
            job.end("")  # why it didn't begin was said
            self._end_job(job, at)

    def _end_job(self, job: FollowedJob, at: Millis) -> None:
        """Say what differs in a job that is over; nothing waits for it any more."""
        if not job.over or job.concluded:
            return
        job.concluded = True
        for place in range(len(job.planned.shown)):
            self._order.come(at, (job.planned.id, place))
        if job.begun:
            self._verdict.history(job)

    def _pause_of(self, response: Response | None) -> Millis:
        wished = self._wished(response)
        return self._terms.real(TRY_PAUSE) if wished is None else wished

    def _wished(self, response: Response | None) -> Millis | None:
        wished = retry_after(response) if response is not None else None
        return None if wished is None else self._terms.real(wished)

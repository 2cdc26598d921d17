"""Rules G: what a client does that is told of its jobs by callbacks. Judged by what it answered, and by what it called then.

In a recording a try stands where it was sent, and its answer where that came; so what a client called in between, or behind,
is told by the order of lines, whichever clock ran.
"""

from collections.abc import Iterator

from lab.core.clock import Millis
from lab.plugins.rehearsal.report.history import CallbackTry, ClientHistory, callback_tries, untold
from lab.plugins.rehearsal.report.rule import Occasion, rules_in
from lab.plugins.rehearsal.report.stops import SILENT
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.story import JobHistory

_A_WHILE: Millis = 20
_WORK = (CallKind.POLL, CallKind.DECIDE, CallKind.INVOKE)


def _tries(history: ClientHistory) -> Iterator[tuple[JobHistory, CallbackTry]]:
    for job in history.jobs:
        for each in callback_tries(job):
            yield job, each


def _occasion(good: bool, each: CallbackTry, *calls: RecordedExchange) -> Occasion:
    return Occasion(good, (*each.lines, *(line for call in calls for line in call.lines)))


def verifies_signatures(history: ClientHistory) -> Iterator[Occasion]:
    """G1: one whose signature isn't that of its bytes is not answered 2xx."""
    for _, each in _tries(history):
        forged = each.signature == "bad" or (each.fault == "truncated" and each.signature == "good" and each.timed)
        if forged and each.status is not None:
            yield _occasion(not each.taken, each)


def refuses_old_timestamps(history: ClientHistory) -> Iterator[Occasion]:
    """G2: one whose timestamp is ten minutes old is not answered 2xx, though its signature is right."""
    for _, each in _tries(history):
        if each.fault == "old-timestamp" and each.signature == "good" and each.status is not None:
            yield _occasion(not each.taken, each)


def takes_doubles_once(history: ClientHistory) -> Iterator[Occasion]:
    """G3: where the end had been seen when the same came again, nothing is asked about the job any more."""
    for job, each in _tries(history):
        if each.fault == "twice" and each.status is not None and job.end is not None and each.follows(job.end):
            again = [call for call in job.polls if each.precedes(call)]
            yield _occasion(not again, each, *again)


def looks_at_the_job(history: ClientHistory) -> Iterator[Occasion]:
    """G4: an end that a callback tells of is no end until a look at a job has shown it."""
    for job, each in _tries(history):
        if each.tells_end and each.taken and not (job.end is not None and each.follows(job.end)):
            calls = (
                call for call in history.calls if (call.job == job.job or each.names(call.job)) and each.precedes(call)
            )
            if (look := next(calls, None)) is not None:
                yield _occasion(True, each, look)
            elif history.over or history.until - each.at >= SILENT:
                yield _occasion(False, each)


def polls_all_the_same(history: ClientHistory) -> Iterator[Occasion]:
    """G5: where no callback comes the job is polled."""
    for job in history.jobs:
        for each in untold(job):
            line, looks = each.n + 1, [call for call in job.polls if call.lines[0] > each.n + 1]
            if looks or (job.end is not None and job.end.lines[-1] < line):
                yield Occasion(True, (line, *(looks[0].lines if looks else ())))
            elif history.over or history.until - each.instant >= SILENT:
                yield Occasion(False, (line,))


def answers_before_it_works(history: ClientHistory) -> Iterator[Occasion]:
    """G6: one that has an answer of the lab's between each callback and its own works first. Once may be chance, for it polls.

    Only where answers take a while, for what is on its way at once comes in any order.
    """
    taken = [each for _, each in _tries(history) if each.taken]
    calls = [call for call in history.calls if call.kind in _WORK and call.answered_at - call.at >= _A_WHILE]
    within = [[call for call in calls if each.precedes(call) and each.answered_behind(call)] for each in taken]
    if taken and calls:
        yield _occasion(not all(within), taken[0], *within[0])


def answers_within_the_limit(history: ClientHistory) -> Iterator[Occasion]:
    """G7: each is answered, in 15 s."""
    for _, each in _tries(history):
        if each.status is not None or each.why == "timeout":
            yield _occasion(each.status is not None, each)


def listens(history: ClientHistory) -> Iterator[Occasion]:
    """G8: of the callbacks that came while the client was still at work one at least found somebody who listens."""
    last = history.calls[-1].lines[0]
    tries = [each for _, each in _tries(history) if each.answer is not None and each.lines[-1] < last]
    if tries:
        heard = next((each for each in tries if each.why != "refused"), None)
        yield _occasion(heard is not None, heard or tries[0])


CALLBACK_RULES = rules_in(
    """
    G1 | verifies_signatures | refuse a callback with another signature | critical | L | Verify webhook-signature over id, timestamp and the body's bytes as they came, over A2A the token and credentials that you registered, and answer 401 where it doesn't fit. | Standard Webhooks 1.0 | drills `n-callback-bad-signature`, `n-callback-truncated`
    G2 | refuses_old_timestamps | refuse a callback with an old timestamp | major | L | Refuse a webhook-timestamp that is more than five minutes off your clock: it may be one that somebody kept. | Standard Webhooks 1.0 | drills `n-callback-old-timestamp`
    G3 | takes_doubles_once | take a callback once that comes twice | major | L | Keep each webhook-id for a day, over A2A the last state of each task, and answer one that you know with 2xx and nothing else. | Standard Webhooks 1.0 | drills `n-callback-twice`
    G4 | looks_at_the_job | look at the job when a callback tells of its end | major | L | Take a callback for a hint to poll now: it may be another job's, or older than what you know. | lab docs callbacks, §1 | drills `n-callback-other-job`, any callback
    G5 | polls_all_the_same | poll on where no callback comes | critical | L | Poll as you would without callbacks, only more rarely: one may be lost. | lab docs callbacks, §2 | drills `n-callback-lost`
    G6 | answers_before_it_works | answer a callback before you work on it | minor | L | Answer 2xx once it is verified and kept, then look at the job: who works first is called again when that takes too long. | Standard Webhooks 1.0 | any callback, of a scenario with `latency: {status: 50ms}`
    G7 | answers_within_the_limit | answer a callback in 15 s | major | L | Answer at once, and work elsewhere. | Standard Webhooks 1.0 | any callback
    G8 | listens | listen where callbacks come | critical | L | Listen at LAB_NOTIFY_URL, or where you registered, before you send the first message: nobody was there. | lab docs callbacks, §4 | any callback
    """,
    globals(),
)

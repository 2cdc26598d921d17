"""Where a client stopped early, or polled on after the end, and which rule that is charged to.

It is charged once, to the most telling cause in the last answer that the client was given, so that one mistake is one
finding. For instance, of a poll loop that gives up,

    the last answer was             charged to
    503, Retry-After: 2             C1    it didn't wait as asked
    503                             D1    it doesn't back off
    200 {"status": "QUEUED_V2"}     C11   it takes an unknown word for the end
    200 {"status": "WAITING"}       C4    it takes a person's time for a failure

What rules F charge by callbacks (`callbacks.py`) is charged to nothing here: a stop as one told of the end, a poll as one
came twice.

Whether it stopped at all is known where its end is: its process has ended, or it ran in the lab's own. Of others it is
assumed once nothing came for a minute, and for four times its last pause.
"""

from collections.abc import Iterator
from operator import attrgetter

from lab.core.clock import Millis
from lab.dialects import client_of
from lab.plugins.rehearsal.report.history import (
    Charge,
    ClientHistory,
    callback_tries,
    garbled,
    gave_up,
    operation,
    readable_pause,
    untold,
)
from lab.program.words import Status
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import SERVER_CUTS
from lab.recording.story import JobHistory

SILENT: Millis = 60_000
"""Nothing came for so long: a client whose end nobody knows has stopped."""
ENOUGH = 5
"""So many failures in a row let a client give up: the lab's own does, too."""
HUGE = 1_000_000
"""Characters of an output that is long for a client."""
_DEEP = 50
"""Brackets in a row that make an output deep."""


def stops_of(history: ClientHistory) -> Iterator[Charge]:
    """Of each job at most one; and one of a run whose last call got no token, or started no job."""
    for job in history.jobs:
        yield from _of_job(history, job)
    last = history.calls[-1]
    before_job = last.kind in (CallKind.TOKEN, CallKind.INVOKE) and all(
        job.accepted.x != last.x for job in history.jobs
    )
    if before_job and (rule := _failure(last)) is not None and _is_over(history, last):
        yield Charge(last, rule, None)


def _of_job(history: ClientHistory, job: JobHistory) -> Iterator[Charge]:
    end = job.end
    # the answer to a decision tells how things are too: whoever stops there took it for the end, or it was
    last = max((*job.calls, *(call for call in job.decisions if call.tells)), key=attrgetter("x"))
    if end is not None:
        # a poll that was under way already is forgiven, and the look by which a callback is followed that was answered then
        tries = [each for each in callback_tries(job) if each.answered_behind(end)]
        doubles = [each for each in tries if each.fault == "twice" and each.follows(end)]
        looks = {next((call.x for call in job.polls if call.lines[0] > each.lines[-1]), None) for each in tries}
        polls = (call for call in job.polls if not any(each.precedes(call) for each in doubles))
        if later := tuple(call for call in polls if call.sent > end.left and call.x not in looks):
            after = "C14" if odd_result(end) else "C13" if history.has_odd_members(end) else "C2"
            yield Charge(end, after, job.job, later)
        return
    # who stopped as a callback told of the end, or waited for one that never came, has stopped for that (G4, G5)
    ends = any(each.tells_end and each.taken and each.follows(last) for each in callback_tries(job))
    if ends or any(each.n + 1 > last.lines[-1] for each in untold(job)):
        return
    rule = _rule_of_stop(history, job, last) if last.kind is CallKind.POLL or last.good else None
    if rule is None or not _is_over(history, last):
        return
    if last.left - job.started >= SILENT and rule not in ("A4", "C4"):
        # a minute after the start it may be a deadline, and each client may have its own
        if rule == "C3":
            rule = "C15" if _waited_too_long(job) else None
        elif any(_rule_of_stop(history, job, call) == rule for call in job.calls[:-1]):
            return
    if rule is not None:
        yield Charge(last, rule, job.job)


def _waited_too_long(job: JobHistory) -> bool:
    """Whether long waiting for people has left less than a minute for the agent's work."""
    waited = [after.left - first.left for first, after in job.waits()]
    long = [pause for pause in waited if pause >= SILENT]
    return bool(long) and job.calls[-1].left - job.started - sum(long) < SILENT


def _is_over(history: ClientHistory, last: RecordedExchange) -> bool:
    """Whether the client is known, or can be assumed, to do nothing more for this call's operation, and more was to be
    tried: not after so many failures in a row, nor once a refused token was renewed, nor where no token was to be had for
    the next call."""
    silent = history.over or history.until - last.left >= max(SILENT, 4 * _pause_before(history, last))
    if not silent or not _token_at_hand(history, last):
        return False
    if not last.refused_token:
        tries = history.operations[operation(last)][-ENOUGH:]
        return len(tries) < ENOUGH or any(call.good and not garbled(call) for call in tries)
    before = [each for each in history.calls if each.x < last.x and each.left <= last.sent and each.asks_same(last)]
    return not (before and before[-1].refused_token and before[-1].bearer != last.bearer)


def _pause_before(history: ClientHistory, last: RecordedExchange) -> Millis:
    """The time between the last two calls of an operation; 0: there is one alone."""
    tries = history.operations[operation(last)]
    return tries[-1].sent - tries[-2:][0].sent


def _token_at_hand(history: ClientHistory, last: RecordedExchange) -> bool:
    """Whether a token, if one was asked for since, was to be had to the end, and whenever a job may have needed it."""
    answers = [each for each in history.of(CallKind.TOKEN) if each.left >= last.sent and each.x != last.x]
    had = [each.good and not garbled(each) for each in answers]
    refused = any(400 <= each.status < 500 and not each.failed for each in answers)
    in_vain = any(not any(had[n : n + ENOUGH]) for n in range(1 + len(had) - ENOUGH))
    return not had or (had[-1] and not refused and not in_vain)


def _failure(last: RecordedExchange) -> str | None:
    """The rule for a last answer that was a failure which may be tried again; None: it was none.

    A message whose answer was lost may have been accepted, so whoever stops there is right; and who left though nothing
    was wrong was told nothing by it.
    """
    repeatable = last.kind is not CallKind.INVOKE
    match last.status if last.whole else None:
        case 401:
            return "A4" if last.refused_token else None
        case 429 | 503 as status:
            return "C1" if readable_pause(last) else "D1" if repeatable or status == 429 else None
        case _ if not repeatable:
            return None
        case 500 | 502 | 504:
            return "D2"
        case None if last.cut in SERVER_CUTS:
            return "D3" if last.response is None else "D4"
        case None:
            return "D3" if gave_up(last) else None
        case _:
            return "D4" if garbled(last) else None


def _rule_of_stop(history: ClientHistory, job: JobHistory, last: RecordedExchange) -> str | None:
    """The rule for a stop before the job's end after this call; None: it is nobody's fault, for a refusal was final."""
    if last.status == 404 and last.whole:
        before = next((each for each in reversed(job.polls) if each.x < last.x), None)
        return "D7" if early(job, last) and (before is None or before.status != 404) else None
    failed = _failure(last)
    if failed is not None or last.seen is None:
        return failed
    if _connection_ended(history, last):
        return "E2"
    if history.has_odd_members(last):
        return "C13"
    if odd_spelling(last):
        # who says that it failed didn't take it for the known word
        return "C11" if history.failed else "C12"
    return {None: "C11", Status.WAITING: "C4"}.get(last.seen.status, "C3")


def early(job: JobHistory, poll: RecordedExchange) -> bool:
    """Whether no poll before this one has found the job, which may take a moment to be known."""
    return not any(each.seen is not None for each in job.polls if each.x < poll.x)


def _connection_ended(history: ClientHistory, last: RecordedExchange) -> bool:
    """Whether the server ended the connection after this call: with its answer, or while the client would still wait."""
    ended = next((each for each in history.connections if each.calls[-1].x == last.x), None)
    if ended is None or ended.closed is None or not ended.ended_by_server:
        return False
    return ended.closed - last.left <= (2 * _pause_before(history, last) or SILENT)


def odd_spelling(call: RecordedExchange) -> bool:
    """Whether an answer has a known status in another letter case."""
    seen, client = call.seen, client_of(call.route)
    return seen is not None and client is not None and seen.status is None and seen.word.upper() in client.statuses


def odd_result(call: RecordedExchange) -> bool:
    """Whether an end's output, or its error, is null, empty, huge, deep, or holds NUL."""
    seen = call.seen
    assert seen is not None
    text = seen.error if seen.status is Status.ERROR else seen.output
    return not text or len(text) >= HUGE or "\0" in text or "[" * _DEEP in text

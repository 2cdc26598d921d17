"""Rules D: what a client does when a call fails."""

from collections.abc import Callable, Hashable, Iterator
from itertools import groupby, pairwise

from lab.core.clock import Millis
from lab.core.tolerance import least, most
from lab.faults.model import CUT_AFTER
from lab.plugins.rehearsal.report.history import ClientHistory, garbled, gave_up, operation, readable_pause
from lab.plugins.rehearsal.report.rule import Occasion, broken, kept, rules_in, went_on
from lab.plugins.rehearsal.report.stops import SILENT, early
from lab.recording.exchange import REDIRECTS, CallKind, RecordedExchange
from lab.recording.format.lines import SERVER_CUTS

AT_ONCE: Millis = 100
"""A retry after less is one without a pause."""
MOST_RETRIES = 10
"""Of a poll that a gateway or the server failed to answer."""
LONG: Millis = 5_000
"""A pause that needn't grow; and the least that a client waits for an answer."""
FIRST_PAUSE: Millis = 3_000
LONGEST_PAUSE: Millis = 60_000
"""The pauses of the lab's own app after failures: twice as long each time."""
ENOUGH_EXPECTED = 5
"""A stretch of failures is judged in which the lab's own app would send so many requests."""
MOST_LATE = 3
"""Polls after a 404 for a job that was there."""


def backs_off_when_refused(history: ClientHistory) -> Iterator[Occasion]:
    """D1: after 429 or 503 without a Retry-After that can be read: a second at least, and longer each time."""

    def unexplained(call: RecordedExchange) -> bool:
        # to send a message again that 503 refused without a word is B4's
        refused = call.status == 429 or (call.status == 503 and call.kind is not CallKind.INVOKE)
        return call.whole and refused and not readable_pause(call)

    for calls in _stretches(history, unexplained):
        pauses = _pauses(calls)
        short = any(pause < least(1_000) for pause in pauses)
        flat = len(pauses) > 2 and pauses[-1] <= most(pauses[0]) and min(pauses) < least(LONG)
        if pauses:
            yield broken(*calls) if short or flat else kept(*calls[:2])


def repeats_failed_polls(history: ClientHistory) -> Iterator[Occasion]:
    """D2: a poll that was answered 500, 502 or 504 is sent again, after a pause, ten times at most."""

    def failed(call: RecordedExchange) -> bool:
        return call.kind is CallKind.POLL and call.whole and call.status in (500, 502, 504)

    for calls in _stretches(history, failed):
        pauses = _pauses(calls)
        hurried = any(pause < AT_ONCE for pause in pauses)
        if pauses:
            yield broken(*calls) if hurried or len(calls) - 1 > MOST_RETRIES else kept(*calls[:2])


def repeats_lost_polls(history: ClientHistory) -> Iterator[Occasion]:
    """D3: a poll that was reset, closed without an answer, or given up, is sent again."""
    polls = history.of(CallKind.POLL)
    lost = [call for call in polls if gave_up(call) or (call.response is None and call.cut in SERVER_CUTS)]
    yield from went_on(history, lost)


def takes_no_garbage(history: ClientHistory) -> Iterator[Occasion]:
    """D4: half a body, or a page in place of JSON, is no result: the job is polled on."""
    polls = history.of(CallKind.POLL)
    garbage = [call for call in polls if garbled(call) or (call.response is not None and call.cut in SERVER_CUTS)]
    yield from went_on(history, garbage)


def gives_up_waiting(history: ClientHistory) -> Iterator[Occasion]:
    """D5: a call that isn't answered is given up by the client itself, not before 5 s; whether it comes again is D3's."""
    for call in history.of(CallKind.TOKEN, CallKind.INVOKE, CallKind.POLL, CallKind.DECIDE):
        lasted = call.left - call.sent
        if call.cut == "timeout" and lasted >= least(CUT_AFTER):
            yield broken(call)
        elif gave_up(call):
            # of one that was stopped the last call was cut by that; a minute without a byte is too long all the same
            stopped = history.next_of(call) is None and not history.over
            if (lasted >= SILENT and call.response is None) if stopped else lasted < least(LONG):
                yield broken(call)
            elif not stopped:
                yield kept(call)


def storms_nobody(history: ClientHistory) -> Iterator[Occasion]:
    """D6: in a long stretch of failures at most three times the requests that the lab's own app would send."""
    # whoever is told how long to wait is judged by that (C1)
    for calls in _stretches(history, lambda call: call.failed and not readable_pause(call)):
        expected = requests_expected(calls[-1].sent - calls[0].sent)
        if expected >= ENOUGH_EXPECTED:
            yield broken(*calls) if len(calls) > 3 * expected else kept(*calls[:2])


def requests_expected(lasted: Millis) -> int:
    """How many the lab's own app sends while all fail: the first at once, then after pauses of 3 s, 6 s, … 60 s."""
    count, pause = 1, FIRST_PAUSE
    while lasted >= pause:
        lasted, pause, count = lasted - pause, min(LONGEST_PAUSE, 2 * pause), count + 1
    return count


def reads_404_by_its_time(history: ClientHistory) -> Iterator[Occasion]:
    """D7: a 404 before any poll has found the job may pass, a later one is final; after the end it is C2's."""
    for job in history.jobs:
        end = job.end  # looked for among all its calls
        polls = [call for call in job.polls if end is None or call.x <= end.x]
        unknown = [call for call in polls if call.whole and call.status == 404]
        late = [call for call in unknown if not early(job, call)]
        yield from (kept(call, later) for call, later in pairwise(polls) if call in unknown and call not in late)
        for hit, group in groupby(polls, late.__contains__):
            calls = list(group)
            if hit:
                yield broken(*calls) if len(calls) - 1 > MOST_LATE else kept(calls[0])


def follows_redirects_rightly(history: ClientHistory) -> Iterator[Occasion]:
    """D8: another origin gets no Authorization; at the same one a request stays what it was: no POST becomes a GET."""
    for call in history.elsewhere:
        yield kept(call) if call.request.header("authorization") is None else broken(call)
    for call in history.calls:
        if not call.whole or call.response is None or call.status not in REDIRECTS:
            continue
        calls = sorted((*history.after(call), *history.elsewhere), key=lambda each: each.x)
        after = (each for each in calls if each.x > call.x and each.request.path == call.request.path)
        later = next(after, None)
        if later is not None:
            yield kept(call, later) if later.request.method == call.request.method else broken(call, later)
        elif not (call.response.header("location") or "/").startswith("/"):
            yield kept(call)


def _stretches(history: ClientHistory, chosen: Callable[[RecordedExchange], bool]) -> Iterator[list[RecordedExchange]]:
    """Calls of one operation in a row that are so chosen, with the one after them, if there is one."""
    operations: dict[Hashable, list[RecordedExchange]] = {}
    for call in history.calls:
        # another message is no retry
        message = repr((call.command, call.details)) if call.kind is CallKind.INVOKE else ""
        operations.setdefault((operation(call), message), []).append(call)
    for calls in operations.values():
        groups = [(hit, list(group)) for hit, group in groupby(calls, chosen)]
        for (hit, group), (_, after) in zip(groups, [*groups[1:], (False, [])], strict=True):
            if hit:
                yield [*group, *after[:1]]


def _pauses(calls: list[RecordedExchange]) -> list[Millis]:
    """Between an answer's end and the next call; where that was sent before, there was none to be judged."""
    return [later.sent - call.left for call, later in pairwise(calls) if later.sent >= call.left]


FAILURE_RULES = rules_in(
    """
    D1 | backs_off_when_refused | back off at 429 and 503 | major | T | Without a Retry-After that can be read, wait a second and more, longer after each refusal, and don't give up at the first. | RFC 6585 §4 | busy; drills `w-429`, `w-503`
    D2 | repeats_failed_polls | repeat a poll or token request that failed | major | T | After 500, 502 or 504 send a poll, or a request for a token, again after a pause, ten times at most: neither does anything twice. | RFC 9110 §9.2.2 | drills `w-500-poll`, `w-502-html-poll`, `w-504-poll`
    D3 | repeats_lost_polls | repeat a poll or token request that was lost | major | T | Where the connection ended without an answer, or your time-out struck, open a new one and send the poll, or the request for a token, again. | RFC 9112 §9.3.1 | bad-line; drills `w-reset-poll`, `w-empty-poll`, `w-hang-poll`
    D4 | takes_no_garbage | take a garbled answer for a failure that passes | major | L | A body that is cut, or is no JSON, is a failure whatever its status says: send the poll, or the request for a token, again. | RFC 9112 §8 | bad-line; drills `w-truncate-poll`, `w-garbage-poll`, `w-wrong-length-poll`, `w-html-page-poll`
    D5 | gives_up_waiting | have a read time-out | major | T | Give each answer a time-out of your own, half a minute say. | lab docs clients, §1 | drills `w-hang-poll`, `w-stall-poll`, `w-hang-token`
    D6 | storms_nobody | don't storm the server with retries | major | T | Double the pause after each failure, so that a minute of failures costs a handful of requests. | lab docs clients, §1 | a scenario with `503` at all polls for a minute
    D7 | reads_404_by_its_time | retry an early 404, stop at a late one | minor | L | Right after acceptance poll again, for a job may take a moment to be known; later stop. | lab docs clients, §3 | drills `p-404`
    D8 | follows_redirects_rightly | send no bearer to another origin | critical | L | When you follow a redirect to another origin, leave the Authorization header out; at 307 and 308 keep method and body. | RFC 9110 §15.4; RFC 9700 §4 | redirect-other, redirect-same
    """,
    globals(),
)

"""Rules C: how a client polls."""

from bisect import bisect
from collections.abc import Hashable, Iterator
from itertools import groupby, pairwise
from statistics import median

from lab.app.pauses import (
    CEILINGS,
    JUDGED_PAUSES,
    SHORT_WAIT,
    SHORTEST_PAUSE,
    STEADY,
    WAITING_PAUSE,
    backs_off,
    longest_pause,
)
from lab.core.clock import Millis
from lab.core.tolerance import least, most
from lab.jobs.own_run import LONGEST_DEADLINE
from lab.plugins.rehearsal.report.history import ClientHistory, callback_tries, operation
from lab.plugins.rehearsal.report.rule import Occasion, broken, kept, rules_in, went_on
from lab.plugins.rehearsal.report.stops import odd_result, odd_spelling
from lab.program.words import Status, duration_text
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.story import JobHistory

MINUTE: Millis = 60_000
HOUR: Millis = 3_600_000
_AT_ONCE: Millis = 20
"""Polls that are no further apart come in one instant."""


def honours_retry_after(history: ClientHistory) -> Iterator[Occasion]:
    """C1: a date is read where the clock is the client's; what is neither seconds nor a date belongs to D1."""
    for call in history.calls:
        wanted = history.pause_wanted(call) if call.good or call.status in (429, 503) else None
        later = history.next_of(call) if wanted is not None else None
        if wanted is not None and later is not None:
            early = later.sent - call.left < least(wanted)
            yield broken(call, later) if early else kept(call, later)


def stops_at_end(history: ClientHistory) -> Iterator[Occasion]:
    """C2: any poll after the first whole answer that showed the end; one already under way is forgiven."""
    passed = {stop.job for stop in history.stops}
    yield from (kept(job.end) for job in history.jobs if job.end is not None and job.job not in passed)


def polls_to_end(history: ClientHistory) -> Iterator[Occasion]:
    """C3: kept by whoever still polls after a minute of work, or has its result by then; a later stop is a deadline."""
    for job in history.jobs:
        late = (call for call in job.polls if call.sent - job.started >= least(MINUTE))
        if any(seen.status is Status.RUNNING for _, seen in job.shows()):
            yield from map(kept, list(late)[:1])


def waits_for_people(history: ClientHistory) -> Iterator[Occasion]:
    """C4: kept only where WAITING lasted a minute of the client's time, and it went on to fetch what came of it."""
    yield from (kept(*wait) for job in history.jobs for wait in _long_waits(job))


def _long_waits(job: JobHistory) -> list[tuple[RecordedExchange, RecordedExchange]]:
    return [(first, after) for first, after in job.waits() if after.left - first.left >= least(MINUTE)]


def slower_while_waiting(history: ClientHistory) -> Iterator[Occasion]:
    """C5: the median pause in WAITING is twice that in RUNNING, or ten seconds; three of each are needed.

    Pauses count that begin once WAITING has lasted 20 s: before, a client can't know that somebody takes their time.
    """
    for job in history.jobs:
        running = [pause for status, pause, _ in _pauses(job) if status is Status.RUNNING]
        waiting = [
            (later.sent - call.left, later)
            for status, calls in _stretches(job)
            for call, later in pairwise(calls)
            if status is Status.WAITING and call.left - calls[0].left >= SHORT_WAIT
        ]
        if len(running) < 3 or len(waiting) < 3:
            continue
        pause = median(pause for pause, _ in waiting)
        slow = pause >= least(WAITING_PAUSE) or pause >= least(round(2 * median(running)))
        yield kept(waiting[0][1]) if slow else broken(*(call for _, call in waiting))


def leaves_a_pause(history: ClientHistory) -> Iterator[Occasion]:
    """C6: at least a second from the last good answer to the next poll of the job, unless a callback has just told of it."""
    for job in history.jobs:
        tries = [each for each in callback_tries(job) if each.taken]
        found = [
            (pause, call)
            for _, pause, call in _pauses(job)
            if not any(each.precedes(call) and call.at - each.at < SHORTEST_PAUSE for each in tries)
        ]
        short = [call for pause, call in found if pause < least(SHORTEST_PAUSE)]
        if found:
            yield broken(*short) if short else kept(found[0][1])


def backs_off_while_nothing_changes(history: ClientHistory) -> Iterator[Occasion]:
    """C7: at six polls and more in one status the pauses don't shrink, grow unless they are long, and keep to their ceiling."""
    fetched = [call.sent for call in history.of(CallKind.TOKEN)]
    for status, calls in (stretch for job in history.jobs for stretch in _stretches(job)):
        # who had to fetch a token meanwhile may have waited for that
        found = [
            (call.left - calls[0].left, later.sent - call.left)
            for call, later in pairwise(calls)
            if bisect(fetched, call.left) == bisect(fetched, later.sent)
        ]
        if len(found) < JUDGED_PAUSES:
            continue
        pauses, third = [pause for _, pause in found], max(1, len(found) // 3)
        within = all(pause <= most(longest_pause(at, waiting=status is Status.WAITING)) for at, pause in found)
        good = within and backs_off(float(median(pauses[:third])), float(median(pauses[-third:])), least(STEADY))
        yield kept(calls[0], calls[-1]) if good else broken(*calls)


def spreads_its_calls(history: ClientHistory) -> Iterator[Occasion]:
    """C8: pauses after failures are not all alike, nor do five jobs poll in one instant again and again."""
    by_attempt: dict[int, list[tuple[Millis, RecordedExchange]]] = {}
    for attempt, pause, call in _pauses_after_failures(history):
        by_attempt.setdefault(attempt, []).append((pause, call))
    # a pause is compared with those after as many failures in a row; of two, chance makes any alike too often
    found = [each for each in by_attempt.values() if len(each) > 2]
    calls = [call for each in found for _, call in each]
    if len(calls) >= 8:
        shares = [pause / max(1.0, median(pause for pause, _ in each)) for each in found for pause, _ in each]
        alike = [share for share in shares if abs(share - 1) < 0.02]
        yield broken(*calls) if len(alike) >= 0.9 * len(shares) else kept(*calls[:2])
    yield from _crowds(history)


def _pauses_after_failures(history: ClientHistory) -> Iterator[tuple[int, Millis, RecordedExchange]]:
    """Attempt, pause and the call that followed, where nobody said how long to wait."""
    attempts: dict[Hashable, int] = {}
    for call in history.calls:
        key = operation(call)
        attempts[key] = attempts.get(key, 0) + 1 if call.failed else 0
        later = history.next_of(call) if call.failed else None
        if later is not None and history.pause_wanted(call) is None:
            yield attempts[key], later.sent - call.left, later


def _crowds(history: ClientHistory) -> Iterator[Occasion]:
    polls = history.of(CallKind.POLL)
    spans = [(job.polls[0].sent, job.polls[-1].sent) for job in history.jobs if job.polls]
    if max((sum(first <= begin <= last for first, last in spans) for begin, _ in spans), default=0) < 5:
        return
    rounds, together = 0, list[RecordedExchange]()
    for start, call in enumerate(polls):
        if together and call.sent - together[0].sent <= _AT_ONCE:
            continue
        together = [each for each in polls[start:] if each.sent - call.sent <= _AT_ONCE]
        rounds = rounds + 1 if len({each.job for each in together}) >= 5 else 0
        if rounds == 3:
            yield broken(*together)
            return
    yield kept(polls[0])


def polls_one_at_a_time(history: ClientHistory) -> Iterator[Occasion]:
    """C9: no poll of a job is sent before the answer to the last one."""
    for job in history.jobs:
        pairs = list(pairwise(job.polls))
        found = [broken(call, later) for call, later in pairs if call.ended is not None and later.sent < call.ended]
        yield from found or [kept(*pair) for pair in pairs[:1]]


def has_a_deadline(history: ClientHistory) -> Iterator[Occasion]:
    """C10: of a job that has not ended after an hour of work: polling ends within two days."""
    for job in history.jobs:
        last, waited = job.calls[-1], any(seen.status is Status.WAITING for _, seen in job.shows())
        lasted = last.left - job.started
        if job.end is not None or lasted < least(HOUR) or waited:
            continue
        if lasted > most(LONGEST_DEADLINE):
            yield broken(last)
        elif history.over or history.until - last.left > HOUR:
            yield kept(last)


def goes_on_at_unknown_words(history: ClientHistory) -> Iterator[Occasion]:
    """C11: a status that nobody documented is neither the end nor a failure."""
    words = (call for call in history.calls if call.seen is not None and call.seen.status is None)
    yield from went_on(history, [call for call in words if not odd_spelling(call)])


def compares_words_exactly(history: ClientHistory) -> Iterator[Occasion]:
    """C12: a known word in another letter case is another word."""
    yield from went_on(history, [call for call in history.calls if odd_spelling(call)])


def ignores_unknown_members(history: ClientHistory) -> Iterator[Occasion]:
    """C13: members that are new, or in another order, change nothing."""
    odd = [call for call in history.calls if history.has_odd_members(call)]
    ends = [call for call in odd if call.seen is not None and call.seen.final]
    yield from went_on(history, [call for call in odd if call not in ends])
    yield from map(kept, ends)


def takes_odd_results(history: ClientHistory) -> Iterator[Occasion]:
    """C14: an end whose output is null, empty, huge or deep is an end: not asked for again, read to its last byte, no failure."""
    for end in (job.end for job in history.jobs):
        if end is not None and odd_result(end):
            # it is what a client failed at that had the answer to its last call, and no ERROR to tell
            last = end is history.calls[-1] and end.seen is not None and end.seen.status is Status.COMPLETE
            yield broken(end) if history.failed and last else kept(end)


def counts_no_waiting(history: ClientHistory) -> Iterator[Occasion]:
    """C15: after a minute and more of WAITING, what a person took isn't taken from the time for the agent's work."""
    for job in history.jobs:
        if job.end is not None:
            yield from (kept(after, job.end) for _, after in _long_waits(job)[-1:])


# What several rules look at


def _pauses(job: JobHistory) -> Iterator[tuple[Status | None, Millis, RecordedExchange]]:
    """Status, pause and the poll after it, for each good answer; where the client decided meanwhile there is no pause."""
    for call, later in pairwise(job.polls):
        decided = any(call.sent < each.sent < later.sent for each in job.decisions)
        if call.seen is not None and later.sent >= call.left and not decided:
            yield call.seen.status, later.sent - call.left, later


def _stretches(job: JobHistory) -> Iterator[tuple[Status, list[RecordedExchange]]]:
    """Polls in a row that were answered with one status, in which a job goes on; what comes after an end is C2's."""
    for status, calls in groupby(job.polls, lambda call: call.seen.status if call.good and call.seen else None):
        if status is not None and not status.final:
            yield status, list(calls)


POLL_RULES = rules_in(
    f"""
    C1 | honours_retry_after | honour Retry-After | critical | T | Wait as long as Retry-After says, in seconds or until its date, and then send the same again: neither 429 nor 503 is the end. | RFC 9110 §10.2.3; RFC 6585 §4 | busy; drills `w-429-seconds`, `w-429-date`, `w-503-seconds`
    C2 | stops_at_end | stop at a final status | major | L | End the loop at COMPLETE and at ERROR; its body never changes again. | lab docs clients, §1 | any scenario
    C3 | polls_to_end | poll until the job has ended | major | T | Give the agent minutes, not seconds: let only a deadline of your own end the loop early. | lab docs clients, §1 | slow
    C4 | waits_for_people | treat WAITING as neither failure nor time-out | critical | T | Keep polling through WAITING, for hours or days: a person has to decide. | lab docs contract, §5.2; lab docs clients, §1 | approval, long-wait
    C5 | slower_while_waiting | poll more slowly in WAITING | minor | T | In WAITING let the pause grow to ten seconds and more: people take their time. | lab docs clients, §1 | long-wait
    C6 | leaves_a_pause | leave a second between polls | major | T | Wait at least a second after an answer before you poll again. | RFC 8628 §3.5 | any scenario
    C7 | backs_off_while_nothing_changes | back off while nothing changes | minor | T | Let the pause grow, by 30 % say, to {duration_text(STEADY)} and more, never shrink, and no pause exceed its ceiling: {CEILINGS}. | lab docs clients, §8.1 | slow
    C8 | spreads_its_calls | add jitter | minor | T | Add a random part to each pause, so that clients that failed together don't come back together. | lab docs clients, §1 | a scenario with `503` at ten polls in a row; crowd
    C9 | polls_one_at_a_time | keep one poll in flight for a job | major | L | Send the next poll only once the last one was answered or given up. | lab docs clients, §1 | drills `w-late-poll`
    C10 | has_a_deadline | have a deadline | major | T | Give up a job at a time of your own choice: after an hour or a day, not never. | lab docs clients, §1 | endless, with `--limit 2h`, or in virtual time
    C11 | goes_on_at_unknown_words | keep polling at an unknown status | major | L | Treat a status that you don't know as one that isn't final, and poll on. | lab docs contract, §5 | odd-status; drills `p-status-word`
    C12 | compares_words_exactly | compare statuses exactly | information | L | Compare the word as it is: `Complete` is not COMPLETE. | RFC 8259 §8.3 | odd-case; drills `z-status-case`
    C13 | ignores_unknown_members | ignore unknown members and the order of members | major | L | Read the members that you know, in whatever order, and skip the others. | RFC 7493 §4.2; RFC 8259 §4 | odd-body; drills `p-odd-body`
    C14 | takes_odd_results | accept whatever the output is | major | L | An output may be null, empty, megabytes long or deeply nested: take it, and stop polling. | lab docs contract, §4; RFC 8259 §9 | odd-output; drills `z-output`
    C15 | counts_no_waiting | keep people's time out of the deadline | major | T | Count the deadline in RUNNING only, or start it anew when a person has decided. | lab docs clients, §1 | approval, long-wait
    """,
    globals(),
)

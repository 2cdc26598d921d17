"""Whether a run harmed a job: its client began more of them than it had messages, or lost one (clients.md §11)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from lab.dialects.base import Invoke
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.judge import RULE_OF
from lab.plugins.rehearsal.report.runs import ProcessEnd
from lab.recording.exchange import RecordedExchange
from lab.recording.story import JobHistory


class HarmKind(StrEnum):
    """What became of a job."""

    DOUBLED = "doubled"
    """More jobs began than messages were to be sent."""
    LOST = "lost"
    """A job's id was delivered and its end was not, though a good client would have gone on."""


class Harm(Struct, frozen=True):
    """A harm that was done, and by what it is seen."""

    kind: HarmKind
    sentence: str
    evidence: tuple[tuple[int, str], ...]
    """Lines of the recording, from 1, and what stands there."""


def harm_of(histories: Sequence[ClientHistory], end: ProcessEnd, messages: Sequence[str]) -> Harm | None:
    """The worse of them; a client that was stopped has lost nothing, for it might have gone on."""
    jobs = [job for history in histories for job in history.jobs]
    began = Counter(each.accepted.command.message for each in jobs if isinstance(each.accepted.command, Invoke))
    again = [text for text, count in Counter(messages).items() if began[text] > count]
    if len(jobs) > len(messages) or again:
        count, of = (began[again[0]], messages.count(again[0])) if again else (len(jobs), len(messages))
        sentence = f"{_number(count, 'job')} began of {_number(of, 'message')}"
        return Harm(HarmKind.DOUBLED, sentence, tuple(_evidence(histories, jobs)))
    if end.code is None:
        return None
    for history in histories:
        for job in history.jobs:
            # a client that waits no more for a late answer seems to have had it, unless it polls
            known = job.accepted.good and (job.polls or job.accepted.struck is None)
            # a stop of no job is one at the token endpoint
            stop = next((each for each in history.stops if each.job in (job.job, None)), None)
            if known and job.end is None and stop is not None:
                why = f"{stop.rule}: {RULE_OF[stop.rule].asks}"
                sentence = f"The client knew its job, and stopped before it had seen the end of it ({why})"
                return Harm(HarmKind.LOST, sentence, tuple(_evidence((history,), [job])))
    return None


def _evidence(histories: Iterable[ClientHistory], jobs: Sequence[JobHistory]) -> Iterator[tuple[int, str]]:
    """The calls that began jobs, those that were struck, and the last one."""
    began = {job.accepted.x: job.job for job in jobs}
    for history in histories:
        for call in history.calls:
            if call.x in began or call.struck is not None or call is history.calls[-1]:
                by = f", struck by {call.struck}" if call.struck is not None else ""
                job = f", began job {began[call.x]}" if call.x in began else ""
                yield call.line, f"{call.kind}: {_answer(call)}{by}{job}"


def _answer(call: RecordedExchange) -> str:
    """What came, in a word or two."""
    if not call.whole:
        return "without an answer" if call.response is None else f"{call.status}, cut"
    return f"{call.status} {call.seen.word}" if call.seen is not None else str(call.status)


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

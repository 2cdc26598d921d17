"""Rules F: how a client answers what a job asks, and what it makes of a job that failed."""

from collections.abc import Iterator

from lab.dialects.client import Question, Seen
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.rule import Occasion, broken, kept, rules_in
from lab.program.words import Status
from lab.recording.exchange import RecordedExchange
from lab.recording.story import JobHistory


def answers_the_job_that_asks(history: ClientHistory) -> Iterator[Occasion]:
    """F1: while a job asks, as its client was last shown, no other job is begun in its conversation."""
    for job in history.jobs:
        for other in history.jobs:
            if other is not job and other.conversation is not None and other.conversation == job.conversation:
                question = _question_before(job, other.accepted)
                if question is not None and question.opening is not None:
                    yield broken(other.accepted)
        yield from (kept(call) for call in job.decisions if call.tells)


def answers_once(history: ClientHistory) -> Iterator[Occasion]:
    """F2: an answer that was taken isn't given again to the same question."""
    for job in history.jobs:
        taken = set[object]()
        for call in job.decisions:
            question = next((seen.question for _, seen in _shown_before(job, call) if seen.question is not None), None)
            if question is not None and question.key in taken:
                yield broken(call)
            elif question is not None and call.tells:
                taken.add(question.key)
                yield kept(call)


def goes_on_with_the_new_id(history: ClientHistory) -> Iterator[Occasion]:
    """F3: where an answer brings the job another id, polls ask for that one from then on."""
    for job in history.jobs:
        for call in job.decisions:
            name = call.seen.job if call.seen is not None else call.job
            later = [poll for poll in job.polls if poll.x > call.x and poll.sent >= call.left]
            if name != call.job and later:
                old = [poll for poll in later if poll.job == call.job]
                yield broken(*old) if old else kept(call, later[0])


def takes_no_error_for_an_answer(history: ClientHistory) -> Iterator[Occasion]:
    """F4: a client whose last job ended ERROR says by its exit code that it failed."""
    end = history.jobs[-1].end if history.jobs else None
    if end is not None and end.seen is not None and end.seen.status is Status.ERROR and history.failed is not None:
        yield kept(end) if history.failed else broken(end)


def _shown_before(job: JobHistory, call: RecordedExchange) -> Iterator[tuple[RecordedExchange, Seen]]:
    """The answers that showed the job before a call was sent, the last first."""
    shown = ((each, each.seen) for each in job.calls if each.seen is not None)
    return reversed([(each, seen) for each, seen in shown if each.x < call.x and each.left <= call.sent])


def _question_before(job: JobHistory, call: RecordedExchange) -> Question | None:
    """What the job asked, as was last shown before a call was sent; an answer that was taken since ends that."""
    last = next(_shown_before(job, call), None)
    if last is None or any(each.tells and last[0].x < each.x < call.x for each in job.decisions):
        return None
    return last[1].question


ANSWER_RULES = rules_in(
    """
    F1 | answers_the_job_that_asks | answer the job that asks | critical | L | Send the answer with the job's id, and what names the question: a message without them begins another job, and the first one waits on. | lab docs clients, §1 | approval, with `--set answer_by_message=off`; any gate over A2A
    F2 | answers_once | answer a question once | minor | L | Once an answer was taken, wait for the next poll before you answer again. | lab docs clients, §1 | approval
    F3 | goes_on_with_the_new_id | go on with the new id | major | L | Where the answer to an approval brings another id, poll that one: the old one stays as it was, or goes. | lab docs clients, §1 | approval, with `--set resume_job_id=new`; any gate over OpenAI's API
    F4 | takes_no_error_for_an_answer | take a failed job for a failure | minor | L | Read how the job ended before you take its output: at ERROR end with another exit code than 0, or raise. | lab docs clients, §1 | drills `z-error`
    """,
    globals(),
)

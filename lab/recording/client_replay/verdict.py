"""What differs between a recording and what another server answers (recordings.md §6.3)."""

from collections.abc import Sequence

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Response, json_bytes
from lab.dialects import client_of
from lab.dialects.sse import events_in
from lab.program.words import Status
from lab.recording.bindings import Bindings
from lab.recording.client_replay.compare import AnswerComparator
from lab.recording.client_replay.plan import ClientPlan, PlannedCall
from lab.recording.client_replay.polls import ClientTerms, FollowedJob
from lab.recording.divergences import Differences, Divergences, Remark, first_difference, no_end_of, request_title
from lab.recording.exchange import RecordedExchange
from lab.recording.matchers import Matcher
from lab.recording.story import JobAnswer, understood


class ClientVerdict:
    """Gathers the first difference of each job, and counts the others: they mostly follow from it."""

    def __init__(self, plan: ClientPlan, bound: Bindings, terms: ClientTerms, matchers: Sequence[Matcher]) -> None:
        self._plan, self._bound, self._terms, self._matchers = plan, bound, terms, matchers
        self._comparators: dict[str | None, AnswerComparator] = {}
        self._found = Differences(plan.recording.name, lambda: bound)
        for name in plan.jobs:
            bound.name(name, "job")

    def title(self, call: RecordedExchange) -> str:
        """The request in a few words: `GET …/status/J1 (x=3)`."""
        return request_title(call.request, call.x, self._bound.path)

    def answer(self, planned: PlannedCall, here: Response, took: Millis) -> bool:
        """Hold the answer to a call against the recorded one, and what it took where that counts. Whether that shows a job.

        Of a stream it is what its events came to where they first showed a question or the end.
        """
        call, recorded = planned.call, planned.call.response or Response(0)
        title, tolerance = self.title(call), self._terms.tolerance
        about = bool(understood(call.route, recorded).seen)
        if call.streamed:
            self._comparator(planned.job).pair(_last_members(recorded), _last_members(here), "")  # which binds ids
            recorded, here = (
                replace(each, body=json_bytes(_lasting_bodies(call.route, each))) for each in (recorded, here)
            )
        self._compare(planned.job, title, call, (recorded, here), about=about)
        if tolerance is not None and not call.streamed and abs(took - planned.took) > tolerance:
            self.differ(planned.job, planned.line, f"{title}: answered after {took} ms, recorded {planned.took} ms")
        return about

    def shown(self, job: FollowedJob, call: RecordedExchange, answer: JobAnswer, here: Response) -> None:
        """Hold against each other what polls said when they first showed a status.

        While a job runs its answers say something else each time: from these only ids are learned.
        """
        title, about = f"{self._bound.name(job.planned.id)} {answer.word}", answer.status is not None
        sides, counts = (call.response or Response(0), here), answer.status is not Status.RUNNING
        self._compare(job.planned.id, title, call, sides, about=about, counts=counts)

    def history(self, job: FollowedJob) -> None:
        """Hold against each other in which order a job showed what, and when if that counts."""
        planned, name = job.planned, self._bound.name(job.planned.id)
        expected: list[Json] = [each.word for each in planned.shown]
        got: list[Json] = [*job.history()]
        if expected != got:
            pairs = enumerate(zip(expected, got, strict=False))
            place = next((n for n, pair in pairs if pair[0] != pair[1]), min(len(expected), len(got)))
            line = planned.shown[min(place, len(expected) - 1)].line
            what = f"{name}: expected {_in_order(expected)}, got {_in_order(got)}{f'; {job.why}' if job.why else ''}"
            self.differ(planned.id, line, what, (expected, got), f"statuses of {name}")
        for one, late in job.late():
            self.differ(planned.id, one.line, f"{name}: {late}")

    def differ(
        self, job: str | None, line: int, what: str, sides: tuple[Json, Json] | None = None, of: str = ""
    ) -> None:
        """Something differs at that line of the recording."""
        self._found.add(job, line, lambda: what, sides, of)

    def result(self, *notes: tuple[int, str]) -> Divergences:
        """What was found; of the notes those that count something are given."""
        unfinished = (job for job in self._plan.jobs.values() if not job.final)
        said = [Remark(no_end_of(job.id), job.begun.reply_line or 0) for job in unfinished]
        said += [Remark(f"{count} {what}", word="note") for count, what in notes if count]
        return Divergences(self._plan.recording.name, self._found.found, self._found.more, tuple(said))

    def _comparator(self, job: str | None) -> AnswerComparator:
        if job not in self._comparators:
            self._comparators[job] = AnswerComparator(self._bound, self._terms.tolerance, self._matchers)
        return self._comparators[job]

    def _compare(
        self, job: str | None, title: str, call: RecordedExchange, sides: tuple[Response, Response],
        *, about: bool, counts: bool = True,
    ) -> None:  # fmt: skip
        """`about`: whether it shows a job."""
        planned = self._plan.jobs.get(job or "")
        generated = about and planned is not None and planned.generated
        expected, got = self._comparator(job).answers(call.route, *sides, generated=generated)
        if counts and (text := first_difference(expected, got)) is not None:
            self.differ(job, call.reply_line or 0, f"{title}: {text}", (expected, got), title)


def _lasting_bodies(route: str, response: Response) -> list[Json]:
    """Of what a stream's events come to, what first shows a question or the end: it stays so."""
    client, word = client_of(route), ""
    found: list[Json] = []
    for body in client.bodies_in(events_in(response.body)) if client is not None else ():
        seen = client.job_in(body) if client is not None else None
        if seen is not None and seen.word != word:
            word = seen.word
            if seen.status is not Status.RUNNING:
                found.append(body)
    return found


def _last_members(response: Response) -> dict[str, Json]:
    """What a stream's events said last, member by member: of chat none shows the whole job."""
    return {name: value for event in events_in(response.body) for name, value in event.items()}


def _in_order(words: list[Json]) -> str:
    return " → ".join(map(str, words)) or "nothing"

"""What differs between a recording and what another server answers (recordings.md §6.3)."""

from collections.abc import Collection, Sequence

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.recording.bindings import Bindings
from lab.recording.client_replay.compare import AnswerComparator, RecordedAnswer
from lab.recording.client_replay.plan import ClientPlan, PlannedCall, Shown
from lab.recording.client_replay.polls import ClientTerms, FollowedJob
from lab.recording.divergences import Differences, Divergences, Remark, diff, first_difference, no_end_of, request_title
from lab.recording.format.lines import Req
from lab.recording.matchers import Matcher


class ClientVerdict:
    """Gathers the first difference of each job, and counts the others: they mostly follow from it."""

    def __init__(self, plan: ClientPlan, bound: Bindings, terms: ClientTerms, matchers: Sequence[Matcher]) -> None:
        self._plan, self._bound, self._terms, self._matchers = plan, bound, terms, matchers
        self._comparators: dict[str | None, AnswerComparator] = {}
        self._found = Differences()
        for name in plan.jobs:
            bound.name(name, "job")

    def title(self, req: Req) -> str:
        """The request in a few words: `GET …/status/J1 (x=3)`."""
        return request_title(req, self._bound.path)

    def answer(self, call: PlannedCall, recorded: RecordedAnswer, here: Response, took: Millis) -> None:
        """Hold the answer to a call against the recorded one, and what it took where that counts."""
        title, tolerance = self.title(call.req), self._terms.tolerance
        self._compare(call.job, call.res.n, title, recorded, here)
        if tolerance is not None and not recorded.streams and abs(took - call.took) > tolerance:
            self.differ(call.job, call.res.n, f"{title}: answered after {took} ms, recorded {call.took} ms")

    def learn(self, job: str | None, recorded: Json, here: Json) -> None:
        """Bind the ids and secrets of what is said on both sides, whatever differs beside."""
        self._comparator(job).pair(recorded, here, "")

    def shown(self, job: FollowedJob, one: Shown, here: Response) -> None:
        """Hold against each other what polls said when they first showed a status.

        While a job runs its answers say something else each time: from these only ids are learned.
        """
        title = f"{self._bound.name(job.planned.id)} {one.word}"
        response = one.response
        recorded = RecordedAnswer(one.route, response.status, response.headers, one.body, about=one.status is not None)
        self._compare(job.planned.id, one.n, title, recorded, here, counts=one.lasting)

    def history(self, job: FollowedJob) -> None:
        """Hold against each other in which order a job showed what, and when if that counts."""
        planned, name = job.planned, self._bound.name(job.planned.id)
        expected: list[Json] = [each.word for each in planned.shown]
        got: list[Json] = [*job.history()]
        if expected != got:
            pairs = enumerate(zip(expected, got, strict=False))
            place = next((n for n, pair in pairs if pair[0] != pair[1]), min(len(expected), len(got)))
            n = planned.shown[min(place, len(expected) - 1)].n
            shown = diff(expected, got, f"{self._plan.recording.name}:{n + 1} → statuses of {name}")
            what = f"{name}: expected {_in_order(expected)}, got {_in_order(got)}"
            self.differ(planned.id, n, f"{what}; {job.why}" if job.why else what, shown)
        for one, late in job.late():
            self.differ(planned.id, one.n, f"{name}: {late}")

    def differ(self, job: str | None, n: int, what: str, shown: Collection[str] = ()) -> None:
        """Something differs at the recording's line `n`."""

        def words() -> tuple[str, Sequence[str]]:
            return self._bound.hidden(what) + self._bound.legend(what), [*map(self._bound.hidden, shown)]

        self._found.add(job, n + 1, words)

    def result(self, *notes: tuple[int, str]) -> Divergences:
        """What was found; of the notes those that count something are given."""
        unfinished = (job for job in self._plan.jobs.values() if not job.final)
        said = [Remark(f"{no_end_of(job.id)}", job.n + 1) for job in unfinished]
        said += [Remark(f"{count} {what}", word="note") for count, what in notes if count]
        return Divergences(self._plan.recording.name, self._found.found, self._found.more, tuple(said))

    def _comparator(self, job: str | None) -> AnswerComparator:
        if job not in self._comparators:
            self._comparators[job] = AnswerComparator(self._bound, self._terms.tolerance, self._matchers)
        return self._comparators[job]

    def _compare(
        self, job: str | None, n: int, title: str, recorded: RecordedAnswer, here: Response, *, counts: bool = True
    ) -> None:
        planned = self._plan.jobs.get(job or "")
        generated = recorded.about and planned is not None and planned.generated
        expected, got = self._comparator(job).answers(recorded, here, generated=generated)
        if counts and (text := first_difference(expected, got)) is not None:
            place = f"{self._plan.recording.name}:{n + 1} → {title}"
            self.differ(job, n, f"{title}: {text}", diff(expected, got, place))


def _in_order(words: list[Json]) -> str:
    return " → ".join(map(str, words)) or "nothing"

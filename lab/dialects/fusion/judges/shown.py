"""What traffic shows of jobs: each body and the call that shows it."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter

from lab.core.evidence import Object, PodCall, PodTraffic, countable
from lab.core.exchange import Json


class ShownJobs:
    """The calls, and what they show of jobs and conversations."""

    def __init__(self, traffic: PodTraffic) -> None:
        self.calls, self.of = traffic.calls, traffic.of
        self.takers = frozenset(call.code for call in traffic.of("invoke") if call.good)
        """The teams that took a message."""
        self.opened = frozenset((call.code, call.bearer) for call in traffic.calls if call.good)
        """The teams, each with a bearer that opens it: to any other, 403 says nothing of what was asked."""
        self.jobs = sorted(((call, body) for call in self.calls for body in _jobs(call)), key=lambda each: each[0].line)
        """Every job body and the call that shows it, in the order in which they were answered."""
        self._by: dict[Json, list[tuple[int, Object]]] = defaultdict(list)
        """The line and the body of what was shown of each job, and of each conversation."""
        for call, body in self.jobs:
            for key in {body["jobId"], countable(body.get("conversationId"))}:
                self._by[key].append((call.line, body))

    def last(self, call: PodCall, key: Json) -> Object:
        """How a job, or the latest of a conversation, was shown last before a call was answered; empty: it wasn't."""
        shown = self._by.get(key, ()) if isinstance(key, str) else ()
        place = bisect_left(shown, call.line, key=itemgetter(0))
        return shown[place - 1][1] if place else {}

    def after(self, call: PodCall, job: Json) -> Object:
        """How a job was shown next after a call was answered; empty: it wasn't."""
        shown = self._by.get(job, ()) if isinstance(job, str) else ()
        place = bisect_right(shown, call.line, key=itemgetter(0))
        return shown[place][1] if place < len(shown) else {}

    def begun(self) -> Iterator[tuple[PodCall, Object]]:
        """The messages that started a job, and its first body; a decision or a message at a gate starts none."""
        known: set[Json] = set()
        for call, body in self.jobs:
            if call.name == "invoke" and body["jobId"] not in known and not resumes(call):
                yield call, body
            known.add(body["jobId"])


@lru_cache(maxsize=1)
def shown_in(traffic: PodTraffic) -> ShownJobs:
    """What traffic shows, found once for all judges."""
    return ShownJobs(traffic)


def _jobs(call: PodCall) -> Iterator[Object]:
    """The job bodies that a call shows, in order."""
    polled = call.name in ("invoke", "status") and call.good
    shown = call.events() if call.name == "stream" else (call.object,) if polled else ()
    yield from (body for body in shown if isinstance(body.get("jobId"), str) and "status" in body)


def resumes(call: PodCall) -> bool:
    """Whether a request brings a decision."""
    return "resumeInput" in call.sent or "resumeNodeInput" in call.sent

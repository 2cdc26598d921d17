"""Which jobs answers show to their end, and what a recording of now no longer holds its jobs to (recordings.md §6, §6.1)."""

from collections.abc import Iterator, Mapping
from typing import Self

from lab.dialects.client import Seen
from lab.recording.divergences import request_title
from lab.recording.exchange import RecordedExchange, events_of, exchanges_of
from lab.recording.format.lines import Recording


class JobEnds:
    """Follows jobs by answers. A fact that one has ended doesn't count: it says nothing of the output."""

    def __init__(self) -> None:
        self.begun: dict[int | str, str] = {}
        """By the call that began each; where the tape began later by its id."""
        self.shown: dict[str, int] = {}
        """Those of which answers show something, but not the end, each with the line of the first such answer."""
        self._ended: set[str] = set()
        self._later_ids: dict[str, str] = {}

    @classmethod
    def of(cls, recording: Recording) -> Self:
        """Those of a recording."""
        ends = cls()
        for event in events_of(recording):
            for fact in event.facts if isinstance(event, RecordedExchange) else (event,):
                job = fact.text("job") or ""
                if fact.type == "job.accepted":
                    ends.begun[fact.x or job] = job
                ends.name(job, fact.text("alias"))
            if isinstance(event, RecordedExchange):
                ends.show(event.seen, event.reply_line or 0)
        return ends

    @property
    def unfinished(self) -> Mapping[int | str, str]:
        """Those that began, and that no answer shows ended."""
        return {x: job for x, job in self.begun.items() if job not in self._ended}

    def name(self, job: str, later: str | None) -> None:
        """From now on it has another id in answers."""
        if later is not None:
            self._later_ids[later] = job

    def show(self, seen: Seen | None, line: int) -> None:
        """What an answer shows, that stands in this line."""
        job = self._later_ids.get(seen.job, seen.job) if seen is not None else ""
        if seen is not None and seen.final:
            self._ended.add(job)
            self.shown.pop(job, None)
        elif job and job not in self._ended:
            self.shown.setdefault(job, line)


def lost_jobs(before: Recording, now: Recording) -> Iterator[str]:
    """Of each job that ended before, or began, and doesn't now, a sentence; of one that is gone what began it gets."""
    was, still = JobEnds.of(before), JobEnds.of(now)
    known = was.unfinished
    for x, job in still.unfinished.items():
        if x not in known:
            yield f"no answer shows the end of job {job}."
    gone = {x: job for x, job in was.begun.items() if x not in still.begun}
    calls = {call.x: call for call in exchanges_of(now)} if gone else {}
    for x, job in gone.items():
        call = calls.get(x) if isinstance(x, int) else None
        if call is None:
            yield f"job {job} is gone."
        else:
            answer, title = call.status or "nothing", request_title(call.request, call.x)
            yield f"job {job} is gone: {title} began it, and is answered {answer} now."

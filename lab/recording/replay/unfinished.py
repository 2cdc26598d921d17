"""What a recording of now no longer holds its jobs to (recordings.md §6.1)."""

from collections.abc import Mapping

from lab.recording.divergences import request_title
from lab.recording.exchange import exchanges_of
from lab.recording.format.lines import Recording, Req, Res


def unfinished_jobs(recording: Recording) -> Mapping[int | str, str]:
    """The jobs that no answer shows ended, by the exchange that began each; by their ids where the tape began later.

    A fact that a job has ended doesn't count: it says nothing of the output.
    """
    decided = recording.facts("gate.decided", "wait.ended")
    further = {alias: line.text("job") for line in decided if (alias := line.text("alias"))}
    """Jobs by their later ids."""
    shown = (call.seen for call in exchanges_of(recording) if call.seen is not None)
    ended = {further.get(seen.job, seen.job) for seen in shown if seen.final}
    return {x: job for x, job in _begun_jobs(recording).items() if job not in ended}


def lost_jobs(before: Recording, now: Recording) -> list[str]:
    """Of each job that began before, and doesn't now, which call began it and what that is answered, in a sentence."""
    begun = _begun_jobs(now)
    lost = {x: job for x, job in _begun_jobs(before).items() if x not in begun}
    if not lost:
        return []
    titles = {line.x: request_title(line, line.x) for line in before.of(Req) if line.x in lost}
    statuses = {line.x: line.status for line in now.of(Res) if line.x in lost}
    return [
        f"job {job} is gone: {titles[x]} began it, and is answered {statuses.get(x) or 'nothing'} now."
        if x in titles
        else f"job {job} is gone."
        for x, job in lost.items()
    ]


def _begun_jobs(recording: Recording) -> dict[int | str, str]:
    begun = {line.text("job") or "": line.x for line in recording.facts("job.accepted")}
    return {x or job: job for job, x in begun.items()}

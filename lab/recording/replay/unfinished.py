"""Jobs of which a recording shows no end, so that it holds to nothing what they end with (recordings.md §6.1)."""

from collections.abc import Iterator, Mapping

from lab.dialects import client_of
from lab.dialects.client import Seen
from lab.recording.format.lines import Recording
from lab.recording.tape.observed import answer_of, local_paths
from lab.recording.tape.recorded_calls import calls_in


def unfinished_jobs(recording: Recording) -> Mapping[int | str, str]:
    """The jobs that no answer shows ended, by the exchange that began each; by their ids where the tape began later.

    A fact that a job has ended doesn't count: it says nothing of the output.
    """
    decided = recording.facts("gate.decided", "wait.ended")
    further = {alias: line.text("job") for line in decided if (alias := line.text("alias"))}
    """Jobs by their later ids."""
    ended = {further.get(seen.job, seen.job) for seen in _shown(recording) if seen.final}
    begun = {line.text("job") or "": line.x for line in recording.facts("job.accepted")}
    return {x or job: job for job, x in begun.items() if job not in ended}


def _shown(recording: Recording) -> Iterator[Seen]:
    """What each answer shows of a job."""
    local = local_paths(recording)
    for call in calls_in(recording):
        route, answer = answer_of(call.req, call.res, local=local)
        client = client_of(route)
        seen = client.understand(route, answer) if client is not None and answer is not None else None
        if isinstance(seen, Seen):
            yield seen

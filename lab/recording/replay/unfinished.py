"""Jobs of which a recording shows no end, so that it holds to nothing what they end with (recordings.md §6.1)."""

from collections.abc import Mapping

from lab.recording.exchange import exchanges_of
from lab.recording.format.lines import Recording


def unfinished_jobs(recording: Recording) -> Mapping[int | str, str]:
    """The jobs that no answer shows ended, by the exchange that began each; by their ids where the tape began later.

    A fact that a job has ended doesn't count: it says nothing of the output.
    """
    decided = recording.facts("gate.decided", "wait.ended")
    further = {alias: line.text("job") for line in decided if (alias := line.text("alias"))}
    """Jobs by their later ids."""
    shown = (call.seen for call in exchanges_of(recording) if call.seen is not None)
    ended = {further.get(seen.job, seen.job) for seen in shown if seen.final}
    begun = {line.text("job") or "": line.x for line in recording.facts("job.accepted")}
    return {x or job: job for job, x in begun.items() if job not in ended}

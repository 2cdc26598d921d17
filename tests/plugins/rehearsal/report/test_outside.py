"""A recording in which no fact tells of jobs, as of a playback: its report knows them by what calls were answered."""

from pathlib import Path

from msgspec.structs import replace

from lab.plugins.rehearsal.report.gather import histories_of
from lab.recording.format.lines import Entry, Recording
from lab.recording.format.reader import read
from tests.conftest import ROOT, each_row

RECORDINGS = sorted((ROOT / "recordings").glob("*.rec.jsonl"))


def jobs_in(recording: Recording) -> list[tuple[object, ...]]:
    found = (job for history in histories_of(recording) for job in history.jobs)
    return [
        (job.job, job.accepted.x, job.conversation, job.turn, [call.x for call in (*job.polls, *job.decisions)])
        for job in found
    ]


@each_row("path", RECORDINGS, ids=lambda path: path.name.partition(".")[0])
def test_jobs_are_known_by_answers_where_no_fact_tells_of_them(path: Path) -> None:
    whole = read(path.read_bytes(), path.name)
    bare = replace(
        whole, lines=[line for line in whole.lines if not (isinstance(line, Entry) and line.type == "job.accepted")]
    )
    known = jobs_in(whole)
    # of one whose acceptance was cut on the way nobody outside knows
    assert jobs_in(bare) == (known[:1] if path.name.startswith("bad-line") else known)

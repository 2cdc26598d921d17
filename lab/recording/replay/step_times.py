"""Which step takes another time now than it took when it was recorded: what explains that a job moves otherwise.

How long a step took stands between two facts of its job. What was drawn for its first visit a replay takes from the
recording, and an edit of that is told otherwise (`redrawn`); left are durations that were written out, and later visits.
"""

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.jobs.plan import takes
from lab.jobs.program import Program
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.program.steps import TimedStep
from lab.program.words import duration_text
from lab.recording.format.lines import Entry, Recording


class _Course(Struct):
    """How far a recorded job came, step by step."""

    program: Program
    ordinal: int
    step: str
    since: Millis
    drawn: Mapping[str, Json]
    """What a replay takes from the recording."""
    visits: Counter[str] = field(default_factory=Counter)
    cut_short: bool = False
    """Whether somebody ended the wait at which it stands."""


def retimed_steps(recording: Recording, config: Config, changed: frozenset[str]) -> dict[str, str]:
    """By Job ID, of the jobs of `changed` scenarios: the first step that takes another time now, and both times, as a sentence."""
    times = _StepTimes(config, changed)
    for line in recording.lines if changed else ():
        if isinstance(line, Entry):
            times.take(line)
    return times.found


class _StepTimes:
    """The recorded facts of jobs, held against the scenarios of now."""

    def __init__(self, config: Config, changed: frozenset[str]) -> None:
        self._config, self._changed = config, changed
        self._catalog = Catalog(config, config.identity)
        self._courses: dict[str, _Course] = {}
        self.found: dict[str, str] = {}

    def take(self, line: Entry) -> None:
        """One more recorded fact, in its order."""
        job = line.text("job") or ""
        if line.type == "job.accepted":
            self._begin(job, line)
        elif (course := self._courses.get(job)) is None:
            return
        elif line.type == "wait.ended":
            course.cut_short = True
        elif line.type == "job.status":
            self._end_step(job, course, line.instant)
            course.step, course.since, course.cut_short = line.text("step") or "", line.instant, False

    def _begin(self, job: str, line: Entry) -> None:
        name, part, ordinal = line.text("scenario") or "", accepted_part(line), line.get("ordinal")
        chosen = self._catalog.by_name.get(name) if name in self._changed else None
        if chosen is None or part is None or not isinstance(ordinal, int) or chosen.of_turn(part) is None:
            return
        program = self._catalog.playing(chosen, line.text("user"), part)
        drawn = line.get("drawn") if self._config.recorded is not None else None
        taken = drawn if isinstance(drawn, dict) else {}
        self._courses[job] = _Course(program, ordinal, program.first.id, line.instant, taken)

    def _end_step(self, job: str, course: _Course, now: Millis) -> None:
        step, visit = course.program.steps.get(course.step), course.visits[course.step]
        course.visits[course.step] += 1
        if job in self.found or not isinstance(step, TimedStep) or course.cut_short:
            return
        if visit == 0 and f"{course.step}/takes" in course.drawn:
            return
        lasting = takes(course.program, self._config.seed, course.ordinal, course.step, visit)
        if lasting != now - course.since:
            then, again = duration_text(now - course.since), f" at visit {visit + 1}" if visit else ""
            self.found[job] = f"step {course.step} took {then}{again}, and takes {duration_text(lasting)} now"


def accepted_part(line: Entry) -> int | None:
    """The part of the scenario that an acceptance names; None: the line is damaged."""
    turn, entry = line.get("turn"), line.get("entry")
    part = entry + 1 if isinstance(entry, int) else turn
    return part if isinstance(part, int) else None

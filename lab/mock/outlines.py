"""Outlines: what jobs that were asked the same are told at a step, with gaps for what is each job's own.

A thousand clients that ask one thing get a thousand jobs, whose bodies differ in ids, instants and what was drawn. Until
somebody decides, such a job is at the steps that lead its program, or at the one behind them, and when it is at which of
them follows from its record alone. So its first poll in a step needs no plan, walk and texts of its own: the body is the
outline of that step, its gaps filled.

An outline is made of what the dialect writes for a *stand-in*: the same job with marks in the place of all that is its own.
    body of the stand-in     … "jobId":"@job@" … "initialMessage":"The prices of @0@?" …
    outline                  … "jobId":"      " … "initialMessage":"The prices of    ?" …

What must hold
    1. A filled outline is what the dialect would have written. It is kept only if it gives the job that it was made of back
       byte for byte: a mark that stood in the author's own text, a value that was counted with or shortened, would show.
    2. What is drawn shows as it is, and decides nothing: of which a second job alone could tell, so texts are looked at.
       What they see beside it is settled by the question and by who asked: no time, no delegates, no earlier turns.
    3. A memo, never state. Of what was asked once none is made.
"""

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.dialects.base import OwnPart, OwnValues
from lab.jobs.facts import JobOrigin, JobRecord, JobView, id_of, job_key
from lab.jobs.gates import Opening, votes
from lab.jobs.plan import Plan
from lab.jobs.program import NEXT, Program
from lab.language.templates import RenderFailure, template
from lab.language.templates.bounds import Pool, Unwritten, as_text, pooled
from lab.language.values import drawn_reader
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.program.draws import Constant
from lab.program.steps import EndingStep, Gate, Step, TimedStep

MOST_OUTLINES = 1_024
"""Questions of one origin whose outlines are remembered."""
_SETTLED = frozenset({"message", "match", "parameters", "user", "client", "turn", "decisions"})
"""What texts see that is the same of all jobs with one outline."""
_LONGEST = 64 * 1_024
"""Bytes of a body: of longer ones somebody has to see that no text in it is too large."""
_JOB, _CONVERSATION, _AT, _TOOK = "@job@", "@conversation@", 1_234_567_891_234, 987_654_321
"""Of the stand-in: its ids, and when it was accepted, and came to the span."""


class _Outline(Struct, frozen=True):
    """The body at one step."""

    pieces: tuple[str | int, ...]
    """Its text, and which gap stands between."""
    parts: tuple[OwnPart, ...]
    """What fills the gaps that a dialect has."""
    drawn: tuple[int, ...]
    """Behind these, the places of the drawn values that fill the others."""
    response: Response

    def filled(
        self, own: OwnValues, values: Sequence[Json], read: Sequence[Callable[[Json], object]]
    ) -> Response | None:
        """The answer; None if a value has no form that fits."""
        gaps = [part(own) for part in self.parts]
        try:
            for place in self.drawn:
                gaps.append(msgspec.json.encode(as_text(read[place](values[place])))[1:-1].decode())
            body = "".join([each if isinstance(each, str) else gaps[each] for each in self.pieces]).encode()
        except (RenderFailure, ArithmeticError, UnicodeEncodeError):
            return None
        if len(body) > _LONGEST:
            return None
        return Response(self.response.status, self.response.headers, body)


class _Undecided:
    """The jobs of one origin that were asked the same, while nothing is decided of them."""

    def __init__(self, config: Config, program: Program, origin: JobOrigin) -> None:
        self.seed, self.epoch, self.program = config.seed, config.epoch, program
        self.names = origin.names
        self.read = [drawn_reader(program.scenario.data.get(name.removeprefix("data/"))) for name in origin.names]
        lead = program.lead
        behind: Step = program.straight[lead[-1].id, NEXT] if lead else program.first
        self.steps = tuple((step, *self._duration(step, config.scripted)) for step in (*lead, behind))
        """Each with the place among what is drawn at which stands how long it lasts, or with that; both None: nobody knows here."""
        self.outlines: dict[str, _Outline | None] = {}
        """By step; None: it has none."""

    def _duration(self, step: Step, scripted: bool) -> tuple[int | None, Millis | None]:
        name = f"{step.id}/takes"
        if isinstance(step, TimedStep):
            if name in self.names:
                return self.names.index(name), None
            return None, step.takes if isinstance(step.takes, int) else None
        if isinstance(step, Gate) and step.escalate is None:
            return None, votes(Opening(step, 0, 0, scripted), ())[-1].at
        return None, None


class AlikeJob(Struct, frozen=True):
    """Where an undecided job is: at which of its steps, from when on, and until when."""

    job: str
    record: JobRecord
    values: Sequence[Json]
    """What was drawn for it."""
    step: Step
    since: Millis
    until: Millis | None
    alike: _Undecided

    def answer(self) -> Response | None:
        """What is said of the job; None: the dialect is to write it."""
        outline = self.alike.outlines.get(self.step.id)
        return None if outline is None else self._filled(outline)

    def _filled(self, outline: _Outline) -> Response | None:
        record, alike = self.record, self.alike
        conversation = "" if record.thread is None else id_of(record.thread)
        worked = record.at + alike.program.queued
        began = worked if self.since >= worked else record.at
        own = OwnValues(alike.seed, alike.epoch, self.job, conversation, self.step.id, began, self.since)
        return outline.filled(own, self.values, alike.read)

    def learn(
        self, view: JobView, response: Response, parts: Sequence[OwnPart], write: Callable[[JobView], Response]
    ) -> None:
        """Make an outline of that step of what the dialect has written of the job, and of what it writes of its stand-in."""
        outlines, plan, alike = self.alike.outlines, view.plan, self.alike
        if self.step.id in outlines:
            return
        outlines[self.step.id] = None
        if view.span.step is not self.step or not _shows_as_drawn(plan, self.step):
            return
        marks = {name: f"@{number}@" for number, name in enumerate(alike.names) if name.startswith("data/")}
        conversation = None if self.record.thread is None else _CONVERSATION
        call = replace(plan.invocation, job=_JOB, conversation=conversation, at=_AT)
        # what lasts longer shows where a body tells of it
        longer = {name: value + _TOOK for name, value in plan.drawn.items() if isinstance(value, int)}
        stand_in = replace(plan, invocation=call, drawn={**plan.drawn, **longer, **marks})
        failed: list[Unwritten] = []
        span = replace(view.span, since=_AT + _TOOK)
        body = pooled(Pool(failed.append), lambda: write(JobView(self.record, stand_in, span))).body
        own = OwnValues(
            alike.seed, alike.epoch, _JOB, _CONVERSATION, self.step.id, _AT + alike.program.queued, _AT + _TOOK
        )
        outline = _outline(body.decode(), own, parts, [marks.get(name) for name in alike.names], response)
        if not failed and self._filled(outline) == response:
            outlines[self.step.id] = outline


def _outline(
    body: str, own: OwnValues, parts: Sequence[OwnPart], marks: Sequence[str | None], response: Response
) -> _Outline:
    """The outline that the body of a stand-in is, by the marks that its own parts and values have."""
    by_mark: dict[str, OwnPart | int] = {mark: number for number, mark in enumerate(marks) if mark is not None}
    by_mark |= {part(own): part for part in parts}
    pieces = re.split(f"({'|'.join(map(re.escape, by_mark))})", body)
    used = list(dict.fromkeys(by_mark[mark] for mark in pieces[1::2]))
    own_parts, drawn = (
        [each for each in used if not isinstance(each, int)],
        [each for each in used if isinstance(each, int)],
    )
    gaps: list[OwnPart | int] = [*own_parts, *drawn]
    cut = tuple(gaps.index(by_mark[piece]) if place % 2 else piece for place, piece in enumerate(pieces))
    return _Outline(cut, tuple(own_parts), tuple(drawn), response)


def _shows_as_drawn(plan: Plan, step: Step) -> bool:
    """Whether the texts of a step are settled by what was asked and by whom, but for drawn values that they show."""
    data = plan.program.scenario.data
    for name in step.templates:
        said = getattr(step, name)
        for text in said if isinstance(said, tuple) else (said,):
            if text is None:
                continue
            if not isinstance(text, str):
                return False
            read = template(text)
            for _, (root, *more) in read.looked_up:
                if root == "data" and not (more and isinstance(data.get(more[0]), Constant)):
                    # what the scenario has got since the job was accepted is drawn for each job, and no value of its record
                    if len(more) != 1 or f"data/{more[0]}" not in plan.drawn or root in read.decides:
                        return False
                elif root not in (*_SETTLED, "data"):
                    return False
    return True


class Outlines:
    """The outlines of all questions, for one configuration."""

    def __init__(self, config: Config, catalog: Catalog) -> None:
        self._config, self._catalog = config, catalog
        self._alike: dict[tuple[Program, JobOrigin, str], _Undecided | None] = {}
        """None: asked once."""

    def place(self, record: JobRecord, job: str, chosen: Program, now: Millis) -> AlikeJob | None:
        """Where the job is among those that are alike; None: there are none yet, or it has to be walked.

        Only with ids that stand in JSON as they are: UUIDs.
        """
        uuids = job_key(job)[:1] == b"j" and (record.thread is None or record.thread[:1] == b"c")
        if record.decisions or record.turn != 1 or not uuids:
            return None
        key = chosen, record.origin, record.input
        if (alike := self._alike.get(key)) is None:
            once = key in self._alike
            if len(self._alike) >= MOST_OUTLINES:
                self._alike.pop(next(iter(self._alike)))
            program = self._catalog.scenario_of(record)
            alike = self._alike[key] = _Undecided(self._config, program, record.origin) if once else None
        return None if alike is None else _place(alike, record, job, now)


def _place(alike: _Undecided, record: JobRecord, job: str, now: Millis) -> AlikeJob | None:
    since, values = record.at, record.drawn_values
    for step, drawn, fixed in alike.steps:
        if isinstance(step, EndingStep):
            kept = alike.program.scenario.retention is None
            return AlikeJob(job, record, values, step, since, None, alike) if kept else None
        lasts = fixed if drawn is None else values[drawn]
        if not isinstance(lasts, int):
            return None
        if now < (until := since + lasts):
            return AlikeJob(job, record, values, step, since, until, alike)
        since = until
    return None

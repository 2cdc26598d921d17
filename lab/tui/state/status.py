"""The status words, and the phases of a run: one row each, with all that the screen says of it."""

from functools import lru_cache
from typing import Literal, NamedTuple

from lab.core.clock import Millis
from lab.dialects import USUAL_CLIENT, clients
from lab.program.words import Status
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.run import RunState, TimelineRow

PhaseName = Literal["idle", "token", "invoke", "polling", "waiting", "complete", "error"]


class StatusFace(NamedTuple):
    """How a status shows: its sign, its colour role, whether a job with it has ended, the phase of its run."""

    glyph: str
    role: Ink
    final: bool = False
    phase: PhaseName = "polling"


FACES: dict[Status | None, StatusFace] = {
    Status.RUNNING: StatusFace("◐", "run"),
    Status.WAITING: StatusFace("◆", "wait", phase="waiting"),
    Status.COMPLETE: StatusFace("✓", "done", final=True, phase="complete"),
    Status.ERROR: StatusFace("✗", "bad", final=True, phase="error"),
    Status.CANCELLED: StatusFace("⊘", "dim", final=True, phase="error"),
    None: StatusFace("?", "unknown"),
}
"""None: a word that nobody documented. It is not final: the app goes on polling."""


@lru_cache(maxsize=64)
def meaning(word: str) -> Status | None:
    """Which status a word means, whichever wire it is on; None: nobody documented it."""
    known = USUAL_CLIENT.statuses
    if word not in known:  # only then need the other wires be loaded
        known = next((each.statuses for each in clients() if word in each.statuses), {})
    return known.get(word)


def face(word: str) -> StatusFace:
    """How a status word shows."""
    return FACES[meaning(word)]


class PhaseFace(NamedTuple):
    """How a phase shows: the word before the narration (empty: the status), its role (empty: the status's), our sentence."""

    word: str
    role: Ink | Literal[""]
    sentence: str


PHASES: dict[PhaseName, PhaseFace] = {
    "idle": PhaseFace("IDLE", "dim", "Nothing has been sent yet. Press space: the app asks for a token first."),
    "token": PhaseFace("TOKEN", "", "The app proves who it is once; the token is good for one hour."),
    "invoke": PhaseFace("INVOKE", "", "202 Accepted: a Job ID at once, not the output."),
    "polling": PhaseFace("", "", "The app asks again after a growing pause; the server pushes nothing."),
    "waiting": PhaseFace("", "wait", "The agent stopped on purpose. A person must decide before it may go on."),
    "complete": PhaseFace("", "done", "The output came back on the same Job ID."),
    "error": PhaseFace("", "bad", "The job ended in ERROR; the reason came with a 200."),
}
"""Each phase of a run."""


def phase(run: RunState) -> PhaseName:
    """Where the run is: one of `PHASES`."""
    if run.token is None and run.job is None:
        return "idle"
    if run.ended is not None and (run.outcome is None or not run.outcome.complete):
        return "error"
    known = None if run.last is None else face(run.last.status)
    if known is not None and known.final:
        return known.phase
    if run.job is None:
        return "token"
    waits = run.last is not None and meaning(run.last.status) is Status.WAITING
    return "invoke" if known is None or (run.polls == 0 and not waits) else known.phase


def finished(run: RunState) -> bool:
    """Whether nothing more comes of this turn."""
    return phase(run) in ("complete", "error")


def stopped(run: RunState) -> bool:
    """Whether the run ended, and its job didn't."""
    ends = (Status.ERROR, Status.CANCELLED)
    return phase(run) == "error" and (run.last is None or meaning(run.last.status) not in ends)


def cancelled(run: RunState) -> bool:
    """Whether the job ended because its client wanted that."""
    return run.last is not None and meaning(run.last.status) is Status.CANCELLED


def ended_in(run: RunState) -> str | None:
    """The step in which the job ended, where the mock's journal tells."""
    step = run.milestone("step")
    return step.value if step is not None and face(step.word).final else None


def decision_shown(run: RunState) -> GateDecision | None:
    """The decision that is narrated: the last one, until the next status, and while the job goes on."""
    return run.decision if phase(run) in ("invoke", "polling", "waiting") else None


def refused_call(run: RunState) -> TimelineRow | None:
    """The last call of a job that is under way, if it brought nothing."""
    last = run.timeline[-1] if run.timeline else None
    return last if last is not None and last.kind == "lost" and phase(run) in ("invoke", "polling", "waiting") else None


_AT_ONCE: Millis = 1_000
"""Within so long after a refusal its sentence can't be read."""


def repeated_call(run: RunState) -> TimelineRow | None:
    """The call that brought nothing before the last poll, if that was sent at once: after a 401 with another token."""
    if len(run.timeline) < 2 or phase(run) not in ("polling", "waiting"):
        return None
    lost, last = run.timeline[-2:]
    return lost if lost.kind == "lost" and last.kind == "poll" and last.shown_at - lost.at < _AT_ONCE else None


def nobody_decided(run: RunState) -> bool:
    """Whether the gate that was closed last was closed because patience was over."""
    closed = [each for each in run.timeline if each.kind == "decided" and each.decision and each.decision.ends]
    return bool(closed) and closed[-1].bad


def word(run: RunState) -> str:
    """The status word before the narration: the wire's own where there is one."""
    if stopped(run):
        return "STOPPED"
    return PHASES[phase(run)].word or (run.last.status if run.last else "")


def role(run: RunState) -> Ink:
    """The colour of the phase, or of the decision that is narrated."""
    decision = decision_shown(run)
    if decision is not None and decision.ends:
        return verdict_face(decision.verdict).role
    return PHASES[phase(run)].role or (face(run.last.status).role if run.last else "run")

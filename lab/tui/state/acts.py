"""Acts: which fact has the screen in stage pace, and for how long.

An act is a screen for one fact: the token, the Job ID, the wait for the agents, the question, the decision, the output. Which
acts a run has had follows from its state alone (`story_of`), so a recording and somebody else's client have the same as a
run of ours. One is shown after the other: each stays for its hold, in real time, before the next shows (`advanced`), and
whoever owns the clock has it stand as long as `ActState.waits`. So nothing is missed, and nothing is ever hidden.
"""

from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.jobs.gates import Origin
from lab.program.words import Status, Verdict
from lab.tui.state.gate import GateDecision
from lab.tui.state.run import RunState
from lab.tui.state.status import decision_shown, face, finished, meaning

HOLD: Millis = 3_000
"""Real milliseconds for which an act stays where nobody says otherwise."""


class ActFace(NamedTuple):
    """How a kind of act is counted, and whether the lab's clock stands while it is held."""

    number: int
    stands: bool = False


ACTS = {
    "token": ActFace(1, stands=True),
    "job": ActFace(2, stands=True),
    "running": ActFace(3),
    "waiting": ActFace(4),
    "decided": ActFace(5, stands=True),
    "output": ActFace(6),
    "refused": ActFace(0, stands=True),
    "panes": ActFace(0),
}
"""By kind. In `panes` the four panes are the screen, in `output` it is the finale; those of number 0 aren't counted."""


ActKey = tuple[Millis | None, str, int]
"""What tells an act from every other: when its turn began, its kind, which of that kind it is."""


class Act(Struct, frozen=True):
    """One act of a turn."""

    kind: str
    turn: Millis | None
    number: int = 1
    decision: GateDecision | None = None
    place: int = 0
    """How much had been observed when it began."""

    @property
    def key(self) -> ActKey:
        """What tells it from every other act."""
        return self.turn, self.kind, self.number


class ActState(Struct, frozen=True):
    """What stage pace shows."""

    act: Act | None = None
    run: RunState | None = None
    """The run as the act shows it: as it was before whatever the act hasn't made room for yet."""
    left: Millis | None = 0
    """How long it still stays whatever comes, in real milliseconds; None: until somebody says so."""
    whole: Millis = 0
    """How long that was at first."""
    waits: bool = False
    """Whether the clock must stand for it."""
    followed: str = ""
    """The kind of the act that has begun already, though this one still shows."""

    @property
    def fills_screen(self) -> bool:
        """Whether the act has the screen to itself."""
        if self.act is None or self.act.kind in ("panes", "output"):
            return False
        waiting = self.run is not None and self.run.last is not None and meaning(self.run.last.status) is Status.WAITING
        # how a gate was decided isn't told everywhere: then the panes show that the job goes on
        return self.act.kind != "waiting" or waiting


# Which acts there were


def story_of(run: RunState) -> tuple[Act, ...]:
    """The acts of a turn so far, in order."""
    acts: list[Act] = []
    counts = dict.fromkeys(ACTS, 0)

    def begin(kind: str, decision: GateDecision | None = None) -> None:
        counts[kind] += 1
        acts.append(Act(kind, run.began, counts[kind], decision, each.place))

    shown = ""
    for each in run.milestones:
        match each.kind:
            case "token":
                begin("token")
            case "invoke":
                begin("job")
            case "refused" if each.value != "status" and not run.came_to(
                "token" if each.value == "token" else "invoke"
            ):
                # one that was asked again with success shows as that
                acts = [act for act in acts if act.kind != "refused"]
                counts["refused"] = 0
                begin("refused")
            case "decided" if each.decision is not None and each.decision.ends:
                begin("decided", each.decision)
                # changes have the agents work again; whatever else was decided, the panes show how the job goes on
                shown = "running" if each.decision.verdict == Verdict.CHANGES else "panes"
                begin(shown)
            case "poll" | "status" if not face(each.value).final:
                kind = "waiting" if meaning(each.value) is Status.WAITING else "running"
                again = kind == "running" and (shown == "panes" or (shown == "waiting" and bool(run.gates)))
                if kind != shown and not again:
                    shown = kind
                    begin(kind)
    if finished(run):
        acts.append(Act("output", run.began, place=run.milestones[-1].place if run.milestones else 0))
    return tuple(acts)


def act_before(shown: ActState, run: RunState) -> Act | None:
    """The act before the one that shows; where the panes do, the last one there was."""
    acts = [act for act in story_of(run) if act.kind != "panes"]
    at = next((at for at, act in enumerate(acts) if shown.act is not None and act.key == shown.act.key), len(acts))
    return acts[at - 1] if at else None


# One after the other


def advanced(shown: ActState, run: RunState, hold: Millis, source: str = "own") -> ActState:
    """What shows next, or still, the run being as it is now; what was counted of a hold is taken from it before.

    `hold` 0: what stands stays until somebody says so. `source` is whose run it is: `own`, whose person's decision is never
    held back; `watched`, where no clock stands for an act: it stays, then the newest one shows, and a person who is needed
    shows at once; or `recorded`.
    """
    story, watched = story_of(run), source == "watched"
    if not story:
        return ActState()
    keys = [act.key for act in story]
    state = shown
    if state.act is None or state.act.key not in keys:
        # another run, or another turn: it stood where its first act began, so what is behind that came with it
        state = _begun(story[-1 if watched else 0], run, shown, hold)
    while state.act is not None and (at := keys.index(state.act.key)) < len(story) - 1:
        if _stays(state, story[at + 1], source) and not (watched and story[-1].kind == "waiting"):
            following = [act.kind for act in story[at + 1 :] if act.kind != "panes"]
            return replace(state, waits=not watched, followed=following[0] if following else "panes")
        state = _begun(story[-1] if watched else story[at + 1], run, state, hold)
    assert state.act is not None
    waits = not watched and _stands(state.act, state.left)
    return replace(state, run=_seen_by(state.act, run, state), waits=waits, followed="")


def _stands(act: Act, left: Millis | None) -> bool:
    return left is None or (left > 0 and ACTS[act.kind].stands)


def current_act(run: RunState, left: Millis | None = 0) -> ActState:
    """The act that the run is in, for whoever comes to it in another way than by the act before; it stays for `left`."""
    story = story_of(run)
    if not story:
        return ActState()
    act = story[-1]
    if len(story) > 1 and story[-2].decision is not None and story[-2].decision is decision_shown(run):
        act = story[-2]  # no status has followed the decision yet
    state = ActState(act, run, left, left or 0)
    return replace(state, run=_seen_by(act, run, state), waits=_stands(act, left))


def _begun(act: Act, run: RunState, before: ActState, hold: Millis) -> ActState:
    """An act at its first frame."""
    left: Millis | None = 0
    if act.kind == "refused":
        left = None
    elif ACTS[act.kind].stands:
        left = hold or None
    elif act.kind == "waiting" or (act.kind == "running" and not _again(before)):
        left = hold or HOLD
    return ActState(act, _seen_by(act, run, before), left, left or 0)


def _again(before: ActState) -> bool:
    """Whether the agents work again because a person wants changes: that was seen before."""
    return before.act is not None and before.act.kind == "decided"


def _stays(state: ActState, following: Act, source: str) -> bool:
    """Whether an act is still held though the next one has begun."""
    decision = following.decision
    if source == "own" and decision is not None and decision.by in (Origin.API, Origin.PERSON):
        return False
    return state.left != 0


def _seen_by(act: Act, run: RunState, before: ActState) -> RunState:
    """The run as an act shows it."""
    if act.kind == "decided" and act.decision is not None and decision_shown(run) is not act.decision:
        # the status that followed is known already: the act shows the run as it waited, and what was decided
        base = before.run if before.run is not None and before.run.began == run.began else run
        rows = tuple(each for each in run.timeline if each.at <= act.decision.at)
        run = replace(
            base, gate=None, decision=act.decision, decisions=run.decisions, timeline=rows, exchanges=run.exchanges
        )
    if act.kind in ("output", "panes", "refused") or run.ended is None:
        return run
    return replace(run, ended=None, outcome=None)

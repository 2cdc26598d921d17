"""Acts: which fact has the screen in stage pace, and for how long.

An act is a screen for one fact: the token, the Job ID, the wait for the agents, the question, the decision, the output. Which
acts a run has had follows from its milestones (`story_of`), so a recording and somebody else's client have the same as a
run of ours. One is shown after the other: each stays for its hold, in real time, before the next shows (`advanced`), and
whoever owns the clock has it stand as long as `ActState.waits`. So nothing is missed, and nothing is ever hidden.
"""

from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.jobs.gates import Origin
from lab.program.words import Status, Verdict
from lab.tui.state.gate import GateDecision
from lab.tui.state.run import Milestone, RunState
from lab.tui.state.status import decision_shown, face, finished, meaning

HOLD: Millis = 3_000
"""Real milliseconds for which an act stays where nobody says otherwise."""

ActKind = Literal["token", "job", "running", "waiting", "decided", "output", "refused", "panes"]
ActSource = Literal["own", "watched", "recorded"]
"""Whose run it is: of an own one the person's decision is never held back; for a watched one no clock stands."""


class ActRule(NamedTuple):
    """What holds for a kind of act: whether it is numbered, has the lab's clock stand while it is held, needs a gate."""

    counted: bool = False
    stands: bool = False
    gate: bool = False


ACTS: dict[ActKind, ActRule] = {
    "token": ActRule(counted=True, stands=True),
    "job": ActRule(counted=True, stands=True),
    "running": ActRule(counted=True),
    "waiting": ActRule(counted=True, gate=True),
    "decided": ActRule(counted=True, stands=True, gate=True),
    "output": ActRule(counted=True),
    "refused": ActRule(stands=True),
    "panes": ActRule(),
}
"""Every kind, in order. In `panes` the four panes are the screen, in `output` it is the finale."""


def counted_kinds(*, gate: bool) -> list[ActKind]:
    """The kinds that are numbered, in order, of a turn with a gate or without."""
    return [kind for kind, rule in ACTS.items() if rule.counted and (gate or not rule.gate)]


ActKey = tuple[Millis | None, ActKind, int]
"""What tells an act from every other: when its turn began, its kind, which of that kind it is."""


class Act(Struct, frozen=True):
    """One act of a turn."""

    kind: ActKind
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
    followed: ActKind | Literal[""] = ""
    """The kind of the act that has begun already, though this one still shows."""

    @property
    def fills_screen(self) -> bool:
        """Whether the act has the screen to itself."""
        if self.act is None or self.act.kind in ("panes", "output"):
            return False
        waiting = self.run is not None and self.run.last is not None and meaning(self.run.last.status) is Status.WAITING
        # how a gate was decided isn't told everywhere: then the panes show that the job goes on
        return self.act.kind != "waiting" or waiting


def story_of(run: RunState) -> tuple[Act, ...]:
    """The acts of a turn so far, in order."""
    begun: list[tuple[ActKind, Milestone]] = []
    shown: ActKind | None = None
    for each in run.milestones:
        match each.kind:
            case "token":
                begun.append(("token", each))
            case "invoke":
                begun.append(("job", each))
            case "refused" if each.value != "status" and not run.came_to(
                "token" if each.value == "token" else "invoke"
            ):
                # one that was asked again with success shows as that
                begun = [*(act for act in begun if act[0] != "refused"), ("refused", each)]
            case "decided" if each.decision is not None and each.decision.ends:
                # changes have the agents work again; whatever else was decided, the panes show how the job goes on
                shown = "running" if each.decision.verdict == Verdict.CHANGES else "panes"
                begun += [("decided", each), (shown, each)]
            case "poll" | "status" if meaning(each.value) is Status.WAITING:
                if shown != "waiting":
                    begun.append((shown := "waiting", each))
            case "poll" | "status" if not face(each.value).final:
                # it waits for the agents once it asks how they are
                again = shown is None and each.kind == "poll"
                if again or (shown == "waiting" and not run.gates):
                    begun.append((shown := "running", each))
    if finished(run) and run.milestones:
        begun.append(("output", run.milestones[-1]))
    kinds = [kind for kind, _ in begun]
    return tuple(
        Act(kind, run.began, kinds[: at + 1].count(kind), each.decision if kind == "decided" else None, each.place)
        for at, (kind, each) in enumerate(begun)
    )


def act_before(shown: ActState, run: RunState) -> Act | None:
    """The act before the one that shows; where the panes do, the last one there was."""
    acts = [act for act in story_of(run) if act.kind != "panes"]
    at = next((at for at, act in enumerate(acts) if shown.act is not None and act.key == shown.act.key), len(acts))
    return acts[at - 1] if at else None


def advanced(shown: ActState, run: RunState, hold: Millis, source: ActSource = "own") -> ActState:
    """What shows next, or still, the run being as it is now; what was counted of a hold is taken from it before.

    `hold` 0: what stands stays until somebody says so. What is watched stays for its hold, then the newest one shows, and a
    person who is needed shows at once.
    """
    story, watched = story_of(run), source == "watched"
    if not story:
        return ActState()
    state, keys = shown, [act.key for act in story]
    if state.act is None or state.act.key not in keys:
        # another run, or another turn: it stood where its first act began, so what is behind that came with it
        state = _begun(story[-1 if watched else 0], run, shown, hold)
    while state.act is not None and (ahead := story[keys.index(state.act.key) + 1 :]):
        decision, needed = ahead[0].decision, watched and story[-1].kind == "waiting"
        at_the_keys = source == "own" and decision is not None and decision.by in (Origin.API, Origin.PERSON)
        if state.left != 0 and not at_the_keys and not needed:
            following = [act.kind for act in ahead if act.kind != "panes"]
            return replace(state, waits=not watched, followed=following[0] if following else "panes")
        state = _begun(ahead[-1 if watched else 0], run, state, hold)
    assert state.act is not None
    return _shown(state.act, run, state, state.left, state.whole, watched=watched)


def current_act(run: RunState, left: Millis | None = 0) -> ActState:
    """The act that the run is in, for whoever comes to it in another way than by the act before; it stays for `left`."""
    story = story_of(run)
    if not story:
        return ActState()
    act = story[-1]
    if len(story) > 1 and story[-2].decision is not None and story[-2].decision is decision_shown(run):
        act = story[-2]  # no status has followed the decision yet
    return _shown(act, run, ActState(act, run), left, left or 0)


def _begun(act: Act, run: RunState, before: ActState, hold: Millis) -> ActState:
    """An act at its first frame."""
    # that the agents work again because a person wants changes needs no hold
    again = act.kind == "running" and before.act is not None and before.act.kind == "decided"
    left: Millis | None = 0
    if ACTS[act.kind].stands:
        left = None if act.kind == "refused" else hold or None
    elif act.kind in ("waiting", "running") and not again:
        left = hold or HOLD
    return _shown(act, run, before, left, left or 0, watched=True)


def _shown(
    act: Act, run: RunState, before: ActState, left: Millis | None, whole: Millis, *, watched: bool = False
) -> ActState:
    """An act with the run as it shows it."""
    waits = not watched and (left is None or (left > 0 and ACTS[act.kind].stands))
    if act.kind == "decided" and act.decision is not None and decision_shown(run) is not act.decision:
        # what followed is known already: the act shows the run as it waited, and what was decided
        base = before.run if before.run is not None and before.run.began == run.began else run
        since, until = act.decision.since, act.decision.at
        run = replace(
            base,
            gate=None,
            decision=act.decision,
            milestones=tuple(each for each in run.milestones if each.at < since or each.decision is act.decision),
            timeline=tuple(each for each in run.timeline if each.at <= until and each.kind != "answer"),
            exchanges=run.exchanges,
        )
    if act.kind not in ("output", "panes", "refused") and run.ended is not None:
        run = replace(run, ended=None, outcome=None)
    return ActState(act, run, left, whole, waits)

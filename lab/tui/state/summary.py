"""What a turn took, and what can be asked after it."""

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.turns import part_for, parts_for
from lab.language.document import Status
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, messages_of
from lab.tui.state.status import face, meaning, nobody_decided

MOST_KEYS = 9


class TurnSummary(Struct, frozen=True):
    """One turn in figures."""

    job: bool
    """Whether there is a Job ID."""
    polls: int
    person: Millis | None
    """How long it waited for people; None: nobody was asked."""
    decided: bool
    """Whether anybody decided in that time."""
    agents: Millis
    """How long it was in any other status that is not final."""


def turn_summary(run: RunState) -> TurnSummary:
    """The figures of a turn that has ended."""
    end = run.ended if run.ended is not None else run.latest
    person = agents = 0
    for word, lasted in lengths_of(run, end):
        if run.gates and meaning(word) is Status.WAITING:
            person += lasted
        elif not face(word).final:
            agents += lasted
    waited = person if run.gates else None
    decided = run.decisions > 0 or not nobody_decided(run)
    return TurnSummary(run.job is not None and bool(run.job.job), run.polls, waited, decided, agents)


def lengths_of(run: RunState, end: Millis) -> list[tuple[str, Millis]]:
    """Each status that the app saw, and how long it lasted, the last one until `end`."""
    stops = [since for _, since in (*run.statuses[1:], ("", end))]
    return [(word, max(0, until - since)) for (word, since), until in zip(run.statuses, stops, strict=False)]


class FollowUp(Struct, frozen=True):
    """A suggested question that wasn't asked yet; `key` is what asks it, nothing where no key does."""

    text: str
    key: str = ""
    answered: bool = True
    """Whether the scenario answers it; where none is at hand nobody knows, and it may be asked."""


def follow_ups(state: ScreenState) -> tuple[FollowUp, ...]:
    """What this turn suggests, then what earlier turns did and nobody has asked."""
    run, scenario = state.run, state.source.scenario
    turns = (run, *reversed(run.past))
    texts = dict.fromkeys(text for turn in turns if turn.last is not None for text in turn.last.follow_up if text)
    messages = messages_of(run)
    used = [] if scenario is None else [part for part in parts_for(scenario, messages) if part is not None]
    asks = "message" in state.source.can and not state.source.follows and run is state.newest and not state.running
    found: list[FollowUp] = []
    keys = iter(range(1, MOST_KEYS + 1))
    for text in texts:
        if text in messages:
            continue
        known = scenario is None or part_for(scenario, run.turn + 1, text, used) is not None
        number = next(keys, None) if asks and known else None
        found.append(FollowUp(text, "" if number is None else str(number), known))
    return tuple(found)

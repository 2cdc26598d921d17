"""What a turn took, and what can be asked after it."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.program import part_for, parts_for
from lab.program.scenario import Scenario
from lab.program.words import Status
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
    """What was suggested so far and nobody has asked; each keeps the number that it had first."""
    run, scenario, messages = state.run, state.source.scenario, messages_of(state.run)
    asks = "message" in state.source.can and not state.source.follows and run is state.newest and not state.running
    numbers: dict[str, int] = {}
    found: list[FollowUp] = []
    for count, turn in enumerate((*run.past, run), 1):
        for text in dict.fromkeys(turn.last.follow_up if turn.last is not None else ()):
            if text and text not in numbers and _answered(scenario, messages[:count], text):
                numbers[text] = _free(numbers, messages)
    for turn in (run, *reversed(run.past)):
        for text in dict.fromkeys(turn.last.follow_up if turn.last is not None else ()):
            if text and text not in messages and text not in [each.text for each in found]:
                known = _answered(scenario, messages, text)
                number = numbers.get(text, 0) if asks and known else 0
                found.append(FollowUp(text, str(number) if 0 < number <= MOST_KEYS else "", known))
    return tuple(sorted(found, key=lambda each: (not each.key, each.key)))


def _answered(scenario: Scenario | None, messages: Sequence[str], text: str) -> bool:
    """Whether a text is answered after these messages."""
    if scenario is None:
        return True
    used = [part for part in parts_for(scenario, messages) if part is not None]
    return part_for(scenario, len(messages) + 1, text, used) is not None


def _free(numbers: Mapping[str, int], messages: Collection[str]) -> int:
    """A number that no question had; once all keys are used up, one whose question was asked."""
    still = {number for text, number in numbers.items() if text not in messages}
    candidates = [number for number in range(1, MOST_KEYS + 1) if number not in still]
    return next((each for each in candidates if each not in numbers.values()), [*candidates, MOST_KEYS + 1][0])

"""The facts of which a mock's state is made, kept so that it can be made again: for a way back, and for a journal."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.journal.fact import ClockRestarted, ClockRewound, ClockScaled, Fact, LabEnded, LabMade, LedgerCleared
from lab.jobs.facts import ScenarioLoaded
from lab.jobs.program import Program, program_of

BEFORE: Millis = -1
"""When an edit was made that is older than a clock which began anew: it holds from instant 0 on."""


def makes_state(fact: Fact) -> bool:
    """Whether a fact changes what the mock does next: input facts do, and edits of scenarios."""
    return fact.kind == "input" or isinstance(fact, ScenarioLoaded)


class History:
    """Facts in order, without those that no longer count."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.now: Millis = 0
        """The instant of the last one."""
        self.factor: str | None = None
        """The pace to which a scaled clock was last set."""
        self.epoch: Epoch | None = None
        """The wall time of instant 0, if a clock began anew."""
        self.labs: dict[str, LabMade] = {}
        """The labs beside this one that are there, by their places; no reset of this one ends them."""
        self.makings: Counter[str] = Counter()
        """How often one was made at each place."""

    def add(self, facts: Iterable[Fact]) -> None:
        """Take facts as they are committed."""
        for fact in facts:
            self.now = fact.at
            match fact:
                case LedgerCleared():
                    self.facts = [each for each in self.facts if isinstance(each, ScenarioLoaded)]
                case ClockRestarted():
                    edits = [each for each in self.facts if isinstance(each, ScenarioLoaded)]
                    self.facts, self.epoch = [replace(each, at=BEFORE) for each in edits], fact.epoch
                case ClockRewound():
                    self.facts = self.until(fact.at)
                case LabMade():
                    self.labs[fact.place] = fact
                    self.makings[fact.place] += 1
                case LabEnded():
                    below = f"{fact.place}/"
                    self.labs = {
                        place: known for place, known in self.labs.items() if not f"{place}/".startswith(below)
                    }
                case ClockScaled():
                    self.factor = fact.factor
                case _:
                    self.facts.append(fact)

    def until(self, instant: Millis) -> list[Fact]:
        """What had happened by an instant. A later edit stays in force, as if made then: its author means it."""
        kept: list[Fact] = []
        for fact in self.facts:
            if fact.at <= instant:
                kept.append(fact)
            elif isinstance(fact, ScenarioLoaded):
                kept.append(replace(fact, at=instant))
        return kept


def compiled_again(name: str, digest: str, source: str, files: Mapping[str, str]) -> Program:
    """A scenario of its source; ScenarioError if this lab reads it no more."""
    from lab.language.parse import parse_scenario  # only of a journal that is taken up

    scenario = parse_scenario(source, f"{name}.yaml", stem=name, reader=files.__getitem__)
    return program_of(scenario, digest, files, source)

"""A gate as the screen knows it: how it opened, what its status body shows, and the decision that was taken at it."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from lab.core.clock import Millis
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.state.ink import Ink


class GateAnswer(Struct, frozen=True):
    """An answer to the open gate: the verdict, and what there is to say with it."""

    verdict: str
    content: str | None = None
    job: str = ""
    """Whose gate: a journal has many jobs."""
    gate: str = ""
    opening: str = ""
    """What tells one opening of it from the next."""
    name: str | None = None
    """Who answers."""
    by: str = "you"
    """Who answers without a name: `you` at the keys, or what a plugin calls those who decide elsewhere. Of two of these, or if
    a key was faster, the second must know that it came late."""


class GateState(Struct, frozen=True):
    """The gate that the last status body shows."""

    job: str
    code: str
    gate: str
    """The gate's name in the scenario, as its code on the wire tells it."""
    channel: str
    in_chat: bool
    """Whether the client itself may answer; else the decision comes from outside the API."""
    question: str
    round: int
    """How often changes were asked for before it opened."""
    answers: tuple[tuple[str, str], ...]
    """The verdicts that are offered, with their labels."""
    number: int
    """Which of the run's gates, from 1."""
    line: tuple[tuple[str, str], ...]
    """The gate in one line, with its label on the wire."""
    identity: str
    """What tells it from the run's other gates: its code, or where the wire has none its opening."""
    prompt: str = ""
    rounds: int | None = None
    """How often changes may be asked for."""
    key: str = ""
    """Tells one opening from the next."""
    sent: str | None = None
    """The verdict that our call carries, while no answer to it came."""
    comment: str | None = None
    """What that call says beside its verdict."""
    opened: tuple[str, int] | None = None
    """Which opening the journal had told of last when it was sent: gate and round; None: it told of none."""
    refusal: str | None = None

    @property
    def changes(self) -> str:
        """Which of the changes that may be asked for was made for this opening; nothing at the first."""
        return f"change {self.round} of {self.rounds}" if self.round and self.rounds is not None else ""

    @property
    def collects(self) -> bool:
        """Whether it collects a text: it offers nothing but changes on the wire, and is approved by what comes."""
        return [verdict for verdict, _ in self.answers] == [Verdict.CHANGES]


class GateDecision(Struct, frozen=True):
    """A decision that was taken at a gate, whoever took it."""

    at: Millis
    verdict: str
    by: str
    """Its origin, as recordings name it (recordings.md §2.3)."""
    noticed: Millis
    """When it came to be known here: with the answer to a call, or from the mock's journal."""
    since: Millis
    """The instant of the call that brought it; of what the journal tells `at`."""
    step: str = ""
    round: int = 0
    name: str | None = None
    comment: str | None = None
    gate: GateState | None = None
    """The gate as it showed; None if no answer had shown it."""
    approved: int = 0
    approvals: int = 1
    """Of a quorum: how many have approved by now, this one too, and how many must."""
    patience: Millis = 0
    """How long the gate would have waited, where the journal tells."""

    @property
    def ends(self) -> bool:
        """Whether the gate is decided by it; else it is one approval of several."""
        return self.verdict != Verdict.APPROVED or self.approved >= self.approvals

    def answers(self, gate: GateState) -> bool:
        """Whether it was taken at this opening."""
        if self.gate is not None:
            return self.gate.key == gate.key
        return bool(gate.gate) and (self.step, self.round) == (gate.gate, gate.round)

    def who(self, own: Mapping[str, str], *, follows: bool) -> str:
        """Who decided: by name, if one was given. `own` tells who decided here, by opening."""
        if self.name or self.verdict == Verdict.TIMED_OUT:
            return self.name or "nobody"
        if self.gate is not None and self.by in (Origin.API, Origin.PERSON) and self.gate.key in own:
            return own[self.gate.key]
        if self.by == Origin.API and not follows:
            return "you"
        return _WHO.get(self.by, self.by)


_WHO: dict[str, str] = {
    Origin.API: "the client",
    Origin.PERSON: "a person",
    Origin.SCRIPT: "the script",
    Origin.RECORDING: "the recording",
}


class VerdictFace(NamedTuple):
    """How a verdict shows: in a row of the timeline, as a colour role, as our sentence, and as what a call asks."""

    word: str
    role: Ink
    sentence: str
    asks: str


VERDICTS: dict[str, VerdictFace] = {
    "approved": VerdictFace(
        "approved", "done", "A person said yes. The agents go on where they stopped, as the same job.", "approve"
    ),
    "rejected": VerdictFace(
        "rejected", "wait", "A person said no. What follows from it comes on the same Job ID.", "reject"
    ),
    "changes-requested": VerdictFace(
        "changes", "wait", "A person asked for changes. The agents work again, on the same Job ID.", "changes"
    ),
    "timed-out": VerdictFace(
        "timed out", "bad", "Nobody decided in time. Polling goes on until a final status.", "timed out"
    ),
}
"""The verdicts; of each the word, the colour and our sentence."""


def verdict_face(verdict: str) -> VerdictFace:
    """How a verdict shows; a word that nobody documented shows as it is."""
    return VERDICTS.get(verdict) or VerdictFace(verdict.lower(), "wait", "A person decided.", verdict.lower())

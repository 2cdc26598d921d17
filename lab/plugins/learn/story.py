"""What was observed, whoever's API it was: messages in their order, and what each poll showed of their jobs."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.dialects.client import Question
from lab.language.document import Status, Verdict
from lab.recording.playback.calls import PlaybackCall

_LONGEST_NAME = 60
_MOST_NAMES = 10


class Glimpse(Struct, frozen=True, kw_only=True):
    """What one answer shows of a job."""

    word: str
    """The status as it was written."""
    status: Status | None
    """What it means; None: nobody knows, and the job goes on."""
    text: str | None = None
    """What it says of its progress; empty: nothing; None: it has no member for that, which says nothing new."""
    question: Question | None = None
    output: Json = None
    """A text, or a value that was no text."""
    error: str | None = None
    follow_up: tuple[str, ...] = ()


class Poll(Struct, frozen=True):
    """A call whose answer shows the job: one that asked for it, or a decision."""

    call: PlaybackCall
    glimpse: Glimpse | None
    """None: it failed."""
    decides: bool = False
    """Whether it was a decision, which counts as none of the polls."""


class ObservedDecision(Struct, frozen=True, kw_only=True):
    """How an opening of a gate ended, where calls or facts tell it."""

    verdict: Verdict
    comment: str | None = None
    by: str | None = None


class ObservedTurn(Struct, kw_only=True):
    """A message, and what polls showed of its job."""

    invoke: PlaybackCall
    message: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    first: Glimpse | None = None
    """What the answer to the message showed; None: none came."""
    accepted: bool | None = None
    """Whether a job began; None: nobody knows."""
    polls: list[Poll] = field(default_factory=list)
    decisions: dict[tuple[str, int], ObservedDecision] = field(default_factory=dict)
    """By gate and round."""
    patience: dict[str, Millis] = field(default_factory=dict)
    """Of gates, as far as facts tell it."""

    @property
    def last(self) -> Glimpse | None:
        """The last that was seen of the job."""
        return next((poll.glimpse for poll in reversed(self.polls) if poll.glimpse is not None), self.first)


class Story(Struct, kw_only=True):
    """One conversation, and the calls around it."""

    team: str | None
    """None: the API has no teams."""
    version: int | None = None
    """Of the team's agent, where answers tell it and no message asked for one."""
    turns: list[ObservedTurn]
    calls: dict[str, list[PlaybackCall]]
    """By the route as faults and latencies name it, those that counted: none that a mock refuses by itself."""
    lifetime: Millis | None = None
    """How long a token was good."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    renewed: bool = False
    """Whether more than one token was granted."""
    notes: tuple[str, ...] = ()
    """What a reader of the scenario should know, a sentence each."""
    timed: bool = True
    """Whether the file says when calls were made."""


def left_out_jobs(messages: Sequence[str]) -> tuple[str, ...]:
    """A sentence that names the jobs of a file that a scenario of one conversation leaves out, by what began them."""
    if not messages:
        return ()
    names = "; ".join(" ".join(message[:_LONGEST_NAME].split()) for message in messages[:_MOST_NAMES])
    more = len(messages) - _MOST_NAMES
    return (f"Jobs of other conversations, left out: {names}{f'; and {more} more' if more > 0 else ''}.",)

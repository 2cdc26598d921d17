"""The port: what each dialect must give. A dialect is one vendor's wire, and nothing but that.

Everything outside `dialects/` speaks of commands, results and views; only here a path, a member or a status word of a
wire has a meaning. One exchange, seen from the mock:

    match   = router.find(method, path)                   the dialect's route table
    command = dialect.read(match, request, switches, …)   what is asked: Invoke, Look, Decide, …, or Unread and why
    result  = the mock's rules                            what came of it: Accepted, Found, Streamed, Declined, …
    reply   = dialect.write(match, command, result, …)    its words for it

for instance, of a poll,

    GET …/agent/v2/EXPENSES/status/J                      {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", …}
    Look(team="EXPENSES", job="J")                        Look(team="EXPENSES", job="J", published=True, echo=rpc)
    Found(view), a gate is open                           Found(view), the same
    {"status": "WAITING", "waitingNodeDetails": {…}, …}   {"result": {"status": {"state": "input-required", …}}, …}

and from the external app the same walked backwards: `ask(command)` makes the request, `understand` reads the answer.

What must hold. `read` and `write` are pure and look at no state but what they are handed. Rules about jobs are the
mock's: whether a message answers a gate, which team is closed, what a decision is refused for. So two dialects on the
same scenario, seed and decisions bring the same facts (`tests/dialects/test_same_facts.py`). A third one is a plugin (plugins.md §5).

Three things look odd until their reason is known. `echo` hands back to `write` what `read` found and only the wire needs: the
call's id of JSON-RPC, which even a refusal repeats. `Unread.wanted` is there because a closed team is told before a wrong
field, and only the mock knows which team is closed. `write` gets a refusal as well as a job, since a wire may answer it
with 200; `refuse` is for those that come before there is a command: no route, no bearer.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct, field

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json, Request, Response
from lab.core.refusal import CANNOT_EXECUTE, Refusal, conflict, forbidden, not_found
from lab.core.reply import Parts
from lab.core.routes import Route, RouteMatch
from lab.identity.endpoints.context import TokenContext
from lab.jobs.callbacks import Receiver, Registration
from lab.jobs.facts import JobView
from lab.jobs.program import Program
from lab.program.faults import Fault
from lab.program.switches import Switches
from lab.program.words import Status, Verdict


class TeamUnknown(Refusal, frozen=True):
    """404: no team of that code can be asked; a type of its own, for its hint may name the code that was meant."""


TEAM_UNKNOWN = TeamUnknown(
    404, "Workflow not found.", "No published agent team has this code; compare the path, letter by letter."
)
TEAM_CLOSED = forbidden(CANNOT_EXECUTE, TEAM_UNKNOWN.hint)
"""A team that isn't published, where a switch or a wire says that it is forbidden, not absent."""


class NotCancelable(Refusal, frozen=True):
    """409: the job can't be cancelled, and why not."""


def not_cancelable(why: str, hint: str = "") -> NotCancelable:
    """The refusal to cancel a job."""
    return NotCancelable(409, why, hint)


class TellsNobody(Refusal, frozen=True):
    """409: no receiver can be registered here."""


TELLS_NOBODY = TellsNobody(
    409,
    "Nobody is told by callbacks here.",
    "Serve the lab by one process, and without --ledger: it calls receivers then.",
)
RECEIVER_UNKNOWN = not_found("‹receiver› not found.")
OTHER_CONVERSATION = conflict("‹conversation› is not the job's.")
JOB_UNKNOWN = not_found("Job not found.", "A job is seen by its owner only, under its own team's path.")

# Commands: what a request asks of the mock, whatever the dialect.


class ReadRequest(Struct, frozen=True, kw_only=True):
    """What every request that was read brings beside what it asks."""

    flags: tuple[str, ...] = ()
    """What is noted of the request."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Members that the wire doesn't know, each with a known one that it is near to, and that isn't there."""
    echo: object = None
    """What the dialect wants back when it writes the answer; nobody else looks at it."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What of a team is asked for; read even from a request whose other fields are wrong."""

    draft: bool | None = None
    """Whether scenarios that aren't published count too; None: the request doesn't say."""
    version: int | None = None
    """The version that must be published; None: any."""


class Invoke(ReadRequest, frozen=True, kw_only=True):
    """A message for a team: a new job, the next turn of a conversation, or (where the mock finds so) a gate's answer."""

    team: str
    message: str
    conversation: str | None = None
    conversational: bool = True
    """Whether a conversation goes on or begins; False: one shot."""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    job: str | None = None
    """A job that is named beside the message: if it waits, the message is for it."""
    answers: bool = True
    """Whether it may be taken for the answer for which the conversation's last job waits."""
    blank: bool = False
    """Whether nothing is asked: no text, no parameters, no other trigger."""
    wanted: Wanted = Wanted()
    key: str | Refusal | None = None
    """The idempotency key, or why it is none."""
    new_id: str | None = None
    """The id that the client gives to the new job; None: the lab does."""
    registers: Registration | None = None
    """A receiver that is to be told of the job."""
    members: Mapping[str, Json] = field(default_factory=dict)
    """The known members of the request, normalised, as `job.accepted` keeps them."""


class Say(ReadRequest, frozen=True, kw_only=True):
    """A message for one job and no other: it answers the gate at which the job waits, or is refused."""

    team: str
    job: str
    message: str
    conversation: str | None = None
    published: bool = False
    """Whether the team must be published, even if the job is there."""
    registers: Registration | None = None
    """A receiver that is to be told of the job."""


class Cancel(ReadRequest, frozen=True, kw_only=True):
    """The end of a job is asked for, whatever it does."""

    team: str
    job: str


class ListOwnJobs(ReadRequest, frozen=True, kw_only=True):
    """The caller's own jobs, that first which changed last."""

    team: str
    conversation: str | None = None
    """Only those of it."""
    statuses: frozenset[Status] = frozenset(Status)
    changed_since: int | None = None
    """Only those that have been in their step no longer than since then, in milliseconds since 1970."""
    most: int = 100
    behind: str | None = None
    """Only those that stand behind this job."""


class FollowJobs(ReadRequest, frozen=True, kw_only=True):
    """What becomes of jobs from now on, answered by a stream; those that aren't the caller's are left out."""

    team: str
    jobs: tuple[str, ...]


class Decide(ReadRequest, frozen=True, kw_only=True):
    """The answer to one opening of a gate, or the early end of one wait."""

    team: str
    job: str
    opening: str
    """The opaque token that the opening's question carried."""
    verdict: Verdict | None
    """Changes: what should be different, or the reply to a gate that asks for one; None: end the wait."""
    comment: str | None = None
    conversation: str | None = None
    wanted: Wanted = Wanted()


class Look(ReadRequest, frozen=True, kw_only=True):
    """What the job looks like now."""

    team: str
    job: str
    mode: str | None = None
    """END_USER or ADMIN, whose answers tell more; None: as the job was invoked."""
    published: bool = False
    """Whether the team must be published, even if the job is there."""


class AnsweredLater(Struct, frozen=True):
    """A command whose answer tells of what becomes of it, too."""

    command: Invoke | Say | Decide

    @property
    def flags(self) -> tuple[str, ...]:
        """What is noted of the request."""
        return self.command.flags

    @property
    def unknown(self) -> tuple[tuple[str, str], ...]:
        """Members that the wire doesn't know."""
        return self.command.unknown

    @property
    def echo(self) -> object:
        """What the dialect wants back."""
        return self.command.echo


class Follow(AnsweredLater, frozen=True):
    """The same as its command, answered by a stream of what comes until somebody else must act."""


class Settle(AnsweredLater, frozen=True):
    """The same as its command, answered once the job has ended, or waits for somebody."""

    answerable: bool = False
    """Whether it goes on through waits that nobody can end over the API: for time, or for people elsewhere."""


class Describe(ReadRequest, frozen=True, kw_only=True):
    """What published teams say of themselves: one (404 if it isn't published), or all."""

    team: str = ""
    """The agent team's code; empty: all."""


class RegisterReceiver(ReadRequest, frozen=True, kw_only=True):
    """A receiver is to be told of jobs from now on, by callbacks: of one, or of all that are the caller's."""

    team: str
    job: str | None = None
    """None: all that are the caller's."""
    registration: Registration


class ListReceivers(ReadRequest, frozen=True, kw_only=True):
    """Which receivers stand, those of the caller's jobs or of one of them."""

    team: str
    wire: str
    """Only those that were registered by it."""
    job: str | None = None
    receiver: str | None = None
    """Only that one, which must be there."""


class EndReceiver(ReadRequest, frozen=True, kw_only=True):
    """A receiver is to be told no more."""

    team: str
    wire: str
    job: str | None = None
    receiver: str


ReceiverCommand: TypeAlias = RegisterReceiver | ListReceivers | EndReceiver
"""About receivers: answered with those that it is about."""


class Private(ReadRequest, frozen=True, kw_only=True):
    """A route that only one dialect has: value and handler stand in its folder, and the mock never looks at the name."""

    answer: Callable[[TokenContext], Response | Refusal]
    """Given the state, what comes of the call, the bearer, and what the lab's OAuth server is made with."""


Command: TypeAlias = (
    Invoke
    | Say
    | Decide
    | Cancel
    | Look
    | ListOwnJobs
    | FollowJobs
    | Follow
    | Settle
    | Describe
    | ReceiverCommand
    | Private
)
"""Where the path names no team, `team` may: one that the body names, or, empty, that of the job."""


class Unread(ReadRequest, frozen=True, kw_only=True):
    """A request that can't be read, and why. With `wanted` the mock looks at the team first: it may be closed."""

    refusal: Refusal
    wanted: Wanted | None = None
    job: str | None = None
    """The job that is asked for; one that isn't there comes first too."""


Reading: TypeAlias = Command | Unread
"""What a request was read as."""

# Results: what came of a command.


class Accepted(Struct, frozen=True):
    """A job began, went on, was answered or cancelled: as it is now. `first`: it is new."""

    view: JobView
    first: bool = True


class Found(Struct, frozen=True):
    """A job as it is now."""

    view: JobView


class Streamed(Struct, frozen=True):
    """A job whose coming spans are to be told as they come. `first`: it is new."""

    view: JobView
    first: bool = True


class JobPage(Struct, frozen=True):
    """Some of the caller's jobs, that first which changed last."""

    views: tuple[JobView, ...]
    total: int
    """How many there are that fit, `behind` and `most` apart."""
    more: bool
    """Whether more of them fit."""


class Followed(Struct, frozen=True):
    """Jobs whose coming spans are to be told as they come."""

    views: tuple[JobView, ...]


class Receivers(Struct, frozen=True):
    """The receivers that were asked for, or as one is now that was registered, or was told until now; oldest first."""

    receivers: tuple[Receiver, ...]


class Described(Struct, frozen=True):
    """Published teams, each with those of its scenarios that are published."""

    teams: tuple[tuple[str, tuple[Program, ...]], ...]


def team_version(team: tuple[Program, ...]) -> int:
    """A team's version: that of the first of its scenarios to name one, else 1."""
    return next((each.scenario.agent.version for each in team if each.scenario.agent.version is not None), 1)


class Declined(Struct, frozen=True):
    """Nothing came of it, and why."""

    refusal: Refusal


Result: TypeAlias = Accepted | Found | Streamed | JobPage | Followed | Receivers | Described | Declined


class WriteContext(Struct, frozen=True):
    """What an answer depends on beside its result."""

    epoch: Epoch
    switches: Switches
    """Those of the job's scenario, resolved once."""
    now: Millis
    origin: str
    """What URLs in answers start with."""
    tells: bool = False
    """Whether receivers may be registered here."""


Written: TypeAlias = Response | tuple[Response, Parts]
"""An answer: whole, or its head and a body that leaves bit by bit."""


JobOf: TypeAlias = Callable[[str], JobView | None]
"""Gives the caller's own job of that id, or None."""


class Dialect(Protocol):
    """One vendor's wire, both ways."""

    @property
    def name(self) -> str:
        """As `--dialect` has it."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Its rows; names are unique among all dialects."""

    def renames_jobs(self, switches: Switches) -> bool:
        """Whether a job goes on under another id once it was answered."""

    def read(self, match: RouteMatch, request: Request, switches: Switches, job_of: JobOf) -> Reading:
        """What is asked."""

    def write(self, match: RouteMatch, command: Reading, result: Result, context: WriteContext) -> Written:
        """The answer. A refusal too: some wires answer it with the call's id.

        Asked again of the same command with what was decided since, it gives what it gave, and what comes now.
        """

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """A refusal that is about the request line or the bearer; `style` overrides the switch `error_body`."""

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """The members of a right answer, with the odd status word of a fault in place of its own."""

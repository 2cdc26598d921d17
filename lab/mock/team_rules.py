"""What a team asks of a request, and which of its scenarios answers a message, as which turn of which conversation.

Before a request's fields count, the team is to be published, and asks for a role and a version (contract.md §2.6, 7 to
9); a request that resumes is held to the first two alone. Conversations: contract.md §3.1; scenarios.md §3.2, §9.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from lab.core.refusal import CANNOT_EXECUTE, Refusal, bad_request, conflict, forbidden, not_found
from lab.core.seeds import Seed, uuid4
from lab.dialects.base import TEAM_CLOSED, TEAM_UNKNOWN, Invoke, Wanted
from lab.jobs.facts import JobRecord, id_of
from lab.jobs.program import Program, part_for
from lab.mock.call import Call
from lab.program.switches import Switches
from lab.program.words import Status


def _unknown_team(call: Call) -> Refusal:
    """The refusal of a code that no team has; it names one that differs in case alone, else a published one that is near."""
    catalog, code = call.catalog, call.code
    if meant := catalog.alike(code):
        hint = f"Codes are compared with case: this one is written {' or '.join(meant)}."
        return replace(TEAM_UNKNOWN, hint=hint, near=meant)
    from difflib import get_close_matches  # only a mistake needs it

    near = tuple(get_close_matches(code, filter(catalog.published, catalog.by_team), 1))
    if not near:
        return TEAM_UNKNOWN
    return replace(TEAM_UNKNOWN, hint=f"No published agent team has this code: did you mean {near[0]}?", near=near)


def open_scenarios(team: tuple[Program, ...], *, draft: bool) -> tuple[Program, ...]:
    """The team's scenarios that are published; for a draft, all."""
    return tuple(each for each in team if draft or each.scenario.agent.published)


def of_version(opened: tuple[Program, ...], wanted: int | None, switches: Switches) -> tuple[Program, ...]:
    """Of these, those that have the version which is asked for, or name none; all where it isn't looked at."""
    if wanted is None or switches.version_check == "off":
        return opened
    return tuple(each for each in opened if each.scenario.agent.version in (None, wanted))


def absent_team(call: Call) -> Refusal | None:
    """The refusal of a team that nothing can be asked of; None if it is published, or none is named."""
    return None if not call.code or call.catalog.published(call.code) else _nothing_published(call)


def _nothing_published(call: Call) -> Refusal:
    if not call.team:
        return _unknown_team(call)
    return TEAM_UNKNOWN if call.switches.unpublished == 404 else TEAM_CLOSED


def role_refusal(call: Call, program: Program) -> Refusal | None:
    """The refusal of a user without the role that a scenario asks for; without a user always (contract.md §6.2)."""
    user, agent = call.bearer.user, program.scenario.agent
    if call.catalog.admits(program, user) or (user is not None and agent.refuses == "job"):
        return None
    hint = f"Ask for a role that gives access to {agent.code}: {', '.join(agent.roles)}."
    # on a pod its id would be modelled as a user; here the settings file says so
    own = f" The token is {call.bearer.client}'s own: accounts.clients of a settings file can give it a user and roles."
    return forbidden(CANNOT_EXECUTE, hint if user is not None else hint + own)


def team_refusal(call: Call, wanted: Wanted) -> Refusal | None:
    """Why none of the team's scenarios takes the request, whose fields may be wrong; None if one may."""
    opened = open_scenarios(call.team, draft=bool(wanted.draft))
    if not opened:
        return _nothing_published(call)
    # of those alone that are for the caller: if there are none, a message is one that no scenario fits
    lacking = [role_refusal(call, each) for each in opened if call.catalog.answers(each, call.bearer)]
    if lacking and all(lacking):
        return lacking[0]
    if call.switches.version_check == "refuse" and not of_version(opened, wanted.version, call.switches):
        known = opened[-1].scenario.agent.version
        return forbidden(CANNOT_EXECUTE, f"Version {wanted.version} is not published; {known} is.")
    return None


# Which scenario answers, as which turn


class ConversationTurn(Struct, frozen=True):
    """Which turn of which conversation (None: a new one is due, or none at all), and what is noted."""

    id: str | None = None
    number: int = 1
    used: tuple[int, ...] = ()
    """The parts of its scenario that have answered its messages, more than once where they could."""
    flags: tuple[str, ...] = ()


def new_conversation(seed: Seed, stream: str) -> str:
    """The id of a conversation that begins with the job of this stream."""
    return uuid4(seed, f"conversation/{stream}")


def turn_of(call: Call, command: Invoke) -> ConversationTurn | Refusal:
    """The turn of a request that starts a job, or why it can't have the one it asks for."""
    sent = command.conversation
    if not command.conversational:
        return ConversationTurn(flags=("ignored_conversation_id",) if sent else ())
    if sent is None:
        return ConversationTurn()
    known = call.index.conversation(call.changes, sent, call.now)
    if known is None:
        if call.switches.unknown_conversation == "refuse":
            return bad_request("‹conversation› is not known.", "Leave it out in the first turn.")
        return ConversationTurn(sent)
    if known.owner != call.bearer.owner:
        return not_found("Conversation not found.")
    if known.team != call.code:
        return bad_request("‹conversation› belongs to another agent team.")
    if call.switches.busy_conversation == "refuse":
        last = call.job(id_of(known.jobs[-1]))
        if last is not None and last.span.status is Status.RUNNING:
            return conflict("The conversation's last job is still RUNNING.", "Send the next turn after its end.")
    jobs = [job for key in known.jobs if isinstance(job := call.changes.get(key), JobRecord)]
    # a message that the scenario didn't answer has used up nothing of it
    own = jobs[0].scenario if jobs else None
    used = tuple(job.part for job in jobs if own is not None and job.scenario == own)
    return ConversationTurn(sent, len(known.jobs) + 1, used)


class Choice(Struct, frozen=True):
    """The scenario that answers a message, and which part of it."""

    scenario: Program
    part: int = 1

    @property
    def entry(self) -> int | None:
        """As `job.accepted` names it: the place in `turns`, where they may come in any order."""
        return self.part - 1 if self.scenario.turns and self.scenario.scenario.turn_order == "any" else None


def choose(call: Call, opened: tuple[Program, ...], command: Invoke, turn: ConversationTurn) -> Choice | None:
    """The first of the team's open scenarios that is for the caller and fits the message; None: no answer is defined.

    A conversation that began with a scenario of several turns stays with it; otherwise each message starts at the
    top, where such a scenario begins conversations only.
    """
    first = first_scenario(call, turn.id) if turn.number > 1 else None
    for each in (first,) if first is not None else for_caller(call, opened):
        if turn.number > 1 and each.turns and each is not first:
            continue
        part = part_for(each.scenario, turn.number, command.message, turn.used)
        if part is not None:
            return Choice(each, part)
    return None


def for_caller(call: Call, team: tuple[Program, ...]) -> Iterator[Program]:
    """Those of them that are for whoever calls."""
    return (each for each in team if call.catalog.answers(each, call.bearer))


def asks_later(opened: Iterable[Program], turn: ConversationTurn, message: str) -> bool:
    """Whether what begins a conversation is what only a later turn of one asks: its client lost the conversation."""
    later = (part for each in opened for part in each.turns if part.pattern is not None)
    return turn.number == 1 and any(part.fits(message) for part in later)


def first_scenario(call: Call, conversation: str | None) -> Program | None:
    """The scenario of several turns with which the conversation began, if it is of that kind."""
    known = call.index.conversation(call.changes, conversation, call.now)
    record = call.changes.get(known.jobs[0]) if known is not None else None
    first = call.catalog.chosen_for(record) if isinstance(record, JobRecord) else None
    return first if first is not None and first.turns else None


def likely_scenario(call: Call, message: str, conversation: str | None) -> Program | None:
    """Whose switches a message is read by, before its turn and its scenario are settled."""
    first = first_scenario(call, conversation)
    return first or next((each for each in for_caller(call, call.team) if each.fits(message)), None)

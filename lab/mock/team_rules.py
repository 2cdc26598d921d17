"""What a team asks of a request before its fields count: to be published, a role, a version (contract.md §2.6, 7 to 9).

A request that resumes is held to the first two alone.
"""

from msgspec.structs import replace

from lab.core.refusal import CANNOT_EXECUTE, Refusal, forbidden
from lab.dialects.base import TEAM_CLOSED, TEAM_UNKNOWN, Wanted
from lab.jobs.program import Program
from lab.mock.call import Call
from lab.program.switches import Switches


def _unknown_team(call: Call) -> Refusal:
    """The refusal of a code that no team has; it names one that differs in case alone, else a published one that is near."""
    catalog, code = call.catalog, call.match.code
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
    """The refusal of a team that nothing can be asked of; None if it is published."""
    return None if call.catalog.published(call.match.code) else _nothing_published(call)


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

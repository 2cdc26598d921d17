"""What a team asks of a request before its fields count: to be published, a role, a version (contract.md §2.6, 7 to 9).

A request that resumes is held to the first two alone.
"""

from collections.abc import Mapping

from lab.core.exchange import Json
from lab.core.refusal import CANNOT_EXECUTE, TEAM_UNKNOWN, Refusal, forbidden, not_found
from lab.dialects.fusion.requests import version_asked
from lab.jobs.plan import CompiledScenario
from lab.jobs.view import JobView
from lab.language.document import Status, Switches
from lab.mock.calls import Call
from lab.mock.views import Views

TALKS = ("chat", "debug")
"""The routes on which an unknown or unpublished team is 403, and `conversational` goes without saying."""
JOB_UNKNOWN = not_found("Job not found.", "A job is seen by its owner only, under its own team's path.")
_NO_TEAM = forbidden(CANNOT_EXECUTE, TEAM_UNKNOWN.hint)


def no_team(route: str, *, hidden: bool = True) -> Refusal:
    """The refusal of a team that isn't there, or (`hidden` off) that the switch says is forbidden."""
    return TEAM_UNKNOWN if hidden and route not in TALKS else _NO_TEAM


def open_scenarios(
    team: tuple[CompiledScenario, ...], members: Mapping[str, Json], route: str
) -> tuple[CompiledScenario, ...]:
    """The team's scenarios that are published; for a DRAFT, which debug means unless told otherwise, all."""
    status = members.get("status") or ("DRAFT" if route == "debug" else "PUBLISHED")
    return tuple(each for each in team if status == "DRAFT" or each.scenario.agent.published)


def absent(views: Views, code: str) -> Refusal | None:
    """The refusal of a team that a status can't be asked of; None if it is published."""
    team = views.by_team.get(code, ())
    if any(each.scenario.agent.published for each in team):
        return None
    return no_team("status", hidden=not team or views.config.switches.unpublished == 404)


def no_job(switches: Switches) -> Refusal:
    """The refusal of a job that is unknown, or not the caller's (contract.md §10, `unknown_job`)."""
    return forbidden(CANNOT_EXECUTE) if switches.unknown_job == 403 else JOB_UNKNOWN


def lacks_role(views: Views, made: CompiledScenario, user: str | None) -> Refusal | None:
    """The refusal of a user without the role that a scenario asks for; without a user always (contract.md §6.2)."""
    if views.admits(made, user) or (user is not None and made.scenario.agent.refuses == "job"):
        return None
    agent = made.scenario.agent
    return forbidden(CANNOT_EXECUTE, f"Ask for a role that gives access to {agent.code}: {', '.join(agent.roles)}.")


def shut(call: Call, team: tuple[CompiledScenario, ...], members: Mapping[str, Json]) -> Refusal | None:
    """Why none of the team's scenarios takes the request, whose fields may be wrong; None if one may."""
    switches, route = call.views.config.switches, call.route.name
    opened = open_scenarios(team, members, route)
    if not opened:
        return no_team(route, hidden=switches.unpublished == 404)
    lacking = [lacks_role(call.views, each, call.bearer.user) for each in opened]
    if all(lacking):
        return lacking[0]
    version = version_asked(members, switches)
    known = [each.scenario.agent.version for each in team if each.scenario.agent.version is not None]
    if switches.version_check and version is not None and known and version not in known:
        return forbidden(CANNOT_EXECUTE, f"Version {version} is not published; {known[-1]} is.")
    return None


_UNREAD = ("conversational", "version", "status", "parameters")
"""Members that aren't looked at where a job is resumed: it has its own (contract.md §3, "Resuming")."""


def as_resumed(call: Call, value: dict[str, Json]) -> dict[str, Json]:
    """The body as it is read: of a request that resumes, without what isn't looked at, and with the job's status."""
    named = value.get("jobId")
    look = own_job(call, named) if isinstance(named, str) else None
    by_message = call.views.config.switches.answer_by_message and look and look.span.status is Status.WAITING
    if not by_message and all(value.get(name) is None for name in ("resumeInput", "resumeNodeInput")):
        return value
    kept = {name: given for name, given in value.items() if name not in _UNREAD}
    return kept if look is None else {**kept, "status": look.plan.invocation.input.status}


def own_job(call: Call, job: str) -> JobView | None:
    """The job as it is now, if it is the caller's and of this team."""
    look = call.views.look(call.ledger, job, call.now)
    if look is None or look.record.owner != call.bearer.owner or look.record.team != call.route.code:
        return None
    return look

"""What a team asks of a request before its fields count: to be published, a role, a version (contract.md §2.6, 7 to 9)."""

from collections.abc import Mapping

from lab.core.exchange import Json
from lab.core.plan import Outline
from lab.core.problems import CANNOT_EXECUTE, TEAM_UNKNOWN, Problem, forbidden
from lab.core.service.calls import Call
from lab.core.service.views import Views

TALKS = ("chat", "debug")
"""The routes on which an unknown or unpublished team is 403, and `conversational` goes without saying."""
_NO_TEAM = forbidden(CANNOT_EXECUTE, TEAM_UNKNOWN.hint)


def no_team(route: str, *, hidden: bool = True) -> Problem:
    """The refusal of a team that isn't there, or (`hidden` off) that the switch says is forbidden."""
    return TEAM_UNKNOWN if hidden and route not in TALKS else _NO_TEAM


def open_scenarios(team: tuple[Outline, ...], members: Mapping[str, Json], route: str) -> tuple[Outline, ...]:
    """The team's scenarios that are published; for a DRAFT, which debug means unless told otherwise, all."""
    status = members.get("status") or ("DRAFT" if route == "debug" else "PUBLISHED")
    return tuple(each for each in team if status == "DRAFT" or each.scenario.agent.published)


def lacks_role(views: Views, made: Outline, user: str | None) -> Problem | None:
    """The refusal of a user without the role that a scenario asks for; without a user always (contract.md §6.2)."""
    if views.admits(made, user) or (user is not None and made.scenario.agent.refuses == "job"):
        return None
    agent = made.scenario.agent
    return forbidden(CANNOT_EXECUTE, f"Ask for a role that gives access to {agent.code}: {', '.join(agent.roles)}.")


def shut(call: Call, team: tuple[Outline, ...], members: Mapping[str, Json]) -> Problem | None:
    """Why none of the team's scenarios takes the request; None if one may."""
    switches, route = call.views.config.switches, call.route.name
    opened = open_scenarios(team, members, route)
    if not opened:
        return no_team(route, hidden=switches.unpublished == 404)
    lacking = [lacks_role(call.views, each, call.bearer.user) for each in opened]
    if all(lacking):
        return lacking[0]
    version = members.get("version")
    known = [each.scenario.agent.version for each in team if each.scenario.agent.version is not None]
    asked = isinstance(version, int) and not isinstance(version, bool) and version > 0
    if switches.version_check and asked and known and version not in known:
        return forbidden(CANNOT_EXECUTE, f"Version {version} is not published; {known[-1]} is.")
    return None


def shut_unread(call: Call, team: tuple[Outline, ...], value: Json) -> Problem | None:
    """The same of a body whose fields are wrong: a closed door is told before them, unless a gate is answered."""
    if not isinstance(value, dict) or any(value.get(name) for name in ("resumeInput", "resumeNodeInput")):
        return None
    return shut(call, team, value)

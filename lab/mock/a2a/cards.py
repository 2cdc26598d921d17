"""Agent cards, and the search among the published teams."""

from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.refusal import TEAM_UNKNOWN, Refusal
from lab.dialects.a2a import a2a_cards
from lab.jobs.plan import CompiledScenario
from lab.mock.calls import Answered, Call
from lab.mock.reading import read_body


def card(call: Call) -> Answered:
    """The card of a published team."""
    team = call.views.by_team.get(call.route.code, ())
    if not published(team):
        return Answered(TEAM_UNKNOWN)
    return _good(a2a_cards.card(call.route.code, team, call.views.config.origin))


def search(call: Call) -> Answered:
    """The published teams that fit."""
    body = read_body(call.request)
    if isinstance(body, Answered):
        return body
    asked = a2a_cards.read_search(*body)
    if isinstance(asked, Refusal):
        return Answered(asked)
    teams = ((code, team) for code, team in call.views.by_team.items() if published(team))
    return _good(a2a_cards.found(teams, asked, call.views.config.origin))


def published(team: tuple[CompiledScenario, ...]) -> bool:
    """Whether a team can be found at all."""
    return any(each.scenario.agent.published for each in team)


def _good(body: dict[str, Json]) -> Answered:
    return Answered(Response(200, JSON_HEADERS, json_bytes(body)))

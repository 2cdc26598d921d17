"""A2A: what agent teams say of themselves, and the search among them (a2a.md §1)."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct, ValidationError, convert

from lab.core.exchange import Json
from lab.core.refusal import bad_request
from lab.dialects.base import team_version
from lab.dialects.reading import NO_OBJECT, Wrong
from lab.jobs.program import Program
from lab.plugins.a2a.routes import a2a_path
from lab.plugins.a2a.versions import V03, V10

REGISTRY = "1.0"
MOST_FOUND = 100
_TEXT: list[Json] = ["text"]


class Search(Struct, frozen=True):
    """What is searched for: blank finds all; `top` of what is found, after the first `skip`."""

    query: str = ""
    skip: Annotated[int, Meta(ge=0)] = 0
    top: Annotated[int, Meta(ge=1, le=MOST_FOUND)] = 25


def card(code: str, team: tuple[Program, ...], origin: str, *, push: bool) -> dict[str, Json]:
    """The agent card of a team, of 1.0 and of 0.3 in one; a skill for each of its scenarios. `push`: receivers are told."""
    first, url = team[0].scenario, origin + a2a_path("a2a", code)
    bindings: list[Json] = [
        {"url": url, "protocolBinding": binding, "protocolVersion": V10.number} for binding in ("JSONRPC", "HTTP+JSON")
    ]
    return {
        "name": code, "description": first.shows or first.title, "supportedInterfaces": bindings,
        "protocolVersion": f"{V03.number}.0", "url": url, "preferredTransport": "JSONRPC",
        "version": str(team_version(team)), "provider": {"organization": "Invoke Async Lab", "url": origin},
        "documentationUrl": origin + a2a_path("a2a-card", code),
        "authentication": {"schemes": ["Bearer"], "credentials": None},
        "capabilities": {
            "streaming": True, "pushNotifications": push, "stateTransitionHistory": False, "extendedAgentCard": False,
        },
        "defaultInputModes": _TEXT, "defaultOutputModes": _TEXT, "skills": [_skill(each) for each in team],
    }  # fmt: skip


def _skill(program: Program) -> Json:
    scenario = program.scenario
    return {
        "id": scenario.name, "name": scenario.title, "description": scenario.shows or scenario.title, "tags": [],
        "examples": [scenario.message],
    }  # fmt: skip


def found_teams(teams: Iterable[tuple[str, tuple[Program, ...]]], search: Search, origin: str) -> dict[str, Json]:
    """The answer to a search: teams whose code or titles hold the query, ignoring case."""
    words = search.query.strip().casefold()
    hits = [(code, team) for code, team in teams if words in _searched(code, team)]
    resources: list[Json] = [
        {"id": code, "name": code, "location": {"type": "agent_card", "url": origin + a2a_path("a2a-card", code)}}
        for code, _ in hits[search.skip : search.skip + search.top]
    ]
    return {"registry_version": REGISTRY, "total_count": len(hits), "resources": resources}


def _searched(code: str, team: tuple[Program, ...]) -> str:
    return " ".join((code, *(f"{each.scenario.title} {each.scenario.shows}" for each in team))).casefold()


def read_search(value: Json) -> Search:
    """The body of a search; every member is optional, and null counts as absent. Wrong by the member."""
    if not isinstance(value, dict):
        raise Wrong(NO_OBJECT)
    try:
        return convert({name: each for name, each in value.items() if each is not None}, Search, strict=False)
    except ValidationError as error:
        raise Wrong(bad_request(f"{error}.")) from None

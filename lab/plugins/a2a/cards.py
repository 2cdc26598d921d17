"""A2A: what agent teams say of themselves, and the search among them (contract.md §9)."""

from collections.abc import Iterable

from msgspec import Struct

from lab.core.exchange import Json
from lab.core.jsontext import whole
from lab.dialects.base import team_version
from lab.dialects.reading import NO_OBJECT, Wrong, wrong
from lab.jobs.program import Program
from lab.plugins.a2a.routes import a2a_path

REGISTRY = "1.0"
MOST_FOUND = 100
_TEXT: list[Json] = ["text"]


class Search(Struct, frozen=True):
    """What is searched for: blank finds all; `top` of what is found, after the first `skip`."""

    query: str = ""
    skip: int = 0
    top: int = 25


def card(code: str, team: tuple[Program, ...], origin: str) -> dict[str, Json]:
    """The agent card of a team; a skill for each of its scenarios."""
    first = team[0].scenario
    return {
        "name": code, "description": first.shows or first.title, "url": origin + a2a_path("a2a", code),
        "version": str(team_version(team)), "provider": {"organization": "Invoke Async Lab", "url": origin},
        "documentationUrl": origin + a2a_path("a2a-card", code),
        "authentication": {"schemes": ["Bearer"], "credentials": None},
        "capabilities": {"streaming": True, "pushNotifications": False, "stateTransitionHistory": False},
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
        {
            "id": code, "name": code,
            "location": {"type": "agent_card", "url": origin + a2a_path("a2a-card", code)},
        }
        for code, _ in hits[search.skip : search.skip + search.top]
    ]  # fmt: skip
    return {"registry_version": REGISTRY, "total_count": len(hits), "resources": resources}


def _searched(code: str, team: tuple[Program, ...]) -> str:
    return " ".join((code, *(f"{each.scenario.title} {each.scenario.shows}" for each in team))).casefold()


def read_search(value: Json) -> Search:
    """The body of a search; every member is optional, and null counts as absent. Wrong by the member."""
    if not isinstance(value, dict):
        raise Wrong(NO_OBJECT)
    sent = {name: member for name, member in value.items() if member is not None}
    query, skip, top = sent.get("query", ""), sent.get("skip", 0), sent.get("top", 25)
    if not isinstance(query, str):
        raise wrong("query", "must be a string.")
    first, most = whole(skip), whole(top)
    if first is None or first < 0:
        raise wrong("skip", "must be an integer from 0.")
    if most is None or not 1 <= most <= MOST_FOUND:
        raise wrong("top", f"must be an integer from 1 to {MOST_FOUND}.")
    return Search(query, first, most)

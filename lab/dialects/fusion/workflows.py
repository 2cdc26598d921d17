"""The list of workflows that Oracle's CLI reads before it runs a test of one (contract.md §2.3); its members are assumed."""

import re
from collections.abc import Iterable, Iterator

from lab.core.exchange import Json
from lab.core.seeds import hexes
from lab.dialects.base import team_version
from lab.dialects.fusion.bodies import workflow_id
from lab.dialects.reading import query_of
from lab.jobs.compiled import CompiledScenario

_FILTER = re.compile(r"""\s*(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*""")


def read_filter(query: str) -> str | None:
    """What `$filter` says; None: nothing is left out. `$fields` is taken, and all members are sent."""
    return query_of(query).get("$filter")


def workflow_list(teams: Iterable[tuple[str, tuple[CompiledScenario, ...]]], said: str | None) -> dict[str, Json]:
    """An item for each of the published teams that a filter names; one that isn't `member='value'` names none."""
    items = [_item(code, team) for code, team in teams]
    return {"items": list(items if said is None else _named(items, said)), "hasMore": False}


def _named(items: list[dict[str, Json]], said: str) -> Iterator[dict[str, Json]]:
    if (found := _FILTER.fullmatch(said)) is not None:
        name, value = found[1], found[2] if found[2] is not None else found[3]
        yield from (item for item in items if name in item and str(item[name]) == value)


def _item(code: str, team: tuple[CompiledScenario, ...]) -> dict[str, Json]:
    return {
        "workflowId": workflow_id(code), "workflowCode": code, "workflowName": team[0].scenario.title,
        "version": team_version(team), "status": "PUBLISHED",
        "$context": {"etag": hexes(0, "/".join(("etag", *(each.digest for each in team))), 32)},
    }  # fmt: skip

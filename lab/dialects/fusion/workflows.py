"""The list of workflows that Oracle's CLI reads before it runs a test of one (contract.md §2.3); its members are assumed."""

import re
from collections.abc import Iterable

from lab.core.exchange import Json
from lab.core.seeds import hexes
from lab.dialects.fusion.bodies import workflow_id
from lab.dialects.reading import query_of
from lab.jobs.plan import CompiledScenario

FIRST_VERSION = 1
"""The version of a team whose scenarios name none."""
_FILTER = re.compile(r"""\s*(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*""")


def read_filter(query: str) -> str | None:
    """What `$filter` says; None: nothing is left out. `$fields` is taken, and all members are sent."""
    return query_of(query).get("$filter")


def workflow_list(teams: Iterable[tuple[str, tuple[CompiledScenario, ...]]], said: str | None) -> dict[str, Json]:
    """An item for each of the published teams that a filter names; one that isn't `member='value'` names none."""
    items = [_item(code, team) for code, team in teams]
    return {"items": [item for item in items if said is None or _named(item, said)], "hasMore": False}


def _named(item: dict[str, Json], said: str) -> bool:
    found = _FILTER.fullmatch(said)
    if found is None or found[1] not in item:
        return False
    return str(item[found[1]]) == (found[2] if found[2] is not None else found[3])


def _item(code: str, team: tuple[CompiledScenario, ...]) -> dict[str, Json]:
    published = [each.scenario for each in team if each.scenario.agent.published]
    version = next((each.agent.version for each in published if each.agent.version is not None), FIRST_VERSION)
    return {
        "workflowId": workflow_id(code), "workflowCode": code, "workflowName": published[0].title,
        "version": version, "status": "PUBLISHED",
        "$context": {"etag": hexes(0, "/".join(("etag", *(each.digest for each in team))), 32)},
    }  # fmt: skip

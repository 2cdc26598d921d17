"""The list of workflows that Oracle's CLI reads before it runs a test of one (contract.md §2.3); its members are assumed."""

from collections.abc import Iterable

from lab.core.exchange import Json
from lab.core.seeds import hexes
from lab.dialects.base import team_version
from lab.dialects.fusion.bodies import workflow_id
from lab.dialects.fusion.workflow_filter import Filter, fits, parse_filter
from lab.dialects.reading import query_of
from lab.jobs.program import Program


def read_filter(query: str) -> Filter | None:
    """What `$filter` says, or Wrong; None: nothing is left out. `$fields` is taken, and all members are sent."""
    said = query_of(query).get("$filter")
    return None if said is None else parse_filter(said)


def workflow_list(teams: Iterable[tuple[str, tuple[Program, ...]]], wanted: Filter | None) -> dict[str, Json]:
    """An item for each of the published teams that the filter names."""
    items = (_item(code, team) for code, team in teams)
    return {"items": [item for item in items if wanted is None or fits(wanted, item)], "hasMore": False}


def _item(code: str, team: tuple[Program, ...]) -> dict[str, Json]:
    return {
        "workflowId": workflow_id(code), "workflowCode": code, "workflowName": team[0].scenario.title,
        "version": team_version(team), "status": "PUBLISHED",
        "$context": {"etag": hexes(0, "/".join(("etag", *(each.digest for each in team))), 32)},
    }  # fmt: skip

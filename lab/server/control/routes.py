"""The routes of the control plane, as the kernel and its plugins declare them (control-plane.md).

The router, the list at `GET /_lab/`, the paths of `GET /_lab/openapi.json` and the page's table are made of them, or are
held against them by a test. What goes in and comes out of a route stands in the `openapi.yaml` of who declares it.
"""

from collections.abc import Collection

from lab.core.exchange import Json
from lab.plugin import ControlRoute, plugins

CONTROL_ROOT = "/_lab/"
"""What every path begins with."""
CONTROL_ROUTES: tuple[ControlRoute, ...] = tuple(row for plugin in plugins() for row in plugin.routes)


def curl_line(row: ControlRoute) -> str:
    """A call of it that a shell takes as it stands: see control-plane.md §1 for the variables in it."""
    path = row.path.replace("{job}", "$job") if row.example is None else row.example
    delete = " -X DELETE" if row.method == "DELETE" else ""
    headers, data = ("", "") if row.body is None else (' -H "$json"', f" -d '{row.body}'")
    return f'curl -s{delete} -H "$auth"{headers} "$lab{CONTROL_ROOT}{path}"{data}'


def listed_routes(origin: str, root: str = CONTROL_ROOT, *, without: Collection[str] = ()) -> Json:
    """The routes as `GET /_lab/` lists them, with calls to this origin; the token stays in its variable.

    `root` is what the paths begin with: for a tenant, or one scenario that was chosen, another. `without` are names.
    """
    token, json = "Authorization: Bearer $LAB_CONTROL_TOKEN", "Content-Type: application/json"
    values = {f"$lab{CONTROL_ROOT}": origin + root, "$auth": token, "$json": json}
    listed: list[Json] = []
    for row in CONTROL_ROUTES:
        if row.name in without:
            continue
        call = curl_line(row)
        for name, value in values.items():
            call = call.replace(name, value)
        listed.append({"method": row.method, "path": root + row.path, "does": row.does, "curl": call})
    return listed

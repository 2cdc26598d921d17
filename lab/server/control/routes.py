"""The routes of the control plane, a row each (control-plane.md).

The router, the list at `GET /_lab/`, the paths of `GET /_lab/openapi.json` and the page's table are made of it, or are
held against it by a test. What goes in and comes out of a route stands in `openapi.yaml` beside this file, by its name.
"""

from collections.abc import Collection

from msgspec import Struct

from lab.core.exchange import Json

CONTROL_ROOT = "/_lab/"
"""What every path begins with."""


class ControlRoute(Struct, frozen=True):
    """A route, and a call of it that a shell takes as it stands: see control-plane.md §1 for the variables in it."""

    method: str
    path: str
    """Behind `CONTROL_ROOT`."""
    name: str
    does: str
    """In a few words, for lists."""
    example: str | None = None
    """The path that the call has, with its query; None: the path of the row, in which a job is `$job`."""
    body: str | None = None
    """The JSON that the call sends, as it stands between single quotes."""

    @property
    def curl(self) -> str:
        """The call."""
        path = self.path.replace("{job}", "$job") if self.example is None else self.example
        delete = " -X DELETE" if self.method == "DELETE" else ""
        headers, data = ("", "") if self.body is None else (' -H "$json"', f" -d '{self.body}'")
        return f'curl -s{delete} -H "$auth"{headers} "$lab{CONTROL_ROOT}{path}"{data}'


CONTROL_ROUTES = (
    ControlRoute("GET", "", "routes", "these routes, each with a call to try"),
    ControlRoute("GET", "openapi.json", "description", "the control plane itself as an OpenAPI document"),
    ControlRoute("GET", "health", "health", "whether all is well, and what runs here"),
    ControlRoute("GET", "ready", "ready", "whether calls are to be sent to this process: 200, else 503"),
    ControlRoute("GET", "jobs", "jobs", "the newest jobs, oldest first", example="jobs?limit=20"),
    ControlRoute("GET", "jobs/{job}", "job", "one job with its body; with `until`, once it has that status"),
    ControlRoute(
        "GET", "journal", "journal", "all that happened, as lines of a recording; with `follow=1` also what happens"
    ),
    ControlRoute("GET", "openapi", "openapi", "the mocked API as an OpenAPI document"),
    ControlRoute("GET", "scenarios", "scenarios", "what is served, and what a client sends to have it played"),
    ControlRoute("GET", "report", "report", "what the rules say of the clients so far", example="report?over=1"),
    ControlRoute(
        "GET", "outcome", "outcome", "how the run of a client has ended", example="outcome?code=0&turns=1&strikes=0"
    ),
    ControlRoute("GET", "calls", "calls", "what clients called, counted", example="calls?route=status&job=$job"),
    ControlRoute("GET", "metrics", "metrics", "calls, latencies, jobs and connections, counted for Prometheus"),
    ControlRoute("GET", "clock", "clock", "the clock as it is"),
    ControlRoute(
        "POST",
        "clock",
        "set_clock",
        "moves a manual clock on, or sets the pace of a scaled one",
        body='{"advance":"10s"}',
    ),
    ControlRoute(
        "POST",
        "virtual-time",
        "virtual_time",
        "lets a client live by a manual clock",
        body='{"until":86400000,"reads":true}',
    ),
    ControlRoute(
        "POST",
        "jobs/{job}/decisions",
        "decide",
        "decides at a gate",
        body='{"gate":"buyer-approval","verdict":"approved","by":"jane","comment":"Go on."}',
    ),
    ControlRoute("GET", "faults", "faults", "the faults that may strike"),
    ControlRoute(
        "POST", "faults", "arm", "arms a fault", body='{"route":"status","answer":503,"retry_after":"2s","name":"busy"}'
    ),
    ControlRoute("DELETE", "faults/{name}", "disarm", "disarms one", example="faults/busy"),
    ControlRoute(
        "POST",
        "tokens",
        "tokens",
        "expires or revokes a client's tokens, or rotates the key",
        body='{"client":"demo","do":"expire"}',
    ),
    ControlRoute(
        "POST",
        "devices",
        "devices",
        "answers for the device that shows a code",
        body="""{"user_code":"'$user_code'","answer":"approve"}""",
    ),
    ControlRoute("POST", "tape", "tape", "begins a recording, or ends it", body='{"name":"morning"}'),
    ControlRoute("POST", "reset", "reset", "clears all, for the next test; or goes back to an instant", body="{}"),
    ControlRoute("GET", "tenants", "tenants", "the tenants that are there"),
    ControlRoute(
        "POST",
        "tenants",
        "make_tenant",
        "makes a tenant, with a clock, jobs and tokens of its own",
        body='{"name":"ann","seed":7,"scenarios":["item-comparison"]}',
    ),
    ControlRoute("DELETE", "tenants/{name}", "end_tenant", "ends one, with all that it holds", example="tenants/ann"),
)
"""In the order of the page."""


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
        call = row.curl
        for name, value in values.items():
            call = call.replace(name, value)
        listed.append({"method": row.method, "path": root + row.path, "does": row.does, "curl": call})
    return listed

"""The routes: method, path template, name; and the paths that must not exist, with a hint each (contract.md §2)."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from lab.core.refusal import NO_PATH, Refusal, not_found, wrong_method
from lab.dialects.fusion.places import A2A, A2A_PLACES, API, MULTIPLEX_PATH, PLACES, from_local
from lab.identity.routes import IDENTITY_PATHS, PATHS

_AGENT = re.compile(r"/api/fusion-ai/orchestrator/agent/v([12])/([^/]+)/(?:(invokeAsync)|status/([^/]+))")
_STREAM = re.compile(r"/api/fusion-ai/orchestrator/agent/v2/([^/]+)/(invokeStream|chat|debug)")
STREAMS = {"invokeStream": "stream", "chat": "chat", "debug": "debug"}
"""The routes that answer with Server-Sent Events, by the last segment of their path."""


@dataclass(frozen=True, slots=True)
class Route:
    """A request's path, understood: route name, team code and job from the path; `path` in the identity domain."""

    name: str
    code: str = ""
    job: str = ""
    flags: tuple[str, ...] = ()
    path: str = ""
    version: int = 2
    """Of an invoke's path: 1 for the older one."""


def path_of(route: str, *, code: str = "", job: str = "", version: int = 2) -> str:
    """The path of a route, its parameters percent-encoded."""
    match route:
        case "token":
            return PATHS["token"]
        case "invoke":
            return f"{API}/agent/v2/{quote(code, safe='')}/invokeAsync"
        case "status":
            return f"{API}/agent/v{version}/{quote(code, safe='')}/status/{quote(job, safe='')}"
        case "stream":
            return f"{API}/agent/v2/{quote(code, safe='')}/invokeStream"
        case "chat" | "debug":
            return f"{API}/agent/v2/{quote(code, safe='')}/{route}"
        case "a2a":
            return f"{API}/a2a/v1/{quote(code, safe='')}"
        case "a2a-stream" | "a2a-card":
            last = next(end for end, (name, _) in A2A_PLACES.items() if name == route)
            return f"{API}/a2a/v1/{quote(code, safe='')}{last}"
    raise ValueError(route)


def route_of(method: str, path: str) -> str:
    """The route's name for a request line, or `unknown`; for labels, not for admission."""
    found = find(method, path)
    return found.name if isinstance(found, Route) else "unknown"


def find(method: str, path: str, *, slashes: bool = True, local: bool = False) -> Route | Refusal:
    """The route of a request: the path is decoded once, runs of `/` count as one and are noted, unless `slashes` is off.

    `local`: a local orchestrator's paths are there too.
    """
    match = _AGENT.fullmatch(path)
    if match is not None and "%" not in path:
        return _agent(method, match, ())
    if "//" in path and not slashes:
        return not_found(NO_PATH, "There is // in the path: leave the final slash of the base URL out.")
    return _find_slow(method, path, local=local)


def _find_slow(method: str, path: str, *, local: bool) -> Route | Refusal:
    if method == "CONNECT":  # its target is a host, not a path
        return wrong_method("GET, POST")
    flags: tuple[str, ...] = ()
    if "//" in path:
        path, flags = re.sub("/+", "/", path), ("double_slash",)
    segments = [_decoded(segment) for segment in path.split("/")]
    if any(segment is None or segment in (".", "..") or "/" in segment or "\0" in segment for segment in segments):
        return not_found(NO_PATH)
    if (rows := IDENTITY_PATHS.get(path)) is not None:
        row = rows.get(method)
        return Route(row.name, flags=flags, path=path) if row is not None else wrong_method(", ".join(rows))
    plain = "/".join(segment or "" for segment in segments)
    if local:
        if plain == MULTIPLEX_PATH:
            return Route("multiplex", flags=flags) if method == "POST" else wrong_method("POST")
        plain = from_local(plain)
    if (match := _AGENT.fullmatch(plain)) is not None:
        return _agent(method, match, flags)
    if (match := _STREAM.fullmatch(plain)) is not None:
        code, last = match.groups()
        return Route(STREAMS[last], code, "", flags) if method == "POST" else wrong_method("POST")
    if plain in PLACES:
        name, allowed = PLACES[plain]
        return Route(name, flags=flags) if method == allowed else wrong_method(allowed)
    if (match := A2A.fullmatch(plain)) is not None:
        name, allowed = A2A_PLACES[match[2]]
        return Route(name, match[1], "", flags) if method == allowed else wrong_method(allowed)
    return _missing(plain)


def _decoded(segment: str) -> str | None:
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except ValueError:
        return None


def _agent(method: str, match: re.Match[str], flags: tuple[str, ...]) -> Route | Refusal:
    version, code, invoke, job = match.groups()
    if invoke:
        return Route("invoke", code, "", flags, version=int(version)) if method == "POST" else wrong_method("POST")
    return Route("status", code, job, flags) if method == "GET" else wrong_method("GET")


_NO_OPERATION = (
    "There is no such operation. Gates are answered by invokeAsync with jobId and resumeInput, or outside the API."
)
_HINTS = (
    (r"/orchestrator(/.*)?", "Put /api/fusion-ai before /orchestrator."),
    (r".*/agent/v[12]/(cancel|resume|approve|feedback|jobs)", _NO_OPERATION),
    (r".*/agent/v[12]/[^/]+/invokeAsync/[^/]+", f"Poll GET {API}/agent/v2/{{code}}/status/{{jobId}}."),
    (
        r".*/agent/v[12]/status/[^/]+",
        f"The team code belongs in the path: {API}/agent/v2/{{code}}/status/{{jobId}}.",
    ),
    (r"/api/fusion-ai/orchestrator/agent/v[12]/[^/]+", "Add /status/{jobId}."),
    (r"/internal/v1/.*", "This is a local orchestrator's path: it is there with local_orchestrator: on."),
    (r".*/(cancel|resume|approve|feedback|jobs|jobs/[^/]+)", _NO_OPERATION),
    (r".*/agent/v[12]/[^/]+/status", _NO_OPERATION),
    (r".*/", "Leave the final slash out."),
)
"""Paths that no source shows in the real API, each with what to do instead (contract.md §2.5)."""


def _missing(path: str) -> Refusal:
    for pattern, hint in _HINTS:
        if re.fullmatch(pattern, path):
            return not_found(NO_PATH, hint)
    return not_found(NO_PATH)

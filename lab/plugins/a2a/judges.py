"""Judges of what is claimed of A2A (a2a.md)."""

from collections.abc import Callable, Iterator

from lab.core.evidence import ClaimJudge, Judges, Object, PodCall, PodTraffic, Sign, countable, sign_of
from lab.core.exchange import Json
from lab.plugins.a2a import versions as a2a
from lab.plugins.a2a.calls import Code
from lab.program.words import Status

_OURS = frozenset(map(int, Code))
_OF = {"a2a": frozenset(("message/send", "tasks/send", "tasks/get")), "a2a-stream": frozenset(("message/stream",))}
"""The methods that are documented of each route."""
_STATES = frozenset(word for version in a2a.VERSIONS for word in version.states)


def judge_codes(traffic: PodTraffic) -> Iterator[Sign]:
    """Errors come with HTTP 200 and A2A's own codes; a team that isn't there is 404."""
    for call in traffic.of(*_OF):
        error = call.object.get("error")
        if isinstance(error, dict):
            fits = call.status == 200 and countable(error.get("code")) in _OURS
            yield sign_of(call, fits, f"HTTP {call.status} with the code {str(error.get('code'))[:12]}")
        elif call.status >= 400 and _about_call(call):
            yield Sign(call, False, f"HTTP {call.status}, no JSON-RPC error")


def judge_states(traffic: PodTraffic) -> Iterator[Sign]:
    """States are A2A's own."""
    for call in traffic.of(*_OF):
        for _, result in _kinds(call):
            status = result.get("status")
            if isinstance(status, dict):
                word = status.get("state")
                yield sign_of(call, countable(word) in _STATES, f"the state {str(word)[:40]}")


def judge_contexts(traffic: PodTraffic) -> Iterator[Sign]:
    """A context that nobody gave is adopted."""
    known: set[Json] = set()
    for call in traffic.of(*_OF):
        sent = _message(call).get("contextId")
        given = next((each["contextId"] for _, each in _kinds(call) if each.get("contextId") is not None), None)
        if sent is not None and countable(sent) not in known and ("error" in call.object or given is not None):
            what = "adopted" if given == sent else "refused" if given is None else "replaced"
            yield sign_of(call, given == sent, f"a contextId that nobody gave is {what}", "refuse")
        known |= {countable(given), countable(sent)}


def judge_methods(route: str) -> Callable[[PodTraffic], Iterator[Sign]]:
    """A route takes the methods that are documented of the other, and those that are documented of none."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.of(route):
            method = countable(call.sent.get("method"))
            if method in a2a.V03.methods and method not in _OF[route] and _about_call(call):
                taken = call.good and _code(call) != Code.METHOD_NOT_FOUND
                yield sign_of(call, taken, f"{method} is {'taken' if taken else 'unknown there'}")

    return look


def judge_nameless(traffic: PodTraffic) -> Iterator[Sign]:
    """The answer to a call without an id has null in its place."""
    for call in traffic.of(*_OF):
        if "id" not in call.sent and call.good:
            answers = [*call.events()] or [call.object]
            named = next((each.get("id", "none") for each in answers if each.get("id", "none") is not None), None)
            yield sign_of(call, named is None, f"a call without id is answered with id {str(named)[:40]}")


def judge_roles(traffic: PodTraffic) -> Iterator[Sign]:
    """A message without a role is refused."""
    for call in traffic.of(*_OF):
        message = _message(call)
        if message and "role" not in message and _about_call(call):
            refused = "error" in call.object or call.status == 400
            yield sign_of(call, refused, f"a message without role is {'refused' if refused else 'taken'}")


def judge_cancel(traffic: PodTraffic) -> Iterator[Sign]:
    """A task can be canceled."""
    for call in traffic.of(*_OF):
        if call.sent.get("method") == "tasks/cancel" and call.status == 200:
            code = _code(call)
            what = f"tasks/cancel is answered with {'a task' if code is None else code}"
            yield sign_of(call, code != Code.METHOD_NOT_FOUND, what)


def judge_events(traffic: PodTraffic) -> Iterator[Sign]:
    """A stream has the Task once and first, then updates, the answer among them; the last alone says that it is."""
    for call in traffic.of(*_OF):
        events = [*_kinds(call)] if call.good and any(call.events()) else []
        if not events or call.sent.get("method") not in a2a.V03.methods:
            continue
        kinds, status = [kind for kind, _ in events], events[-1][1].get("status")
        completed = isinstance(status, dict) and status.get("state") == a2a.STATE_OF[Status.COMPLETE]
        final = [place for place, (_, each) in enumerate(events) if each.get("final") is True]
        done = call.text.rstrip().endswith("data: [DONE]")
        rules = {
            "one Task, first": [place for place, kind in enumerate(kinds) if kind == a2a.TASK] == [0],
            a2a.STATUS_UPDATE: len(kinds) == 1 or a2a.STATUS_UPDATE in kinds,
            a2a.ARTIFACT_UPDATE: not completed or a2a.ARTIFACT_UPDATE in kinds,
            "final: true in its last event": final == [len(kinds) - 1] and not done,
        }
        missing = [rule for rule, kept in rules.items() if not kept]
        yield sign_of(
            call, not missing, f"a stream without {' and '.join(missing)}" if missing else "a stream as A2A's"
        )


def _message(call: PodCall) -> Object:
    params = call.sent.get("params")
    message = params.get("message") if isinstance(params, dict) else None
    return message if isinstance(message, dict) else {}


def _kinds(call: PodCall) -> Iterator[tuple[Json, Object]]:
    """What an answer holds, or each event of it, and its kind."""
    for document in [*call.events()] or [call.object]:
        if isinstance(result := document.get("result"), dict):
            yield a2a.kind_of(result)


def _about_call(call: PodCall) -> bool:
    """Whether what was answered is about what was asked, and not about who asks, of which team, and when."""
    return call.status < 500 and call.status not in (401, 403, 404, 429)


def _code(call: PodCall) -> Json:
    error = call.object.get("error")
    return countable(error.get("code")) if isinstance(error, dict) else None


_ROW = "routes", "POST {api}/a2a/v1/{code}"
A2A_JUDGES: Judges = {
    _ROW: ClaimJudge(judge_methods("a2a"), "message/stream or tasks/cancel on it"),
    (_ROW[0], f"{_ROW[1]}/stream"): ClaimJudge(judge_methods("a2a-stream"), "another method than message/stream on it"),
    ("A2A call", "id"): ClaimJudge(judge_nameless, "a call of A2A without id"),
    ("A2A message", "role"): ClaimJudge(judge_roles, "a message of A2A without role"),
    ("A2A task", "contextId"): ClaimJudge(judge_contexts, "a call of A2A with a contextId that nobody gave"),
    ("A2A task", "status"): ClaimJudge(judge_states, "a task"),
    ("A2A stream", "kind"): ClaimJudge(judge_events, "a message/stream"),
    ("errors", "JSON-RPC errors"): ClaimJudge(judge_codes, "a refusal over A2A"),
    ("errors", "tasks/cancel"): ClaimJudge(judge_cancel, "tasks/cancel"),
}

"""Judges of what is claimed of A2A (contract.md §9)."""

from collections.abc import Callable, Iterator

from lab.core.evidence import ClaimJudge, Judges, Object, PodCall, PodTraffic, Sign, countable, sign_of
from lab.core.exchange import Json
from lab.plugins.a2a.rpc import METHODS, Code
from lab.plugins.a2a.tasks import STATES
from lab.plugins.a2a.updates import ARTIFACT_UPDATE, STATUS_UPDATE

_OURS = frozenset(map(int, Code))
_OF = {"a2a": frozenset(METHODS) - {"message/stream", "tasks/cancel"}, "a2a-stream": frozenset(("message/stream",))}
"""The methods that are documented of each route."""
_STREAMED = "a message/stream"


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
        for result in _results(call):
            status = result.get("status")
            if isinstance(status, dict):
                word = status.get("state")
                yield sign_of(call, countable(word) in STATES, f"the state {str(word)[:40]}")


def judge_contexts(traffic: PodTraffic) -> Iterator[Sign]:
    """A context that nobody gave is adopted."""
    known: set[Json] = set()
    for call in traffic.of(*_OF):
        params = call.sent.get("params")
        message = params.get("message") if isinstance(params, dict) else None
        sent = message.get("contextId") if isinstance(message, dict) else None
        given = next((each["contextId"] for each in _results(call) if each.get("contextId") is not None), None)
        if sent is not None and countable(sent) not in known and ("error" in call.object or given is not None):
            what = "adopted" if given == sent else "refused" if given is None else "replaced"
            yield sign_of(call, given == sent, f"a contextId that nobody gave is {what}", "refuse")
        known |= {countable(given), countable(sent)}


def judge_methods(route: str) -> Callable[[PodTraffic], Iterator[Sign]]:
    """A route takes the methods that are documented of the other, and tasks/cancel."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.of(route):
            method = countable(call.sent.get("method"))
            if method in METHODS and method not in _OF[route] and _about_call(call):
                taken = call.good and _code(call) != Code.METHOD
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
        params = call.sent.get("params")
        message = params.get("message") if isinstance(params, dict) else None
        if isinstance(message, dict) and "role" not in message and _about_call(call):
            refused = "error" in call.object or call.status == 400
            yield sign_of(call, refused, f"a message without role is {'refused' if refused else 'taken'}")


def judge_cancel(traffic: PodTraffic) -> Iterator[Sign]:
    """Nothing can be canceled."""
    for call in traffic.of(*_OF):
        if call.sent.get("method") == "tasks/cancel" and call.status == 200:
            code = _code(call)
            known = code in (Code.NOT_CANCELABLE, Code.TASK_UNKNOWN)
            yield sign_of(call, known, f"tasks/cancel is answered with {'a task' if code is None else code}")


# Streams


def judge_first(traffic: PodTraffic) -> Iterator[Sign]:
    """The Task comes once, first."""
    for call, results in _streams(traffic):
        tasks = [place for place, each in enumerate(results) if each.get("kind", "task") == "task"]
        yield sign_of(call, tasks == [0], f"a stream with {len(tasks)} Tasks among {len(results)} events")


def judge_updates(traffic: PodTraffic) -> Iterator[Sign]:
    """What follows are updates."""
    for call, results in _streams(traffic):
        if len(results) > 1:
            updates = any(each.get("kind") == STATUS_UPDATE for each in results)
            yield sign_of(call, updates, f"a stream with{'' if updates else 'out'} {STATUS_UPDATE}")


def judge_artifacts(traffic: PodTraffic) -> Iterator[Sign]:
    """An answer comes as an update."""
    for call, results in _streams(traffic):
        status = results[-1].get("status")
        if isinstance(status, dict) and status.get("state") == "completed":
            found = any(each.get("kind") == ARTIFACT_UPDATE for each in results)
            yield sign_of(call, found, f"a completed task with{'' if found else 'out'} {ARTIFACT_UPDATE}")


def judge_last_events(traffic: PodTraffic) -> Iterator[Sign]:
    """The last event says so, and is the last."""
    for call, results in _streams(traffic):
        done = call.text.rstrip().endswith("data: [DONE]")
        final = [place for place, each in enumerate(results) if each.get("final") is True]
        last = "[DONE]" if done else "final: true" if final == [len(results) - 1] else "neither final: true nor [DONE]"
        yield sign_of(call, last == "final: true", f"a stream that ends with {last}")


def _streams(traffic: PodTraffic) -> Iterator[tuple[PodCall, list[Object]]]:
    for call in traffic.of(*_OF):
        if call.good and any(True for _ in call.events()) and (results := [*_results(call)]):
            yield call, results


def _results(call: PodCall) -> Iterator[Object]:
    """What an answer holds, or each event of it."""
    for document in [*call.events()] or [call.object]:
        if isinstance(result := document.get("result"), dict):
            yield result


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
    ("A2A stream", "task"): ClaimJudge(judge_first, _STREAMED),
    ("A2A stream", STATUS_UPDATE): ClaimJudge(judge_updates, _STREAMED),
    ("A2A stream", ARTIFACT_UPDATE): ClaimJudge(judge_artifacts, f"{_STREAMED} whose task is completed"),
    ("A2A stream", "final"): ClaimJudge(judge_last_events, _STREAMED),
    ("errors", "JSON-RPC errors"): ClaimJudge(judge_codes, "a refusal over A2A"),
    ("errors", "-32002 on tasks/cancel"): ClaimJudge(judge_cancel, "tasks/cancel"),
}

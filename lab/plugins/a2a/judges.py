"""Judges of what is claimed of A2A (contract.md §9)."""

from collections.abc import Iterator

from lab.core.evidence import ClaimJudge, Judges, Object, PodCall, PodTraffic, Sign, countable, sign_of
from lab.core.exchange import Json
from lab.plugins.a2a.rpc import Code
from lab.plugins.a2a.tasks import STATES

_OURS = frozenset(map(int, Code))


def judge_codes(traffic: PodTraffic) -> Iterator[Sign]:
    """Errors come with HTTP 200 and A2A's own codes; a team that isn't there is 404."""
    for call in traffic.of("a2a", "a2a-stream"):
        error = call.object.get("error")
        if isinstance(error, dict):
            fits = call.status == 200 and countable(error.get("code")) in _OURS
            yield sign_of(call, fits, f"HTTP {call.status} with the code {str(error.get('code'))[:12]}")
        elif 400 <= call.status < 500 and call.status not in (401, 403, 404, 429):
            yield Sign(call, False, f"HTTP {call.status}, no JSON-RPC error")


def judge_states(traffic: PodTraffic) -> Iterator[Sign]:
    """States are A2A's own."""
    for call, task in _tasks(traffic):
        status = task.get("status")
        word = status.get("state") if isinstance(status, dict) else None
        yield sign_of(call, countable(word) in STATES, f"the state {str(word)[:40]}")


def judge_contexts(traffic: PodTraffic) -> Iterator[Sign]:
    """A context that nobody gave is adopted."""
    known: set[Json] = set()
    for call in traffic.of("a2a"):
        params, result = call.sent.get("params"), call.object.get("result")
        message = params.get("message") if isinstance(params, dict) else None
        sent = message.get("contextId") if isinstance(message, dict) else None
        given = result.get("contextId") if isinstance(result, dict) else None
        if sent is not None and countable(sent) not in known and ("error" in call.object or given is not None):
            what = "adopted" if given == sent else "refused" if given is None else "replaced"
            yield sign_of(call, given == sent, f"a contextId that nobody gave is {what}", "refuse")
        known |= {countable(given), countable(sent)}


def _tasks(traffic: PodTraffic) -> Iterator[tuple[PodCall, Object]]:
    for call in traffic.of("a2a"):
        result = call.object.get("result")
        if isinstance(result, dict) and result.get("kind", "task") == "task" and "status" in result:
            yield call, result


A2A_JUDGES: Judges = {
    ("A2A task", "contextId"): ClaimJudge(judge_contexts, "a call of A2A with a contextId that nobody gave"),
    ("A2A task", "status"): ClaimJudge(judge_states, "a task"),
    ("errors", "JSON-RPC errors"): ClaimJudge(judge_codes, "a refusal over A2A"),
}

"""What job bodies show, and how jobs are answered (contract.md §4, §5)."""

import re
from collections.abc import Callable, Iterator

from lab.core.evidence import Object, PodCall, Sign, countable, sign_of
from lab.core.exchange import Json
from lab.dialects.fusion.judges.messages import oddities
from lab.dialects.fusion.judges.shown import ShownJobs, resumes
from lab.program.words import Status

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_WORDS = frozenset(map(str, Status))
_NODE = {"nodeCode", "nodeType", "status", "output"}
_OF_AGENTS = "agentCode"
"""What only nodes of sub-agents have."""


def details(body: Object) -> Object:
    """`waitingNodeDetails`; empty: there is none."""
    found = body.get("waitingNodeDetails")
    return found if isinstance(found, dict) else {}


def waiting(traffic: ShownJobs) -> Iterator[tuple[PodCall, Object]]:
    """The bodies of jobs that wait."""
    return ((call, body) for call, body in traffic.jobs if body["status"] == "WAITING")


def judge_job_ids(traffic: ShownJobs) -> Iterator[Sign]:
    """UUIDs of version 4, in small letters."""
    for call, body in traffic.begun():
        fits = _UUID4.fullmatch(str(body["jobId"])) is not None
        yield sign_of(call, fits, "a UUID v4" if fits else "an id of another form", "odd")


def judge_words(traffic: ShownJobs) -> Iterator[Sign]:
    """Four words; a wait of the clock's shows WAITING."""
    for call, body in traffic.jobs:
        if countable(body["status"]) not in _WORDS:
            yield Sign(call, False, f"the status {str(body['status'])[:40]}")
        elif details(body).get("type") == "WAIT":
            yield Sign(call, True, "WAITING at a WAIT node")


def judge_outputs(traffic: ShownJobs) -> Iterator[Sign]:
    """Nothing yet while a job waits."""
    for call, body in waiting(traffic):
        null = body.get("output") is None
        yield sign_of(call, null, "output is null in WAITING" if null else "output has a text in WAITING", "message")


def judge_places(traffic: ShownJobs) -> Iterator[Sign]:
    """The node's details stand in the body of a poll too."""
    for call, body in waiting(traffic):
        there = bool(details(body))
        yield sign_of(call, there, f"{'with' if there else 'without'} waitingNodeDetails in WAITING")


def judge_tool_codes(traffic: ShownJobs) -> Iterator[Sign]:
    """The waiting node's code."""
    for call, body in waiting(traffic):
        if details(body):
            code = body.get("waitingToolCode")
            fits = code is not None and code == details(body).get("code")
            yield sign_of(call, fits, "the node's code" if fits else f"waitingToolCode is {str(code)[:40]}")


def judge_nodes(traffic: ShownJobs) -> Iterator[Sign]:
    """Filled where ADMIN is asked for, with names that are assumed."""
    for call, body in _of_admins(traffic):
        found = body.get("nodes")
        if not isinstance(found, list):
            continue
        names = {name for node in found if isinstance(node, dict) for name in node}
        if found:
            yield sign_of(call, names - {_OF_AGENTS} == _NODE, f"nodes with {', '.join(sorted(names))}")
        elif body["status"] == "COMPLETE":
            yield Sign(call, False, "no nodes of a job that is COMPLETE", "off")


def judge_agents(traffic: ShownJobs) -> Iterator[Sign]:
    """The nodes that name a sub-agent do so in a text."""
    for call, body in _of_admins(traffic):
        found = body.get("nodes")
        for node in found if isinstance(found, list) else ():
            if isinstance(node, dict) and _OF_AGENTS in node:
                text = isinstance(node[_OF_AGENTS], str)
                yield sign_of(call, text, f"{_OF_AGENTS} of a sub-agent's node is {'a' if text else 'no'} text")


def judge_modes(traffic: ShownJobs) -> Iterator[Sign]:
    """ADMIN fills `nodes`."""
    for call, body in _of_admins(traffic):
        if body["status"] == "COMPLETE" and "nodes" in body:
            filled = bool(body["nodes"])
            yield sign_of(call, filled, f"ADMIN, and nodes {'are' if filled else 'is not'} filled", "off")


def _of_admins(traffic: ShownJobs) -> Iterator[tuple[PodCall, Object]]:
    own = {body["jobId"] for call, body in traffic.begun() if call.sent.get("invocationMode") == "ADMIN"}
    for call, body in traffic.jobs:
        if call.query.get("invocationMode", "ADMIN" if body["jobId"] in own else "") == "ADMIN":
            yield call, body


# Answers to what waits


def judge_decision(member: str) -> Callable[[ShownJobs], Iterator[Sign]]:
    """Whether this member of a message is a decision."""

    def look(traffic: ShownJobs) -> Iterator[Sign]:
        for call in traffic.of("invoke"):
            action = call.sent.get(member)
            if isinstance(action, dict) and action.get("userResponse") != "ORA_TIMEOUT" and _awaited(traffic, call):
                if call.good or call.status in (400, 404, 405):
                    yield sign_of(call, call.good, f"{call.status} to {member} for a job that is WAITING")

    return look


def _awaited(traffic: ShownJobs, call: PodCall) -> Object:
    last = traffic.last(call, call.sent.get("jobId"))
    return last if last.get("status") == "WAITING" else {}


def judge_resumed_ids(traffic: ShownJobs) -> Iterator[Sign]:
    """A decision is answered with the id that it named."""
    for call in traffic.of("invoke"):
        if resumes(call) and call.good and isinstance(call.object.get("jobId"), str):
            same = call.object["jobId"] == call.sent.get("jobId")
            yield sign_of(call, same, "the same jobId" if same else "another jobId", "new")


def judge_by_message(traffic: ShownJobs) -> Iterator[Sign]:
    """A message in a conversation whose job waits at a gate of CHAT is its answer."""
    for call in traffic.of("invoke"):
        if not call.good or oddities(call) != {"conversation"} or resumes(call) or call.sent.get("jobId"):
            continue
        last = traffic.last(call, call.sent["conversationId"])
        if last.get("status") == "WAITING" and details(last).get("channelType") == "CHAT":
            # a job that is resumed under another id keeps its trace
            same = any(call.object.get(name) == last.get(name) is not None for name in ("jobId", "traceId"))
            yield sign_of(
                call, same, f"a message at a gate {'goes on with its' if same else 'starts another'} job", "off"
            )


def judge_openings(traffic: ShownJobs) -> Iterator[Sign]:
    """A token is new at each opening, null outside of CHAT; `ORA_TIMEOUT` ends a wait early."""
    before: dict[Json, tuple[Json, Json, Json]] = {}
    for call, body in waiting(traffic):
        node, job = details(body), body["jobId"]
        token, channel = node.get("callbackToken"), node.get("channelType")
        if channel in ("EMAIL", "APPROVAL_PROCESS"):
            yield sign_of(call, token is None, f"{'no' if token is None else 'a'} callbackToken at {channel}")
        now = node.get("code"), node.get("currentIterationCount"), token
        known = before.get(job)
        if token is not None and known is not None and known[:2] != now[:2]:
            yield sign_of(
                call, known[2] != token, f"{'the same' if known[2] == token else 'another'} token at another opening"
            )
        before[job] = now
    for call in traffic.of("invoke"):
        for action in (call.sent.get("resumeInput"), call.sent.get("resumeNodeInput")):
            timeout = isinstance(action, dict) and action.get("userResponse") == "ORA_TIMEOUT"
            if timeout and _awaited(traffic, call) and (call.good or call.status == 400):
                yield sign_of(call, call.good, f"{call.status} to ORA_TIMEOUT at what waits", "off")

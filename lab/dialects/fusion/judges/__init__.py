"""Judges of what is claimed of Fusion's wire: `messages`, `bodies`, `places`, of what traffic has (`shown`)."""

import re
from collections.abc import Callable, Iterator, Mapping

from lab.core.evidence import ClaimJudge, Judges, Sign
from lab.dialects.fusion.judges import bodies, messages, places
from lab.dialects.fusion.judges.shown import ShownJobs, shown_in


def _of_jobs(look: Callable[[ShownJobs], Iterator[Sign]], needs: str, *, texts: bool = False) -> ClaimJudge:
    return ClaimJudge(lambda traffic: look(shown_in(traffic)), needs, texts)


_WORKFLOW_ID = re.compile(r"[0-9]{15}")
_GATE = "a job that is WAITING at a gate"
_ADMIN = "a job of invocationMode ADMIN that ends COMPLETE"
_BAD = "a message with nothing else odd: "
_MEMBERS = "a list of workflows that isn't empty"

_ROUTES: Mapping[str, ClaimJudge] = {
    "POST {api}/agent/v1/{code}/invokeAsync": _of_jobs(messages.judge_older_path, "a message on v1"),
    "POST {api}/agent/v2/{code}/invokeStream": ClaimJudge(places.judge_ends, "a stream"),
    "POST {api}/agent/v2/{code}/chat": ClaimJudge(places.judge_silences, "a stream"),
    "GET /api/boss/data/objects/ora/commonFusionAI/agents/v1/$en/workflows": ClaimJudge(
        places.judge_listed, "a request for it"
    ),
    "GET /fscmRestApi/tokenrelay": ClaimJudge(places.judge_relayed, "a call of the API with a token of the relay"),
}
_REQUEST: Mapping[str, ClaimJudge] = {
    "message": _of_jobs(
        messages.judge_oddity("message_shape", "a message that is an object", "string"), _BAD + "it is an object"
    ),
    "conversational": _of_jobs(
        messages.judge_default_of_flag, "a message without the flag, and one with false beside it"
    ),
    "conversationId": _of_jobs(messages.judge_conversations, _BAD + "an id that nobody gave"),
    "version": _of_jobs(
        messages.judge_versions, _BAD + "another version than that of jobs whose message names none", texts=True
    ),
    "invocationMode": _of_jobs(bodies.judge_modes, _ADMIN, texts=True),
    "resumeInput": _of_jobs(bodies.judge_decision("resumeInput"), _GATE + ", and this decision", texts=True),
    "resumeNodeInput": _of_jobs(bodies.judge_decision("resumeNodeInput"), _GATE + ", and this decision", texts=True),
    "triggerType": _of_jobs(messages.judge_trigger, "a message that is blank, with a triggerType other than chat"),
}
_BODY: Mapping[str, ClaimJudge] = {
    "output": _of_jobs(bodies.judge_outputs, _GATE),
    "jobId": _of_jobs(bodies.judge_job_ids, "a message that starts a job"),
    "conversationId": _of_jobs(messages.judge_one_shot, "a message with conversational: false"),
    "status": _of_jobs(
        bodies.judge_words, "a job at a WAIT node; one that shows RUNNING there, no traffic tells from work"
    ),
    "nodes": _of_jobs(bodies.judge_nodes, _ADMIN, texts=True),
    "waitingToolCode": _of_jobs(bodies.judge_tool_codes, _GATE, texts=True),
    "waitingNodeDetails": _of_jobs(bodies.judge_places, _GATE),
}
_ERRORS: Mapping[str, ClaimJudge] = {
    "202 on invoke": _of_jobs(messages.judge_invoke_code, "a message that is taken"),
    "message, status, userDetails": _of_jobs(messages.judge_refusal_bodies, "a refusal of the API in JSON"),
    "a version that is not published": _REQUEST["version"],
    "404 Workflow not found.": _of_jobs(
        messages.judge_closed_teams, "a poll of a team that isn't there or isn't published"
    ),
    "404 Job not found.": _of_jobs(messages.judge_unknown_jobs, "a poll for a job that nobody was given"),
    "409": _of_jobs(
        messages.judge_busy, "a decision on a job that has ended, or a message while the job before is RUNNING"
    ),
    "400 on an unknown field": _of_jobs(
        messages.judge_oddity("unknown_fields", "an unknown field", "refuse"), _BAD + "an unknown field"
    ),
    "400 on a wrong type": _of_jobs(
        messages.judge_oddity("types", "a text for a boolean or a version", "strict"), _BAD + "a text for a boolean"
    ),
    "404 on // in a path": _of_jobs(messages.judge_slashes, "a path with //"),
    "Location, Retry-After on 202": _of_jobs(messages.judge_extra_headers, "a message that is taken"),
    "422 for another request": _of_jobs(messages.judge_idempotency, "an Idempotency-Key that comes twice"),
    "a fresh jobId on resuming": _of_jobs(bodies.judge_resumed_ids, "a decision that is taken"),
    "a message at a CHAT gate": _of_jobs(
        bodies.judge_by_message, "a message in a conversation whose job is WAITING", texts=True
    ),
}
_TABLE: Mapping[str, Mapping[str, ClaimJudge]] = {
    "routes": _ROUTES,
    "invoke request": _REQUEST,
    "debug request": {
        name: ClaimJudge(places.judge_debugging(name), f"a call of debug with {name}")
        for name in ("debugParams", "overrides")
    },
    "job body": _BODY,
    "nodes": {"agentCode": _of_jobs(bodies.judge_agents, "a job with a sub-agent under ADMIN", texts=True)},
    "waitingNodeDetails": {
        "callbackToken": _of_jobs(bodies.judge_openings, "two openings of gates, or ORA_TIMEOUT at a wait", texts=True)
    },
    "workflow": {
        "workflowId": ClaimJudge(
            places.judge_member("workflowId", lambda id: bool(_WORKFLOW_ID.fullmatch(str(id)))), _MEMBERS, texts=True
        ),
        "workflowName": ClaimJudge(
            places.judge_member("workflowName", lambda name: isinstance(name, str)), _MEMBERS, texts=True
        ),
        "version": ClaimJudge(places.judge_member("version", lambda number: type(number) is int), _MEMBERS, texts=True),
        "$context": ClaimJudge(
            places.judge_member("$context", lambda one: isinstance(one, dict) and "etag" in one), _MEMBERS
        ),
    },
    "errors": _ERRORS,
}
FUSION_JUDGES: Judges = {(place, name): judge for place, table in _TABLE.items() for name, judge in table.items()}

"""What becomes of messages: their members, codes, conversations and versions (contract.md §3, §6.2)."""

from collections.abc import Callable, Iterator

from lab.core.evidence import PodCall, Sign, countable, sign_of
from lab.core.exchange import header_of
from lab.dialects.fusion.fidelity import REQUEST
from lab.dialects.fusion.judges.shown import ShownJobs, resumes

_TYPES = {claim.name: claim.json for claim in REQUEST}
"""The known members of a request, and their JSON types."""
_FINAL = ("COMPLETE", "ERROR")


def oddities(call: PodCall) -> frozenset[str]:
    """What of a message may be refused where another isn't, by the switch that decides."""
    found: set[str] = set()
    if "//" in call.path:
        found.add("double_slash")
    for name, value in call.sent.items():
        if name not in _TYPES:
            found.add("unknown_fields")
        elif isinstance(value, str) and _TYPES[name] in ("boolean", "integer"):
            found.add("types")
    if isinstance(call.sent.get("message"), dict):
        found.add("message_shape")
    elif not str(call.sent.get("message") or "").strip():
        found.add("blank")
    if call.sent.get("version") is not None:
        found.add("version_check")
    if call.sent.get("conversationId") and call.sent.get("conversational") is True:
        found.add("conversation")
    return frozenset(found)


def weighed(traffic: ShownJobs, call: PodCall, what: str, refused: str = "") -> Iterator[Sign]:
    """Whether a message is taken; that it is refused counts only of a team that takes others."""
    if call.good or (call.status == 400 and call.code in traffic.takers):
        yield sign_of(call, call.good, f"{call.status} to {what}", refused)


def judge_oddity(oddity: str, what: str, refused: str) -> Callable[[ShownJobs], Iterator[Sign]]:
    """Whether messages with this oddity and no other are taken; `refused` is the switch where they are not."""

    def look(traffic: ShownJobs) -> Iterator[Sign]:
        for call in traffic.of("invoke"):
            if oddities(call) == {oddity} and not resumes(call):
                yield from weighed(traffic, call, what, refused)

    return look


def judge_slashes(traffic: ShownJobs) -> Iterator[Sign]:
    """Any route counts: a poll's too."""
    for call in traffic.calls:
        if "//" in call.path and call.name in ("invoke", "status") and (call.good or call.status == 404):
            yield sign_of(call, call.good, f"{call.status} to a path with //", "refuse")


def judge_invoke_code(traffic: ShownJobs) -> Iterator[Sign]:
    """202, or 200."""
    for call in traffic.of("invoke"):
        if call.good:
            yield sign_of(call, call.status == 202, f"{call.status} to a message", str(call.status))


def judge_older_path(traffic: ShownJobs) -> Iterator[Sign]:
    """The body of v1 has the members of v2's."""
    usual = next((set(body) for call, body in traffic.jobs if "/v2/" in call.path), set())
    for call in traffic.of("invoke"):
        if "/agent/v1/" in call.path and (call.good or call.status in (404, 405, 410)):
            alike = call.good and (not usual or set(call.object) == usual)
            yield sign_of(call, alike, f"{call.status} on v1" + ("" if alike or not call.good else ", other members"))


def judge_extra_headers(traffic: ShownJobs) -> Iterator[Sign]:
    """Location and Retry-After beside a good answer."""
    for call in traffic.of("invoke"):
        if call.good:
            there = [name for name in ("location", "retry-after") if header_of(call.answer, name)]
            yield sign_of(call, not there, f"{', '.join(there) or 'neither'} beside {call.status}", "on")


def judge_trigger(traffic: ShownJobs) -> Iterator[Sign]:
    """No message, but what triggers."""
    for call in traffic.of("invoke"):
        sent = call.sent.get("triggerType")
        if sent not in (None, "chat") and oddities(call) == {"blank"} and not call.sent.get("parameters"):
            yield from weighed(traffic, call, f"triggerType {sent} without a message")


# Conversations


def judge_conversations(traffic: ShownJobs) -> Iterator[Sign]:
    """An id that nobody gave is adopted."""
    for call in traffic.of("invoke"):
        sent = call.sent.get("conversationId")
        if oddities(call) != {"conversation"} or resumes(call) or traffic.last(call, sent):
            continue
        if call.good and call.object.get("conversationId") != sent:
            yield Sign(call, False, f"{call.status} to a conversationId that nobody gave, with another")
        else:
            yield from weighed(traffic, call, "a conversationId that nobody gave", "refuse")


def judge_default_of_flag(traffic: ShownJobs) -> Iterator[Sign]:
    """Without the flag no conversation begins; an id alone may be one that one-shots have."""
    one_shots = {body.get("conversationId") is not None for call, body in traffic.begun() if _one_shot(call)}
    for call, body in traffic.begun():
        if call.sent.get("conversational") is None and not call.sent.get("conversationId"):
            shown = body.get("conversationId") is not None
            if not shown or True not in one_shots:
                what = "a conversationId" if shown else "no conversationId"
                yield sign_of(call, not shown, f"{what} where conversational was left out", "true")


def judge_one_shot(traffic: ShownJobs) -> Iterator[Sign]:
    """`conversational: false` is answered without an id."""
    for call, body in traffic.begun():
        if _one_shot(call):
            shown = body.get("conversationId") is not None
            yield sign_of(call, not shown, f"{'an' if shown else 'no'} id of a one-shot", "fresh")


def _one_shot(call: PodCall) -> bool:
    return call.sent.get("conversational") is False


def judge_busy(traffic: ShownJobs) -> Iterator[Sign]:
    """A message while the conversation's last job runs, and decisions on jobs that have ended."""
    for call in traffic.of("invoke"):
        if resumes(call):
            word = traffic.last(call, call.sent.get("jobId")).get("status")
            if countable(word) in _FINAL and call.status < 500 and call.status not in (401, 403):
                yield sign_of(call, call.status == 409, f"{call.status} to a decision on a job that is {word}")
        elif oddities(call) == {"conversation"} and not call.sent.get("jobId"):
            last = traffic.last(call, call.sent["conversationId"])
            later = traffic.after(call, last.get("jobId"))
            if last.get("status") == "RUNNING" and call.status == 409:
                yield Sign(call, False, "409 to a message while the job before was RUNNING", "refuse")
            elif last.get("status") == later.get("status") == "RUNNING" and call.good:
                yield Sign(call, True, f"{call.status} to a message while the job before was RUNNING")


# Versions


def judge_versions(traffic: ShownJobs) -> Iterator[Sign]:
    """What an unpublished version meets: a job that ends ERROR."""
    published = {
        (call.code, countable(body.get("workflowVersion")))
        for call, body in traffic.begun()
        if not call.sent.get("version")
    }
    codes = {code for code, _ in published}
    for call in traffic.of("invoke"):
        if oddities(call) != {"version_check"} or call.code not in codes:
            continue
        if (call.code, countable(call.sent["version"])) in published:
            continue
        what = f"to version {call.sent['version']}, which isn't what is published"
        if call.status == 403 and (call.code, call.bearer) in traffic.opened:
            yield Sign(call, False, f"403 {what}", "refuse")
        job = call.object.get("jobId")
        ends = (body for _, body in traffic.jobs if body["jobId"] == job and body["status"] != "RUNNING")
        if call.good and (end := next(ends, None)) is not None:
            missing = end["status"] == "ERROR" and "not found" in str(end.get("error")).lower()
            yield sign_of(call, missing, f"{call.status} {what}; then {end['status']} {end.get('error') or ''}", "off")


# Refusals


def judge_refusal_bodies(traffic: ShownJobs) -> Iterator[Sign]:
    """Three strings, in answers that are JSON: a gateway's pages say nothing of the API."""
    for call in traffic.of("invoke", "status", "stream", "chat", "debug"):
        if 400 <= call.status < 500 and call.object:
            fits = all(isinstance(call.object.get(name), str) for name in ("message", "status", "userDetails"))
            problem = "problem" if {"title", "detail"} <= call.object.keys() else ""
            yield sign_of(call, fits, f"{call.status} with {', '.join(call.object)}", problem)


def judge_unknown_jobs(traffic: ShownJobs) -> Iterator[Sign]:
    """A poll for a job that nobody was given, of a team that answers its bearer."""
    for call in traffic.of("status"):
        job = call.route.job if call.route is not None else ""
        if (call.code, call.bearer) in traffic.opened and not traffic.last(call, job) and call.status in (403, 404):
            yield sign_of(call, call.status == 404, f"{call.status} to a poll for a job that nobody was given", "403")


def judge_closed_teams(traffic: ShownJobs) -> Iterator[Sign]:
    """A poll of a team that never answers: roles don't count there."""
    teams = {call.code for call in traffic.calls if call.good}
    bearers = {call.bearer for call in traffic.calls if call.good and call.code}
    for call in traffic.of("status", "invoke"):
        if call.code in teams:
            continue
        if call.status == 404:
            yield Sign(call, True, f"404 of the team {call.code}, which never answers")
        elif call.status == 403 and call.name == "status" and call.bearer in bearers:
            yield Sign(call, False, f"403 to a poll of the team {call.code}, which never answers", "403")


def judge_idempotency(traffic: ShownJobs) -> Iterator[Sign]:
    """A key that comes again starts another job all the same."""
    jobs: dict[str, object] = {}
    for call in traffic.of("invoke"):
        key = header_of(call.headers, "idempotency-key")
        if not key or not (call.good or call.status in (409, 422)):
            continue
        job = call.object.get("jobId")
        if key in jobs:
            fits = call.good and job != jobs[key]
            what = f"{call.status} to a key that came before" + (", the same job" if call.good and not fits else "")
            yield sign_of(call, fits, what, "on")
        jobs.setdefault(key, job)

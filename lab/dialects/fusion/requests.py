"""The invokeAsync request: known members, their types and tolerance rules (contract.md §3)."""

from collections.abc import Mapping
from contextlib import suppress

from lab.core.exchange import Json, Request
from lab.core.refusal import Refusal, bad_request
from lab.core.routes import RouteMatch
from lab.dialects.base import Decide, Invoke, JobOf, Unread, Wanted
from lab.dialects.fusion.bodies import ACTIONS
from lab.dialects.fusion.routes import TALKS
from lab.dialects.reading import NO_OBJECT, Wrong, near_member, near_misses, shown_name, wrong
from lab.jobs.plan import Input
from lab.program.switches import Switches
from lab.program.words import Status, Verdict

MODES = {"END_USER": "END_USER", "ADMIN": "ADMIN", "USER": "END_USER"}
_WORDS = {"status": ("PUBLISHED", "DRAFT"), "triggerType": ("chat", "app", "rest", "email", "schedule")}
_BOOLEANS = (
    "conversational", "progressMessage", "streamOutput", "useInternalConfig", "refreshCache", "singleTurnOnly",
)  # fmt: skip
_STRINGS = ("workflowCode", "architecture", "workflowName", "conversationId", "jobId")
_LISTS = ("agentCodes", "toolCodes")
_UNUSED = ("agentCodes", "toolCodes", "architecture", "workflowName", "singleTurnOnly")
KNOWN = (
    "message", "version", "status", "invocationMode", "parameters", "resumeInput", "resumeNodeInput", "triggerType",
    *_BOOLEANS, *_STRINGS, *_LISTS,
)  # fmt: skip
LONGEST_ID = 200


def read_invoke(
    value: Json, match: RouteMatch, switches: Switches, *, key: str | Refusal | None = None
) -> Invoke | Decide | Unread:
    """The command of a parsed body, or the 400 that names the field; whether a blank message matters is the mock's.

    On chat and debug every call belongs to a conversation; debug runs the DRAFT unless told otherwise (contract.md §8.2).
    """
    if not isinstance(value, dict):
        raise Wrong(NO_OBJECT)
    flags: set[str] = set()
    try:
        members = _members(value, match, switches, flags)
        resume = _resume(members)
    except Wrong as error:
        noted = tuple(sorted({*flags, *error.flags}))
        return Unread(refusal=error.refusal, wanted=_wanted(value, match, switches), flags=noted)
    job, conversation = _text(members.pop("jobId", None)), _text(members.pop("conversationId", None))
    for name in ("resumeInput", "resumeNodeInput"):
        members.pop(name, None)
    version, status = members.get("version"), members.get("status")
    draft = None if status is None else status == "DRAFT"
    wanted = Wanted(draft=draft, version=version if isinstance(version, int) else None)
    noted, unknown = tuple(sorted(flags)), near_misses(value, KNOWN) if "unknown_field" in flags else ()
    if resume is not None:
        opening, verdict, comment = resume
        return Decide(
            team=match.code, job=job or "", opening=opening, verdict=verdict, comment=comment,
            conversation=conversation, wanted=wanted, flags=noted, unknown=unknown,
        )  # fmt: skip
    text = _text(members.get("message")) or ""
    blank = not text.strip() and not members.get("parameters") and members.get("triggerType", "chat") == "chat"
    return Invoke(
        team=match.code, message=text, conversation=conversation,
        conversational=members.get("conversational") is True, job=job, wanted=wanted, key=key, members=members,
        blank=blank, flags=noted, unknown=unknown,
    )  # fmt: skip


def _members(value: dict[str, Json], match: RouteMatch, switches: Switches, flags: set[str]) -> dict[str, Json]:
    """The known members, normalised, with those that the route or a switch says for itself; `flags` collects what is noted."""
    members: dict[str, Json] = {}
    for name, member in value.items():
        if name == "debugParams" and match.name == "debug":
            flags.add("unused_field")
            _debug_params(member, switches, flags)
        elif name not in KNOWN:
            _unknown(name, switches, flags)
        elif member is not None:
            members[name] = _member(name, member, flags)
    _tolerated(value, switches, flags)
    if match.name in TALKS:
        members["conversational"] = True
    if match.name == "debug":
        members.setdefault("status", "DRAFT")
    if switches.conversational_default:
        members.setdefault("conversational", True)
    if members.get("workflowCode", match.code) != match.code:
        flags.add("code_differs")
    if any(name in members for name in _UNUSED):
        flags.add("unused_field")
    return members


def _debug_params(value: Json, switches: Switches, flags: set[str]) -> None:
    """Wrong if it, or a member of it that is known, has another type (contract.md §8.2); null counts as absent."""
    if not isinstance(value, dict | None):
        raise _mistyped("debugParams", "must be an object.")
    sent = {name: member for name, member in (value or {}).items() if member is not None}
    if "isDebug" in sent:
        _boolean("debugParams.isDebug", sent["isDebug"], flags)
        if switches.types == "strict" and isinstance(sent["isDebug"], str):
            raise wrong("debugParams.isDebug", "must not be a string.")
    if not isinstance(sent.get("breakPoints", []), list):
        raise _mistyped("debugParams.breakPoints", "must be an array.")
    if not isinstance(sent.get("overrides", {}), dict):
        raise _mistyped("debugParams.overrides", "must be an object.")


def _wanted(value: dict[str, Json], match: RouteMatch, switches: Switches) -> Wanted:
    """What of the team a body asks for whose other members may be wrong."""
    status = value.get("status") or ("DRAFT" if match.name == "debug" else "PUBLISHED")
    sent = value.get("version")
    version: int | None = None
    if sent is not None and not (switches.types == "strict" and isinstance(sent, str)):
        with suppress(Wrong):
            version = _version(sent, set())
    return Wanted(draft=status == "DRAFT", version=version)


_NOT_RESUMED = ("conversational", "version", "status", "parameters")
"""Members that aren't looked at where a job is resumed: it has its own (contract.md §3, "Resuming")."""


def as_resumed(value: dict[str, Json], switches: Switches, job_of: JobOf) -> dict[str, Json]:
    """The body as it is read: of a request that resumes, without what isn't looked at, and with the job's status."""
    named = value.get("jobId")
    view = job_of(named) if isinstance(named, str) else None
    by_message = switches.answer_by_message and view is not None and view.span.status is Status.WAITING
    if not by_message and all(value.get(name) is None for name in ("resumeInput", "resumeNodeInput")):
        return value
    kept = {name: member for name, member in value.items() if name not in _NOT_RESUMED}
    return kept if view is None else {**kept, "status": view.plan.invocation.input.status}


def _mistyped(name: str, what: str) -> Wrong:
    return Wrong(wrong(name, what).refusal, ("wrong_type",))


def _unknown(name: str, switches: Switches, flags: set[str]) -> None:
    flags.add("unknown_field")
    if switches.unknown_fields == "refuse":
        near = near_member(name, KNOWN)
        raise wrong(shown_name(name), "is not a known field.", f"Did you mean {near}?" if near else "", near)
    flags.add("unknown_field")


def _tolerated(value: dict[str, Json], switches: Switches, flags: set[str]) -> None:
    """What a strict server refuses though a lenient one takes it: texts for other types, a message in parts."""
    if switches.types == "strict" and "wrong_type" in flags:
        name = next((name for name in ("version", *_BOOLEANS) if isinstance(value.get(name), str)), None)
        if name is not None:  # a part of a message may lack its type everywhere
            raise wrong(name, "must not be a string.")
    if switches.message_shape == "string" and isinstance(value.get("message"), dict):
        raise _mistyped("message", "must be a string.")


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _member(name: str, value: Json, flags: set[str]) -> Json:
    if name in _BOOLEANS:
        return _boolean(name, value, flags)
    if name in _STRINGS:
        if not isinstance(value, str):
            raise _mistyped(name, "must be a string.")
        if name == "conversationId" and (len(value) > LONGEST_ID or not value.isprintable()):
            raise wrong(name, f"must be 1 to {LONGEST_ID} printable characters.")
        return value
    if name in _LISTS and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise _mistyped(name, "must be an array of strings.")
    match name:
        case "message":
            return _message(value, flags)
        case "version":
            return _version(value, flags)
        case "status" | "triggerType":
            return _word(name, value, _WORDS[name])
        case "invocationMode":
            return MODES[_word(name, value, tuple(MODES))]
        case "parameters" | "resumeInput" | "resumeNodeInput" if not isinstance(value, dict):
            raise _mistyped(name, "must be an object.")
    return value


def _boolean(name: str, value: Json, flags: set[str]) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        flags.add("wrong_type")
        return value == "true"
    raise _mistyped(name, "must be true or false.")


def _version(value: Json, flags: set[str]) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        flags.add("wrong_type")
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # 13.0 is the integer 13 (JSON Schema core §6.3)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped("version", "must be an integer from 1.")
    if not 1 <= value < 2**31:
        raise wrong("version", "must be an integer from 1.")
    return value


def _word(name: str, value: Json, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    from difflib import get_close_matches  # only a mistake needs it

    near = get_close_matches(value.upper(), words, 1) if isinstance(value, str) else []
    raise wrong(name, f"must be one of {', '.join(words)}.", f"Did you mean {near[0]}?" if near else "")


def _message(value: Json, flags: set[str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(parts := value.get("content"), list):
        texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type", "text") == "text"]
        if len(texts) == len(parts) and all(isinstance(text, str) for text in texts):
            if any(isinstance(part, dict) and "type" not in part for part in parts):
                flags.add("wrong_type")
            return "\n".join(str(text) for text in texts)
        raise wrong("message.content", "must be text parts.", 'Each is {"type":"text","text":"…"}.')
    raise _mistyped("message", "must be a string.")


def _resume(members: dict[str, Json]) -> tuple[str, Verdict | None, str | None] | None:
    """A decision sent over the API: the opening's token, what was decided, and the comment (contract.md §5.3)."""
    first, second = members.get("resumeInput"), members.get("resumeNodeInput")
    if first is not None and second is not None and first != second:
        raise wrong("resumeNodeInput", "differs from resumeInput.", "Send one of the two.")
    sent = first if first is not None else second
    if not isinstance(sent, dict):
        return None
    token, action, content = (sent.get(name) for name in ("messageInstanceId", "userResponse", "content"))
    if not isinstance(token, str) or not token:
        raise wrong("resumeInput.messageInstanceId", "is missing.", "Send waitingNodeDetails.callbackToken here.")
    if not _text(members.get("jobId")):
        raise wrong("jobId", "is missing beside resumeInput.")
    if not isinstance(action, str) or action not in ACTIONS:
        raise wrong("resumeInput.userResponse", f"must be one of {', '.join(ACTIONS)}.")
    if content is not None and not isinstance(content, str):
        raise _mistyped("resumeInput.content", "must be a string.")
    if action == "RFI_ACTION" and not (content or "").strip():
        raise wrong("resumeInput.content", "is required with RFI_ACTION.", "Say what should be different.")
    return token, ACTIONS[action], content or None


IDEMPOTENCY_KEY = "idempotency-key"
LONGEST_KEY = 255


def read_key(request: Request, switches: Switches) -> str | Refusal | None:
    """The idempotency key of an invoke, or why it is none; None if none came, or none is looked at."""
    key = request.header(IDEMPOTENCY_KEY) if switches.idempotency_key else None
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        return bad_request(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters.")
    return key


def read_mode(query: str) -> str | Refusal | None:
    """`invocationMode` of a status query, normalised; None if it isn't asked for."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "invocationMode" and value:
            if value not in MODES:
                return bad_request(f"invocationMode must be one of {', '.join(MODES)}.")
            return MODES[value]
    return None


def read_input(members: Mapping[str, Json], *, long: bool = False) -> Input:
    """The normalised request that a fact's `input` tells of."""

    def flag(name: str) -> bool:
        return members.get(name) is True

    version, parameters, metadata = (members.get(name) for name in ("version", "parameters", "metadata"))
    return Input(
        message=str(members.get("message", "")), conversational=flag("conversational"),
        invocation_mode=str(members.get("invocationMode", "END_USER")),
        version=version if isinstance(version, int) else None, status=str(members.get("status", "PUBLISHED")),
        parameters=parameters if isinstance(parameters, dict) else {}, refresh_cache=flag("refreshCache"),
        use_internal_config=flag("useInternalConfig"), stream_output=flag("streamOutput"),
        progress_message=flag("progressMessage"), metadata=metadata if isinstance(metadata, dict) else None,
        long=long,
    )  # fmt: skip

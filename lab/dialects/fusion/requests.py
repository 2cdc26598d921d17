"""The invokeAsync request: known members, their types and tolerance rules (contract.md §3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from lab.core.exchange import Json
from lab.core.refusal import Refusal, bad_request
from lab.jobs.plan import Input
from lab.language.document import Switches

ACTIONS = ("APPROVE_ACTION", "REJECT_ACTION", "RFI_ACTION", "ORA_TIMEOUT")
MODES = {"END_USER": "END_USER", "ADMIN": "ADMIN", "USER": "END_USER"}
TRIGGERS = ("chat", "app", "rest", "email", "schedule")
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
NO_OBJECT = bad_request("The body must be a JSON object.")


@dataclass(frozen=True, slots=True)
class Resume:
    """A decision sent over the API (contract.md §5.3)."""

    token: str
    action: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as accepted: `members` are the known ones, normalised, as the journal keeps them."""

    members: dict[str, Json]
    resume: Resume | None
    job: str | None
    conversation: str | None
    flags: tuple[str, ...]

    @property
    def message(self) -> str:
        """The message, `""` if none came."""
        text = self.members.get("message", "")
        return text if isinstance(text, str) else ""

    @property
    def blank(self) -> bool:
        """Whether nothing is asked: no text, no parameters, and no trigger but chat."""
        trigger = self.members.get("triggerType", "chat")
        return not self.message.strip() and not self.members.get("parameters") and trigger == "chat"


class _Wrong(Exception):
    def __init__(self, name: str, what: str, hint: str = "") -> None:
        super().__init__(name)
        self.problem = bad_request(f"{name} {what}", hint)


def read_invoke(value: Json, code: str, switches: Switches, *, route: str = "invoke") -> Asked | Refusal:
    """The request of a parsed body, or the 400 that names the field; blankness is the caller's to judge.

    On chat and debug every call belongs to a conversation; debug runs the DRAFT unless told otherwise (contract.md §8.2).
    """
    if not isinstance(value, dict):
        return NO_OBJECT
    flags: set[str] = set()
    members: dict[str, Json] = {}
    try:
        for name, given in value.items():
            if name == "debugParams" and route == "debug":
                flags.add("unused_field")
            elif name not in KNOWN:
                _unknown(name, switches, flags)
            elif given is not None:
                members[name] = _member(name, given, flags)
        _tolerated(value, switches, flags)
        resume = _resume(members)
    except _Wrong as wrong:
        return wrong.problem
    if route in ("chat", "debug"):
        members["conversational"] = True
    if route == "debug":
        members.setdefault("status", "DRAFT")
    if switches.conversational_default:
        members.setdefault("conversational", True)
    if members.get("workflowCode", code) != code:
        flags.add("code_differs")
    if any(name in members for name in _UNUSED):
        flags.add("unused_field")
    job, conversation = members.pop("jobId", None), members.pop("conversationId", None)
    for name in ("resumeInput", "resumeNodeInput"):
        members.pop(name, None)
    return Asked(members, resume, _text(job), _text(conversation), tuple(sorted(flags)))


def _unknown(name: str, switches: Switches, flags: set[str]) -> None:
    if switches.unknown_fields == "refuse":
        near = get_close_matches(name, KNOWN, 1)
        shown = name.encode("unicode_escape").decode()[:80]
        raise _Wrong(shown, "is not a known field.", f"Did you mean {near[0]}?" if near else "")
    flags.add("unknown_field")


def _tolerated(given: dict[str, Json], switches: Switches, flags: set[str]) -> None:
    """What a strict server refuses though a lenient one takes it: texts for other types, a message in parts."""
    if switches.types == "strict" and "wrong_type" in flags:
        wrong = next((name for name in ("version", *_BOOLEANS) if isinstance(given.get(name), str)), None)
        if wrong is not None:  # a part of a message may lack its type everywhere
            raise _Wrong(wrong, "must not be a string.")
    if switches.message_shape == "string" and isinstance(given.get("message"), dict):
        raise _Wrong("message", "must be a string.")


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _member(name: str, value: Json, flags: set[str]) -> Json:
    if name in _BOOLEANS:
        return _boolean(name, value, flags)
    if name in _STRINGS:
        if not isinstance(value, str):
            raise _Wrong(name, "must be a string.")
        if name == "conversationId" and (len(value) > LONGEST_ID or not value.isprintable()):
            raise _Wrong(name, f"must be 1 to {LONGEST_ID} printable characters.")
        return value
    if name in _LISTS and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise _Wrong(name, "must be an array of strings.")
    match name:
        case "message":
            return _message(value, flags)
        case "version":
            return _version(value, flags)
        case "status":
            return _word(name, value, ("PUBLISHED", "DRAFT"))
        case "invocationMode":
            return MODES[_word(name, value, tuple(MODES))]
        case "triggerType":
            return _word(name, value, TRIGGERS)
        case "parameters" | "resumeInput" | "resumeNodeInput" if not isinstance(value, dict):
            raise _Wrong(name, "must be an object.")
    return value


def _boolean(name: str, value: Json, flags: set[str]) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        flags.add("wrong_type")
        return value == "true"
    raise _Wrong(name, "must be true or false.")


def _version(value: Json, flags: set[str]) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        flags.add("wrong_type")
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # 13.0 is the integer 13 (JSON Schema core §6.3)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise _Wrong("version", "must be an integer from 1.")
    return value


def version_asked(members: Mapping[str, Json], switches: Switches) -> int | None:
    """The version that a body asks for, whose other members may be wrong; None if it names none that can be read."""
    given = members.get("version")
    if given is None or (switches.types == "strict" and isinstance(given, str)):
        return None
    try:
        return _version(given, set())
    except _Wrong:
        return None


def _word(name: str, value: Json, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    near = get_close_matches(value.upper(), words, 1) if isinstance(value, str) else []
    raise _Wrong(name, f"must be one of {', '.join(words)}.", f"Did you mean {near[0]}?" if near else "")


def _message(value: Json, flags: set[str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(parts := value.get("content"), list):
        texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type", "text") == "text"]
        if len(texts) == len(parts) and all(isinstance(text, str) for text in texts):
            if any(isinstance(part, dict) and "type" not in part for part in parts):
                flags.add("wrong_type")
            return "\n".join(str(text) for text in texts)
        raise _Wrong("message.content", "must be text parts.", 'Each is {"type":"text","text":"…"}.')
    raise _Wrong("message", "must be a string.")


def _resume(members: dict[str, Json]) -> Resume | None:
    first, second = members.get("resumeInput"), members.get("resumeNodeInput")
    if first is not None and second is not None and first != second:
        raise _Wrong("resumeNodeInput", "differs from resumeInput.", "Send one of the two.")
    given = first if first is not None else second
    if not isinstance(given, dict):
        return None
    token, action, content = (given.get(name) for name in ("messageInstanceId", "userResponse", "content"))
    if not isinstance(token, str) or not token:
        raise _Wrong("resumeInput.messageInstanceId", "is missing.", "Send waitingNodeDetails.callbackToken here.")
    if not _text(members.get("jobId")):
        raise _Wrong("jobId", "is missing beside resumeInput.")
    if not isinstance(action, str) or action not in ACTIONS:
        raise _Wrong("resumeInput.userResponse", f"must be one of {', '.join(ACTIONS)}.")
    if content is not None and not isinstance(content, str):
        raise _Wrong("resumeInput.content", "must be a string.")
    if action == "RFI_ACTION" and not (content or "").strip():
        raise _Wrong("resumeInput.content", "is required with RFI_ACTION.", "Say what should be different.")
    return Resume(token, action, content or None)


def read_mode(query: str) -> str | Refusal | None:
    """`invocationMode` of a status query, normalised; None if it isn't asked for."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "invocationMode" and value:
            if value not in MODES:
                return bad_request(f"invocationMode must be one of {', '.join(MODES)}.")
            return MODES[value]
    return None


def read_input(members: Mapping[str, Json]) -> Input:
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
    )  # fmt: skip

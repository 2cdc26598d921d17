"""A fault as an author would write it: the way back from the typed document."""

from pydantic import JsonValue as Json

from lab.core.clock import Millis
from lab.language.document.faults import Calls, Fault, RetryDate, RetryText

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_PLAIN = ("answer", "error", "strike", "status_word", "odd_body", "expire_token", "lose_reply")


def duration_text(millis: Millis) -> str:
    """A duration as the language writes it: `1h30m`, `2s`, `250ms`."""
    text = ""
    for unit, size in _UNITS:
        count, millis = divmod(millis, size)
        text += f"{count}{unit}" if count else ""
    return text or "0ms"


def fault_document(fault: Fault, name: str | None = None) -> dict[str, Json]:
    """The fault, members that say nothing left out; `name` in place of its own."""
    document: dict[str, Json] = {"name": name or fault.name, "route": fault.route}
    document |= {"calls": _calls(fault.calls) if fault.calls else None, "step": fault.step, "turn": fault.turn}
    document |= {"after": None if fault.after is None else duration_text(fault.after)}
    document |= {"chance": f"{fault.chance / 10_000:.4f}".rstrip("0").rstrip(".") + "%" if fault.chance else None}
    document |= {member: getattr(fault, member) for member in _PLAIN}
    document |= {"retry_after": _retry_after(fault), "body": None if fault.body == "default" else fault.body}
    document |= {"delay": duration_text(fault.delay) if fault.delay else None}
    document |= {"omit": list(fault.omit) if fault.omit else None}
    return {member: value for member, value in document.items() if value is not None}


def _calls(calls: Calls) -> Json:
    if calls.last is None:
        return f"every {calls.every}"
    return calls.first if calls.first == calls.last else f"{calls.first}-{calls.last}"


def _retry_after(fault: Fault) -> Json:
    match fault.retry_after:
        case None:
            return None
        case RetryText(text=text):
            return {"text": text}
        case RetryDate(date=date):
            return {"date": duration_text(date)}
        case int(millis):
            return duration_text(millis)

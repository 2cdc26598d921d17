"""What people write in place of what the language knows, and what to tell them."""

import re
from collections.abc import Collection, Mapping

from lab.core.errors import closest
from lab.program.draws import LogNormal
from lab.program.faults import Fault
from lab.program.steps import OUTPUT_FORMS, STEPS, Branch, Complete, Failure, Gate
from lab.program.words import CODE, NAME, ORIGIN, ROLE, STEP_ID, Form, KeyPath, Part, among, nearest

_OF_FAULTS = {"status": "write answer: 503", "poll": "write route: status, calls: 2", "code": "write answer: 503"}
"""What people call members of a fault: how these are written."""
_AS_JSON = "write output: {json: …} for a value"
_BETWEEN = "what is drawn is written {between: [2s, 4s]}"
_FORMS = (
    (tuple(STEPS), "a step is of one kind", "make two steps of it"),
    (OUTPUT_FORMS, "an output is of one form", "leave one out"),
)
EXPLAINED = {
    ORIGIN: "is an origin, as https://host or http://host:port",
    NAME: "is without blanks and colons, at most 200 characters",
    r"^[a-z0-9-]{1,63}$": "is of small letters, digits and -, at most 63",
    CODE: "is of letters, digits and _, at most 200",
    STEP_ID: "is of small letters, digits and -, at most 80",
    r"^[a-z]{2,3}(_[A-Z]{2})?$": "is written de_DE",
    ROLE: "is the name of a role",
}
"""What a text must match, in words."""
_FIRST_KEYS = {"agent": "code", "token": "lifetime", "limits": "concurrent", "expect": "status", "latency": "status"}
"""Of what people write as one word: the key that they mean."""


def none_of_forms(forms: Collection[str], path: KeyPath, value: object) -> tuple[str, str, str]:
    """Of a value that has none of the forms: what is said of it, and a hint; of a key that is a slip, with that, the form meant."""
    body: Mapping[str, object] = value if isinstance(value, dict) else {}
    if path[-1] == "output":
        return "", "", next((hint for key in body if (hint := nearest(key, forms))), _AS_JSON)
    if path[-2:-1] == ("of",) and not STEPS.keys().isdisjoint(body):
        return "", "side by side are work and delegate steps", "let a step of another kind come before or behind"
    for key in body:
        if (near := closest(key, STEPS)) in forms:
            return key, f"unknown kind of step {key}", near
    return "", "", ""


def unknown_key(part: type[Part], key: str, slip: str, shapes: Mapping[str, object]) -> tuple[str, str]:
    """What is said of a key that a part doesn't have, and a hint; `slip` is the missing one that it nearly is."""
    tag = str(part.__struct_config__.tag) if issubclass(part, Form) else ""
    for forms, what, hint in _FORMS:
        if key in forms and tag in forms:
            return f"{what}; this is {tag} and {key}", hint
    if key == "next" and part in (Complete, Failure):
        return "nothing follows an ending", "leave next out; what should follow comes before"
    if key == "job" and part is Fault:
        return "a fault of a file can't name a job", "arm the fault while the lab runs (lab docs control-plane, §6.2)"
    if part is Fault and key in _OF_FAULTS:
        return f"unknown key {key}", _OF_FAULTS[key]
    if part is Gate and key in ("role", "roles", "approver", "approvers", "users"):
        return f"unknown key {key}", "who may decide isn't checked; what a decision says of it stands in `by` (§4.1)"
    if part is LogNormal and key in ("min", "max", "from", "to"):
        hint = _BETWEEN
    elif part is Branch and key in ("else", "then", "if"):
        hint = "branches are written {when: …, to: STEP}, the last one {to: STEP}"
    elif slip:
        hint = f"did you mean {slip}?"
    else:
        inside = [name for name, shape in shapes.items() if key in getattr(getattr(shape, "of", shape), "shapes", ())]
        hint = f"write {inside[0]}: {{{key}: …}}" if len(inside) == 1 else among(key, shapes)
    return f"unknown key {key}", hint


def meant_by(path: KeyPath, value: object, pattern: str | None) -> str:
    """What a value of the wrong form is in the right one; empty where it can't be told."""
    key = path[-1] if path else ""
    match value:
        case str() if pattern in (STEP_ID, CODE):
            gap = "-" if pattern == STEP_ID else "_"
            right = re.sub(r"[^A-Za-z0-9]+", gap, value.lower() if pattern == STEP_ID else value).strip(gap)[:80]
            return f"write {right}" if right else ""
        case _ if key == "takes" or path[-2:-1] == ("latency",):
            return _BETWEEN if isinstance(value, list) or re.search(r"\d.*-.*\d", str(value)) else ""
        case str() | int() if first := _FIRST_KEYS.get(str(key)):
            return f"write {key}: {{{first}: {value}}}"
        case list() if key == "output":
            return _AS_JSON
        case str() if key == "for":
            return f"write for: {{roles: [{value}]}}, or users, or clients"
        case str() if key == "again":
            return f"write again: {{to: {value}, rounds: 3}}"
        case {"code": str(code)} if key == "agent":
            return f"write agent: {code}"
        case _:
            return ""

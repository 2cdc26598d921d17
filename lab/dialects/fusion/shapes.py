"""What types alone don't say of requests, as JSON Schema: bounds, words, and what must stand beside what (contract.md §3).

The mock takes more than this promises, as the contract's tolerance rules have it; a request that fits is never a 400
for its shape.
"""

from lab.core.exchange import Json
from lab.dialects.fusion.requests import ACTIONS, LONGEST_ID

_PRINTABLE = "^[ -~]+$"
_SAID: dict[str, Json] = {"type": "string", "pattern": "[!-~]", "maxLength": 100_000}
_CODES: dict[str, Json] = {"items": {"type": "string"}}
_RESUME: dict[str, Json] = {
    "required": ["messageInstanceId", "userResponse"],
    "properties": {
        "messageInstanceId": {"type": "string", "minLength": 1},
        "userResponse": {"type": "string", "enum": list(ACTIONS)},
        "content": {"type": "string", "description": "the comment; what should be different"},
    },
    "if": {"properties": {"userResponse": {"const": "RFI_ACTION"}}},
    "then": {"required": ["content"], "properties": {"content": _SAID}},
}

REFINED: dict[str, dict[str, Json]] = {
    "invoke request.conversationId": {"maxLength": LONGEST_ID, "pattern": _PRINTABLE},
    "invoke request.version": {"minimum": 1, "maximum": 2**31 - 1},
    "invoke request.jobId": {"minLength": 1},
    "invoke request.resumeInput": _RESUME,
    "invoke request.resumeNodeInput": _RESUME,
    "invoke request.agentCodes": _CODES,
    "invoke request.toolCodes": _CODES,
}
"""By place and name, as in the fidelity table."""

INVOKE_RULES: dict[str, Json] = {
    "anyOf": [
        {"required": ["message"], "properties": {"message": _SAID}},
        {"required": ["parameters"], "properties": {"parameters": {"minProperties": 1}}},
        {
            "required": ["triggerType"],
            "properties": {"triggerType": {"enum": ["app", "rest", "email", "schedule"]}},
        },
        {"required": ["resumeInput"]},
        {"required": ["resumeNodeInput"]},
    ],
    "dependentRequired": {"resumeInput": ["jobId"], "resumeNodeInput": ["jobId"]},
    "not": {"required": ["resumeInput", "resumeNodeInput"]},
}
"""`message` may be blank or absent only beside parameters, another trigger, or a decision; a decision names its job."""

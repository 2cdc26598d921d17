"""The switches: how the server answers where sources differ (contract.md §10). Those that this version has."""

from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from lab.core.scenario.words import Duration, Model


def _on(value: object) -> object:
    if value in ("on", "off"):
        return value == "on"
    if isinstance(value, bool):
        return value
    raise ValueError("a switch is on or off")


def _word(value: bool) -> str:
    return "on" if value else "off"


OnOff: TypeAlias = Annotated[
    bool, BeforeValidator(_on), PlainSerializer(_word), WithJsonSchema({"enum": ["on", "off"]})
]
"""`on` or `off` in every text, a bool inside."""


def _heartbeat(value: object) -> object:
    return 0 if value == "off" or value is False else value


def _beat_word(value: int) -> str:
    return f"{value}ms" if value else "off"


Heartbeat: TypeAlias = Annotated[Duration, BeforeValidator(_heartbeat), PlainSerializer(_beat_word)]
"""`off`, or a duration in milliseconds."""

PROFILES: dict[str, dict[str, object]] = {
    "oci": {},
    "rfc": {
        "error_body": "problem", "types": "strict", "location_header": True, "issuer": "tenant", "ecid": False,
        "jwks_auth": False,
    },
}  # fmt: skip
"""The defaults in which a profile differs from `oci` (contract.md §7.6, §10)."""


class Switches(Model):
    """One value each; a profile sets several, and each can be set alone."""

    profile: Literal["oci", "rfc"] = "oci"
    invoke_status: Literal[202, 200] = 202
    body: Literal["full", "minimal"] = "full"
    error_body: Literal["fusion", "problem"] = "fusion"
    hints: OnOff = True
    unknown_job: Literal[404, 403] = 404
    unpublished: Literal[404, 403] = 404
    version_check: OnOff = True
    unknown_conversation: Literal["adopt", "refuse"] = "adopt"
    conversational_default: OnOff = Field(False, description="on: an absent flag counts as true")
    one_shot_conversation_id: Literal["null", "fresh"] = "null"
    busy_conversation: Literal["accept", "refuse"] = "accept"
    answer_by_message: OnOff = True
    waiting_output: Literal["null", "message"] = "null"
    wait_status: Literal["WAITING", "RUNNING"] = "WAITING"
    timeout_action: OnOff = True
    admin_nodes: OnOff = True
    types: Literal["lenient", "strict"] = "lenient"
    message_shape: Literal["lenient", "string"] = "lenient"
    unknown_fields: Literal["note", "refuse"] = "note"
    double_slash: Literal["accept", "refuse"] = "accept"
    location_header: OnOff = False
    service_tokens: Literal["allowed", "refused"] = "allowed"
    issuer: Literal["generic", "tenant"] = "generic"
    ecid: OnOff = True
    jwks_auth: OnOff = True
    pod: str = Field("acme-test", pattern=r"^[a-z0-9-]{1,63}$")
    scope_check: Literal["pod", "shape", "off"] = "pod"
    clients: Literal["known", "any"] = "known"
    assertion_trust: Literal["registered", "any"] = "registered"
    refresh_rotation: OnOff = True
    authorize: Literal["auto", "page", "deny"] = "auto"
    resource_metadata: OnOff = False
    sse_done: OnOff = True
    sse_heartbeat: Heartbeat = Field(0, description="off, or a duration: a comment line at each such silence")
    local_orchestrator: OnOff = False

    @model_validator(mode="before")
    @classmethod
    def _by_profile(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        document = cast("dict[str, object]", given)
        return {**PROFILES.get(str(document.get("profile", "oci")), {}), **document}

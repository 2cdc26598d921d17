"""The switches: how the server answers where sources differ (contract.md §10). Those that this version has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self, TypeAlias, cast

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, PlainSerializer, WithJsonSchema, model_validator

from lab.core.clock import Millis
from lab.language.document.base import DURATION_PATTERN, Model, duration


def _on(value: object) -> object:
    if value in ("on", "off"):
        return value == "on"
    if isinstance(value, bool):
        return value
    raise ValueError("a switch is on or off")


_SAID = PlainSerializer(lambda value: "on" if value else "off", return_type=str)

OnOff: TypeAlias = Annotated[bool, BeforeValidator(_on), _SAID, WithJsonSchema({"enum": ["on", "off", True, False]})]
"""`on` or `off` in every text, a bool inside."""
TrueFalse: TypeAlias = Annotated[
    bool,
    BeforeValidator(lambda value: value == "true" if value in ("true", "false") else _on(value)),
    _SAID,
    WithJsonSchema({"enum": ["on", "off", "true", "false", True, False]}),
]
"""`true` or `false` too."""
VersionCheck: TypeAlias = Annotated[
    Literal["job", "refuse", "off"],
    BeforeValidator(lambda value: "off" if value is False else value),
    WithJsonSchema({"enum": ["job", "refuse", "off", False]}),
]
Heartbeat: TypeAlias = Annotated[
    Millis,
    BeforeValidator(lambda value: 0 if value == "off" or value is False else duration(value)),
    PlainSerializer(lambda value: f"{value}ms" if value else "off", return_type=str),
    WithJsonSchema({"anyOf": [{"enum": ["off", False]}, {"type": "string", "pattern": DURATION_PATTERN}]}),
]
"""`off`, or a duration in milliseconds."""

PROFILES: dict[str, dict[str, object]] = {
    "oci": {},
    "rfc": {
        "error_body": "problem", "types": "strict", "location_header": True, "issuer": "tenant",
        "jwks_auth": False, "assertion_jti": "single",
    },
}  # fmt: skip
"""The defaults in which a profile differs from `oci` (contract.md §7.6, §10)."""

IDENTITY = (
    "profile", "issuer", "jwks_auth", "pod", "clients", "refresh_rotation", "authorize", "resource_metadata",
)  # fmt: skip
"""The switches of contract.md §7: a token request names no team, so they are the server's, whatever a scenario says."""


_NULLS = ("one_shot_conversation_id", "waiting_output")
"""The switches that `null` is a word of."""


class Switches(Model):
    """One value each; a profile sets several, and each can be set alone."""

    profile: Literal["oci", "rfc"] = "oci"
    invoke_status: Literal[202, 200] = 202
    error_body: Literal["fusion", "problem"] = "fusion"
    hints: OnOff = True
    unknown_job: Literal[404, 403] = 404
    unpublished: Literal[404, 403] = 404
    version_check: VersionCheck = "job"
    unknown_conversation: Literal["adopt", "refuse"] = "adopt"
    conversational_default: TrueFalse = Field(False, description="true: an absent flag counts as true")
    one_shot_conversation_id: Literal["null", "fresh"] = "null"
    job_ids: Literal["uuid", "odd"] = "uuid"
    resume_job_id: Literal["same", "new"] = "same"
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
    jwks_auth: OnOff = True
    pod: str = Field("acme-test", pattern=r"^[a-z0-9-]{1,63}$")
    clients: Literal["known", "any"] = "known"
    assertion_jti: Literal["any", "single"] = "any"
    refresh_rotation: OnOff = True
    authorize: Literal["auto", "page", "deny"] = "auto"
    resource_metadata: OnOff = False
    sse_done: OnOff = True
    sse_heartbeat: Heartbeat = Field(
        0, description="off, or a duration: a comment line at each such silence", json_schema_extra={"default": "off"}
    )
    idempotency_key: OnOff = False
    local_orchestrator: OnOff = False

    @model_validator(mode="wrap")
    @classmethod
    def _by_profile(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            return handler(value)
        document = cast("dict[str, object]", value)
        usual = PROFILES.get(str(document.get("profile", "oci")), {})
        words = {name: "null" if value is None and name in _NULLS else value for name, value in document.items()}
        switches = handler({**usual, **words})
        # what the profile brought wasn't said, so it yields where the profile does
        object.__setattr__(switches, "__pydantic_fields_set__", set(document) & cls.model_fields.keys())
        return switches

    @property
    def said(self) -> dict[str, object]:
        """The switches that were set, by name; those of the profile are not among them."""
        return self.model_dump(mode="json", include=self.model_fields_set)


@dataclass(frozen=True, slots=True)
class Layers:
    """What a server is set to, around what a scenario says for itself (contract.md §10)."""

    below: Mapping[str, object] = field(default_factory=dict)
    """What the environment and the settings file say: a scenario wins over them."""
    above: Mapping[str, object] = field(default_factory=dict)
    """What the command line says: it wins over every scenario."""

    def over(self, own: Switches | None = None) -> Switches:
        """The switches that hold, for a scenario with `own` settings or for none."""
        said = own.said if own is not None else {}
        return Switches.model_validate({**self.below, **said, **self.above}, strict=False)

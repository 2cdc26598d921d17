"""The switches: how the server answers where sources differ (contract.md §10). Those that this version has."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field
from msgspec.structs import asdict

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.program.words import DURATION_PATTERN, Part, SaidOf, Spelt, duration


def _on(value: object) -> object:
    if value in ("on", "off"):
        return value == "on"
    if isinstance(value, bool):
        return value
    raise ValueError("a switch is on or off")


def _on_off(value: bool) -> str:
    return "on" if value else "off"


OnOff: TypeAlias = Annotated[bool, Spelt(_on, _on_off, {"enum": ["on", "off", True, False]}, False)]
"""`on` or `off` in every text, a bool inside."""
TrueFalse: TypeAlias = Annotated[
    bool,
    Spelt(
        lambda value: value == "true" if value in ("true", "false") else _on(value),
        _on_off,
        {"enum": ["on", "off", "true", "false", True, False]},
        False,
    ),
]
"""`true` or `false` too."""


def _version_check(value: object) -> object:
    value = "off" if value is False else value
    if value not in ("job", "refuse", "off"):
        raise ValueError("takes job, refuse or off")
    return value


VersionCheck: TypeAlias = Annotated[
    Literal["job", "refuse", "off"], Spelt(_version_check, str, {"enum": ["job", "refuse", "off", False]}, "job")
]


def _heartbeat(value: object) -> Millis:
    return 0 if value == "off" or value is False else duration(value)


Heartbeat: TypeAlias = Annotated[
    Millis,
    Spelt(
        _heartbeat,
        lambda value: f"{value}ms" if value else "off",
        {"anyOf": [{"enum": ["off", False]}, {"type": "string", "pattern": DURATION_PATTERN}]},
        0,
    ),
]
"""`off`, or a duration in milliseconds."""


def _null(*words: str) -> Spelt:
    """One of these words, of which `null` may be written as YAML has it."""

    def read(value: object) -> object:
        word = "null" if value is None else value
        if word not in words:
            raise ValueError(f"takes {' or '.join(words)}")
        return word

    return Spelt(read, str, {"enum": [*words]}, words[0])


PROFILES: Mapping[str, Mapping[str, Json]] = {
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


class Switches(Part, frozen=True):
    """One value each; a profile sets several, and each can be set alone."""

    profile: Literal["oci", "rfc"] = "oci"
    invoke_status: Literal[202, 200] = 202
    error_body: Literal["fusion", "problem"] = "fusion"
    hints: OnOff = True
    unknown_job: Literal[404, 403] = 404
    unpublished: Literal[404, 403] = 404
    version_check: VersionCheck = "job"
    unknown_conversation: Literal["adopt", "refuse"] = "adopt"
    conversational_default: TrueFalse = False
    """true: an absent flag counts as true"""
    one_shot_conversation_id: Annotated[Literal["null", "fresh"], _null("null", "fresh")] = "null"
    job_ids: Literal["uuid", "odd"] = "uuid"
    resume_job_id: Literal["same", "new"] = "same"
    busy_conversation: Literal["accept", "refuse"] = "accept"
    answer_by_message: OnOff = True
    waiting_output: Annotated[Literal["null", "message"], _null("null", "message")] = "null"
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
    pod: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,63}$")] = "acme-test"
    clients: Literal["known", "any"] = "known"
    assertion_jti: Literal["any", "single"] = "any"
    refresh_rotation: OnOff = True
    authorize: Literal["auto", "page", "deny"] = "auto"
    resource_metadata: OnOff = False
    sse_done: OnOff = True
    sse_heartbeat: Heartbeat = 0
    """off, or a duration: a comment line at each such silence"""
    idempotency_key: OnOff = False
    local_orchestrator: OnOff = False

    @property
    def said(self) -> dict[str, Json]:
        """The switches off their profile's defaults, by name."""
        usual = Layers(below={"profile": self.profile}).over()
        off = {name: value for name, value in asdict(self).items() if value != getattr(usual, name)}
        return {"profile": self.profile, **off}


SaidSwitches: TypeAlias = Annotated[Mapping[str, Json], SaidOf(Switches)]
"""The switches that were set, by name, each as it stands in `Switches`."""


class Layers(Struct, frozen=True):
    """What a server is set to, around what a scenario says for itself (contract.md §10); values as in `Switches`."""

    below: Mapping[str, Json] = field(default_factory=dict)
    """What the environment and the settings file say: a scenario wins over them."""
    above: Mapping[str, Json] = field(default_factory=dict)
    """What the command line says: it wins over every scenario."""

    def over(self, own: Mapping[str, Json] | None = None) -> Switches:
        """The switches that hold, for a scenario that sets `own` or for none."""
        said = {**self.below, **(own or {}), **self.above}
        return Switches(**{**PROFILES[str(said.get("profile", "oci"))], **said})  # type: ignore[arg-type]

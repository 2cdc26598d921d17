"""`lab schema`: the scenario language, the settings file, or a recording's line, as JSON Schema."""

import json

import msgspec

from lab.cli.command_settings import SchemaSettings
from lab.cli.console import Console
from lab.core.exchange import Json
from lab.language.parse.settings_file import DISK
from lab.language.shape import json_schema
from lab.program.scenario import Scenario
from lab.program.settings_file import Server
from lab.recording.format.reader import FileLine
from lab.server.limits import LIMIT_KINDS, ServerLimits

_SIZE: dict[str, Json] = {"type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$"}
_WRITTEN: dict[str, Json] = {
    "bytes": {"anyOf": [{"type": "integer", "minimum": 1}, _SIZE]},
    "disk": {"anyOf": [{"type": "integer", "minimum": DISK[0], "maximum": DISK[1]}, _SIZE]},
    "count": {"type": "integer", "minimum": 1},
    "time": {"type": "string", "pattern": "^([0-9]+(d|h|ms|m|s))+$"},
}


def text() -> str:
    """The schema as it is printed, and as the lab carries it in `scenario.schema.json`."""
    return json.dumps(json_schema(Scenario), ensure_ascii=False, indent=2)


def execute(settings: SchemaSettings, console: Console) -> int:
    """Print it."""
    of = of_settings if settings.settings else of_recording if settings.recording else None
    console.out(text() if of is None else json.dumps(of(), ensure_ascii=False, indent=2))
    return 0


def of_recording() -> dict[str, Json]:
    """The schema of each line of a recording (recordings.md §2)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(FileLine, schema_hook=lambda _: {"description": "any value of JSON"}),
    }


def of_settings() -> dict[str, Json]:
    """The schema of a settings file; the limits are those that the server has."""
    schema, usual = json_schema(Server), ServerLimits()
    properties = schema["properties"]
    assert isinstance(properties, dict)
    properties["limits"] = {
        "type": "object", "additionalProperties": False,
        "properties": {name: _limit(kind, getattr(usual, name)) for name, kind in LIMIT_KINDS.items()},
    }  # fmt: skip
    return schema


def _limit(kind: str, usual: float) -> Json:
    written = _WRITTEN[kind]
    assert isinstance(written, dict)
    return {**written, "default": f"{usual * 1000:g}ms" if kind == "time" else usual}

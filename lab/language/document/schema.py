"""The language as JSON Schema, generated from the typed document: what editors complete and check by.

Draft 7, which editors' YAML servers know best. It says what the shape is; that names lead somewhere, that the shorter
duration comes first and the like only the parser says.
"""

from typing import cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from lab.core.exchange import Json
from lab.language.document.base import DURATION_PATTERN, duration_text
from lab.language.document.scenario import Scenario


class _Generator(GenerateJsonSchema):
    """pydantic's, but: no titles made of names, and forms told apart by their keys are `anyOf`, which editors read best."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        branches = super().tagged_union_schema(schema)
        return {"anyOf": branches.pop("oneOf"), **branches}

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        head = {"$schema": "http://json-schema.org/draft-07/schema#", "$comment": "made by: lab schema"}
        return {**head, **super().generate(schema, mode)}


def json_schema() -> dict[str, Json]:
    """The schema of a scenario file."""
    schema = Scenario.model_json_schema(by_alias=True, schema_generator=_Generator)
    return cast("dict[str, Json]", _plain(cast("Json", schema)))


def _plain(value: Json) -> Json:
    """Without defaults that say nothing, pairs as lists of two, durations as they are written."""
    match value:
        case list():
            return [_plain(each) for each in value]
        case dict():
            members = {key: _plain(each) for key, each in value.items() if not (key == "default" and _silent(each))}
            if isinstance(members.get("default"), int) and _is_duration(members):
                members["default"] = duration_text(int(str(members["default"])))
            pair = members.get("prefixItems")
            if isinstance(pair, list) and all(each == pair[0] for each in pair):
                del members["prefixItems"]
                members["items"] = pair[0]
            return members
        case _:
            return value


def _silent(value: Json) -> bool:
    return value is None or isinstance(value, list | dict) or value == ""


def _is_duration(schema: dict[str, Json]) -> bool:
    branches = schema.get("anyOf")
    forms = [schema, *(branches if isinstance(branches, list) else ())]
    return any(isinstance(form, dict) and form.get("pattern") == DURATION_PATTERN for form in forms)

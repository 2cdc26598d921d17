"""JSON Schema and parser: one says of a document's shape what the other says."""

import json
import re

from hypothesis import example, given
from jsonschema import Draft7Validator

from lab.core.errors import ScenarioError
from lab.language.shape import json_schema, parsed
from lab.program.scenario import Scenario
from tests.conftest import examples
from tests.documents import Document, documents, spoilt

SCHEMA = json_schema(Scenario)
VALIDATOR = Draft7Validator(SCHEMA)
BEYOND = re.compile(
    r"(?:^|: )(between: |weights: |the median is |a list holds |a duration is at most |an output is at most |a fault "
    r"|the smaller number |must be more than 0%|takes whole seconds|answer: 200|body is of|retry_after is of|error is the"
    r"|a token answer|status_word takes|expire_token |a lost reply|step and after|who is refused)"
)
"""What JSON Schema can't say, or the parser says after the shape."""


def rejected(document: Document) -> list[str]:
    """The complaints of the typed document that are of shape."""
    try:
        parsed(Scenario, document)
    except ScenarioError as error:
        return [each.what for each in error.complaints if not BEYOND.search(each.what)]
    return []


def test_the_schema_is_one():
    Draft7Validator.check_schema(SCHEMA)


def test_every_key_of_the_language_is_described():
    bare = [
        f"{name}.{key}"
        for name, part in [*SCHEMA["definitions"].items(), ("Scenario", SCHEMA)]
        if name != "Switches"  # lab fidelity tells of them
        for key, value in part.get("properties", {}).items()
        if "description" not in value and "const" not in value
    ]
    assert [key for key in bare if not key.startswith(("Fault.", "Retry"))] == []


@examples(10, thorough=300)
@given(documents(faults=True))
def test_what_loads_is_valid(document):
    assert rejected(document) == []
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


SMALL = {
    "lab": 1, "name": "a", "title": "A", "agent": {"code": "A"}, "ask": "go", "steps": [{"complete": "end", "output": "x"}]
}  # fmt: skip


@examples(12, thorough=600)
@given(spoilt())
@example(SMALL | {"data": {"a": {"list": {"each": None}, "count": 0}}})
@example(SMALL | {"data": {"a": {"list": 1, "count": {"one_of": [None, 3]}}}})
@example(SMALL | {"data": {"a": {"list": 1, "count": {"one_of": [0, 1001]}}}})
@example(SMALL | {"data": {"a": {"list": 1, "count": {"between": [0.5, 3]}}}})
@example(SMALL | {"data": {"a": {"list": 1, "count": {"between": [0, 3], "decimals": 1}}}})
@example(SMALL | {"for": {}})
@example(SMALL | {"for": {"users": []}})
def test_what_is_spoilt_is_refused_by_both_or_by_neither(document):
    complaints = rejected(document)
    errors = [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(document)]
    assert bool(complaints) == bool(errors), (complaints, errors, json.dumps(document))

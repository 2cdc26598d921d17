"""`lab schema`: the scenario language as JSON Schema, for editors."""

import json

from lab.cli.console import Console
from lab.core.scenario import Scenario
from lab.settings import Settings


def execute(asked: Settings, console: Console) -> int:
    """Print it."""
    console.out(json.dumps(Scenario.model_json_schema(by_alias=True), ensure_ascii=False, indent=2))
    return 0

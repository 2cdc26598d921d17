"""`lab openapi`: the mocked surface as an OpenAPI document."""

import json

from lab.cli.command_settings import OpenapiSettings
from lab.cli.console import Console
from lab.cli.setup import server_switches
from lab.core.version import __version__
from lab.dialects.openapi import openapi
from lab.identity.scopes import api_scope


def execute(settings: OpenapiSettings, console: Console) -> int:
    """Print it as JSON."""
    chosen = server_switches(settings.switches)
    document = openapi(__version__, scope=api_scope(chosen.pod), local=chosen.local_orchestrator)
    console.out(json.dumps(document, ensure_ascii=False, indent=2))
    return 0

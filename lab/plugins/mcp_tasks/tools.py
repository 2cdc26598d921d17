"""What MCP says of the agent teams: the server's answer to whoever discovers it, and a tool for each team (mcp.md §3)."""

from msgspec import Struct

from lab.core.exchange import Json
from lab.dialects.base import Invoke
from lab.dialects.fusion.client import FusionClient
from lab.dialects.reading import near_misses
from lab.jobs.program import Program
from lab.plugins.mcp_tasks.rpc import IMPLEMENTATION, MCP_VERSION, TASKS_EXTENSION, McpCall, as_object
from lab.program.scenario import user_message

LONGEST_CONVERSATION = 200
_CACHED: dict[str, Json] = {"ttlMs": 0, "cacheScope": "private"}
"""What is published may change at any time."""
_PROGRESS = FusionClient.labels.progress
"""What is accepted is kept by Fusion's names; this one says that the job is to tell what it does."""
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def server_description() -> dict[str, Json]:
    """Versions and capabilities."""
    return {
        "supportedVersions": [MCP_VERSION],
        "capabilities": {"tools": {}, "extensions": {TASKS_EXTENSION: {}}},
        "instructions": "Each tool is an agent team. A call becomes a task, which may ask for a decision before it ends.",
        "_meta": {"io.modelcontextprotocol/serverInfo": IMPLEMENTATION},
        **_CACHED,
    }


def tool_list(teams: tuple[tuple[str, tuple[Program, ...]], ...]) -> dict[str, Json]:
    """All published teams, each a tool."""
    return {"tools": [_tool(code, team) for code, team in teams], **_CACHED}


def _tool(code: str, team: tuple[Program, ...]) -> Json:
    messages, scenario = [user_message(each.scenario.ask) for each in team], team[0].scenario
    parameters = {name: value for each in messages for name, value in each.parameters.items()}
    properties: dict[str, Json] = {
        "message": {"type": "string", "examples": [each.message for each in messages]},
        "conversation": {"type": "string", "description": "That of an earlier call, which goes on."},
    }
    if parameters:
        kinds: Json = {
            name: {"type": _KINDS.get(type(value), "null"), "examples": [value]} for name, value in parameters.items()
        }
        properties["parameters"] = {"type": "object", "properties": kinds}
    schema: Json = {"type": "object", "properties": properties, "required": ["message"]}
    shows = scenario.shows or scenario.title
    return {"name": code, "title": scenario.title, "description": shows, "inputSchema": schema}


class _Arguments(Struct, frozen=True):
    message: str | None = None
    conversation: str | None = None
    parameters: dict[str, Json] | None = None


class _ToolCall(Struct):
    name: str
    arguments: _Arguments = _Arguments()


def read_tool_call(call: McpCall) -> Invoke:
    """The message for a team that a call of its tool is. Null counts as absent; a blank message is the mock's to refuse."""
    wanted = call.params_as(_ToolCall)
    message, conversation = wanted.arguments.message or "", wanted.arguments.conversation
    parameters, names = wanted.arguments.parameters or {}, as_object(call.params.get("arguments"))
    if conversation is not None and not (1 <= len(conversation) <= LONGEST_CONVERSATION and conversation.isprintable()):
        raise call.wrong(f"arguments.conversation must be 1 to {LONGEST_CONVERSATION} printable characters.")
    members: dict[str, Json] = {"message": message, "conversational": True, _PROGRESS: True}
    known = _Arguments.__struct_fields__
    return Invoke(
        team=wanted.name,
        message=message,
        conversation=conversation,
        answers=False,
        parameters=parameters,
        blank=not message.strip() and not parameters,
        members={**members, "parameters": parameters} if parameters else members,
        flags=() if names.keys() <= set(known) else ("unknown_field",),
        unknown=near_misses(names, known),
        echo=call,
    )

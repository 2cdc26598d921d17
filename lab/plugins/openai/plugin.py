"""OpenAI's Responses API, with the agent teams as its models."""

from lab.plugin import Plugin, WireDeclared

PLUGIN = Plugin(
    "openai",
    "speaks OpenAI's Responses API on the same jobs",
    page="openai",
    wires=(
        WireDeclared(
            "openai",
            "lab.plugins.openai.wire:WIRE",
            routes=("openai", "openai-response", "openai-cancel", "openai-models", "openai-model", "openai-webhooks"),
            of_a_job=("openai", "openai-response", "openai-cancel"),
            judges="lab.plugins.openai.judges:OPENAI_JUDGES",
            place="/v1",
        ),
    ),
)

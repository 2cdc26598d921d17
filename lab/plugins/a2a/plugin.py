"""The agents as A2A has them, 1.0 and 0.3."""

from lab.plugin import Plugin, WireDeclared

PLUGIN = Plugin(
    "a2a",
    "speaks A2A 1.0 and 0.3 on the same jobs",
    page="a2a",
    wires=(
        WireDeclared(
            "a2a",
            "lab.plugins.a2a.wire:WIRE",
            routes=("a2a", "a2a-stream", "a2a-http", "a2a-card", "a2a-search"),
            of_a_job=("a2a", "a2a-stream", "a2a-http"),
            judges="lab.plugins.a2a.judges:A2A_JUDGES",
            place="/.well-known/agent-card.json",
        ),
        WireDeclared("a2a-0.3", "lab.plugins.a2a.wire:WIRE_03", routes=()),
    ),
)

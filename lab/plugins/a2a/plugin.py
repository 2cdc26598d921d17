"""The second wire: Oracle's agents as A2A has them."""

from lab.plugin import Plugin, WireDeclared

PLUGIN = Plugin(
    "a2a",
    "speaks A2A on the same jobs",
    page="contract",
    wires=(
        WireDeclared(
            "a2a",
            "lab.plugins.a2a.wire:WIRE",
            routes=("a2a", "a2a-stream", "a2a-card", "a2a-search"),
            of_a_job=("a2a", "a2a-stream"),
            judges="lab.plugins.a2a.judges:A2A_JUDGES",
        ),
    ),
)

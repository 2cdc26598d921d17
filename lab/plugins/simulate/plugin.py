"""Scenarios in bulk: what one means for many jobs, for who decides on them, and for who polls them."""

from lab.plugin import CliCommand, Plugin

PLUGIN = Plugin(
    "simulate",
    "says what a scenario means for many jobs",
    page="simulations",
    commands=(
        CliCommand(
            "scenarios",
            "simulate",
            "what a scenario means for many jobs: ends, waits, polls, load",
            "lab simulate item-comparison --poll '2s..30s x1.5'",
            "lab.plugins.simulate.command:execute",
            "lab.plugins.simulate.options:SimulateSettings",
        ),
    ),
)

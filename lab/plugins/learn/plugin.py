"""Scenarios made of what was observed: recordings, HAR files, VCR cassettes."""

from lab.plugin import CliCommand, Plugin

PLUGIN = Plugin(
    "learn",
    "makes scenarios of recordings, HAR files and cassettes",
    page="recordings",
    commands=(
        CliCommand(
            "scenarios",
            "learn",
            "print a scenario that plays what was observed",
            "lab learn calls.har > scenarios/calls.yaml",
            "lab.plugins.learn.command:execute",
            "lab.plugins.learn.options:LearnSettings",
        ),
    ),
)

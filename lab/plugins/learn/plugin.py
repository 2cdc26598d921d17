"""Scenarios made of what was observed: recordings, HAR files, VCR cassettes."""

from lab.plugin import CliCommand, Option, Plugin

LEARN = (
    Option("target", "FILE", "a recording by path or bare name, a HAR file, or a VCR cassette"),
    Option("--name", "NAME", "what the scenario is called; default: after the file"),
    Option("--status", "MEMBER", "of an API that the lab doesn't speak: what holds the status, as data.state; or http"),
    Option("--words", "STATUS=WORDS", "what its words mean, as RUNNING=queued,in_progress", repeated=True),
    Option(
        "--at", "WHAT=MEMBER", "what holds ask (in the request), says, output, error, as output=result", repeated=True
    ),
)
PLUGIN = Plugin(
    "learn",
    "makes scenarios of recordings, HAR files and cassettes",
    page="recordings",
    commands=(
        CliCommand(
            "learn",
            "print a scenario that plays what was observed",
            "lab learn calls.har > scenarios/calls.yaml",
            "lab.plugins.learn.command:execute",
            "lab.plugins.learn.plugin:LEARN",
        ),
    ),
)

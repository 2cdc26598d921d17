"""The options of `lab learn`."""

from lab.plugin import Option

LEARN = (
    Option("target", "FILE", "a recording by path or bare name, a HAR file, or a VCR cassette"),
    Option("--name", "NAME", "what the scenario is called; default: after the file"),
    Option("--status", "PATH", "of an API that the lab doesn't speak: where answers hold the status, as $.data.state"),
    Option("--words", "STATUS=WORDS", "what its words mean, as RUNNING=queued,in_progress", repeated=True),
)

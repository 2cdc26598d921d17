"""`lab learn`: a scenario out of what was observed: a recording, a HAR file, a VCR cassette."""

import re
from functools import partial
from pathlib import Path

from lab.cli.console import Console
from lab.cli.recordings import locate
from lab.core.errors import UsageError
from lab.files.calls_of_tools import read_calls
from lab.files.recordings import RECORDING_ENDING, read_blob
from lab.language.parse import parse_scenario
from lab.plugins.learn.poll_groups import ForeignTerms
from lab.plugins.learn.sources import learn, observed_in
from lab.plugins.learn.steps import slug
from lab.plugins.learn.words import parse_path, parse_words
from lab.recording.redaction.leaks import leaks
from lab.settings import Flags

_OWN_TOKEN = re.compile(r"(?m)^(?: *)token: (?=\{|[0-9]+(?:ms|[smhd]))")
"""How long tokens last and take, which is no secret though it is called like one."""


def execute(flags: Flags, console: Console) -> int:
    """Print the scenario; on stderr what it lacks, and what of it must not be published."""
    path = locate(flags["target"])
    name = flags["name"] or slug(Path(path.name.removesuffix(RECORDING_ENDING)).stem) or "learned"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", name):
        raise UsageError(f"{name!r} can't name a scenario.", hint="Use a-z, 0-9 and dashes, as in refund-request.")
    status = flags["status"]
    terms = ForeignTerms(parse_path(status) if status else None, parse_words(tuple(flags["words"] or ())))
    observed = observed_in(read_calls(path), str(path), partial(read_blob, path))
    draft = learn(observed, name, path.name, terms)
    console.out(draft.text.rstrip("\n"))
    for sentence in draft.missing:
        console.err(f"note: {sentence}")
    for leak in leaks(_OWN_TOKEN.sub("route: ", draft.text).encode()):
        console.err(f"note: line {leak.line} has {leak.what}: look at it before you publish it.")
    parse_scenario(draft.text, f"{name}.yaml")  # whose complaints end the command
    console.err(f"keep it as scenarios/{name}.yaml, then: lab check scenarios/{name}.yaml --plan")
    return 0

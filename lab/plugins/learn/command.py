"""`lab learn`: a scenario out of what was observed: a recording, a HAR file, a VCR cassette."""

import re
from collections.abc import Callable
from pathlib import Path

from lab.cli.console import Console
from lab.cli.recordings import locate
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.files.recordings import RECORDING_ENDING, read_calls
from lab.identity.routes import IDENTITY_NAMES
from lab.language.parse import parse_scenario
from lab.plugins.learn.foreign import Terms, foreign_story, parse_terms
from lab.plugins.learn.options import LearnSettings
from lab.plugins.learn.reading import ObservedCalls, observed_in
from lab.plugins.learn.scenario import scenario_text, slug
from lab.plugins.learn.story import earliest_polls, find_faults, own_story, pace_of, stretches_of, with_texts
from lab.recording.redaction.bodies import body_of
from lab.recording.redaction.leaks import leaks
from lab.recording.tape.captured import CaptureRedactor

_OWN_TOKEN = re.compile(r"(?m)^(latency: \{|)token: (?=\{|[0-9]+(?:ms|[smhd]))")
"""How long tokens last and take, which is no secret though it is called like one."""


def execute(settings: LearnSettings, console: Console) -> int:
    """Print the scenario; on stderr what it lacks, and what of it must not be published."""
    path = locate(settings.target)
    name = settings.name or slug(Path(path.name.removesuffix(RECORDING_ENDING)).stem) or "learned"
    terms = parse_terms(settings.status, settings.words, settings.places)
    text = learn(observed_in(read_calls(path), str(path)), name, path.name, terms)
    console.out(text.rstrip("\n"))
    for leak in leaks(_OWN_TOKEN.sub(r"\1route: ", text).encode()):
        console.err(f"note: line {leak.line} has {leak.what}: look at it before you publish it.")
    parse_scenario(text, f"{name}.yaml")  # whose complaints end the command
    kept = Path("scenarios", f"{name}.yaml")
    if kept.is_file() and kept.stat().st_size:  # one that the shell made for what is printed is empty yet
        console.err(f"{kept} is there already: --name NAME gives what was learnt another name.")
    else:
        console.err(f"keep it as {kept}, then: lab check {kept} --plan")
    return 0


def learn(observed: ObservedCalls, name: str, source: str, terms: Terms) -> str:
    """The scenario; UsageError if the file holds no poll."""
    story, hide = own_story(observed.calls, observed.facts) if terms.status is None else None, _redaction(observed)
    try:
        story = story or foreign_story(observed.calls, terms)
    except UsageError as error:  # which names words of the file
        raise UsageError(str(hide(error.what)), hint=str(hide(error.hint))) from None
    story.paces = {route: pace_of(call.latency for call in calls if call.tells) for route, calls in story.calls.items()}
    find_faults(story, observed.epoch)
    for turn in story.turns:
        turn.stretches = stretches_of(turn, earliest_polls(turn, story.paces["invoke"], story.paces["status"]))
    clean = with_texts(story, hide)
    head = [
        f"Learned by lab learn from {source}. Steps end as late as the polls allow; beside each stands how short and how long it can have been."
    ]
    if not observed.timed:
        clean.paces = {}
        head.append("The file doesn't say when calls were made: a second between two polls is assumed.")
    if not any(call.latency for calls in story.calls.values() for call in calls):
        head.append("The file doesn't say how long answers took.")
    return scenario_text(clean, name, source, head)


def _redaction(observed: ObservedCalls) -> Callable[[Json], Json]:
    """Puts aliases for secrets and hosts: what any of the calls shows to be one is one everywhere."""
    if not observed.origins:
        return lambda value: value
    redactor = CaptureRedactor(())
    for origin in observed.origins:
        redactor.flat(origin)
    with redactor.secrets.learning():
        for call in observed.calls:
            request, oauth = call.request, call.route in IDENTITY_NAMES
            redactor.text(request.path)
            redactor.written(request.query, oauth=oauth)
            for headers, body, reply in ((request.headers, request.body, False), (call.headers, call.body, True)):
                redactor.headers(headers)
                body_of(headers, body, redactor, oauth=oauth, reply=reply)
    return redactor.json

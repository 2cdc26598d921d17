"""`lab learn`: a scenario out of what was observed: a recording, a HAR file, a VCR cassette."""

import re
from functools import partial
from pathlib import Path

from lab.cli.console import Console
from lab.cli.recordings import locate
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.files.calls_of_tools import read_calls
from lab.files.recordings import RECORDING_ENDING, read_blob
from lab.language.complaints import LARGEST_FILE
from lab.language.parse import parse_scenario
from lab.plugins.learn.failures import faults_of
from lab.plugins.learn.foreign import ForeignTerms, foreign_story, parse_path, parse_words
from lab.plugins.learn.model import (
    MOST_MESSAGES,
    TIMED_ROUTES,
    ObservedJob,
    ObservedTurn,
    RoutePace,
    Session,
    Story,
    earliest_polls,
    pace_of,
    stretches_of,
)
from lab.plugins.learn.own import own_story
from lab.plugins.learn.scenario import Draft, draft_of, slug
from lab.plugins.learn.traffic import ObservedCalls, observed_in, printable
from lab.program.words import Status
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
    terms = ForeignTerms(parse_path(status) if status else None, parse_words(flags["words"] or ()))
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


def learn(observed: ObservedCalls, name: str, source: str, terms: ForeignTerms) -> Draft:
    """The scenario; UsageError if the file holds no poll."""
    story = None if terms.given else own_story(observed.calls, observed.facts)
    story = story or foreign_story(observed.calls, terms)
    session = session_of(story, observed)
    if observed.filed:
        session = printable(session, observed)
    head = [
        f"Learned by lab learn from {source}. Steps end as late as the polls allow; beside each stands how short and how long it can have been."
    ]
    if not observed.timed:
        head.append("The file doesn't say when calls were made: a second between two polls is assumed.")
    if not any(call.latency for calls in story.calls.values() for call in calls):
        head.append("The file doesn't say how long answers took.")
    return draft_of(session, name, source, head)


def session_of(story: Story, observed: ObservedCalls) -> Session:
    """A story without its calls."""
    paces = {route: pace_of(call.latency for call in story.calls[route] if call.good) for route in TIMED_ROUTES}
    turns = story.turns[:MOST_MESSAGES]
    more = len(story.turns) - len(turns)
    faults, missing = faults_of(story, turns, paces, observed.epoch)
    missing += [f"Messages beyond the first {MOST_MESSAGES} are left out: {more}."] if more else []
    if (longest := max(len(turn.message) for turn in turns)) > LARGEST_FILE:
        raise UsageError(f"A message of {longest} characters is longer than a scenario's file may be, 1 MiB.")
    jobs = tuple(
        ObservedJob(
            message=turn.message,
            parameters=turn.parameters,
            stretches=stretches_of(turn, earliest_polls(turn, paces["invoke"], paces["status"])),
            decisions=tuple(turn.decisions),
            patience=tuple(turn.patience.items()),
        )
        for turn in turns
    )
    return Session(
        about=story.about,
        jobs=jobs,
        paces=tuple(paces[route] if observed.timed else RoutePace() for route in TIMED_ROUTES),
        faults=tuple(faults),
        expected=_expected(turns[-1]),
        missing=tuple(missing),
    )


def _expected(turn: ObservedTurn) -> dict[str, Json]:
    """How a run of the lab's own client ends, where that isn't COMPLETE."""
    last = turn.last
    if last is None:
        status = turn.invoke.replied.response.status
        refused = 400 <= status < 600 and turn.invoke.replied.cut is None
        return {"refused": status} if refused else {"status": None}
    if last.final:
        return {"status": "ERROR"} if last.status is Status.ERROR else {}
    ended = turn.polls[-1].call.replied.response.status if turn.polls else 0
    # what may pass, a client asks again after
    return {"refused": ended} if 400 <= ended < 500 and ended != 429 else {}

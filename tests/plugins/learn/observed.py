"""What a learned scenario is compared by: statuses, outputs and failures of a story, and when statuses changed."""

import re
from itertools import groupby
from pathlib import Path

from lab.cli.check.scenario_checks import parse_files
from lab.core.errors import Complaint
from lab.core.exchange import header_of
from lab.files.recordings import read_recording
from lab.plugins.learn.reading import observed_in
from lab.plugins.learn.story import RoutePace, Story, earliest_polls, own_story, stretches_of
from lab.recording.exchange import RecordedExchange


def story_in(path: Path) -> Story:
    """The story of a recording."""
    observed = observed_in(read_recording(path), str(path))
    story = own_story(observed.calls, observed.facts)
    assert story is not None
    return story


def canonical(story: Story) -> list[object]:
    """Turn by turn what was asked and seen, equal polls folded, and which calls failed how."""
    found: list[object] = []
    for turn in story.turns:
        seen = [poll.seen for poll in turn.polls if poll.seen is not None]
        failed = [
            (number, poll.status, poll.cut, retry(poll)) for number, poll in enumerate(turn.polls) if poll.seen is None
        ]
        statuses = [each for each, _ in groupby((each.word, each.progress) for each in seen)]
        last = turn.last
        found.append(
            (turn.message, dict(turn.parameters), statuses, last and (last.output, last.error, last.follow_up), failed)
        )
    for route in ("token", "invoke"):
        found += [
            (route, n, call.status, call.cut, retry(call))
            for n, call in enumerate(story.calls[route])
            if not call.tells
        ]
    return found


def retry(call: RecordedExchange) -> bool:
    return header_of(call.headers, "retry-after") is not None


def changes(story: Story) -> list[list[tuple[int, int]]]:
    """Of each turn between which instants its status changed."""
    pace = RoutePace()
    return [
        [(each.low, each.high) for each in stretches_of(turn, earliest_polls(turn, pace, pace))] for turn in story.turns
    ]


def complaints_of(path: Path) -> list[Complaint]:
    """What `lab check --strict` says of a learned scenario."""
    (parsed,) = parse_files((path,)).values()
    return [*parsed.complaints, *parsed.warnings(None)]


_STAND_IN = re.compile("lab-[A-Z][0-9]+-[a-z]+(?:-x+)?")
_LASTS = re.compile(r"\b(?:after|takes|patience|token|invoke|status|delay): (?:\{between: [^}]*\}|(?:\d+[a-z]+)+)")


def undated(text: str) -> list[str]:
    """A learned scenario without what depends on when a client polled: comments, and how long things last."""
    lines = (line.partition("  #")[0] for line in text.splitlines() if not line.startswith(("#", "shows:")))
    # a stand-in in a scenario is a text that looks like one
    return [_STAND_IN.sub("lab-S1-secret", _LASTS.sub("", line)) for line in lines if "delay: " not in line]

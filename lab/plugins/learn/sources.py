"""A file -> its story: a recording, a HAR file or a cassette, told apart by what they hold (recordings.md §17)."""

import re

from msgspec import Struct

from lab.core.clock import Epoch
from lab.core.errors import RecordingError
from lab.plugins.learn.cassette_file import cassette_calls
from lab.plugins.learn.draft import Draft, draft_of
from lab.plugins.learn.foreign import foreign_story, no_status
from lab.plugins.learn.har_file import har_calls
from lab.plugins.learn.own import own_story
from lab.plugins.learn.poll_groups import ForeignTerms
from lab.plugins.learn.story import Story
from lab.plugins.learn.traffic import FiledCall, TrafficRedactor
from lab.recording.format.codec import is_recording
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.playback.calls import PlaybackCall, playback_calls
from lab.recording.redaction.bodies import Blob
from lab.recording.tape.recorded_calls import epoch_in

_CASSETTE_IN_JSON = re.compile(rb'\{\s*(?:"(?:version|recorded_with)"\s*:[^,{\[]*,\s*)*"(?:http_)?interactions"')


class ObservedCalls(Struct):
    """What a file holds."""

    calls: list[PlaybackCall]
    epoch: Epoch
    facts: tuple[Entry, ...] = ()
    timed: bool = True


def observed_in(data: bytes, file: str, blob: Blob) -> ObservedCalls:
    """The calls of a file; RecordingError, with the place, if it can't be read."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if is_recording(start):
        recording = read(data, file)
        facts = tuple(recording.facts("gate.opened", "gate.decided", "gate.expired"))
        return ObservedCalls(list(playback_calls(recording, blob)), epoch_in(recording), facts)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecordingError(f"{file}:{line}: the file is not UTF-8.") from None
    if start.startswith(b"{") and not _CASSETTE_IN_JSON.match(start):
        calls, epoch = har_calls(text, file)
        return _redacted(calls, epoch, timed=True)
    cassette = cassette_calls(text, file)
    return _redacted(cassette.calls, cassette.epoch, timed=cassette.timed)


def _redacted(calls: list[FiledCall], epoch: Epoch, *, timed: bool) -> ObservedCalls:
    return ObservedCalls(TrafficRedactor().playback_calls(calls), epoch, timed=timed)


def learn(observed: ObservedCalls, name: str, source: str, terms: ForeignTerms) -> Draft:
    """The scenario; UsageError if the file holds no poll."""
    story: Story | None = None
    if not terms.given:
        story = own_story(observed.calls, observed.facts)
    story = story or foreign_story(observed.calls, terms)
    if story is None:
        raise no_status(observed.calls, terms)
    story.timed = observed.timed
    return draft_of(story, name, source, observed.epoch)

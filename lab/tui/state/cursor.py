"""Where PLAYBACK stands in a recording, and the marks on the way through it."""

from collections.abc import Mapping

from msgspec import Struct

from lab.core.clock import Millis
from lab.tui.state.happenings import Spread


class RecordingMark(Struct, frozen=True):
    """A mark on the way through a recording: after so many lines, at this instant."""

    place: int
    at: Millis
    kind: str
    """`token invoke poll gate decided fault output error`."""


RecordedDecisions = Mapping[tuple[str, str, int], tuple[Millis, str]]
"""When each opening of a gate was decided, and how: by job, gate and round."""


class PlaybackCursor(Struct, frozen=True):
    """Where PLAYBACK stands."""

    start: Millis
    until: Millis
    line: int
    """The last line that was played, as people count them."""
    lines: int
    playing: bool = False
    marks: tuple[RecordingMark, ...] = ()
    spread: Spread = Spread()
    decisions: RecordedDecisions = {}
    damage: str = ""
    """What a reader should know of the file: that it is open or torn."""

"""Where PLAYBACK stands in a recording."""

from collections.abc import Mapping

from msgspec import Struct

from lab.core.clock import Millis
from lab.tui.state.happenings import Spread
from lab.tui.state.milestones import Milestone

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
    marks: tuple[Milestone, ...] = ()
    spread: Spread = Spread()
    decisions: RecordedDecisions = {}
    damage: str = ""
    """What a reader should know of the file: that it is open or torn."""

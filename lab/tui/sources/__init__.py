"""Where observations come from; the screen knows none of it. LIVE here; WATCH and PLAYBACK in modules of their own."""

from lab.tui.sources.live import Live
from lab.tui.sources.protocol import Connect, Playable, RunConnection, ScreenSource

__all__ = ["Connect", "Live", "Playable", "RunConnection", "ScreenSource"]

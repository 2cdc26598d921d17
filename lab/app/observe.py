"""The names of observations that the screen still uses."""

from lab.app.observations import Asking as Asked
from lab.app.observations import RunEnded as Ended
from lab.app.observations import RunObservation as Observation
from lab.app.observations import RunObserver as Observer
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting

__all__ = ["Asked", "Ended", "Lost", "Noted", "Observation", "Observer", "Replied", "Requested", "Touched", "Waiting"]

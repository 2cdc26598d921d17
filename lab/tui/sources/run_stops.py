"""Where a run of ours stands: after a step, at a stage that somebody wants to go to, and where an act begins.

At an act the clock rests, and no request goes out, until the act was seen.
"""

import asyncio
from collections.abc import Sequence

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.tui.sources.rewind import RunLog
from lab.tui.state.acts import ActKey, story_of
from lab.tui.state.reduce import reduce
from lab.tui.state.run import RunState


class RunStops:
    """In stage pace folds what the run observes as the screen does, and so knows at once which observation begins an act."""

    def __init__(self) -> None:
        self.stepping = False
        self.until = ""
        """The stage that a run on its way forward stops at."""
        self.on = False
        """Whether it stands at acts."""
        self.number = 0
        """Which stop was the last, from 1."""
        self._going = asyncio.Event()
        self._going.set()
        self._forget()

    def _forget(self) -> None:
        self._run = RunState()
        self.places: dict[ActKey, int] = {}
        """In stage pace, of each act of the present turn how much had been observed when it began."""
        self._count = 0

    @property
    def standing(self) -> bool:
        """Whether the run stands for an act."""
        return not self._going.is_set()

    def after(self, observation: RunObservation, log: RunLog, *, acts: bool) -> str:
        """What is to be done once this was observed: `act` or `jump` (stand for an act), `pause`, `rest`, or nothing.

        `acts`: whether it is what the run itself does; only then a step or a way forward may be at its end.
        """
        begins = self.on and self._begins(observation)
        # a person who is needed ends the way forward, too
        arrived = self.until and (log.place_of(self.until) is not None or isinstance(observation, Asking | RunEnded))
        if acts and (arrived or self.stepping):
            self.until, self.stepping = "" if arrived else self.until, False
            return "jump" if self.on else "pause"
        if begins and not self.until:
            return "act"
        return "rest" if acts and isinstance(observation, RunEnded) else ""

    def _begins(self, observation: RunObservation) -> bool:
        """Whether an act begins with what was observed."""
        self._run = reduce(self._run, observation)
        self._count += 1
        keys = [act.key for act in story_of(self._run) if act.kind != "panes"]
        before, self.places = self.places, {key: self.places.get(key, self._count) for key in keys}
        return not self.places.keys() <= before.keys()

    def turn(self, on: bool, observations: Sequence[RunObservation]) -> None:
        """Stand at acts from now on, or no more. What was observed is gone through only for who does."""
        self.on = on
        self._forget()
        for each in observations if on else ():
            self._begins(each)

    def rebuild(self, observations: Sequence[RunObservation]) -> None:
        """Know again what was observed, which is now less, or nothing."""
        self.turn(self.on, observations)
        self.stepping, self.until = False, ""
        self.go_on()

    def stand(self) -> int:
        """Stand from here on; which stop that is."""
        self._going.clear()
        self.number += 1
        return self.number

    def go_on(self) -> None:
        """Stand no more."""
        self._going.set()

    async def may_send(self) -> None:
        """Return once the run doesn't stand."""
        await self._going.wait()

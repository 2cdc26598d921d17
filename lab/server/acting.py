"""What plugins do about what follows of jobs, as long as a lab is served: begun in each lab once there is something of theirs.

A plugin declares it beside what follows (`Following.acts`). A lab in which there is no record of its kind costs it nothing:
no start waits for it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeAlias, cast

from lab.core.observe import Noted
from lab.mock.job_index import followings
from lab.plugin import Following, resolve
from lab.server.labs import ServedLab
from lab.server.mock_server import MockServer


class Actor(Protocol):
    """What one plugin does, for all labs behind a listener."""

    def begin(self, lab: ServedLab) -> None:
        """There is something to do in a lab from now on."""

    def leave(self, lab: ServedLab) -> None:
        """A lab was given up in which it has begun."""

    async def end(self) -> Sequence[str]:
        """Nobody calls any more. Lines that say what is left to do, for whoever served it."""


MakeActor: TypeAlias = Callable[[MockServer], Actor]


class Acting:
    """All of them, for one listener."""

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._waiting = {each: set[ServedLab]() for each in followings() if each.acts}
        self._actors: dict[Following, Actor] = {}
        for lab in server.labs:
            self._watch(lab)
        server.labs.watchers.append(self._watch)
        server.labs.leavers.append(self._leave)

    async def end(self) -> list[str]:
        """End all that has begun; what it leaves undone."""
        return [line for actor in self._actors.values() for line in await actor.end()]

    def _watch(self, lab: ServedLab) -> None:
        for labs in self._waiting.values():
            labs.add(lab)
        lab.service.fact_observers.append(partial(self._noted, lab))
        self._look(lab)

    def _noted(self, lab: ServedLab, _: Noted) -> None:
        if any(lab in labs for labs in self._waiting.values()):
            self._look(lab)

    def _look(self, lab: ServedLab) -> None:
        for each, labs in self._waiting.items():
            if lab in labs and lab.service.ledger.get(each.key) is not None:
                labs.remove(lab)
                if each not in self._actors:
                    self._actors[each] = cast("MakeActor", resolve(each.acts))(self._server)
                self._actors[each].begin(lab)

    def _leave(self, lab: ServedLab) -> None:
        for each, actor in self._actors.items():
            if lab not in self._waiting[each]:
                actor.leave(lab)
        for labs in self._waiting.values():
            labs.discard(lab)

"""Keys and clicks one after another: each finds the screen as the one before left it, however fast they come.

Textual hands an event to whatever is in focus when it comes. Of two keys in one read of the terminal the second would go
to where the person was before the first: a page that has been closed, or the panes below one that has just been opened.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.events import Event, InputEvent, MouseMove, Paste

HOPS = 3
"""Rounds through all widgets in which what an event leads to is waited for while the panes are on top: from a widget to the
screen. More would let a flood of observations hold keys back."""
PATIENCE = 1.0
"""Real seconds after which the next event goes out though the one before isn't done: a widget that hangs stops no key."""


class InputQueue:
    """Holds what comes from the terminal until the app has done what the event before leads to."""

    def __init__(
        self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]], failed: Callable[[Exception], None]
    ) -> None:
        """`hand_on` gives an event to what is in focus; what that raises is told to `failed`."""
        self._app = app
        self._hand_on = hand_on
        self._failed = failed
        self._events: deque[Event] = deque()
        self._work: asyncio.Task[None] | None = None

    @property
    def empty(self) -> bool:
        """Whether everything that came was handed on, and has led to what it leads to."""
        return self._work is None or self._work.done()

    def takes(self, event: Event) -> bool:
        """Whether the event is one from the terminal, which is then handed on in its turn."""
        if not isinstance(event, InputEvent | Paste) or event.is_forwarded:
            return False
        self._events.append(event)
        if self.empty:
            self._work = asyncio.create_task(self._empty())
        return True

    async def _empty(self) -> None:
        while self._events:
            event = self._events.popleft()
            try:
                await self._hand_on(event)
                if not isinstance(event, MouseMove):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._done(), PATIENCE)
            except Exception as error:  # noqa: BLE001 - as in Textual's own loop of messages
                self._failed(error)
                return

    async def _done(self) -> None:
        """Return once no widget has a message left: a message may lead to others, from widget to widget."""
        hops = 0
        while hops < HOPS or len(self._app.screen_stack) > 1:
            hops += 1
            pumps = (self._app, *self._app.screen.walk_children(with_self=True))
            waits = [asyncio.Event() for _ in pumps]
            busy = [
                wait
                for pump, wait in zip(pumps, waits, strict=True)
                if pump.message_queue_size and pump.call_later(wait.set)
            ]
            if not busy:
                return
            for wait in busy:
                await wait.wait()

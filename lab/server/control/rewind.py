"""The control plane's way back: the facts since the start, and a reset to an instant of them (contract.md §2.7)."""

from collections import Counter
from collections.abc import Callable, Sequence

from aiohttp import web
from msgspec import UNSET

from lab.clocks import ManualClock, ScaledClock, wall_second
from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.mock.history import History
from lab.mock.sizes import sizes_of
from lab.server.control.access import CommandRefused
from lab.server.control.commands import Reset, RunTape, command_in
from lab.server.labs import ServedLab
from lab.server.mock_server import MockServer

MOST_FACTS = 50_000
"""Facts that are kept for a way back."""
_ALWAYS_KEPT = ("scenarios", "settings", "seed")
"""What no reset touches: scenarios as they were edited, too."""


class Rewind:
    """Handlers for one mock of a server.

    On a clock that can be set back the usual one keeps the facts since the start; one that was chosen goes on by the
    clock of all, so it can be cleared alone.
    """

    def __init__(
        self, server: MockServer, lab: ServedLab, forget: Callable[[tuple[Fact, ...] | None], int],
        second: Callable[[], Epoch] = wall_second,
    ) -> None:  # fmt: skip
        self._server = server
        self._lab = lab
        self._forget = forget
        """Called with the facts that stay, so that subscribers begin anew with them; None: none stay, and the clock goes on.

        Gives how many exchanges the journal told of.
        """
        self._second = second
        self._history: History | None = History()
        if lab.choice is None and isinstance(lab.clock, ManualClock | ScaledClock):
            self._keep(lab.past)
            lab.service.journals.append(self._keep)

    def _keep(self, facts: Sequence[Fact]) -> None:
        if self._history is not None:
            self._history.add(facts)
            if len(self._history.facts) > MOST_FACTS:
                self._history = None

    async def tape(self, request: web.Request) -> Json:
        """`{"name"}` begins a tape, `{}` ends it."""
        name = (await command_in(request, RunTape)).name
        recorder = self._lab.recorder
        if recorder is None:
            raise CommandRefused(409, "This lab can't record.")
        if name is UNSET:
            if not recorder.running:
                raise CommandRefused(409, "No tape is running.", 'Send {"name":"…"} to begin one.')
            return {"ok": True, "file": recorder.end()}
        if recorder.running:
            raise CommandRefused(409, "A tape is running already.", "Send {} to end it.")
        return {"ok": True, "file": recorder.begin(name)}

    async def reset(self, request: web.Request) -> Json:
        """`{}` forgets everything; `{"to": t}` sets ledger and clock back to that instant."""
        to = (await command_in(request, Reset)).to
        for lab in (self._lab, self._server.labs.usual):  # whose journal tells what is given up
            lab.service.file.reserve()
        if self._lab.choice is None:
            return self._anew() if to is UNSET else self._to(to)
        if to is not UNSET:
            raise CommandRefused(409, "One scenario can't be set back alone.", "POST {} clears it.")
        return self._cleared(sizes_of(self._lab.service.ledger))

    def _cleared(self, sizes: Counter[str]) -> Json:
        """Clear this one, and let its clock go on; `sizes` is what there was of each that is cleared."""
        now = self._lab.clock.now()
        sizes["exchanges"] += self._forget(None)
        self._lab.service.reset(now)
        tape = ["tape"] if self._lab.recorder is not None and self._lab.recorder.running else []
        kept: list[Json] = [*_ALWAYS_KEPT, "clock", *tape]
        return {"ok": True, "now": now, "tape": None, "cleared": dict(sizes), "kept": kept}

    def _anew(self) -> Json:
        lab, service, clock = self._lab, self._lab.service, self._lab.clock
        sizes = Counter[str]()
        for each in lab:
            sizes.update(sizes_of(each.service.ledger))
        sizes["exchanges"] = sum(each.service.exchanges for each in lab.used())
        self._server.labs.give_up(lab)
        if not isinstance(clock, ManualClock):
            return self._cleared(sizes)

        def begin() -> None:
            self._server.drop(lab)
            clock.rewind(0)
            clock.shared = clock.withholds
            self._history = History()  # what was too much is gone
            service.restart(self._second())
            lab.redate()
            sizes["exchanges"] += self._forget(())

        tape = self._renewed(begin)
        return {"ok": True, "now": 0, "tape": tape, "cleared": dict(sizes), "kept": [*_ALWAYS_KEPT]}

    def _to(self, instant: Millis) -> Json:
        lab, service, clock = self._lab, self._lab.service, self._lab.clock
        now = clock.now()
        if not isinstance(clock, ManualClock | ScaledClock):
            raise CommandRefused(409, "This clock can't be set back.", "Start the lab with --clock manual or scaled:1.")
        if instant > now:
            raise CommandRefused(400, f"to must be an instant from 0 to {now}, in milliseconds.", Reset.hints["to"])
        if any(lab.used()):
            hint = "POST /_lab/reset {} forgets all; GET /_lab/scenarios tells where calls came."
            raise CommandRefused(409, "Scenarios that were chosen can't be set back.", hint)
        if self._history is None:
            raise CommandRefused(409, "Too much has happened since the start.", f"At most {MOST_FACTS} facts are kept.")
        kept = tuple(self._history.until(instant))
        sizes = sizes_of(service.ledger)

        def back() -> None:
            self._server.drop(lab)
            clock.rewind(instant)
            service.rewind(kept, instant)
            sizes.subtract(sizes_of(service.ledger))
            sizes["exchanges"] = self._forget(kept)

        tape = self._renewed(back)
        return {"ok": True, "now": instant, "tape": tape, "cleared": dict(sizes), "kept": [*_ALWAYS_KEPT]}

    def _renewed(self, back: Callable[[], None]) -> str | None:
        """Go back, between two tapes if one runs; nothing is awaited, so no exchange comes in between. Where the next lies."""
        if self._lab.recorder is not None:
            return self._lab.recorder.renew(back)
        back()
        return None

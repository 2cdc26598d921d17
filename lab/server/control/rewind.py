"""The control plane's tape, and its way back: a reset to an instant, or to the start (contract.md §2.7)."""

from collections import Counter
from collections.abc import Callable

from msgspec import UNSET

from lab.clocks import ManualClock, ScaledClock
from lab.control import ResetLab, RunTape, TapeDocument, WasReset
from lab.core.clock import Millis
from lab.mock.history import History
from lab.mock.sizes import sizes_of
from lab.server.control.observed import MOST_FACTS, RouteContext
from lab.server.control.reading import CommandRefused

_ALWAYS_KEPT = ("scenarios", "settings", "seed")
"""What no reset touches: scenarios as they were edited, too."""


async def run_tape(context: RouteContext, command: RunTape) -> TapeDocument:
    """A name begins one, none ends it."""
    recorder = context.lab.recorder
    if context.lab.calls.shared:
        hint = "GET /_lab/journal tells all that happened, at any process."
        raise CommandRefused(409, "A shared lab can't be recorded.", hint)
    if recorder is None:
        raise CommandRefused(409, "This lab can't record.")
    if command.name is UNSET:
        if not recorder.running:
            raise CommandRefused(409, "No tape is running.", 'Send {"name":"…"} to begin one.')
        return TapeDocument(True, recorder.end())
    if recorder.running:
        raise CommandRefused(409, "A tape is running already.", "Send {} to end it.")
    return TapeDocument(True, recorder.begin(command.name))


async def reset_lab(context: RouteContext, command: ResetLab) -> WasReset:
    """`{}` forgets everything; `to` sets ledger and clock back to that instant."""
    lab, to = context.lab, None if command.to is UNSET else command.to
    if lab.calls.shared:
        if to is not None:
            raise CommandRefused(409, "A shared lab can't be set back.", "POST {} forgets all; the clock goes on.")
        return await _cleared_for_all(context)
    for each in (lab, context.server.labs.usual):  # whose journal tells what is given up
        each.service.file.reserve()
    if lab.choice is not None:
        if to is not None:
            raise CommandRefused(409, "One scenario can't be set back alone.", "POST {} clears it.")
        return _cleared(context, sizes_of(lab.service.ledger))
    return _anew(context) if to is None else _back(context, to)


async def _cleared_for_all(context: RouteContext) -> WasReset:
    """Clear a lab of several processes: each forgets what it remembers when it learns of it."""

    def clear(now: Millis) -> tuple[Millis, Counter[str]]:
        sizes = sizes_of(context.lab.service.ledger)
        context.lab.service.reset(now)
        return now, sizes

    now, sizes = await context.lab.calls.run(clear)
    sizes["exchanges"] += context.observed.cleared
    return WasReset(True, now, None, dict(sizes), [*_ALWAYS_KEPT, "clock"])


def _cleared(context: RouteContext, sizes: Counter[str]) -> WasReset:
    """Clear this one, and let its clock go on; `sizes` is what there was of each that is cleared."""
    now, recorder = context.lab.clock.now(), context.lab.recorder
    sizes["exchanges"] += context.observed.begin_anew(None)
    context.lab.service.reset(now)
    tape = ["tape"] if recorder is not None and recorder.running else []
    return WasReset(True, now, None, dict(sizes), [*_ALWAYS_KEPT, "clock", *tape])


def _anew(context: RouteContext) -> WasReset:
    lab, clock, observed = context.lab, context.lab.clock, context.observed
    sizes = Counter[str]()
    for each in lab:
        sizes.update(sizes_of(each.service.ledger))
    sizes["exchanges"] = sum(each.service.exchanges for each in lab.used())
    context.server.labs.give_up(lab)
    if not isinstance(clock, ManualClock):
        return _cleared(context, sizes)

    def begin() -> None:
        clock.shared = clock.withholds
        observed.history = History()  # what was too much is gone
        lab.service.restart(observed.second())
        lab.redate()
        sizes["exchanges"] += observed.begin_anew(())

    return _gone_back(context, clock, 0, sizes, begin)


def _back(context: RouteContext, instant: Millis) -> WasReset:
    lab, service, clock = context.lab, context.lab.service, context.lab.clock
    now = clock.now()
    if not isinstance(clock, ManualClock | ScaledClock):
        raise CommandRefused(409, "This clock can't be set back.", "Start the lab with --clock manual or scaled:1.")
    if instant > now:
        raise CommandRefused(400, f"to must be an instant from 0 to {now}, in milliseconds.", ResetLab.hints["to"])
    if any(lab.used()):
        hint = "POST /_lab/reset {} forgets all; GET /_lab/scenarios tells where calls came."
        raise CommandRefused(409, "Scenarios that were chosen can't be set back.", hint)
    if context.observed.history is None:
        raise CommandRefused(409, "Too much has happened since the start.", f"At most {MOST_FACTS} facts are kept.")
    kept = tuple(context.observed.history.until(instant))
    sizes = sizes_of(service.ledger)

    def back() -> None:
        service.rewind(kept, instant)
        sizes.subtract(sizes_of(service.ledger))
        sizes["exchanges"] = context.observed.begin_anew(kept)

    return _gone_back(context, clock, instant, sizes, back)


def _gone_back(
    context: RouteContext,
    clock: ManualClock | ScaledClock,
    instant: Millis,
    sizes: Counter[str],
    back: Callable[[], None],
) -> WasReset:
    """Go back, between two tapes if one runs; nothing is awaited, so no exchange comes in between."""

    def go() -> None:
        context.server.drop(context.lab)
        clock.rewind(instant)
        back()

    recorder = context.lab.recorder
    if recorder is None:
        go()
    tape = None if recorder is None else recorder.renew(go)
    return WasReset(True, instant, tape, dict(sizes), [*_ALWAYS_KEPT])

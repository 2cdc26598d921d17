"""The fault menu: what is armed, what can be armed, and where the chosen one would strike."""

from collections.abc import Sequence

from lab.language.document import Scenario
from lab.tui.rows.spans import BLANK, Row, cut, ends, row
from lab.tui.state.faults import FAULT_OFFERS, ArmedFault, ArmedFaults, FaultOffer
from lab.tui.state.screen import ScreenState


def header_pill(scene: ScreenState) -> Row:
    """What is armed, in red: one by its name, several by their number."""
    armed = scene.show.armed
    if not armed:
        return ()
    told = armed[0].name if len(armed) == 1 else f"{len(armed)} faults"
    return row(" ", (f" ✗ {told} ", "fill b @fill-bad"))


def menu(armed: ArmedFaults, scenario: Scenario | None, at: int, route: str, inner: int, rows: int) -> list[Row]:
    """The armed ones first, then all offers; the chosen one with its route."""
    lines: list[Row] = []
    chosen = 0
    entries: list[ArmedFault | FaultOffer] = [*armed, *FAULT_OFFERS]
    for index, each in enumerate(entries):
        if index == len(armed):
            lines += ([BLANK] if armed else []) + [row(("what happens to the next call", "dim"))]
        if index == at:
            chosen = len(lines)
        mark = row(("▌ " if index == at else "  ", "accent"))
        if isinstance(each, FaultOffer):
            lines.append(_offer(each, mark, route if index == at else "", inner))
            continue
        left = row(mark, ("✗ ", "bad"), (each.name, "bad b"), (f"  armed on {each.route}", "dim"))
        lines.append(ends(left, row(("delete disarms", "dim")) if index == at else (), inner))
    lines += _planned(scenario, inner)
    top = max(0, min(chosen - rows // 2, len(lines) - rows))
    return lines[top : top + rows]


def _offer(offer: FaultOffer, mark: Row, route: str, inner: int) -> Row:
    tone = "fg b" if route else "fg"
    left = row(mark, (f"{offer.word:<22}", tone), (offer.told, "fg" if route else "dim"))
    if not route:
        return cut(left, inner)
    arrows = " ← →" if len(offer.routes) > 1 else ""
    return ends(left, row(("on ", "dim"), (route, "wait b"), (arrows, "dim")), inner)


def _planned(scenario: Scenario | None, inner: int) -> Sequence[Row]:
    faults = scenario.faults if scenario is not None else ()
    if not faults:
        return ()
    told = ", ".join(fault.name or f"{fault.route}-{fault.what}" for fault in faults)
    return (BLANK, cut(row(("in the scenario itself: ", "dim"), told), inner))

"""The gate that the screen shows, as phones decide it: a code for each opening, and what its page is told and answers."""

from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.entropy import gate_code
from lab.core.clock import Clock
from lab.plugins.phone.page import PhoneQuestion
from lab.tui.panes.approval import decision_now, gate_answer, offered_answers
from lab.tui.state.gate import GateAnswer, GateState
from lab.tui.state.screen import ScreenState, SidePanel

_WORDS = {"changes-requested": "decided: changes asked for", "timed-out": "nobody decided in time"}
_LATE = "Somebody was faster."


class _Ticket(Struct):
    """A code, the opening that it decides, and how that ended."""

    code: str
    gate: GateState
    given: str = ""
    """The verdict that a phone gave, until the screen knows of it."""
    decided: str = ""


class PhoneGates:
    """The codes of one screen. A code dies with its gate's decision; its page goes on saying what that was."""

    def __init__(
        self,
        cells: Callable[[str], tuple[str, ...]],
        note: str,
        *,
        exposed: bool,
        new_code: Callable[[], str] = gate_code,
    ) -> None:
        """`cells` draws an address as a QR code; `note` says who can open it, and they are `exposed` if others can."""
        self.origin = ""
        """Of the page, once it listens."""
        self._cells, self._new_code = cells, new_code
        self._idle = self._shown = SidePanel("PHONE", note=note, alarming=exposed)
        self._tickets: dict[str, _Ticket] = {}
        self._open: _Ticket | None = None
        self._state = ScreenState()

    def attach(self, answer: Callable[[GateAnswer], Awaitable[str | None]], clock: Clock) -> None:
        """Whom to ask for a decision, and whose time patience is counted in."""
        self._answer, self._clock = answer, clock

    def follow(self, state: ScreenState, *, drawable: bool) -> SidePanel:
        """Take up what the screen knows; where the gate that is open can be decided. `drawable`: as a QR code, too."""
        self._state = state
        gate = state.newest.gate if "decide" in state.source.can else None
        ticket = self._open
        if ticket is not None and (gate is None or gate.key != ticket.gate.key):
            ended = state.newest.decision
            # a reset takes the question away without any decision
            decided = ended is not None and ended.ends and ended.answers(ticket.gate)
            ticket.decided = _said(ended.verdict) if ended is not None and decided else "no longer asked"
            self._open, self._shown = None, self._idle
        if gate is None:
            return self._shown
        if self._open is None:
            code = self._new_code()
            self._open = self._tickets[code] = _Ticket(code, gate)
            address = f"{self.origin}/G/{code}"
            asks = "scan to decide" if drawable else "open it on a phone to decide"
            picture = self._cells(address) if drawable else ()
            self._shown = replace(self._idle, asks=asks, address=address, picture=picture)
        self._open.gate = gate
        if gate.sent is None and (gate.refusal or self._takes_more):
            self._open.given = ""
        return self._shown

    @property
    def _takes_more(self) -> bool:
        """Whether the open gate needs more approvals than one."""
        opening = self._state.newest.matched_opening
        return opening is not None and opening.approvals > 1

    def look(self, code: str) -> PhoneQuestion | None:
        """The gate of a code, open or decided; None if there is no such code."""
        ticket = self._tickets.get(code)
        if ticket is None:
            return None
        gate, state = ticket.gate, self._state
        if ticket.decided:
            return PhoneQuestion(gate.question, prompt=gate.prompt, decided=ticket.decided)
        now, opening = self._clock.now(), state.newest.matched_opening
        verdict = ticket.given or gate.sent or ""
        if not verdict and (due := decision_now(state, now)) is not None:
            verdict = due.verdict
        return PhoneQuestion(
            gate.question,
            offered_answers(state),
            gate.prompt,
            None if opening is None else max(0, opening.until - now),
            f"{state.newest.approved} of {opening.approvals} approved"
            if opening is not None and self._takes_more
            else "",
            _said(verdict) if verdict else "",
        )

    async def decide(self, code: str, verdict: str, comment: str) -> str | None:
        """Decide it; why not, if somebody was faster or the answer was refused."""
        ticket = self._open
        if ticket is None or ticket.code != code:
            return _LATE
        refused = await self._answer(replace(gate_answer(self._state, verdict, comment), by="phone"))
        if refused is None and not ticket.decided and not self._takes_more:
            ticket.given = verdict
        return refused


def _said(verdict: str) -> str:
    return _WORDS.get(verdict, f"decided: {verdict}")

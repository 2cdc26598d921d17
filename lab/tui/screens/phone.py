"""Phones decide the gate that the screen shows: a code for each opening, and what its page is told and answers."""

from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Clock, Millis
from lab.tui.panes.approval import gate_answer, offered_answers
from lab.tui.panes.decision import decision_now
from lab.tui.state.gate import GateAnswer, GateDecision, GateState
from lab.tui.state.screen import PhoneState, ScreenState

CLOSED = "no longer asked"
_WORDS = {"changes-requested": "decided: changes asked for", "timed-out": "nobody decided in time"}


class PhoneLink(Struct, frozen=True):
    """What the screen needs of whoever serves the page."""

    new_code: Callable[[], str]
    """Six characters that nobody can guess."""
    address: Callable[[str], str]
    """Where the page of a code is."""
    cells: Callable[[str], tuple[str, ...]]
    """The QR code of an address, in half-blocks."""
    reach: str
    """Who can open the page."""
    exposed: bool


class PhoneGate(Struct, frozen=True):
    """A gate as its page shows it."""

    question: str
    answers: tuple[tuple[str, str], ...]
    prompt: str
    left: Millis | None
    count: str
    decided: str
    """How it was decided, in words; empty as long as it is open."""
    with_text: str = "changes-requested"


class _Ticket:
    """A code, the opening that it decides, and how that ended."""

    def __init__(self, code: str, gate: GateState) -> None:
        self.code = code
        self.gate = gate
        self.given = ""
        """The verdict that a phone gave, until the screen knows of it."""
        self.decided = ""


class PhoneGates:
    """The codes of one screen. A code dies with its gate's decision; its page goes on saying what that was."""

    def __init__(self, link: PhoneLink) -> None:
        self._link = link
        self._tickets: dict[str, _Ticket] = {}
        self._open: _Ticket | None = None
        self._shown = PhoneState()
        self._state = ScreenState()
        self._answer: Callable[[GateAnswer], Awaitable[str | None]] | None = None
        self._clock: Clock | None = None

    def attach(self, answer: Callable[[GateAnswer], Awaitable[str | None]], clock: Clock) -> None:
        """Whom to ask for a decision, and whose time patience is counted in."""
        self._answer, self._clock = answer, clock

    def follow(self, state: ScreenState, *, drawable: bool) -> PhoneState:
        """Take up what the screen knows; where the gate that is open can be decided. `drawable`: as a QR code, too."""
        self._state, gate = state, state.newest.gate
        able = "decide" in state.source.can
        ticket = self._open
        if ticket is not None and (gate is None or gate.key != ticket.gate.key or not able):
            ticket.decided = _words(_ended(state, ticket.gate))
            self._open = ticket = None
            self._shown = PhoneState(reach=self._link.reach, exposed=self._link.exposed)
        if gate is None or not able:
            return self._shown
        if ticket is None:
            ticket = self._open = self._new(gate)
            address = self._link.address(ticket.code)
            cells = self._link.cells(address) if drawable else ()
            self._shown = PhoneState(address, cells, self._link.reach, self._link.exposed)
        ticket.gate = gate
        if gate.sent is None and (gate.refusal or self._takes_more):
            ticket.given = ""
        return self._shown

    def _new(self, gate: GateState) -> _Ticket:
        ticket = _Ticket(self._link.new_code(), gate)
        self._tickets[ticket.code] = ticket
        return ticket

    @property
    def _takes_more(self) -> bool:
        """Whether the open gate needs more approvals than one."""
        opening = self._state.newest.matched_opening
        return opening is not None and opening.approvals > 1

    # What the page asks

    def look(self, code: str) -> PhoneGate | None:
        """The gate of a code, open or decided; None if there is no such code."""
        ticket = self._tickets.get(code)
        if ticket is None:
            return None
        question, prompt = ticket.gate.question, ticket.gate.prompt
        if ticket.decided:
            return PhoneGate(question, (), prompt, None, "", ticket.decided)
        state, now = self._state, self._clock.now() if self._clock is not None else 0
        verdict = ticket.given or ticket.gate.sent or ""
        if not verdict and (due := decision_now(state, now)) is not None:
            verdict = due.verdict
        opening = state.newest.matched_opening
        left = None if opening is None else max(0, opening.until - now)
        count = (
            f"{opening.approved} of {opening.approvals} approved" if opening is not None and self._takes_more else ""
        )
        return PhoneGate(question, offered_answers(state), prompt, left, count, _said(verdict) if verdict else "")

    async def decide(self, code: str, verdict: str, comment: str) -> str | None:
        """Decide it; why not, if somebody was faster or the answer was refused."""
        ticket = self._tickets.get(code)
        if ticket is None or ticket is not self._open or self._answer is None:
            return "Somebody was faster."
        refused = await self._answer(replace(gate_answer(self._state, verdict, comment), by_phone=True))
        if refused is None and not ticket.decided and not self._takes_more:
            ticket.given = verdict
        return refused


def _ended(state: ScreenState, gate: GateState) -> GateDecision | None:
    """The decision that closed a gate, if one did: a reset takes the question away without any."""
    decision = state.newest.decision
    return decision if decision is not None and decision.ends and decision.answers(gate) else None


def _words(decision: GateDecision | None) -> str:
    return CLOSED if decision is None else _said(decision.verdict)


def _said(verdict: str) -> str:
    return _WORDS.get(verdict, f"decided: {verdict}")

"""Breakpoints: which exchanges a lab holds, what it holds, and how that is let go (control-plane.md §10).

They belong to this process and to no record: who starts the lab again, or resets it, begins without any.
"""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import decode
from msgspec.structs import replace

from lab.control import ControlCommand, Named, Obeyed
from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Request, Response, json_bytes
from lab.core.journal.fact import ClockRestarted, Fact, LedgerCleared
from lab.core.journal.holds import ExchangeReleased, HeldSide
from lab.core.observe import Requested
from lab.core.reply import Reply
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE
from lab.identity.records import TokenRecord, grants_in
from lab.identity.routes import IDENTITY_NAMES
from lab.jobs.facts import job_named
from lab.program.routes import FAULT_ROUTES
from lab.program.words import among
from lab.recording.exchange import ASKED_OVER_ANY_WIRE, ExchangeReader
from lab.recording.redaction.redactor import redactor_of
from lab.recording.tape.line_cache import LineCache
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused, millis_of
from lab.server.holds import Hold, HoldOrder
from lab.server.labs import ServedLab
from lab.server.response_writer import BODILESS, with_headers

_Duration: TypeAlias = Annotated[str, Meta(description="in the lab's time, as 30s")]
_PARTS = ("status", "headers", "body")


class SetBreakpoint(ControlCommand[Named], frozen=True):
    hints: ClassVar = {"side": "request: before the mock reads it; reply: before it leaves."}
    route: str | None = None
    job: str | None = None
    side: HeldSide = "reply"
    status: Annotated[int, Meta(ge=0, le=599)] | None = None
    call: Annotated[int, Meta(ge=1, description="the how many-th that fits, alone")] | None = None
    once: bool = False
    name: Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{0,40}$")] = ""
    release_after: _Duration | None = None


class EndBreakpoint(ControlCommand[Named], frozen=True):
    name: str


class HoldDocument(Struct, frozen=True):
    hold: int
    breakpoint: str
    side: HeldSide
    route: str
    job: str | None
    since: Millis
    until: Millis | None
    x: int | None
    request: Annotated[dict[str, Json], Meta(description="m u h enc body, as a recording has them")]
    reply: Annotated[dict[str, Json] | None, Meta(description="s h enc body; s is 0 where a fault leaves nothing")]


class BreakpointList(Struct, frozen=True):
    now: Millis
    breakpoints: Annotated[list[dict[str, Json]], Meta(description="as they were set, each with its name")]
    holds: list[HoldDocument]


class ListBreakpoints(ControlCommand[BreakpointList], frozen=True):
    hold: Annotated[int, Meta(ge=1, description="of what is held that one alone")] | UnsetType = UNSET


class Release(ControlCommand[Obeyed], frozen=True):
    hints: ClassVar = {
        "do": "go lets it go, edited or not; drop closes the connection, reset resets it.",
        "headers": 'As {"retry-after":"2"}; null takes one away, a list gives several lines.',
    }
    hold: Annotated[str, Meta(description="its number, or all")]
    do: Literal["go", "drop", "reset"] = "go"
    status: Annotated[int, Meta(ge=200, le=599)] | UnsetType = UNSET
    headers: Annotated[dict[str, str | list[str] | None], Meta(description="to set; null takes away")] | UnsetType = (
        UNSET
    )
    body: Annotated[Json | UnsetType, Meta(description="a text as it is, anything else as JSON")] = UNSET
    delay: _Duration | UnsetType = UNSET


class _Breakpoint(Struct):
    fits: SetBreakpoint
    release_after: Millis | None
    seen: int = 0
    """How many exchanges have fitted it."""


class Breakpoints:
    """Those of one lab."""

    def __init__(self, lab: ServedLab) -> None:
        self._service = lab.service
        self.known: dict[str, _Breakpoint] = {}
        """By name, in the order in which they were set."""
        self._service.journals.append(self._begin_anew)

    def _begin_anew(self, facts: Sequence[Fact]) -> None:
        """Take them all away, if these facts begin the lab anew."""
        if any(isinstance(fact, LedgerCleared | ClockRestarted) for fact in facts):
            self.known.clear()

    def __call__(self, side: HeldSide, request: Request, reply: Reply | None) -> HoldOrder | None:
        """The first breakpoint that fits holds it; all that fit count it, and those that hold once are over."""
        call = ExchangeReader().begin(Requested(0, 0, ROUTER.name(request.method, request.path, local=True), request))
        routes = call.route, ASKED_OVER_ANY_WIRE.get(call.kind, call.route)
        found = job_named(self._service.ledger, call.job) if call.job else None
        job = (None if reply is None else reply.job) or (call.job if found is None else found[0])
        status = None if reply is None else reply.response.status

        def fits(one: SetBreakpoint) -> bool:
            there = one.route in (None, *routes) and one.job in (None, job)
            return one.side == side and there and one.status in (None, status)

        fitting = [each for each in self.known.values() if fits(each.fits)]
        for each in fitting:
            each.seen += 1
        takers = [each for each in fitting if each.fits.call in (None, each.seen)]
        for taker in takers:
            if taker.fits.once or taker.fits.call is not None:
                del self.known[taker.fits.name]
        return HoldOrder(takers[0].fits.name, call.route, job, takers[0].release_after) if takers else None


def _of(lab: ServedLab) -> Breakpoints:
    """Its breakpoints: as long as nobody asks for them, the lab asks of no exchange whether it is to be held."""
    if not isinstance(known := lab.sender.holds.choose, Breakpoints):
        known = lab.sender.holds.choose = Breakpoints(lab)
    return known


# Routes of the control plane


async def list_breakpoints(context: RouteContext, command: ListBreakpoints) -> BreakpointList:
    """What is held is redacted as the journal is, which may take long, so in another thread."""
    lab, now = context.lab, context.lab.clock.now()
    holds, cache = lab.sender.holds.under_way.values(), LineCache(redactor_of(lab.service.config))
    wanted = [each for each in holds if command.hold in (UNSET, each.number)]
    for token, _ in grants_in(lab.service.ledger, TokenRecord, now):
        cache.redactor.secrets.given(token, "token")  # so that it is told from one that nobody was given
    shown = await asyncio.to_thread(lambda: [_shown(each, cache) for each in wanted])
    return BreakpointList(now, [each.fits.members() for each in _of(lab).known.values()], shown)


def _shown(hold: Hold, cache: LineCache) -> HoldDocument:
    route, x, reply = hold.stop.route, None, None
    request = _members(cache.request(Requested(0, 0, route, hold.request)).written)
    if hold.reply is not None:
        x, (response, _) = hold.reply.x, hold.reply.whole(hold.since)
        written = cache.reply(response, oauth=route in IDENTITY_NAMES).written
        reply = {"s": response.status, **_members(written)}
    what = hold.number, hold.stop.breakpoint, hold.side, route, hold.stop.job
    return HoldDocument(*what, hold.since, hold.until, x, request, reply)


def _members(written: bytes) -> dict[str, Json]:
    return decode(b"{%b}" % written, type=dict[str, Json])


async def set_breakpoint(context: RouteContext, command: SetBreakpoint) -> Named:
    lab, route, job = context.lab, command.route, command.job
    if lab.calls.shared:
        why = "This lab may be served by several processes (--workers, --ledger): none can hold for the others."
        hint = "Serve one without these and set it there; a fault (POST /_lab/faults) strikes in all of them."
        raise CommandRefused(409, why, hint)
    if route not in (None, UNKNOWN_ROUTE, *FAULT_ROUTES):
        raise CommandRefused(400, f"There is no route {route}.", among(route or "", FAULT_ROUTES))
    if command.status is not None and command.side == "request":
        raise CommandRefused(400, "A request has no status yet.", 'Leave status out, or send "side":"reply".')
    found = None if job is None else job_named(lab.service.ledger, job)
    if job is not None and found is None:
        raise CommandRefused(404, f"There is no job {job}.", "GET /_lab/jobs lists them.")
    after = None if command.release_after is None else millis_of(command.release_after)
    known, base = _of(lab).known, f"{route or 'any'}-{command.side}"
    names = (base if number == 1 else f"{base}-{number}" for number in count(1))
    name = command.name or next(each for each in names if each not in known)
    if name in known:
        raise CommandRefused(409, f"There is a breakpoint {name} already.", f"DELETE /_lab/breakpoints/{name} first.")
    known[name] = _Breakpoint(replace(command, name=name, job=None if found is None else found[0]), after)
    return Named(True, name)


async def end_breakpoint(context: RouteContext, command: EndBreakpoint) -> Named:
    if _of(context.lab).known.pop(command.name, None) is None:
        raise CommandRefused(404, "There is no such breakpoint.", "GET /_lab/breakpoints lists them.")
    return Named(True, command.name)


async def release(context: RouteContext, command: Release) -> Obeyed:
    """One, or all of them; none if one of them can't be let go so."""
    known = {str(number): hold for number, hold in context.lab.sender.holds.under_way.items()}
    if command.hold not in ("all", *known):
        raise CommandRefused(404, "There is no such exchange held.", "GET /_lab/breakpoints lists them.")
    ready = [(each, *_released(each, command)) for number, each in known.items() if command.hold in ("all", number)]
    for hold, fact, request, hand in ready:
        hold.release(fact, request, hand)
    return Obeyed(True, f"{len(ready)} let go")


def _released(hold: Hold, command: Release) -> tuple[ExchangeReleased, Request | None, Response | None]:
    """How it is let go, and what is read, or leaves, in the place of what would; CommandRefused if that can't be."""
    given, reply = (command.status, command.headers, command.body), hold.reply
    delay = 0 if command.delay is UNSET else millis_of(command.delay)
    if command.do != "go" and (delay or given != (UNSET, UNSET, UNSET)):
        raise CommandRefused(400, f"Nothing goes on after {command.do}, so nothing can be edited.", 'Send "do":"go".')
    if reply is None and command.status is not UNSET:
        raise CommandRefused(400, "A request has no status.", 'A breakpoint with "side":"reply" holds what has one.')
    message = hold.request if reply is None else reply.response
    before = getattr(message, "status", 0), message.headers, message.body
    after = _edited(*before, command)
    edited = [name for name, was, now in zip(_PARTS, before, after, strict=True) if was != now]
    # of a stream the body is in its parts: what is sent takes their place even if it is empty
    if command.body is not UNSET and reply is not None and reply.parts is not None and "body" not in edited:
        edited.append("body")
    fact = ExchangeReleased(at=0, hold=hold.number, c=hold.c, how="edit" if edited else command.do, delay=delay)
    fact = replace(fact, edited=tuple(edited), was=before[0] if "status" in edited else None)
    status, headers, body = after
    if reply is not None:
        if edited and status == 0:
            raise CommandRefused(400, "A fault leaves nothing of this reply.", "Send a status, too.")
        return fact, None, Response(status, headers, body)
    sent = tuple((name, str(len(body)) if name == "content-length" else value) for name, value in headers)
    return fact, replace(hold.request, headers=sent, body=body), None


def _edited(status: int, headers: Headers, body: bytes, command: Release) -> tuple[int, Headers, bytes]:
    status = status if command.status is UNSET else command.status
    headers = headers if command.headers is UNSET else with_headers(headers, command.headers)
    if command.body is UNSET:
        return status, headers, body
    try:
        sent = command.body.encode() if isinstance(command.body, str) else json_bytes(command.body)
    except UnicodeEncodeError:
        raise CommandRefused(400, "body has half of a surrogate pair, which no UTF-8 can hold.") from None
    if status in BODILESS and sent:
        raise CommandRefused(400, f"A {status} has no body.", 'Send "body":"".')
    return status, headers, sent

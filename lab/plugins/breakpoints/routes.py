"""Its routes of the control plane: breakpoints set, listed and taken away; what they hold, looked at and let go."""

import asyncio

from msgspec import UNSET
from msgspec.json import decode
from msgspec.structs import replace

from lab.control import Named, Obeyed
from lab.core.exchange import Json, Response, json_bytes
from lab.core.journal.holds import ExchangeReleased
from lab.core.observe import Requested
from lab.dialects.router import UNKNOWN_ROUTE
from lab.identity.records import TokenRecord, grants_in
from lab.identity.routes import IDENTITY_NAMES
from lab.jobs.facts import job_named
from lab.plugins.breakpoints.commands import (
    BreakpointList,
    EndBreakpoint,
    HoldDocument,
    HoldList,
    ListBreakpoints,
    ListHolds,
    Release,
    SetBreakpoint,
)
from lab.plugins.breakpoints.holding import Breakpoints
from lab.program.routes import FAULT_ROUTES
from lab.program.words import among
from lab.recording.redaction.redactor import redactor_of
from lab.recording.tape.line_cache import LineCache
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused, millis_of
from lab.server.holds import Hold
from lab.server.response_writer import BODILESS, with_headers


def _of(context: RouteContext) -> Breakpoints:
    """Those of the lab that is meant; where none were set yet nobody is asked for them."""
    known = context.lab.sender.holds.choose
    return known if isinstance(known, Breakpoints) else Breakpoints(context.lab)


async def list_breakpoints(context: RouteContext, command: ListBreakpoints) -> BreakpointList:
    return BreakpointList([each.members() for each in _of(context).breakpoints.values()])


async def set_breakpoint(context: RouteContext, command: SetBreakpoint) -> Named:
    lab, route, job = context.lab, command.route, command.job
    if lab.calls.shared:
        why = "Several processes serve this lab, and none can hold for the others."
        raise CommandRefused(409, why, "Set breakpoints in a lab of one process: without --ledger and --workers.")
    if route not in (None, UNKNOWN_ROUTE, *FAULT_ROUTES):
        raise CommandRefused(400, f"There is no route {route}.", among(route or "", FAULT_ROUTES))
    if command.status is not None and command.side == "request":
        raise CommandRefused(400, "A request has no status yet.", 'Leave status out, or send "side":"reply".')
    found = None if job is None else job_named(lab.service.ledger, job)
    if job is not None and found is None:
        raise CommandRefused(404, f"There is no job {job}.", "GET /_lab/jobs lists them.")
    if command.release_after is not None:
        millis_of(command.release_after)
    known, base = _of(context), f"{route or 'any'}-{command.side}"
    numbered = (base, *(f"{base}-{number}" for number in range(2, len(known.breakpoints) + 3)))
    name = command.name or next(each for each in numbered if each not in known.breakpoints)
    if name in known.breakpoints:
        raise CommandRefused(409, f"There is a breakpoint {name} already.", f"DELETE /_lab/breakpoints/{name} first.")
    known.breakpoints[name] = replace(command, name=name, job=None if found is None else found[0])
    if lab.sender.holds.choose is not known:
        lab.sender.holds.choose = known
        lab.service.journals.append(known.begin_anew)
    return Named(True, name)


async def end_breakpoint(context: RouteContext, command: EndBreakpoint) -> Named:
    if _of(context).breakpoints.pop(command.name, None) is None:
        raise CommandRefused(404, "There is no such breakpoint.", "GET /_lab/breakpoints lists them.")
    return Named(True, command.name)


# What is held


async def list_holds(context: RouteContext, command: ListHolds) -> HoldList:
    """Redacted as the journal is, which may take long, so in another thread."""
    lab, now = context.lab, context.lab.clock.now()
    holds, cache = lab.sender.holds.under_way.values(), LineCache(redactor_of(lab.service.config))
    wanted = [each for each in holds if command.hold in (UNSET, each.number)]
    for token, _ in grants_in(
        lab.service.ledger, TokenRecord, now
    ):  # so that one which was given is told from one that wasn't
        cache.redactor.secrets.given(token, "token")
    shown = await asyncio.to_thread(lambda: [_shown(each, cache) for each in wanted])
    return HoldList(now, shown)


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


async def release(context: RouteContext, command: Release) -> Obeyed:
    """One, or all of them; none if one of them can't be let go so."""
    known = {str(number): hold for number, hold in context.lab.sender.holds.under_way.items()}
    if command.hold not in ("all", *known):
        raise CommandRefused(404, "There is no such exchange held.", "GET /_lab/holds lists them.")
    ready = [(each, *_released(each, command)) for number, each in known.items() if command.hold in ("all", number)]
    for hold, fact, hand in ready:
        hold.release(fact, hand)
    return Obeyed(True, f"{len(ready)} let go")


def _released(hold: Hold, command: Release) -> tuple[ExchangeReleased, Response]:
    """How it is let go, and what leaves in the place of what would; CommandRefused if that can't be sent."""
    edits = any(each is not UNSET for each in (command.status, command.headers, command.body))
    delay = 0 if command.delay is UNSET else millis_of(command.delay)
    if command.do != "go" and (delay or edits):
        raise CommandRefused(400, f"Nothing leaves after {command.do}, so nothing can be edited.", 'Send "do":"go".')
    fact = ExchangeReleased(at=0, hold=hold.number, c=hold.c, how=command.do, delay=delay)
    if hold.reply is None:
        if edits:
            why = "The mock hasn't read this request yet, so there is no reply to edit."
            raise CommandRefused(400, why, 'A breakpoint with "side":"reply" holds that.')
        return fact, Response(0)
    before = hold.reply.response
    after = _edited(before, command)
    # of a stream the body is in its parts: what is sent takes their place even if it is empty
    body = command.body is not UNSET and (hold.reply.parts is not None or before.body != after.body)
    changes = (("status", before.status != after.status), ("headers", before.headers != after.headers), ("body", body))
    names = tuple(name for name, changed in changes if changed)
    if not names:
        return fact, after
    if after.status == 0:
        raise CommandRefused(400, "A fault leaves nothing of this reply.", "Send a status, too.")
    return replace(fact, how="edit", edited=names, was=before.status if "status" in names else None), after


def _edited(before: Response, command: Release) -> Response:
    status = before.status if command.status is UNSET else command.status
    headers = before.headers if command.headers is UNSET else with_headers(before.headers, command.headers)
    body = command.body
    try:
        sent = before.body if body is UNSET else body.encode() if isinstance(body, str) else json_bytes(body)
    except UnicodeEncodeError:
        raise CommandRefused(400, "body has half of a surrogate pair, which no UTF-8 can hold.") from None
    if status in BODILESS and sent and body is not UNSET:
        raise CommandRefused(400, f"A {status} has no body.", 'Send "body":"".')
    return Response(status, headers, sent)

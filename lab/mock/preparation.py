"""What takes long and may be done before a call is handled, so that nobody waits for it but whoever called.

A long body is read, its message held to the patterns of its team, and written as the job keeps and echoes it; what
generates data is loaded for the first of all jobs. The mock finds all of it where it was put. That it was done, or wasn't, changes no answer: a shell does it in a thread.
"""

from collections.abc import Callable

from lab.core.clock import Millis
from lab.core.exchange import LONG_BODY, Json, Request
from lab.core.journal.ledger import Ledger
from lab.core.refusal import Refusal
from lab.dialects import base, dialect_of
from lab.dialects.router import ROUTER
from lab.identity.bearer import bearer_of
from lab.jobs.facts import input_text
from lab.language.generators import load_generators
from lab.mock.catalog import Catalog
from lab.mock.job_index import input_of

_SHORT_WORK = 1 << 18
"""Bytes of a request times the size of all its team's patterns: what takes an engine 5 ms at the very worst."""


def preparation(catalog: Catalog, ledger: Ledger, request: Request, now: Millis) -> Callable[[], None] | None:
    """What to call first, in any thread, for it reads no ledger; None: nothing takes long."""
    if not request.body:
        return None
    match = ROUTER.find(request.method, request.path, local=True)
    dialect = None if isinstance(match, Refusal) else dialect_of(match.name)
    if isinstance(match, Refusal) or dialect is None or not match.code:
        return None
    entries = [entry for each in catalog.team(match.code) for entry in (each, *each.turns)]
    work = len(request.body) * sum(entry.pattern.size for entry in entries if entry.pattern is not None)
    long = len(request.body) > LONG_BODY or work >= _SHORT_WORK
    if not long and not catalog.cold:
        return None
    switches = catalog.team_switches(match.code)
    bearer, _ = bearer_of(switches, ledger, request, now, service=match.route.service)
    if isinstance(bearer, Refusal):  # nobody works for somebody who is refused
        return None

    def prepare() -> None:
        if catalog.cold:
            load_generators(tuple(catalog.cold))
            catalog.cold.clear()
        command = dialect.read(match, request, switches, lambda _: None) if long else None
        command = command.command if isinstance(command, base.Follow) else command
        if isinstance(command, base.Invoke):
            for entry in entries:
                entry.fits(command.message)
            whole = input_of(input_text(command.members))
            if whole.long:
                whole.quoted()

    return prepare


def said_in(catalog: Catalog, request: Request) -> tuple[Json, ...]:
    """What of a request facts may hold, whatever comes of it: its members, its message, a comment."""
    match = ROUTER.find(request.method, request.path, local=True)
    dialect = None if isinstance(match, Refusal) else dialect_of(match.name)
    if isinstance(match, Refusal) or dialect is None or not request.body:
        return ()
    command = dialect.read(match, request, catalog.team_switches(match.code), lambda _: None)
    match command.command if isinstance(command, base.Follow) else command:
        case base.Invoke(members=members, message=message):
            return dict(members), message
        case base.Say(message=message):
            return (message,)
        case base.Decide(comment=comment):
            return (comment,)
        case _:
            return ()

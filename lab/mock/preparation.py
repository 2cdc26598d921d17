"""What takes long and may be done before a call is handled, so that nobody waits for it but whoever called.

Long messages are held to the patterns of their team, and what generates data is loaded for the first of all jobs. The
mock finds both there (`lab/language/`). That it was done, or wasn't, changes no answer: a shell does it in threads.
"""

from collections.abc import Iterator
from contextlib import suppress

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.ledger import Ledger
from lab.core.refusal import Refusal
from lab.dialects import DIALECT_OF, base
from lab.dialects.router import ROUTER
from lab.identity.bearer import bearer_of
from lab.language.generate import load_generators
from lab.language.patterns import LONG_MESSAGE, LongMatch, Pattern
from lab.mock.catalog import Catalog

SHORT_WORK = 65_536
"""Characters, one of which counts once for each pattern: so few take an engine no time that anybody notices."""


def preparation(catalog: Catalog, ledger: Ledger, request: Request, now: Millis) -> Iterator[None] | None:
    """The steps of it, at most a second each, of which only this call reads the ledger; None: nothing takes long."""
    if len(request.body) < LONG_MESSAGE and not catalog.cold:
        return None
    match = ROUTER.find(request.method, request.path, local=True)
    dialect = None if isinstance(match, Refusal) else DIALECT_OF.get(match.name)
    if isinstance(match, Refusal) or dialect is None or not match.code or not request.body:
        return None
    entries = [entry for each in catalog.team(match.code) for entry in (each, *each.turns)]
    patterns = [entry.pattern for entry in entries if entry.pattern is not None]
    if len(request.body) < LONG_MESSAGE or len(request.body) * len(patterns) < SHORT_WORK:
        patterns = []
    if not patterns and not catalog.cold:
        return None
    switches = catalog.team_switches(match.code)
    bearer, _ = bearer_of(switches, ledger, request, now, service=match.route.service)
    if isinstance(bearer, Refusal):  # nobody works for somebody who is refused
        return None

    def steps() -> Iterator[None]:
        if catalog.cold:
            load_generators(tuple(catalog.cold))
            catalog.cold.clear()
            yield
        command = dialect.read(match, request, switches, lambda _: None) if patterns else None
        command = command.command if isinstance(command, base.Follow) else command
        if isinstance(command, base.Invoke):
            for pattern in patterns:
                _find(pattern, command.message)
                yield

    return steps()


def _find(pattern: Pattern, message: str) -> None:
    with suppress(LongMatch):
        pattern.groups(message)

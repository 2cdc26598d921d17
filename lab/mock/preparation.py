"""What takes long and may be done before a call is handled, so that nobody waits for it but whoever called.

A process that takes up a journal hasn't read its long messages yet: whoever names such a job first does.

Long messages are held to the patterns of their team, and what generates data is loaded for the first of all jobs. The
mock finds both there (`lab/language/`). That it was done, or wasn't, changes no answer: a shell does it in threads.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from lab.core.clock import Millis
from lab.core.exchange import Json, Request
from lab.core.journal.fact import Fact, RecordsDropped
from lab.core.journal.ledger import Ledger
from lab.core.refusal import Refusal
from lab.dialects import base, dialect_of, read_input
from lab.dialects.router import ROUTER
from lab.identity.bearer import bearer_of
from lab.jobs.facts import GateDecided, JobAccepted, WaitEnded
from lab.jobs.records import JobRecord, id_of, job_key
from lab.language.generate import load_generators
from lab.language.patterns import LONG_MESSAGE, LongMatch, Pattern
from lab.mock.catalog import Catalog
from lab.mock.reader import input_of

SHORT_WORK = 65_536
"""Characters, one of which counts once for each pattern: so few take an engine no time that anybody notices."""

_BETWEEN_IDS = re.compile(r'[/"?&\s]+')


class UnreadMessages:
    """Jobs with long messages that another process accepted: what patterns find in them isn't known here."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[str]] = {}
        """By the ids under which they are asked for, and by those of their conversations."""

    def take_up(self, facts: Iterable[Fact]) -> None:
        """Find the jobs in what was accepted, all of it."""
        self._jobs.clear()
        self.learn(facts)

    def learn(self, facts: Iterable[Fact]) -> None:
        """Find the jobs in what else was accepted."""
        for fact in facts:
            if isinstance(fact, JobAccepted) and len(read_input(fact.input).message) >= LONG_MESSAGE:
                for name in (fact.job, fact.conversation or fact.job):
                    self._jobs.setdefault(name, []).append(fact.job)
            elif isinstance(fact, GateDecided | WaitEnded) and fact.alias is not None and fact.job in self._jobs:
                self._jobs[fact.alias] = [fact.job]

    def drop(self, facts: Iterable[Fact]) -> None:
        """Let go of the jobs that these facts drop."""
        if self._jobs:
            for fact in facts:
                for key in fact.keys if isinstance(fact, RecordsDropped) else ():
                    if key[:1] in b"jJcC":
                        self._jobs.pop(id_of(key), None)

    def steps(self, catalog: Catalog, ledger: Ledger, request: Request) -> Iterator[None] | None:
        """Read those that a request names, in any thread; None: it names none."""
        if not self._jobs:
            return None
        names = {*_BETWEEN_IDS.split(f"{request.path} {request.body.decode('latin-1')}")} & self._jobs.keys()
        records = [record for name in names for job in self._jobs[name] if (record := ledger.get(job_key(job)))]

        def steps() -> Iterator[None]:
            for record in records:
                pattern = catalog.scenario_of(record).pattern if isinstance(record, JobRecord) else None
                if pattern is not None and isinstance(record, JobRecord):
                    _find(pattern, input_of(record.input).message)
                    yield
            for name in names:  # not before, for others may ask meanwhile
                self._jobs.pop(name, None)

        return steps() if names else None


def preparation(catalog: Catalog, ledger: Ledger, request: Request, now: Millis) -> Iterator[None] | None:
    """The steps of it, at most a second each, of which only this call reads the ledger; None: nothing takes long."""
    if len(request.body) < LONG_MESSAGE and not catalog.cold:
        return None
    match = ROUTER.find(request.method, request.path, local=True)
    dialect = None if isinstance(match, Refusal) else dialect_of(match.name)
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


def _find(pattern: Pattern, message: str) -> None:
    with suppress(LongMatch):
        pattern.groups(message)

"""What of a journal no lab of this configuration has accepted: then somebody changed it, and answers would fail."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lab.core.journal.fact import Fact, RecordsDropped
from lab.dialects.fusion.pod_tokens import POD_CLIENT
from lab.identity.facts import CodeGranted, DeviceGranted, TokenGranted
from lab.jobs.facts import JobAccepted, JobRecord, ScenarioLoaded, id_of, job_key
from lab.jobs.plan import misdrawn
from lab.jobs.program import NO_SUCH_VERSION
from lab.mock.catalog import Catalog
from lab.mock.service import Service


def foreign_facts(service: Service, facts: Sequence[Fact]) -> Iterator[tuple[Fact, str]]:
    """Those of the facts, which the service has folded, that can't stand there, each with what is wrong."""
    identity = service.config.identity
    catalog, turns = Catalog(service.config, identity), Counter[str]()
    edited = {fact.scenario for fact in facts if isinstance(fact, ScenarioLoaded)}
    for fact in facts:
        if isinstance(fact, RecordsDropped):  # a conversation may begin anew under the same id
            for key in fact.keys:
                turns.pop(id_of(key) if key[:1] in b"jJcC" else "", None)
        if isinstance(fact, TokenGranted | CodeGranted | DeviceGranted | JobAccepted):
            if fact.client != POD_CLIENT and identity.client(fact.client) is None:
                yield fact, f"no client {fact.client} is known"
        if isinstance(fact, JobAccepted):
            conversation = fact.conversation or fact.job
            turns[conversation] += 1
            if fact.turn != turns[conversation]:
                yield fact, f"turn is {fact.turn}, expected {turns[conversation]}"
            # one that was edited may play another turn than it was accepted for, and has other draws
            elif fact.scenario not in edited and (what := _unplayable(service, catalog, fact)):
                yield fact, what


def _unplayable(service: Service, catalog: Catalog, fact: JobAccepted) -> str | None:
    if fact.scenario not in (None, NO_SUCH_VERSION.name) and fact.scenario not in catalog.by_name:
        return f"no scenario {fact.scenario} is served"
    record = service.ledger.get(job_key(fact.job))
    if not isinstance(record, JobRecord):
        return None
    chosen = catalog.chosen_for(record)
    if chosen is not None and chosen.of_turn(fact.part) is None:
        return f"the scenario {fact.scenario} has no turn {fact.part}"
    program = catalog.playing(chosen, fact.user, fact.part)
    name = misdrawn(program, service.config.seed, fact.ordinal, fact.drawn)
    return None if name is None else f"the seed doesn't give what was drawn as {name}"

"""Faults from outside: armed, disarmed, and listed with how often they struck (contract.md §2.7)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.core.journal.ledger import Ledger
from lab.core.refusal import Refusal, bad_request, conflict, not_found
from lab.faults.facts import FaultArmed, FaultDisarmed, armed_faults
from lab.faults.model import Rule, rules_of_scenario
from lab.jobs.facts import JobRecord
from lab.jobs.program import Program
from lab.language.fault import fault_document
from lab.program.faults import JobFault, fault_names
from lab.program.words import nearest


class Planned(Struct, frozen=True):
    """A fault that may strike: one of a scenario, or (`scenario` None) one that was armed."""

    name: str
    scenario: str | None
    fault: Mapping[str, Json]
    struck: int


class KnownNames(Struct, frozen=True):
    """What a fault may name: nothing else is ever struck."""

    steps: Mapping[str, frozenset[str]]
    """By scenario the ids of its steps, those of its later turns and of what it was before an edit too."""
    users: Collection[str]
    clients: Collection[str] | None
    """None: whoever has an id is one."""


def steps_by_scenario(scenarios: Iterable[Program]) -> dict[str, frozenset[str]]:
    """The ids of the steps of each scenario, by its name; of several with one name all together."""
    found: dict[str, frozenset[str]] = {}
    for each in scenarios:
        found[each.name] = found.get(each.name, frozenset()).union(*(part.steps for part in (each, *each.turns)))
    return found


def arm(
    scenarios: Iterable[Program], ledger: Ledger, document: dict[str, Json], now: Millis, named: KnownNames,
    job_of: Callable[[str], tuple[str, JobRecord] | None],
) -> FaultArmed | Refusal:  # fmt: skip
    """Arm a fault of the scenario's form. Its name, if others have it, is numbered: each is given once.

    `job_of` gives the own id and the record of a job that somebody may ask for.
    """
    from lab.language.fault import complaints_of, parse_fault  # a model more, for what is seldom asked

    try:
        fault = parse_fault(document)
    except ScenarioError as error:
        return bad_request(f"This is no fault: {complaints_of(error)}.")
    fault, unknown = _resolved(fault, job_of, named)
    if unknown:
        return bad_request(f"This is no fault: {'; '.join(unknown)}.")
    taken = {*armed_faults(ledger.get).names, *(rule.name for rule in _planned(scenarios))}
    (name,) = fault_names((fault,), taken)
    if name in taken:
        (name,) = fault_names((replace(fault, name=None),), taken)
    return FaultArmed(at=now, by="control", fault=name, where=fault_document(fault, name))


def _resolved(
    fault: JobFault, job_of: Callable[[str], tuple[str, JobRecord] | None], named: KnownNames
) -> tuple[JobFault, list[str]]:
    """The fault with its job's own id, and what is wrong with the names in it: it could strike nothing."""
    wrong: list[str] = []
    scenario = fault.scenario
    if fault.job is not None:
        found = job_of(fault.job)
        if found is None:
            wrong.append(f"there is no job {fault.job} (GET /_lab/jobs lists them)")
        else:
            fault = replace(fault, job=found[0])
            if scenario is not None and found[1].scenario != scenario:
                wrong.append(f"the job plays {found[1].scenario or 'no scenario'} (leave scenario out)")
            scenario = scenario or found[1].scenario
    steps = named.steps.get(scenario or "") or frozenset[str]().union(*named.steps.values())
    for kind, name, known in (
        ("scenario", fault.scenario, named.steps),
        ("step", fault.step, steps),
        ("client", fault.client, named.clients),
        ("user", fault.user, named.users),
    ):
        if name is not None and known is not None and name not in known:
            listed = ", ".join(sorted(known)[:20]) or "none"
            wrong.append(f"there is no {kind} {name} ({nearest(name, sorted(known)) or f'there are: {listed}'})")
    return fault, wrong


def disarm(scenarios: Iterable[Program], ledger: Ledger, name: str, now: Millis) -> FaultDisarmed | Refusal:
    """Disarm a fault that was armed; one of a scenario stays."""
    if any(each.name == name for each in armed_faults(ledger.get).armed):
        return FaultDisarmed(at=now, by="control", fault=name)
    if any(rule.name == name for rule in _planned(scenarios)):
        return conflict("This fault is in its scenario: it can't be disarmed, only edited away.")
    return not_found("There is no such fault armed.")


def listed(
    scenarios: Iterable[Program], ledger: Ledger, struck: Mapping[tuple[str | None, str], int]
) -> Iterator[Planned]:
    """The armed faults, oldest first, then those of each scenario; `struck`: how often, by scenario and name."""
    for each in armed_faults(ledger.get).armed:
        yield Planned(each.name, None, each.where, struck.get((None, each.name), 0))
    for rule in _planned(scenarios):
        document = fault_document(rule.fault, rule.name)
        yield Planned(rule.name, rule.scenario, document, struck.get((rule.scenario, rule.name), 0))


def _planned(scenarios: Iterable[Program]) -> Iterator[Rule]:
    return (rule for program in scenarios for rule in rules_of_scenario(program))

"""Faults from outside: armed, disarmed, and listed with how often they struck (contract.md §2.7)."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.core.journal.ledger import Ledger
from lab.core.refusal import Refusal, bad_request, conflict, not_found
from lab.faults.facts import FaultArmed, FaultDisarmed, armed_faults
from lab.faults.model import Rule, rules_of_scenario
from lab.jobs.compiled import CompiledScenario
from lab.language.document import fault_document, fault_names


class Planned(Struct, frozen=True):
    """A fault that may strike: one of a scenario, or (`scenario` None) one that was armed."""

    name: str
    scenario: str | None
    fault: Mapping[str, Json]
    struck: int


def arm(
    scenarios: Iterable[CompiledScenario], ledger: Ledger, document: dict[str, Json], now: Millis
) -> FaultArmed | Refusal:
    """Arm a fault of the scenario's form. Its name, if others have it, is numbered: each is given once."""
    from lab.language.parse.fault import complaints_of, parse_fault  # a model more, for what is seldom asked

    try:
        fault = parse_fault(document)
    except ScenarioError as error:
        return bad_request(f"This is no fault: {complaints_of(error)}.")
    taken = {*armed_faults(ledger.get).names, *(rule.name for rule in _planned(scenarios))}
    (name,) = fault_names((fault,), taken)
    if name in taken:
        (name,) = fault_names((fault.model_copy(update={"name": None}),), taken)
    return FaultArmed(at=now, by="control", fault=name, where=fault_document(fault, name))


def disarm(scenarios: Iterable[CompiledScenario], ledger: Ledger, name: str, now: Millis) -> FaultDisarmed | Refusal:
    """Disarm a fault that was armed; one of a scenario stays."""
    if any(each.rule.name == name for each in armed_faults(ledger.get).armed):
        return FaultDisarmed(at=now, by="control", fault=name)
    if any(rule.name == name for rule in _planned(scenarios)):
        return conflict("This fault is in its scenario: it can't be disarmed, only edited away.")
    return not_found("There is no such fault armed.")


def listed(
    scenarios: Iterable[CompiledScenario], ledger: Ledger, struck: Mapping[tuple[str | None, str], int]
) -> Iterator[Planned]:
    """The armed faults, oldest first, then those of each scenario; `struck`: how often, by scenario and name."""
    for each in armed_faults(ledger.get).armed:
        yield Planned(each.rule.name, None, each.where, struck.get((None, each.rule.name), 0))
    for rule in _planned(scenarios):
        document = fault_document(rule.fault, rule.name)
        yield Planned(rule.name, rule.scenario, document, struck.get((rule.scenario, rule.name), 0))


def _planned(scenarios: Iterable[CompiledScenario]) -> Iterator[Rule]:
    return (rule for compiled in scenarios for rule in rules_of_scenario(compiled))

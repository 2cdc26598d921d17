"""One fault by itself, as the control plane is sent it and shows it: the same shape, the same complaints."""

from msgspec.structs import replace

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.program.faults import Fault, JobFault

_SHOWN = (
    "name route calls job client user scenario step turn after chance answer error strike redirect status_word odd_body "
    "expire_token lose_reply retry_after body delay omit"
).split()
"""The order in which recordings and the control plane show the members of a fault."""


def parse_fault(document: dict[str, Json]) -> JobFault:
    """The fault; ScenarioError with every complaint if it is none."""
    from lab.language.shape import parsed  # most labs arm no fault, and no start waits for one

    return parsed(JobFault, document, "fault")


def fault_document(fault: Fault, name: str | None = None) -> dict[str, Json]:
    """The fault as an author would write it, members that say nothing left out; `name` in place of its own."""
    from lab.language.shape import write_part

    members = write_part(fault if name is None else replace(fault, name=name))
    return {member: members[member] for member in _SHOWN if member in members}


def complaints_of(error: ScenarioError) -> str:
    """The complaints about one fault, in one line without places."""
    return "; ".join(f"{each.what} ({each.hint})" if each.hint else each.what for each in error.complaints)

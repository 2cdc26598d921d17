"""The control plane's routes that command the mock alone: faults, tokens, devices (contract.md §2.7)."""

from functools import partial

from msgspec import UNSET
from msgspec.structs import replace

from lab.clocks import ManualClock
from lab.control import ArmFault, DecideDevice, DisarmFault, EndTokens, Faults, ListedFault, ListFaults, Named, Obeyed
from lab.mock.service import ControlResult
from lab.program.faults import JobFault
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused, check_names, obeyed

_OF_CALLS = 'Send calls: "1-2" strikes the next two.'
_MEANT = {"status": "Send answer, as 503.", "code": "Send answer, as 503.", "times": _OF_CALLS, "count": _OF_CALLS}
_NOBODY_WAITS = "The clock is manual, so the reply leaves at once and its delay is only recorded; a client that drives the clock does wait."


async def list_faults(context: RouteContext, command: ListFaults) -> Faults:
    """Those armed, then those of the scenarios."""
    found = context.lab.service.faults()
    return Faults(
        [ListedFault(each.name, each.scenario is None, each.scenario, each.struck, dict(each.fault)) for each in found]
    )


async def arm_fault(context: RouteContext, command: ArmFault) -> Named:
    fault, clock = command.fault, context.lab.clock
    check_names(fault, JobFault.__struct_fields__, _MEANT)
    answer = _named(await context.lab.calls.run(partial(context.lab.service.arm, fault)))
    waits = not isinstance(clock, ManualClock) or clock.withholds
    return answer if waits or "delay" not in fault else replace(answer, why=_NOBODY_WAITS)


async def disarm_fault(context: RouteContext, command: DisarmFault) -> Named:
    return _named(await context.lab.calls.run(partial(context.lab.service.disarm, command.name)))


def _named(result: ControlResult) -> Named:
    if result.status != 200:
        raise CommandRefused(result.status, result.why, "GET /_lab/faults lists them.")
    return Named(True, result.why)


async def end_tokens(context: RouteContext, command: EndTokens) -> Obeyed:
    service = context.lab.service
    if command.do == "rotate":
        if command.client is not UNSET:
            raise CommandRefused(400, "The key is every client's.", 'Send {"do": "rotate"} alone.')
        return obeyed(await context.lab.calls.run(service.rotate_key))
    if command.client is UNSET:
        raise CommandRefused(400, "client is missing.")
    return obeyed(await context.lab.calls.run(partial(service.end_tokens, command.client, command.do)))


async def decide_device(context: RouteContext, command: DecideDevice) -> Obeyed:
    return obeyed(
        await context.lab.calls.run(partial(context.lab.service.answer_device, command.user_code, command.answer))
    )

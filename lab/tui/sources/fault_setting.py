"""Faults that the person at the keys arms and disarms."""

from typing import TYPE_CHECKING

from lab.tui.state.intents import ArmFault, DisarmFault

if TYPE_CHECKING:
    from lab.client.control import ControlClient


async def set_fault(intent: ArmFault | DisarmFault, control: "ControlClient | None") -> str | None:
    """Arm a fault, or disarm it; why not, if it was refused."""
    if control is None:
        return "The wire of this server is its own."
    if isinstance(intent, ArmFault):
        return (await control.arm(intent.fault)).refused
    return (await control.disarm(intent.name)).refused

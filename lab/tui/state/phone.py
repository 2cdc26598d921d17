"""Where phones decide the gate that shows."""

from msgspec import Struct


class PhoneState(Struct, frozen=True):
    """Where phones decide."""

    address: str = ""
    """Of the page about the gate that is open; empty if none is."""
    cells: tuple[str, ...] = ()
    """Its QR code in half-blocks, dark on light, with its margin; nothing where it can't be drawn."""
    reach: str = ""
    """Who can open it, in one sentence."""
    exposed: bool = False
    """Whether others than this machine can."""

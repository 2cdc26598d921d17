"""What `lab demo` is asked of phones."""

import re

from lab.core.errors import UsageError
from lab.core.exchange import loopback
from lab.options import BadValue, CommandCall, FromCall, Options, number, option, setting
from lab.settings import EXPOSED

_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9._-]*))(?::(\d{1,6}))?")


def _place(text: str) -> tuple[str, int]:
    """Host and port, 0 for any free one."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise BadValue("no address", "Write --phone, --phone=HOST or --phone=HOST:PORT.")
    return found[1] or found[2] or "127.0.0.1", number(0, 65_535)(found[3] or "0")


def _exposed(call: CommandCall) -> bool:
    return EXPOSED.name in call.given


_NO_SCREEN = "it is of the screen, and here is none"


class PhoneSettings(Options):
    """Where the page for phones listens; UsageError if others can reach it and nobody said that this is meant."""

    USUAL = ("--phone",)

    place: tuple[str, int] = option(
        "--phone =HOST:PORT",
        "phones decide too: a QR code at each gate; by this machine alone unless HOST is given",
        _place,
        alone="127.0.0.1",
        excludes={
            **dict.fromkeys(("--plain", "--json", "--speed instant"), _NO_SCREEN),
            "--base": "it decides in the lab's own mock, and that isn't called",
        },
    )
    exposed: bool = setting(FromCall(_exposed))

    def __post_init__(self) -> None:
        host, _ = self.place
        if not self.exposed and not loopback(host):
            hint = "Leave the host out, or add --i-know-this-is-exposed: whoever sees the code decides."
            raise UsageError(f"--phone={host} can be reached by others.", hint=hint)

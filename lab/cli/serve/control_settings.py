"""Who may speak to the control plane of `lab serve`: the token that it is given, further names by which it is addressed."""

import re
from typing import ClassVar

from lab.core.errors import UsageError
from lab.settings import Flags, Settings

TOKEN_VARIABLE = "LAB_CONTROL_TOKEN"
_TOKEN = re.compile("[!-~]{16,200}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")


class ControlSettings(Settings, frozen=True):
    """What `lab serve` was asked of its control plane, beside where it listens."""

    token: str | None = None
    """The control token; None: a fresh one at each start."""
    names: tuple[str, ...] = ()
    """What a request's Host may say beside loopback's names and the host listened on, at whatever port."""

    READ: ClassVar = {"token": lambda flags: _token(flags), "names": lambda flags: _names(flags)}
    SECRET: ClassVar = ("token",)


def _token(flags: Flags) -> str | None:
    token = flags.variable(TOKEN_VARIABLE)
    if token is not None and not _TOKEN.fullmatch(token):
        hint = "Take 16 to 200 printable ASCII characters without blanks, or unset it: each start then has its own."
        raise UsageError(f"{TOKEN_VARIABLE} is no control token.", hint=hint)
    return token


def _names(flags: Flags) -> tuple[str, ...]:
    names: list[str] = flags["control_name"] or []
    for name in names:
        if not _HOST.fullmatch(name):
            raise UsageError(f"--control-name {name} is no host.", hint="Write a host without a port, as lab.example.")
    if names and not flags["i_know_this_is_exposed"]:
        hint = "Leave --control-name out, or add --i-know-this-is-exposed: whoever has the token commands the lab."
        raise UsageError("--control-name is for a control plane that others can reach.", hint=hint)
    return tuple(names)

"""What `lab serve` is asked that other commands are not: who may speak to its control plane, which store keeps its lab."""

import re
from typing import ClassVar, Literal, TypeAlias

from lab.core.errors import UsageError
from lab.settings import Flags, Settings, refuse_idle

TOKEN_VARIABLE, LEDGER_VARIABLE = "LAB_CONTROL_TOKEN", "LAB_LEDGER"
LogLines: TypeAlias = Literal["none", "text", "json"]
"""How a line of each request is written, if any is."""
_TOKEN = re.compile("[!-~]{16,200}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_ONE_PROCESS = {"record": "--record", "journal": "--journal", "source": "--from"}
"""Options of a lab that one process serves, by their flags."""


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


class LedgerSettings(Settings, frozen=True):
    """What `lab serve` was asked of a shared ledger."""

    url: str | None = None
    """Where the store is, perhaps with a password; None: the lab is this process's alone."""
    prefix: str = "lab"
    """What the store's keys begin with: each lab has another."""
    clock_said: bool = False
    """Whether the kind of clock was asked for, and not left to the lab."""

    READ: ClassVar = {
        "url": lambda flags: flags["ledger"] or flags.variable(LEDGER_VARIABLE),
        "prefix": lambda flags: flags["ledger_prefix"],
        "clock_said": lambda flags: flags["clock"] is not None,
    }
    SECRET: ClassVar = ("url",)


def refuse_unshared(flags: Flags, settings: LedgerSettings) -> None:
    """UsageError for options that a shared lab doesn't know, and for those that only it knows."""
    if settings.url is not None:
        why = "--ledger" if flags["ledger"] else LEDGER_VARIABLE
        for name, option in _ONE_PROCESS.items():
            if flags[name] is not None:
                raise UsageError(
                    f"{option} can't be used with {why}: a shared lab is kept by its store.",
                    hint="Leave one of them out.",
                )
    else:
        if flags["workers"] is not None:
            raise UsageError(
                "--workers needs --ledger: the processes of one lab share what they accepted.",
                hint="Add --ledger redis://HOST/DB, or leave --workers out.",
            )
        refuse_idle(flags, ("ledger_prefix",), "a lab of one process: it begins the keys of --ledger")

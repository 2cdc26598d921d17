"""Which store several processes of one lab share: `lab serve --ledger URL`, or LAB_LEDGER."""

from typing import ClassVar

from lab.core.errors import UsageError
from lab.settings import Flags, Settings, refuse_idle

LEDGER_VARIABLE = "LAB_LEDGER"
_ONE_PROCESS = {"record": "--record", "journal": "--journal", "source": "--from"}
"""Options of a lab that one process serves, by their flags."""


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
    if flags["workers"] is None:
        refuse_idle(flags, ("worker_timeout",), "no --workers N: it is for how long one of them may hang")
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

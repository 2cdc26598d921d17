"""Runs `lab` in a Python that lacks what Windows lacks, as far as Linux' own libraries can do without: `windows_like.py ARGUMENT…`.

What libraries need of it they have taken before. It shows that the lab goes another way there, not that Windows does.
"""

import asyncio
import importlib
import os
import pkgutil
import signal
import sys
from asyncio.selector_events import BaseSelectorEventLoop
from types import ModuleType

import aiohttp
import aiohttp.web
import faker
import jinja2
import mcp.server.stdio
import platformdirs
import textual.app
import textual.drivers.linux_driver
import trustme

MODULES = ("fcntl", "termios", "resource", "pwd", "grp", "tty", "pty")
ATTRIBUTES = {
    os: "O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_DIRECTORY fchmod fdatasync getuid geteuid getgid killpg fork".split(),
    signal: "SIGHUP SIGKILL SIGTSTP SIGPIPE SIGWINCH pthread_sigmask".split(),
}
LOADED = (aiohttp, faker, jinja2, mcp, platformdirs, textual, trustme, asyncio)


def refuse(*_: object) -> None:
    """As Windows' own loop does."""
    raise NotImplementedError


def take_away() -> None:
    """Leave this Python with what Windows has, too."""
    platformdirs.user_log_path()  # it chooses its system now
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it fails from now on
    locks = ModuleType("msvcrt")
    vars(locks).update(LK_NBLCK=2, locking=lambda file, how, count: None)
    sys.modules["msvcrt"] = locks
    for module, names in ATTRIBUTES.items():
        for name in names:
            delattr(module, name)
    for name in ("add_reader", "add_writer", "add_signal_handler"):
        setattr(BaseSelectorEventLoop, name, refuse)


def import_all() -> int:
    """Import every module of the lab; how many there are."""
    lab = importlib.import_module("lab")
    names = [each.name for each in pkgutil.walk_packages(lab.__path__, "lab.") if "sitecustomize" not in each.name]
    for name in names:
        importlib.import_module(name)
    return len(names)


if __name__ == "__main__":
    take_away()
    if sys.argv[1:] == ["import-all"]:
        sys.stdout.write(str(import_all()))
    else:
        from lab.__main__ import main

        sys.exit(main())

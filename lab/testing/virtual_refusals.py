"""What waits in ways that virtual time can't follow, refused where it is used: other loops, other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import BuiltinFunctionType, ModuleType
from typing import Any

from .virtual_clock import VirtualClock, VirtualTimeRefused
from .virtual_names import Replacements, running_loop

_LIBRARIES = {
    "uvloop": ("Loop", "new_event_loop", "run", "install"),
    "trio": ("run", "sleep", "open_tcp_stream"),
    "gevent": ("sleep", "spawn", "get_hub"),
    "pycurl": ("Curl", "CurlMulti"),
}
"""Libraries that wait by themselves, and by what they are used."""
_LIBRARY = "The client uses {}, which waits by itself: virtual time is for asyncio's own loop, or plain blocking calls."
_PROCESSES = (
    ("_posixsubprocess", "fork_exec"),
    ("_winapi", "CreateProcess"),
    *(("os", name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
)
_PROCESS = "The client starts a process, whose time would be another: virtual time is for one process."
_REPLACED = "time.{} is replaced already, by {}: virtual time needs the real one beneath."
_LOOP = "The client runs in {}: virtual time is for asyncio's own loop, or plain blocking calls."


def check_surroundings() -> None:
    """VirtualTimeRefused where virtual time can't even begin."""
    for name in ("sleep", "time", "monotonic"):
        found = getattr(time, name)
        if not isinstance(found, BuiltinFunctionType):
            raise VirtualTimeRefused(_REPLACED.format(name, getattr(found, "__module__", type(found).__module__)))
    loop = running_loop()
    if loop is not None and not hasattr(loop, "_selector"):
        raise VirtualTimeRefused(_LOOP.format(type(loop).__module__))


def refuse_the_rest(clock: VirtualClock, replacements: Replacements) -> None:
    """Refuse what can't be followed, now and when it is loaded later."""
    for place, name in _PROCESSES:
        with suppress(ImportError):  # each system has its own
            original = getattr(import_module(place), name, None)
            if original is not None:
                replacements.name(original, _refusing(clock, original, _PROCESS))

    def guard(module: ModuleType) -> None:
        for name in _LIBRARIES[module.__name__]:
            original: Any = vars(module).get(name)
            # what it only passes on is used by others, too
            if str(getattr(original, "__module__", None)).partition(".")[0] == module.__name__:
                replacements.name(original, _refusing(clock, original, _LIBRARY.format(module.__name__)))

    for name in _LIBRARIES:
        replacements.loaded(name, guard)


def _refusing(clock: VirtualClock, original: Callable[..., Any], sentence: str) -> Callable[..., Any]:
    def function(*given: Any, **named: Any) -> Any:
        if clock.lives_here():
            clock.refuse(sentence)
        return original(*given, **named)

    return function

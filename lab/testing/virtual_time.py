"""Virtual time: the client lives by the lab's clock, which jumps to whatever is due next (lab/docs/testing.md §3.1).

For a while functions that wait or tell the time are replaced: methods in their classes, and all else in every module that
has it, under whatever name, for one that has written `from time import sleep` has a name of its own. What lies deeper
(default arguments, attributes of classes, closures) is out of reach.
"""

from __future__ import annotations

import copyreg
import datetime
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from importlib import import_module
from importlib.machinery import PathFinder
from types import BuiltinFunctionType, ModuleType
from typing import Any

from .control import ControlPlaneClient
from .virtual_clock import VirtualClock, refusal
from .virtual_waits import loop_waits, running_loop, virtual_sleep, waits

_REAL = {"_pytest", "pytest", "pytest_timeout", "pluggy", "xdist", "execnet", "coverage", "threading", "queue"}
"""Packages that go on in real time: what runs the tests, and what serves threads that were there before."""
_REFUSED = {
    "os": ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system"),
    "_posixsubprocess": ("fork_exec",),
    "_winapi": ("CreateProcess",),
    "uvloop": ("new_event_loop", "run"),
    "trio": ("run", "sleep", "open_tcp_stream"),
    "gevent": ("sleep", "spawn", "get_hub"),
    "pycurl": ("Curl", "CurlMulti"),
}
"""What starts a process, whose time would be another, and libraries that wait by themselves: by what each is used."""
_LOOPS = "asyncio.base_events"
_PROCESSES = ("os", "_posixsubprocess", "_winapi")


@contextmanager
def virtual_time(control_url: str, token: str) -> Iterator[VirtualClock]:
    """Let all that waits and tells the time in this process go by the lab's clock; VirtualTimeRefused says why it can't."""
    for name in ("sleep", "time", "monotonic"):
        if not isinstance(found := getattr(time, name), BuiltinFunctionType):
            by = getattr(found, "__module__", type(found).__module__)
            raise refusal(f"has replaced time.{name} already, by {by}")
    loop = running_loop()
    if loop is not None and not hasattr(loop, "_selector"):
        raise refusal(f"runs in {type(loop).__module__}")
    clock = VirtualClock(ControlPlaneClient(control_url, token))
    with ExitStack() as undo:
        undo.callback(clock.close)
        _replace(clock, undo)
        try:
            yield clock
        finally:
            undo.close()
            if clock.refused is not None:  # which the client may have swallowed
                raise clock.refused


def _replace(clock: VirtualClock, undo: ExitStack) -> None:
    """Let names and methods mean what goes by the lab's clock, and in the end, also in what was loaded since, the old."""
    names = list[tuple[object, object]](_times(clock))
    for real, stand_in in _dates(clock):
        names.append((real, stand_in))
        # pickle looks for a class where its name says, and finds the stand-in there
        copyreg.pickle(real, lambda value, stand_in=stand_in: (stand_in, value.__reduce_ex__(4)[1]))  # type: ignore[misc]
        undo.callback(copyreg.dispatch_table.pop, real, None)

    def wrap(methods: Iterable[tuple[type, str, Callable[..., Any]]]) -> None:
        for owner, name, wrapped in methods:
            original = getattr(owner, name)
            own = name in vars(owner)
            setattr(owner, name, wraps(original)(wrapped(original)))
            undo.callback(*((setattr, owner, name, original) if own else (delattr, owner, name)))

    wrap(waits(clock))

    def loaded(*modules: ModuleType) -> None:
        for module in modules:
            if module.__name__ == _LOOPS:
                wrap(loop_waits(clock, module))
            what = f"uses {module.__name__}, which waits by itself"
            what = "starts a process" if module.__name__ in _PROCESSES else what
            for name in _REFUSED.get(module.__name__, ()):
                if (found := vars(module).get(name)) is not None:
                    names.append((found, _refusing(clock, found, what)))
        _rename(names)

    undo.callback(lambda: _rename((replacement, original) for original, replacement in names))
    for name in _PROCESSES:
        with suppress(ImportError):  # another system's
            import_module(name)
    loaded(*(sys.modules[name] for name in {_LOOPS, *_REFUSED} & sys.modules.keys()))
    loads = _Loads(loaded)
    sys.meta_path.insert(0, loads)
    undo.callback(sys.meta_path.remove, loads)


def _rename(pairs: Iterable[tuple[object, object]]) -> None:
    """Let every name that means the first of a pair mean the second."""
    by_id = {id(old): (old, new) for old, new in pairs}
    for name, module in list(sys.modules.items()):
        names: Any = getattr(module, "__dict__", None)
        if name.partition(".")[0] in _REAL or not isinstance(names, dict):
            continue
        for key, value in list(names.items()):
            found = by_id.get(id(value))
            if found is not None and found[0] is value:
                names[key] = found[1]


class _Loads:
    """Tells when one of the libraries, or what makes loops, has been loaded."""

    def __init__(self, loaded: Callable[[ModuleType], None]) -> None:
        self._loaded = loaded

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        spec = PathFinder.find_spec(name, path) if name == _LOOPS or name in _REFUSED else None
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._loaded(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _refusing(clock: VirtualClock, original: Callable[..., Any], what: str) -> Callable[..., Any]:
    def function(*given: Any, **named: Any) -> Any:
        if clock.lives_here():
            clock.refuse(what)
        return original(*given, **named)

    return function


# What tells the time, or waits for it


def _times(clock: VirtualClock) -> Iterator[tuple[object, object]]:
    yield time.sleep, virtual_sleep(clock, time.sleep)
    for name in ("time", "time_ns", "monotonic", "monotonic_ns"):
        yield getattr(time, name), getattr(clock, name)
    localtime = time.localtime
    functions: tuple[Callable[..., Any], ...] = (time.gmtime, time.localtime, time.ctime)
    for function in functions:
        yield function, _of_present(function, 0, clock.time)
    yield time.asctime, _of_present(time.asctime, 0, lambda: localtime(clock.time()))
    yield time.strftime, _of_present(time.strftime, 1, lambda: localtime(clock.time()))


def _of_present(original: Callable[..., Any], place: int, present: Callable[[], object]) -> Callable[..., Any]:
    """A function whose argument of that place is the present, if it isn't given."""

    @wraps(original)
    def function(*given: Any) -> Any:
        return original(*given) if given[place:] not in ((), (None,)) else original(*given[:place], present())

    return function


class _StandIn(type):
    """The class of a class that stands in for a real one."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__dict__.get("_real", ())) or type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__dict__.get("_real", ())) or type.__subclasscheck__(cls, other)


def _dates(clock: VirtualClock) -> Iterator[tuple[type, type]]:
    """Both classes of dates, which are C's and can't be changed, each with one that stands in for it."""

    def now(cls: Any, tz: datetime.tzinfo | None = None) -> Any:
        return cls.fromtimestamp(clock.time(), tz)

    def utcnow(cls: Any) -> Any:
        return cls.fromtimestamp(clock.time(), datetime.timezone.utc).replace(tzinfo=None)

    def today(cls: Any) -> Any:
        return cls.fromtimestamp(clock.time())

    def new(cls: Any, *given: Any, **named: Any) -> Any:
        return cls._real.__new__(vars(cls).get("_real", cls), *given, **named)  # what a stand-in makes is a real date

    for real, methods in ((datetime.datetime, (now, utcnow, today)), (datetime.date, (today,))):
        names = {"_real": real, "__new__": new, "__module__": "datetime"}
        yield (
            real,
            _StandIn(real.__name__, (real,), {**names, **{each.__name__: classmethod(each) for each in methods}}),
        )

"""Names that mean something else for a while: in every module that has them, however it came by them.

A module that has written `from time import sleep` has a name of its own for it, so each is looked for by what it means.
What lies deeper (default arguments, attributes of classes, closures) is out of reach.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

_KEPT = {"_pytest", "pytest", "pytest_timeout", "pluggy", "xdist", "execnet", "coverage", "threading", "queue"}
"""Packages that go on in real time: what runs the tests, and what serves threads that were there before."""


class Replacements:
    """What is replaced by what, until it is put back."""

    def __init__(self) -> None:
        self._pairs: list[tuple[object, object]] = []
        self._attributes: list[tuple[type, str, Any, bool]] = []
        self._loaded: dict[str, Callable[[ModuleType], None]] = {}

    def name(self, original: object, replacement: object) -> None:
        """Replace it in all modules."""
        self._pairs.append((original, replacement))

    def method(self, owner: type, name: str, wrapped: Callable[[Callable[..., Any]], Any]) -> None:
        """Replace a method by what `wrapped` makes of it, for all that have it."""
        own = name in vars(owner)
        original = getattr(owner, name)
        self._attributes.append((owner, name, original, own))
        setattr(owner, name, wrapped(original))

    def loaded(self, name: str, act: Callable[[ModuleType], None]) -> None:
        """Have `act` replace what a module holds, now or as soon as it is loaded: a start waits for none that it doesn't use."""
        if (module := sys.modules.get(name)) is not None:
            act(module)
        else:
            self._loaded[name] = act

    def apply(self) -> None:
        """Let the names mean the new."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        _rename(self._pairs)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """How Python finds a module: as it would by itself; but one that is waited for is told of once it is loaded."""
        act = self._loaded.pop(name, None)
        if act is None:
            return None
        others = (each.find_spec(name, path, target) for each in sys.meta_path if each is not self)
        spec: Any = next((each for each in others if each is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                if module.__name__ == name:  # what loads from an archive loads others, too
                    act(module)
                    self.apply()

            spec.loader.exec_module = exec_module
        return spec

    def undo(self) -> None:
        """Let all mean what it meant, also in modules that were loaded since."""
        sys.meta_path.remove(self)
        _rename((replacement, original) for original, replacement in self._pairs)
        for owner, name, original, own in reversed(self._attributes):
            if own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)


def _rename(pairs: Iterable[tuple[object, object]]) -> None:
    by_id = {id(old): (old, new) for old, new in pairs}
    kept = {*_KEPT, __name__.rpartition(".")[0]}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in kept or name.rpartition(".")[0] in kept:
            continue
        names: Any = getattr(module, "__dict__", None)
        for key, value in list(names.items()) if isinstance(names, dict) else ():
            found = by_id.get(id(value))
            if found is not None and found[0] is value:
                names[key] = found[1]


def running_loop() -> Any:
    """The loop of asyncio that runs in the present thread, if one does."""
    events: Any = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()

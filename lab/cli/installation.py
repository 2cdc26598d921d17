"""How the lab is installed: its version, whatever else goes by the name of lab, what is missing."""

import sys
from collections.abc import Iterable

from lab.core.errors import HostError, LabError, UsageError
from lab.core.version import __version__
from lab.plugin import plugins

OWN_ENVIRONMENT = (
    "Install it in an environment of its own, as `uvx invoke-async-lab` and `pipx install invoke-async-lab` do."
)


def version_text() -> str:
    """`lab 0.1.0`, and a line about the distribution named lab if that is installed too."""
    return "\n".join((f"lab {__version__}", *(f"{each} {OWN_ENVIRONMENT}" for each in namesakes())))


def started_by_python(entry: str) -> tuple[str, str, str]:
    """The command of a process that is this very lab, wherever it was started: what this one imports it imports.

    `entry` is a function of `lab`, `module:name`, whose value is the exit code.
    """
    module, _, name = entry.partition(":")
    return (
        sys.executable,
        "-c",
        f"import sys; sys.path[:] = {sys.path!r}; from {module} import {name}; sys.exit({name}())",
    )


def namesakes() -> tuple[str, ...]:
    """A sentence about the distribution on the index that is named lab, and imported by that name, if it is installed."""
    from importlib.metadata import PackageNotFoundError, version  # no other start waits for it

    try:
        other = version("lab")
    except PackageNotFoundError:
        return ()
    return (f"Another program, the distribution lab {other}, is installed here too, under the same import name.",)


def incomplete(fault: ImportError, given: Iterable[str]) -> LabError:
    """What to say where a module of the lab, or one that it or a plugin's extra needs, can't be imported."""
    try:
        from lab.options import names_in  # only a mistake needs it
    except ImportError:  # which is the mistake
        return HostError(f"The installation is incomplete: {fault}.", hint=" ".join((*namesakes(), OWN_ENVIRONMENT)))
    words = {word.partition("=")[0] for word in given}
    for plugin in plugins():
        options = {name for each in plugin.additions for name in names_in(each.asks)}
        names = words & (options | {each.name for each in plugin.commands})
        if plugin.extra and names and fault.name is not None and not fault.name.startswith("lab"):
            what = f"{min(names)} needs {fault.name.replace('_', '-')}, which is not installed."
            return UsageError(what, hint=f"pip install 'invoke-async-lab[{plugin.extra}]'")
    return HostError(f"The installation is incomplete: {fault}.", hint=" ".join((*namesakes(), OWN_ENVIRONMENT)))

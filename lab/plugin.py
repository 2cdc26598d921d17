"""What a plugin declares, and which plugins there are (plugins.md). The kernel declares its own commands, forms, routes
and wire by the same values, in `lab/kernel.py`.

A declaration is strings and tuples: `lab --help` reads all of them, and imports nothing that they name. So these are
named tuples, for a msgspec Struct would double the time of the help.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple, TypeAlias, TypeVar

from lab.core.errors import HostError

Reference: TypeAlias = str
"""What is imported when it is needed: `module:name`, the name perhaps one within another, as `a.b:Class.method`."""
_Kind = TypeVar("_Kind")


COMMAND_GROUPS = ("show", "your client", "scenarios", "recordings", "reference")
"""Under which the help lists commands, in this order."""


class CliCommand(NamedTuple):
    """`lab NAME`."""

    group: str
    """One of `COMMAND_GROUPS`; any other: the help doesn't list it."""
    name: str
    does: str
    """In a few words, for the help."""
    example: str
    run: Reference
    """A function of what was asked and of a `lab.cli.console.Console`: does it, and gives the exit code."""
    asks: Reference = ""
    """What it is asked: a `lab.options.Options`; empty: nothing."""


class Addition(NamedTuple):
    """Options that a plugin gives to a command of somebody else's."""

    command: str
    asks: Reference
    """What is asked by them: a `lab.options.Options`. Where one was given, the command finds it in its `additions`."""
    run: Reference = ""
    """Runs in the command's place then; it may go on to the command's own."""
    offers: Reference = ""
    """Of `serve`: takes what is asked and its `lab.settings.MockSettings`, and gives the `lab.server.labs.OfferedChoices` that
    clients may choose beside; a LabError says why not."""
    config: Reference = ""
    """Of the same: a function of what was asked and of the `lab.mock.config.Config` of the mock, which gives the one that is served."""
    beside: Reference = ""
    """Of `serve`, `run`, `demo` and `rehearse`: a `lab.cli.beside.Beside`, which goes on as long as a lab is served."""
    panel: Reference = ""
    """Of `demo`: a `lab.cli.panels.PanelOf`, asked for what stands beside a question."""


class ControlRoute(NamedTuple):
    """A route of the control plane, and a call of it that a shell takes as it stands (control-plane.md §1)."""

    method: str
    path: str
    """Behind `/_lab/`; a name in braces is a member of what it takes."""
    run: Reference
    """An async function of a `lab.server.control.observed.RouteContext` and of what is asked, which gives the answer."""
    takes: Reference
    """The Struct of what is asked, a `lab.control.Command`, which says with what it is answered."""
    does: str
    """In a few words, for lists."""
    example: str | None = None
    """The path that the call has, with its query; None: the path of the row, in which a job is `$job`."""
    body: str | None = None
    """The JSON that the call sends, as it stands between single quotes; None: what is asked stands in the query."""
    probe: bool = False
    """Whether who shows no token is told the status, and nothing else."""
    of_the_lab: bool = False
    """Whether no tenant has it."""
    of_the_process: bool = False
    """Whether it is about this process, or about what is served: it needs no store then."""

    @property
    def name(self) -> str:
        """That of its function."""
        return self.run.rpartition(":")[2]


class WireDeclared(NamedTuple):
    """A dialect: it is loaded at the first call that is its, or when somebody asks for it by its name."""

    name: str
    """As `--dialect` has it."""
    wire: Reference
    """A `lab.dialects.wire.Wire`."""
    routes: tuple[str, ...]
    """The names of its routes, for faults and latencies; the wire's table has a row for each."""
    of_a_job: tuple[str, ...] = ()
    """Those that answer with a job."""
    place: str = ""
    """Where a client of it begins, below the base URL; empty: elsewhere for each team."""
    judges: Reference = ""
    """What traffic says of its open claims: `lab.core.evidence.Judges`."""


class Following(NamedTuple):
    """Further facts that follow of jobs: derived ones, as the kernel's are (`lab.jobs.facts`)."""

    key: bytes
    """Where a record lies without which none do; only with it is the function loaded."""
    run: Reference
    """A `lab.mock.job_index.FollowJob`."""
    acts: Reference = ""
    """A `lab.server.acting.MakeActor`: what is done about them as long as a lab is served; loaded with the first such record."""


class ExportForm(NamedTuple):
    """A form of `lab show --as`."""

    word: str
    says: str
    """In a few words, for the help."""
    run: Reference
    """A function of a `Recording`, and of whether lines begin with their numbers in the file: gives the lines."""


class KeyDeclared(NamedTuple):
    """A key of the screen, wherever there is a control plane to ask."""

    name: str
    face: str
    """The key as it is shown."""
    label: str
    help: str
    react: Reference
    """A function of the screen's state that gives what it leads to, a `lab.tui.panes.keys.Reaction`: loaded once it is pressed."""
    bar_with: str = ""
    """The member of that state with which it has a place in the key bar; empty: it has none there."""


class Plugin(NamedTuple):
    """A plugin, whole."""

    name: str
    does: str
    """In a few words, for `lab doctor`."""
    page: str = ""
    """The page of `lab docs` that tells of it."""
    commands: tuple[CliCommand, ...] = ()
    additions: tuple[Addition, ...] = ()
    routes: tuple[ControlRoute, ...] = ()
    wires: tuple[WireDeclared, ...] = ()
    forms: tuple[ExportForm, ...] = ()
    follows: tuple[Following, ...] = ()
    keys: tuple[KeyDeclared, ...] = ()
    extra: str = ""
    """The extra of the distribution that brings what it needs beside; empty: nothing."""


def resolve(reference: Reference) -> object:
    """What a reference names. HostError if it is a stranger's that isn't there; ImportError if the lab's own isn't whole."""
    module, _, name = reference.partition(":")
    try:
        found: object = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        if module.partition(".")[0] == "lab":
            raise
        raise HostError(f"{reference} can't be loaded: {error}.", hint=_STRANGE) from None
    return found


def resolve_as(reference: Reference, kind: type[_Kind]) -> _Kind:
    """The same, which must be of that kind; HostError if it is not."""
    found = resolve(reference)
    if not isinstance(found, kind):
        raise HostError(f"{reference} is no {kind.__name__}.", hint=_STRANGE)
    return found


_STRANGE = "A plugin that is installed here declares it; lab doctor lists them. Mend it, or uninstall it."


@cache
def plugins() -> tuple[Plugin, ...]:
    """The kernel's own declaration, and those of the plugins that come with the lab."""
    from lab.plugins import PLUGIN_NAMES  # the one arrow from the kernel to its plugins: a list of names

    places = ("lab.kernel:KERNEL", *(f"lab.plugins.{name}.plugin:PLUGIN" for name in PLUGIN_NAMES))
    return tuple(resolve_as(place, Plugin) for place in places)


class Stranger(NamedTuple):
    """A plugin that another distribution brings, by an entry point `lab.plugins`."""

    distribution: str
    """With its version."""
    package: str
    """The first name of its modules."""
    plugin: Plugin | None
    """None: it can't be loaded."""
    why: str = ""
    """Why not."""


@cache
def found_strangers() -> tuple[Stranger, ...]:
    """All of them. To look takes as long as the whole help, so it is done when a name is none of ours."""
    from importlib.metadata import entry_points

    found: list[Stranger] = []
    for point in sorted(entry_points(group="lab.plugins")):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.name
        package = point.module.partition(".")[0]
        try:
            found.append(Stranger(distribution, package, resolve_as(point.value, Plugin)))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module does, the lab goes on without it
            found.append(Stranger(distribution, package, None, getattr(error, "what", f"{point.value}: {error}")))
    return tuple(found)


def strangers() -> tuple[Plugin, ...]:
    """Those that could be loaded."""
    return tuple(each.plugin for each in found_strangers() if each.plugin is not None)


def broken_strangers() -> str:
    """A sentence about those that could not, for whoever looks for what one might bring; empty: there is none."""
    return " ".join(f"The plugin of {each.distribution} can't be loaded." for each in found_strangers() if each.why)


def packages_of_strangers() -> tuple[str, ...]:
    """The first names of strangers' modules, as far as they were looked for."""
    return tuple(each.package for each in found_strangers()) if found_strangers.cache_info().currsize else ()


def every_plugin() -> Iterator[Plugin]:
    """Ours, then strangers', which are looked for only once somebody asks so far."""
    yield from plugins()
    yield from strangers()

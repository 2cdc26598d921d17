"""`lab doctor`: what the lab runs on, and whether something there is wrong; one page to paste into a report."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from msgspec import Struct

from lab.cli.command_settings import DoctorSettings
from lab.cli.console import Console
from lab.cli.installation import OWN_ENVIRONMENT, namesakes
from lab.cli.loop import Stop, complete
from lab.control import AskReady
from lab.core.errors import HostError, LabError
from lab.core.version import __version__
from lab.files.opening import can_write
from lab.files.preferences import PreferencesFile
from lab.files.recordings import recording_path
from lab.mock.config import TENANT_PATH
from lab.plugin import found_strangers, plugins
from lab.server.listener import bind
from lab.settings import LEDGER_VARIABLE

LIBRARIES = ("textual", "rich", "aiohttp", "msgspec", "pyyaml", "faker", "jinja2", "pyjwt", "google-re2")
EXTRAS = {
    "shared": ("hiredis",),
    "observe": ("prometheus-client",),
    "phone": ("segno",),
    "web": ("textual-serve",),
    "mcp": ("mcp",),
    "pytest": ("pytest",),
}
"""What may be installed beside, and what of it shows that it is."""
_PORT = 8080
"""Of `lab serve` and `lab capture`, where none is named."""
_REVERTED = "What it had acknowledged before is gone, and Job IDs may come twice: lab docs shared, §4."
_READY = "yes, calls may be sent to it"
_OTHER_PORTS = {8081: "the control plane's in the pages of lab docs", 8443: "https's, with --tls"}
"""What may be taken, and nothing is wrong."""


class Diagnosis(Struct, frozen=True, omit_defaults=True):
    """One line of the page."""

    name: str
    found: str
    wrong: str | None = None
    """What to do about it; None: nothing."""


def execute(settings: DoctorSettings, console: Console) -> int:
    """Print what was found; 4 if something is wrong."""
    findings = [*_installed(), *_surroundings(settings), *_store(settings), *_running(settings)]
    wrong = [each for each in findings if each.wrong is not None]
    if settings.json:
        found = [{"name": each.name, "found": each.found, "wrong": each.wrong} for each in findings]
        console.json({"ok": not wrong, "findings": found})
        return HostError.exit_code if wrong else 0
    for each in findings:
        console.out(f"{each.name:<12} {each.found}" + (f"  WRONG: {each.wrong}" if each.wrong else ""))
    console.out(f"{len(wrong)} wrong." if wrong else "Nothing is wrong.")
    return HostError.exit_code if wrong else 0


def _installed() -> Iterator[Diagnosis]:
    other = " ".join(namesakes())
    yield Diagnosis("lab", f"{__version__} {other}".strip(), OWN_ENVIRONMENT if other else None)
    yield Diagnosis("python", f"{platform.python_version()} on {platform.platform()}")
    for name in LIBRARIES:
        try:
            yield Diagnosis(name, version(name))
        except PackageNotFoundError:
            yield Diagnosis(name, "missing", OWN_ENVIRONMENT)
    yield from _plugins()
    yield Diagnosis("extras", ", ".join(f"{extra} {_extra(needs)}" for extra, needs in EXTRAS.items()))


def _plugins() -> Iterator[Diagnosis]:
    """Ours by name; of strangers each with what brings it."""
    yield Diagnosis("plugins", ", ".join(each.name for each in plugins()[1:]) or "none")
    for each in found_strangers():
        if each.plugin is None:
            yield Diagnosis("plugin", f"of {each.distribution}: {each.why}", "Mend it, or uninstall it.")
        else:
            yield Diagnosis("plugin", f"{each.plugin.name}, of {each.distribution}: {each.plugin.does}")


def _extra(needs: tuple[str, ...]) -> str:
    try:
        return " ".join(f"{name}-{version(name)}" for name in needs)
    except PackageNotFoundError:
        return "not installed"


def _surroundings(settings: DoctorSettings) -> Iterator[Diagnosis]:
    yield _port(running=settings.target is not None)
    for number, whose in _OTHER_PORTS.items():
        yield Diagnosis(f"port {number}", f"{'free' if _port_trouble(number) is None else 'taken'} ({whose})")
    for name, folder in (
        ("recordings", recording_path("name").parent),
        ("config", PreferencesFile(settings.config).path.parent),
    ):
        if can_write(folder):
            yield Diagnosis(name, f"{folder} can be written")
        else:
            yield Diagnosis(name, f"{folder} can't be written", "Make it writable, or start the lab elsewhere.")


def _store(settings: DoctorSettings) -> Iterator[Diagnosis]:
    """Whether the store that LAB_LEDGER names can be used; within the 5 s that a lab gives it at its start."""
    if settings.ledger is None:
        return
    from lab.stores.address import store_address
    from lab.stores.redis_link import open_link

    try:
        address = store_address(settings.ledger)
    except LabError as error:
        yield Diagnosis("store", LEDGER_VARIABLE, _text(error))
        return

    async def work(stop: Stop) -> Diagnosis:
        link = await open_link(address)
        await link.close()
        return Diagnosis("store", "; ".join((f"{address} can be used", *link.notes)))

    try:
        yield complete(work)
    except LabError as error:
        yield Diagnosis("store", str(address), _text(error))


def _text(error: LabError) -> str:
    """What is wrong and what to do, as sentences."""
    return f"{error.what.removesuffix('.')}. {error.hint or ''}".strip()


def _port(*, running: bool) -> Diagnosis:
    trouble = _port_trouble(_PORT)
    if trouble is None:
        return Diagnosis("port", f"{_PORT} is free")
    # where a lab runs it may well be the one that has it
    return Diagnosis(
        "port", f"{_PORT}: {trouble.what}", None if running else trouble.hint or "Name another with --port."
    )


def _port_trouble(number: int) -> HostError | None:
    """Why a lab can't listen on the port; None: it can."""
    try:
        bind("127.0.0.1", number).close()
    except HostError as error:
        return error
    return None


def _running(settings: DoctorSettings) -> Iterator[Diagnosis]:
    """What a lab that runs says of its health."""
    if settings.target is None:
        return
    from lab.cli.called_servers import control_address, reached  # only who names a lab needs it

    url, where = control_address(settings.target)

    async def work(stop: Stop) -> list[Diagnosis]:
        async with reached(url, settings.control) as client:
            lab = await client.lab()
            ready = (
                None if TENANT_PATH in where else await client.ask(AskReady())
            )  # which a tenant's token doesn't open
        clock = f"{lab.clock.mode} clock at {lab.clock.now} ms"
        reverted = f"was set back, or came back empty: noticed at {lab.set_back} ms"
        stores = [Diagnosis("store", reverted, _REVERTED)] if lab.set_back is not None else []
        return [
            Diagnosis("running lab", f"{where}: {clock}, seed {lab.seed}, {lab.base_url}", lab.why),
            *([] if ready is None else [Diagnosis("ready", _READY if ready.done else "no", ready.refused)]),
            *stores,
        ]

    try:
        yield from complete(work)
    except LabError as error:
        yield Diagnosis("running lab", where, _text(error))

"""`lab serve`: the mock alone, for other people's clients."""

import asyncio
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, cast

from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.parser import given_to, read_call
from lab.cli.scenario_origin import tell_origin
from lab.cli.serve.ports import trust_lines
from lab.cli.serve.serving import ServeCall, Serving
from lab.cli.serve.settings import ServeSettings
from lab.cli.serve.surroundings import Parent, parent_gone, parent_of
from lab.cli.setup import Setup, make_setup, with_plugins
from lab.cli.signals import Interrupted
from lab.core.exchange import loopback
from lab.jobs.program import shadowed
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.options import changed
from lab.plugin import plugins, resolve
from lab.server.labs import OfferedChoices
from lab.server.listener import address_for_others, is_every_address, origin_of
from lab.settings import TOKEN_VARIABLE, MockSettings

if TYPE_CHECKING:  # a lab alone is no worker
    from lab.cli.serve.workers import WorkerPlace

EXPOSED_BANNER = "EXPOSED:"
"""How the one advice begins that is a banner."""
_LONGEST_SHOWN = 400
"""Characters of a message, or of parameters, that are shown when the lab starts."""


def execute(settings: ServeSettings, console: Console, place: "WorkerPlace | None" = None) -> int:
    """Serve until stopped; that is its end, so 0, or 4 if the tape or the journal died. `place` is that of a worker."""
    try:
        if settings.ledger.workers is not None and place is None:
            from lab.cli.serve.workers import serve_with_workers  # no other start waits for it

            return serve_with_workers(settings, console)
        # a worker lives with whoever started it, and the lab with whoever started that
        console.serving, parent = True, parent_of(wanted=settings.with_parent or place is not None)
        offers: Sequence[OfferedChoices] = ()
        player = journal = None
        if settings.playback.source is not None:
            from lab.cli.serve.playback import RecordingPlayer  # only it needs one

            player = RecordingPlayer(settings.playback.source, settings.playback, settings.mock)
            setup = player.setup()
        else:
            settings, offers, setup = scenarios_served(settings)
        setup = with_plugins(setup, "serve", settings.additions)
        if settings.journal.file is not None:
            from lab.cli.serve.state_journal import StateJournal  # no other start waits for it

            journal = StateJournal(settings.mock, settings.journal.file, console, repair=settings.journal.repair)
            setup = journal.resume(setup)
        call = ServeCall(settings, offers, journal, place)
        code = complete(partial(_serve, call, setup, parent, console))
        return code if player is None else max(code, player.conclude(console))
    except Interrupted:  # stopped before it listened
        return 0


def read_served(words: Sequence[str], console: Console) -> tuple[ServeCall, Setup]:
    """What `lab serve` with these words would serve; LabError says why it couldn't."""
    call = read_call(["serve", *words], console)
    tell_origin(call, console)
    settings, offers, setup = scenarios_served(cast("ServeSettings", call.options))
    return ServeCall(settings, offers), with_plugins(setup, "serve", settings.additions)


async def begin_served(call: ServeCall, setup: Setup, console: Console, ends: AsyncExitStack, stop: Stop) -> Serving:
    """A lab as `lab serve` serves one, in a process that does something else, too."""
    mock = await ends.enter_async_context(Serving(setup, console, stop, outside=True, call=call))
    announce(call, mock, console)
    return mock


def scenarios_served(settings: ServeSettings) -> tuple[ServeSettings, Sequence[OfferedChoices], Setup]:
    """What is served, with what plugins offer beside; what that is about is served if the call names nothing."""
    offers = tuple(offers_of(settings))
    targets = settings.mock.targets or tuple(each for offer in offers for each in offer.targets)
    settings = changed(settings, mock=changed(settings.mock, targets=targets))
    return settings, offers, make_setup(settings.mock)


def offers_of(settings: ServeSettings) -> Iterator[OfferedChoices]:
    """What the plugins offer of which something was asked."""
    for each, addition in given_to("serve", settings.additions):
        if each.offers:
            yield cast("Callable[..., OfferedChoices]", resolve(each.offers))(addition, settings.mock)


async def _serve(call: ServeCall, setup: Setup, parent: Parent | None, console: Console, stop: Stop) -> int:
    """Listen, announce, and wait for a signal, or for the parent's end."""
    # over once the parent has gone; the work ends then, wherever it is: it may wait for a store
    over = asyncio.create_task(parent_gone(parent))
    over.add_done_callback(lambda done: done.cancelled() or stop.leave())
    place = call.place
    async with Serving(setup, console, stop, outside=True, call=call) as mock:
        if place is not None and (shared := mock.shared) is not None:
            console.out(f"{call.settings.drain + round(1_000 * mock.setup.limits.grace)} {shared.document}")
        if place is None or place.announces:
            announce(call, mock, console)
        if place is not None:
            place.served(console)
        with suppress(asyncio.CancelledError):
            await over
    return mock.exit_code


def announce(call: ServeCall, mock: Serving, console: Console) -> None:
    """Say, once requests are accepted, where and with what."""
    settings, setup, document = call.settings, mock.setup, mock.document()
    if base := setup.config.base:  # where clients call, which may be a proxy's place
        token_url = base + document["token_url"].removeprefix(mock.base_url)
        document |= {"base_url": base, "token_url": token_url, "listens": mock.base_url}
    if settings.control.token is not None:  # whoever gave it has it; logs must not
        document["control_token"] = "" if settings.json else f"that of {TOKEN_VARIABLE}"
    if settings.json:
        said = {name: value for name, value in document.items() if value} | {"seed": setup.config.seed}
        console.out(json.dumps(said, separators=(",", ":")))
    else:
        for line in connection_lines(setup, document, may_choose_lines(settings, document["base_url"])):
            console.out(line)
    for advice in advices(settings.mock):
        console.alarm(advice, color=settings.environment.color and advice.startswith(EXPOSED_BANNER))
    hidden: dict[str, list[str]] = {}
    for later, first in shadowed(each.scenario for each in setup.config.scenarios):
        hidden.setdefault(first.name, []).append(later.name)
    for name, never in hidden.items():
        console.err(
            f"note: never chosen: {', '.join(never)}: {name}, before by name, takes all that is asked of that team and"
            " fits. X-Lab-Scenario: NAME calls for one."
        )
    notes = [each.note for each in call.offers]
    if (shared := mock.shared) is not None:
        notes += [*(f"note: {note}" for note in shared.notes), f"shares its ledger: {shared.shown}"]
    for note in notes:
        console.err(note)


def may_choose_lines(settings: ServeSettings, base: str) -> list[str]:
    """What clients may choose where scenarios are served: one of these, which a shared lab has not, and a tenant."""
    one = f"{base}{MOUNT_PATH}NAME, or X-Lab-Scenario: NAME: jobs and tokens of its own"
    shared, most = settings.ledger.url is not None, settings.tenants
    begun_by = f"token requests make up to {most}" if most else "POST /_lab/tenants makes one"
    tenant = f"{base}{TENANT_PATH}NAME, or X-Lab-Tenant: NAME: a lab of its own; {begun_by}"
    lines = [] if shared else [f"  {'one scenario':<14} {one}"]
    return [*lines, f"  {'tenants':<14} {tenant}"] if shared or most else lines


def connection_lines(setup: Setup, document: dict[str, str], may_choose: list[str]) -> list[str]:
    """The same to read, with a line to try."""
    names = ", ".join(each.name for each in setup.config.scenarios) or "a recording"
    login = quote(f"{document['client_id']}:{document['client_secret']}")
    grant = "-d grant_type=client_credentials"
    if "user" in document:
        user, password = (quote(f"{name}={document[key]}") for name, key in (("username", "user"), ("password",) * 2))
        grant = f"-d grant_type=password --data-urlencode {user} --data-urlencode {password}"
    scope = quote(f"scope={document['scope']}")
    return [
        f"Serving {names}, seed {setup.config.seed}. Stop with Ctrl-C.",
        *(f"  {name.replace('_', ' '):<14} {value}" for name, value in document.items()),
        *(f"  {f'over {name}':<14} {document['base_url']}{place}" for name, place in other_wires()),
        *([f"  {'elsewhere':<14} {elsewhere}"] if (elsewhere := origin_elsewhere(setup, document["base_url"])) else []),
        *(may_choose if setup.config.scenarios else []),
        f"  {'watch it':<14} lab watch {document['control_url']}",
        *([f"  {'reviewer':<14} {reviewer_sentence(setup)}"] if setup.config.scenarios else []),
        *agent_lines(setup),
        "Try:",
        f"  curl -s -u {login} {grant} -d {scope} {document['token_url']}",
        *(trust_lines(document["https_url"], document["ca_file"]) if "ca_file" in document else ()),
    ]


def other_wires() -> Iterator[tuple[str, str]]:
    """The wires that have a place of their own below the base URL, and that place."""
    return ((wire.name, wire.place) for plugin in plugins() for wire in plugin.wires if wire.place)


def origin_elsewhere(setup: Setup, here: str) -> str:
    """Where clients on other machines call, if the lab listens at every address, and wasn't given a base; else nothing."""
    host = setup.settings.listen.host
    if setup.config.base or not is_every_address(host):
        return ""
    origin = origin_of(address_for_others(host) or platform.node(), int(here.rpartition(":")[2]))
    return f"{origin}, or by this machine's name (--base URL: what URLs in answers name)"


def reviewer_sentence(setup: Setup) -> str:
    """Who decides at gates, and whether that was asked for."""
    if not setup.config.scripted:
        return "person: at gates jobs wait for somebody at lab watch, the control plane, or the API"
    usual = "script" if setup.settings.reviewer else "script, by default"
    return f"{usual}: gates are decided as the scenario says; --reviewer person has them wait for you"


def agent_lines(setup: Setup) -> list[str]:
    """The agents that clients can call, each with a message that it understands, and the parameters that belong to it."""
    scenarios = [each.scenario for each in setup.config.scenarios]
    widest = max((len(each.agent.code) for each in scenarios), default=0)
    lines = (
        f"  {each.agent.code:<{widest}} {_brief(each.message)}"
        + (f", with parameters {_brief(each.parameters)}" if each.parameters else "")
        for each in scenarios
    )
    return ["Agents, each with a message that it understands:", *lines] if scenarios else []


def _brief(value: object) -> str:
    """As JSON, to copy; of what is very long the beginning."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(text)} characters)"


def advices(settings: MockSettings) -> list[str]:
    """What a person should know before pointing a client here."""
    found: list[str] = []
    clock, host = settings.clock, settings.listen.host
    if clock.kind == "manual" or (clock.kind == "scaled" and float(clock.factor) < 1):
        found.append(
            "note: the lab's clock falls behind yours: a client that compares a token's exp with its own time"
            " takes it for expired."
        )
    if not loopback(host):
        found.append(f"{EXPOSED_BANNER} {host} can be reached by others; the client's secret and the key are public.")
    return found

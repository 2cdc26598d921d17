"""The control plane's routes about the lab as a whole: itself, its health, what it serves, all that happened (contract.md §2.7)."""

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from msgspec import UNSET, convert

from lab.control import (
    AskReady,
    Asks,
    CallsCounted,
    CountCalls,
    DescribeApi,
    DescribeRoutes,
    Health,
    ListRoutes,
    ListScenarios,
    LookHealth,
    Ready,
    RoutesShown,
    Scenarios,
    ScrapeMetrics,
    ServedScenario,
    TellJournal,
)
from lab.core.exchange import Json, Response
from lab.core.journal.shared import StoreLost
from lab.core.routes import CONTROL_ROOT
from lab.core.version import __version__
from lab.dialects.router import UNKNOWN_ROUTE
from lab.identity.routes import PATHS
from lab.identity.scopes import api_scope
from lab.jobs.facts import job_named
from lab.language.shape import write_part
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.program.routes import FAULT_ROUTES
from lab.program.scenario import Scenario
from lab.program.words import among
from lab.server.connection import SENT_LAST, Connection
from lab.server.control.clock import clock_now
from lab.server.control.followers import JournalFollower
from lab.server.control.metrics import CONNECTIONS
from lab.server.control.observed import JOURNAL, RouteContext
from lab.server.control.reading import CommandRefused
from lab.server.control.routes import description, listed_routes
from lab.server.labs import LabChoice
from lab.server.response_writer import CLOSE

if TYPE_CHECKING:
    from lab.recording.format.lines import Recording

_ROUTES = (*FAULT_ROUTES, UNKNOWN_ROUTE)
_STREAM = {"cache-control": "no-store", "server": "lab"}


async def list_routes(context: RouteContext, command: ListRoutes) -> RoutesShown:
    lab, root = context.lab, CONTROL_ROOT[:-1]
    for prefix, name in ((TENANT_PATH, lab.name), (MOUNT_PATH, lab.scenario)):
        root += f"{prefix}{name}" if name is not None else ""
    origin = f"http://{context.request.host}"
    return RoutesShown(__version__, listed_routes(origin, f"{root}/", tenant=lab.name is not None))


async def describe_routes(context: RouteContext, command: DescribeRoutes) -> dict[str, Json]:
    return description(__version__, f"http://{context.request.host}")


async def look_health(context: RouteContext, command: LookHealth) -> Health:
    server, config, trouble = context.server, context.lab.service.config, context.observed.trouble()
    others = (await context.meters.of_others(server.labs.usual)).values()
    return Health(
        status="ok" if trouble is None else "red",
        why=trouble,
        lab=__version__,
        set_back=context.lab.calls.set_back,
        base_url=f"{server.public_origin}{config.prefix}",
        clock=clock_now(context),
        seed=config.seed,
        scenarios=[each.name for each in config.scenarios],
        connections=server.connections
        + sum(int(n) for each in others if each for _, (n,) in each.get(CONNECTIONS, ())),
    )


async def ask_ready(context: RouteContext, command: AskReady) -> Ready:
    """CommandRefused while calls are better sent elsewhere."""
    server, calls = context.server, context.server.labs.usual.calls
    if server.ending:
        raise _unready("ending", "The lab ends.", "Call another process of it.")
    try:
        await calls.run(lambda now: None)
    except StoreLost as lost:
        raise _unready("store-lost", lost.what, lost.hint or "It is ready once the store is back.") from None
    if calls.trouble is not None:
        raise _unready("store-refuses", calls.trouble, "It is ready once it can write again.")
    # of no tenant's name, so nothing is counted for it
    answers = {} if server.workers is None else await server.workers.ask(b"?")
    if silent := [str(number) for number, answer in answers.items() if answer is None]:
        what = f"Of the lab's workers these don't answer: {', '.join(silent)}."
        raise _unready(
            "worker-hangs", what, "One that died is started again at once, one that hangs after --worker-timeout."
        )
    return Ready("ready")


def _unready(status: str, what: str, hint: str) -> CommandRefused:
    return CommandRefused(503, what, hint, more={"status": status})


async def list_scenarios(context: RouteContext, command: ListScenarios) -> Scenarios:
    if context.lab.choices:
        return Scenarios([_choice(context, each) for each in context.lab.choices.values()])
    return Scenarios([client_part(each.scenario) for each in context.lab.service.config.scenarios])


def _choice(context: RouteContext, choice: LabChoice) -> ServedScenario:
    from lab.jobs.own_run import ends_in

    chosen, scenario = context.lab.chosen.get(choice.name), choice.messages()
    base = f"{context.server.public_origin}{context.lab.service.config.prefix}{MOUNT_PATH}{choice.name}"
    return client_part(
        scenario,
        name=choice.name,
        base_url=base,
        token_url=base + PATHS["token"],
        calls=0 if chosen is None else chosen.service.exchanges,
        jobs=choice.jobs,
        good_client=[*(choice.good_client or map(str, ends_in(scenario)))],
        strikes=choice.strikes,
    )


def client_part(scenario: Scenario, **more: Any) -> ServedScenario:
    """What a client sends to have a scenario played."""
    said: dict[str, Any] = {
        "name": scenario.name,
        "agent_code": scenario.agent.code,
        "asks": [Asks(each.message, dict(each.parameters)) for each in scenario.user_messages],
        "whom": UNSET if scenario.callers is None else write_part(scenario.callers),
    }
    return ServedScenario(**{**said, **more})


async def describe_api(context: RouteContext, command: DescribeApi) -> dict[str, Json]:
    from lab.dialects.openapi import openapi  # no start waits for it

    config = context.lab.service.config
    switches = config.switches
    document = openapi(__version__, config.origin, api_scope(switches.pod), local=switches.local_orchestrator)
    own = "That of the control plane, which serves this document, is GET /_lab/openapi.json."
    info = cast(dict[str, Json], document["info"])
    return {**document, "info": {**info, "description": f"{info['description']} {own}"}}


async def scrape_metrics(context: RouteContext, command: ScrapeMetrics) -> web.Response:
    """CommandRefused 501 without the library."""
    if not context.meters.installed:
        hint = "pip install 'invoke-async-lab[observe]'"
        raise CommandRefused(501, "Metrics need prometheus-client, which is not installed.", hint)
    labs, accept = (context.lab, *context.lab.used()), context.request.headers.get("accept", "")
    body, kind = await context.meters.scraped(labs, accept)
    return web.Response(body=body, headers={"content-type": kind, **_STREAM})


# What happened


async def tell_journal(context: RouteContext, command: TellJournal) -> web.StreamResponse:
    """With `follow=1` for as long as the lab lives, with `replies=0` too without `res` lines."""
    if command.follow == "1":
        connection, lab = context.request.protocol, context.server.labs.usual
        assert isinstance(connection, Connection)
        head = Response(200, (("content-type", "text/event-stream"), *_STREAM.items()))
        connection.write(lab.sender.writer.bytes_of(head, lab.clock.now(), last=CLOSE, chunked=False))
        with suppress(ConnectionError):
            await context.observed.follow(JournalFollower(connection), replies=command.replies == "1")
        return SENT_LAST
    response = web.StreamResponse(headers={"content-type": "application/x-ndjson", **_STREAM})
    await response.prepare(context.request)
    async for batch in context.observed.subscriber().so_far():
        if batch:  # writing nothing would end the chunks
            await response.write(b"".join(batch))
    return response


async def count_calls(context: RouteContext, command: CountCalls) -> CallsCounted:
    """How often clients called, with which pauses, and what they got: on one route, about one job, or all."""
    route, job = (None if each is UNSET else each for each in (command.route, command.job))
    if route is not None and route not in _ROUTES:
        raise CommandRefused(400, f"There is no route {json.dumps(route)}.", among(route, _ROUTES, "Known"))
    ledger, lines = context.lab.service.ledger, await context.observed.lines()

    def counted() -> Json:
        from lab.recording.call_summary import call_summary  # no start waits for it

        return call_summary(recording_of(lines), route, job, lambda job: (job_named(ledger, job) or (job,))[0])

    return convert(await asyncio.to_thread(counted), CallsCounted)


def recording_of(lines: list[bytes]) -> "Recording":
    """The lines of a journal as the recording that they are."""
    from lab.recording.format.reader import read  # no start waits for it

    return read(b"".join(lines), JOURNAL)

"""`lab run`: the external app without a screen, as a transcript or as its outcome in one line."""

import json

from lab.cli.asking import Person
from lab.cli.console import Console, Interrupted
from lab.cli.loop import Stop, complete
from lab.cli.taping import Taping
from lab.cli.transcript import Transcript
from lab.cli.world import World, app_for_peer, app_of, clock_of, load, world
from lab.core.clock import Clock
from lab.core.errors import UsageError
from lab.core.run import App, Outcome, run
from lab.core.service import Service
from lab.engine.driver import drive
from lab.engine.instant import run_instantly
from lab.engine.transport import HttpTransport
from lab.settings import Peer, Settings


def execute(asked: Settings, console: Console) -> int:
    """Run once; 0 if the job ended COMPLETE, else 1."""
    if asked.peer is not None:
        return at_peer(asked, asked.peer, console)
    made = world(asked)
    if asked.instant:
        return instantly(asked, made, console)
    if asked.clock == "manual":
        raise UsageError("Nobody would move this clock.", hint="--speed instant runs on a manual clock by itself.")
    return over_loopback(asked, made, console)


def instantly(asked: Settings, made: World, console: Console) -> int:
    """Both machines joined in one process, on a manual clock."""
    service = Service(made.config)
    taping = Taping(asked, made, service, console, outside=False)
    told = transcript(asked, made, console)
    try:
        outcome = run_instantly(service, app_of(made.config), (told, taping.follow))
    except Interrupted as end:
        taping.close(end.reason)
        raise
    dead = taping.close("closed")
    return ended(outcome, asked, console) or dead


def over_loopback(asked: Settings, made: World, console: Console) -> int:
    """The external app calls the mock as a stranger would, over a socket."""
    from lab.cli.embedded import embedded

    async def work(stop: Stop) -> int:
        told = transcript(asked, made, console)
        async with embedded(asked, made, console, stop) as mock:
            transport = HttpTransport(mock.base_url, mock.token_url)
            person = Person(console, made.clock) if asked.reviewer == "person" and console.terminal else None
            outcome = await call(app_of(made.config), transport, made.clock, told, person)
        return ended(outcome, asked, console) or mock.dead

    return complete(work)


def at_peer(asked: Settings, peer: Peer, console: Console) -> int:
    """The external app calls another server, or a real pod."""
    if asked.record is not None:
        raise UsageError("--record tapes the lab's own mock; it can't be used with --base.")
    scenario = load(asked)[0].scenario

    async def work(stop: Stop) -> int:
        told = Transcript(console, scenario, None, quiet=asked.json)
        transport, clock = HttpTransport(peer.base, peer.token_url), clock_of(asked)
        # Nobody scripts a stranger's gates: a person is asked if one is there.
        person = Person(console, clock) if asked.reviewer != "script" and console.terminal else None
        outcome = await call(app_for_peer(scenario, peer), transport, clock, told, person)
        return ended(outcome, asked, console)

    return complete(work)


def transcript(asked: Settings, made: World, console: Console) -> Transcript:
    """The transcript of a run against the mock."""
    return Transcript(console, made.config.outlines[0].scenario, made.config.seed, quiet=asked.json)


async def call(
    app: App, transport: HttpTransport, clock: Clock, told: Transcript, person: Person | None = None
) -> Outcome:
    """One turn over a transport, which is closed whatever happens."""
    try:
        return await drive(run(app, clock.now()), transport, clock, told, person)
    finally:
        await transport.close()


def ended(outcome: Outcome, asked: Settings, console: Console) -> int:
    """Print the outcome; 0 if it is COMPLETE."""
    if asked.json:
        console.out(json.dumps(outcome.document(), ensure_ascii=False, separators=(",", ":")))
    return 0 if outcome.complete else 1

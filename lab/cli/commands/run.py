"""`lab run`: the external app without a screen, as a transcript or as its outcome in one line."""

from typing import TYPE_CHECKING

from lab.app import App, Outcome, run
from lab.app.observe import Observation
from lab.cli.console import Console, Interrupted
from lab.cli.conversation import READING, Conversation, thread
from lab.cli.endings import EndingObserver
from lab.cli.loop import Stop, complete
from lab.cli.reviewer import TerminalReviewer
from lab.cli.setup import Setup, app_for_peer, app_of, clock_of, load, world
from lab.cli.tape_recorder import TapeRecorder
from lab.cli.transcript import Transcript
from lab.client.driver import drive
from lab.client.instant import run_instantly
from lab.core.clock import Clock, Millis
from lab.core.errors import UsageError
from lab.mock.service import Service
from lab.settings import Peer, Settings

if TYPE_CHECKING:
    from lab.client.transport import HttpTransport


def execute(asked: Settings, console: Console) -> int:
    """Run once, with all turns of its conversation; 0 if every job ended COMPLETE, else 1."""
    if asked.peer is not None:
        return at_peer(asked, asked.peer, console)
    made = world(asked)
    if asked.instant:
        return instantly(asked, made, console)
    if asked.clock == "manual":
        raise UsageError("Nobody would move this clock.", hint="--speed instant runs on a manual clock by itself.")
    return over_loopback(asked, made, console)


def instantly(asked: Settings, made: Setup, console: Console) -> int:
    """Both machines joined in one process, on a manual clock."""
    service = Service(made.config)
    taping = TapeRecorder(asked, made, service, console, outside=False)
    told = transcript(asked, made, console)
    service.observers.append(EndingObserver(service, told))
    turns = thread(app_of(made.config), made.config.scenarios[0].scenario)
    now: Millis = 0

    def turn(app: App) -> Outcome:
        nonlocal now
        outcome = run_instantly(
            service, app, (told, taping.follow, turns),
            start=now, first=turns.first, badge=turns.badge, conversation=turns.conversation,
        )  # fmt: skip
        now += outcome.elapsed + READING
        return outcome

    try:
        outcomes = turns.play(turn)
    except Interrupted as end:
        taping.close(end.reason)
        raise
    dead = taping.close("closed")
    return ended(outcomes, asked, console) or dead


def over_loopback(asked: Settings, made: Setup, console: Console) -> int:
    """The external app calls the mock as a stranger would, over a socket."""
    from lab.cli.embedded_mock import embedded
    from lab.client.transport import HttpTransport

    async def work(stop: Stop) -> int:
        told = transcript(asked, made, console)
        async with embedded(asked, made, console, stop, told=told) as mock:
            transport = HttpTransport(mock.base_url, mock.token_url)
            person = TerminalReviewer(console, made.clock) if asked.reviewer == "person" and console.terminal else None
            turns = thread(app_of(made.config), made.config.scenarios[0].scenario)
            outcomes = await call(turns, transport, made.clock, told, person)
        return ended(outcomes, asked, console) or mock.dead

    return complete(work)


def at_peer(asked: Settings, peer: Peer, console: Console) -> int:
    """The external app calls another server, or a real pod."""
    from lab.client.transport import HttpTransport

    if asked.record is not None:
        raise UsageError("--record tapes the lab's own mock; it can't be used with --base.")
    scenario = load(asked)[0].scenario

    async def work(stop: Stop) -> int:
        told = Transcript(console, scenario, None, quiet=asked.json)
        transport, clock = HttpTransport(peer.base, peer.token_url), clock_of(asked)
        # Nobody scripts a stranger's gates: a person is asked if one is there.
        person = TerminalReviewer(console, clock) if asked.reviewer != "script" and console.terminal else None
        turns = thread(app_for_peer(scenario, peer), scenario)
        return ended(await call(turns, transport, clock, told, person), asked, console)

    return complete(work)


def transcript(asked: Settings, made: Setup, console: Console) -> Transcript:
    """The transcript of a run against the mock."""
    return Transcript(console, made.config.scenarios[0].scenario, made.config.seed, quiet=asked.json)


async def call(
    turns: Conversation,
    transport: "HttpTransport",
    clock: Clock,
    told: Transcript,
    person: TerminalReviewer | None = None,
) -> list[Outcome]:
    """The turns over a transport, which is closed whatever happens."""

    def tell(observation: Observation) -> None:
        turns(observation)
        told(observation)

    async def turn(app: App) -> Outcome:
        if turns.first > 1:
            await clock.sleep_until(clock.now() + READING)
        story = run(app, clock.now(), badge=turns.badge, conversation=turns.conversation)
        return await drive(story, transport, clock, tell, person, first=turns.first)

    try:
        return await turns.drive(turn)
    finally:
        await transport.close()


def ended(outcomes: list[Outcome], asked: Settings, console: Console) -> int:
    """Print the outcomes, a line each; 0 if all are COMPLETE."""
    for outcome in outcomes if asked.json else ():
        console.json(outcome.document())
    return 0 if all(outcome.complete for outcome in outcomes) else 1

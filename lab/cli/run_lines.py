"""A run without a screen, as a transcript or as its outcome in one line."""

from typing import TYPE_CHECKING

from lab.app.effects import App
from lab.cli.console import Console
from lab.cli.loop import Stop, complete
from lab.cli.run.apps import app_for_peer, app_of, transport_to
from lab.cli.run.conversation import READING, Conversation, job_facts_observer, turns_of
from lab.cli.run.terminal_reviewer import TerminalReviewer
from lab.cli.run.transcript import Transcript, outcome_document
from lab.cli.run_settings import AnyRunSettings, Peer
from lab.cli.serve.hints import failed_texts
from lab.cli.setup import Setup, callers_text, load_named, make_clock, make_setup, with_plugins
from lab.cli.signals import Interrupted
from lab.cli.tapes.capture_tape import recorded_peer
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.client.driver import drive, run_instantly
from lab.clocks import RunClock
from lab.core.clock import Clock, Millis
from lab.core.errors import UsageError
from lab.core.seeds import Seed
from lab.mock.service import Service
from lab.tui.state import clean

if TYPE_CHECKING:
    from lab.client.driver import Transport


def run_as_lines(settings: AnyRunSettings, console: Console) -> int:
    """Run once, with all turns of its conversation; 0 if it came as the scenario expects, else 1."""
    if settings.peer is not None:
        return run_at_peer(settings, settings.peer, console)
    setup = make_setup(settings.mock)
    if settings.mock.clock.instant:
        return run_joined(settings, setup, console)
    if settings.mock.clock.kind == "manual":
        raise UsageError("Nobody would move this clock.", hint="--speed instant runs on a manual clock by itself.")
    return run_over_loopback(settings, setup, console)


def run_joined(settings: AnyRunSettings, setup: Setup, console: Console) -> int:
    """Both machines joined in one process, on a manual clock."""
    service = Service(setup.config)
    recorder = TapeRecorder(setup, service, console, outside=False)
    now: Millis = 0
    try:
        conversation = _conversation(settings, setup, console)
        service.unwritten.append(failed_texts(console.err))
        service.observers.append(job_facts_observer(service, conversation.notify))
        for app in conversation.turns():
            turn, observers = conversation.run(app, now), (conversation, recorder.follow)
            outcome = run_instantly(service, turn, observers, start=now, first=conversation.first)
            now += outcome.elapsed
            conversation.end_turn(outcome, service, now)
            now += READING
    except BaseException as end:
        recorder.close(end.reason if isinstance(end, Interrupted) else "closed")
        raise
    dead = recorder.close("closed")
    return print_outcomes(conversation, settings, console, setup.config.seed) or dead


def run_over_loopback(settings: AnyRunSettings, setup: Setup, console: Console) -> int:
    """The external app calls the mock as a stranger would, over a socket."""
    from lab.cli.serve.serving import Serving
    from lab.client.transport import HttpTransport

    for command in ("run", "demo"):
        setup = with_plugins(setup, command, settings.additions)

    async def work(stop: Stop) -> int:
        conversation = _conversation(settings, setup, console)
        with RunClock(setup.clock) as clock:
            clock.begin()
            async with Serving(setup, console, stop, job_facts=conversation.notify) as mock:
                by_person = settings.mock.reviewer == "person" and console.terminal
                person = TerminalReviewer(console, setup.clock, mock.service) if by_person else None
                transport = HttpTransport(mock.base_url, mock.token_url)
                mock.service.unwritten.append(failed_texts(console.err))
                await play(conversation, transport, clock, person, mock.service)
        return print_outcomes(conversation, settings, console, setup.config.seed) or mock.exit_code

    return complete(work)


def run_at_peer(settings: AnyRunSettings, peer: Peer, console: Console) -> int:
    """The external app calls another server, or a real pod."""
    scenario = load_named(settings.mock)[0].scenario

    async def work(stop: Stop) -> int:
        transcript, clock = Transcript(console, scenario, None, quiet=settings.json), make_clock(settings.mock.clock)
        app = app_for_peer(scenario, peer, settings.app)
        conversation = turns_of(app, scenario, transcript, settings.app)
        # Nobody scripts a stranger's gates: a person is asked if one is there.
        by_person = settings.mock.reviewer != "script" and console.terminal
        person = TerminalReviewer(console, clock) if by_person else None
        with recorded_peer(settings.mock, peer, clock, console, stop) as recorded:
            await play(conversation, recorded.over(transport_to(peer)), clock, person)
        if conversation.expect.verdicts:
            console.err("note: the wire doesn't say how gates end: the expected verdicts are not compared.")
        return print_outcomes(conversation, settings, console) or recorded.exit_code

    return complete(work)


def _conversation(settings: AnyRunSettings, setup: Setup, console: Console) -> Conversation:
    app = app_of(setup.config, settings=settings.app)
    if why := _not_for(app, setup):
        console.err(f"note: {setup.scenario.name} {why}.")
    transcript = Transcript(console, setup.scenario, setup.config.seed, quiet=settings.json)
    return turns_of(app, setup.scenario, transcript, settings.app)


def _not_for(app: App, setup: Setup) -> str | None:
    """Why the scenario doesn't answer this app; None: by whom it is for, it does."""
    callers, file = setup.scenario.callers, setup.settings.switches.file
    bearer = setup.config.identity.bearer(app.client_id, app.user or None)
    name, roles = (None, ()) if bearer is None else (bearer.name, bearer.roles)
    if callers is None or callers.include(app.client_id, name, roles):
        return None
    if app.user:
        return f"doesn't answer {app.user}, by {app.client_id}: it is for {callers_text(callers)}"
    there = f"of {file}" if file is not None else "whom a lab without --settings FILE knows"
    return f"is for nobody {there} who can ask here"


async def play(
    conversation: Conversation,
    transport: "Transport",
    clock: Clock,
    person: TerminalReviewer | None,
    service: Service | None = None,
) -> None:
    """The turns over a transport, which is closed whatever happens; `service` is the mock's, if it is ours."""
    try:
        for app in conversation.turns():
            if conversation.first > 1:
                await clock.sleep_until(clock.now() + READING)
            turn = conversation.run(app, clock.now())
            outcome = await drive(turn, transport, clock, conversation, person, first=conversation.first)
            conversation.end_turn(outcome, service, clock.now())
    finally:
        await transport.close()


def print_outcomes(
    conversation: Conversation, settings: AnyRunSettings, console: Console, seed: Seed | None = None
) -> int:
    """Say in what it came otherwise than expected; with JSON the outcomes too, a line each. 0 if it came so, else 1.

    `seed` is the mock's; None: another server answered, by nobody knows which.
    """
    differences = conversation.differences()
    if not settings.json:
        for difference in differences:
            console.out(f"# not as expected: {clean.line(difference)}")
        return int(bool(differences))
    *earlier, last = conversation.outcomes
    for outcome in earlier:  # each of them was answered, or there would be no later one
        console.json({**outcome_document(outcome), "seed": seed, "expected": True, "differences": []})
    found = {"seed": seed, "expected": not differences, "differences": list(differences)}
    console.json({**outcome_document(last), **found})
    return int(bool(differences))

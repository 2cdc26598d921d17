"""What `lab simulate` simulates, and the processes that work it out."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread

from msgspec.structs import replace

from lab.app.run import run
from lab.cli.check.plan_caller import callers_text
from lab.cli.run_settings import USUAL_APP, AppSettings
from lab.cli.setup import Setup, app_of
from lab.client.instant import run_instantly
from lab.core.errors import UsageError
from lab.identity.clients import Account
from lab.language.document import Scenario
from lab.mock.service import Service
from lab.plugins.simulate.tally import Chunk, ChunkWorker, Tally
from lab.plugins.simulate.totals import CHUNK, Totals
from lab.plugins.simulate.workload import Simulation, Workload

_AHEAD = 4
"""Chunks that wait for each process: so many jobs at most are in memory."""
_workers: list[ChunkWorker] = []
"""That of this process, once it works chunks out."""


def simulation_of(
    setup: Setup, workload: Workload, account: Account | None = None, settings: AppSettings = USUAL_APP
) -> Simulation:
    """What a server does with the scenario's first message, learnt from one; UsageError if it takes no job.

    A user asks if one is given, else somebody for whom the scenario is.
    """
    own = setup.config.scenarios[0]
    calm = replace(own, scenario=own.scenario.model_copy(update={"faults": ()}))
    config = replace(setup.config, scenarios=(calm,))
    service, app = Service(config), app_of(config, settings=settings, account=account)
    outcome = run_instantly(service, run(app, 0))
    view = service.look(outcome.job, 0) if outcome.job is not None else None
    if view is None or outcome.token is None:
        hint = _WHO_ASKS if calm.scenario.agent.roles else "lab check says what is wrong."
        raise UsageError(f"The mock takes no job of {calm.name}: {outcome.why}", hint=hint)
    return Simulation(
        compiled=view.plan.compiled,
        invocation=view.plan.invocation,
        app=app,
        switches=config.switches_of(calm.scenario),
        epoch=config.epoch,
        seed=config.seed,
        lifetime=outcome.token.until - outcome.token.since,
        token_scenario=config.scenario_of_tokens,
        workload=workload,
    )


_WHO_ASKS = "--settings FILE names users and their roles, and --as USER says who asks."


def refusal_note(simulation: Simulation, scenario: Scenario) -> str | None:
    """Why the jobs are none of the scenario's, but such as refuse; None: they are its own."""
    call, callers, roles = simulation.invocation, scenario.callers, scenario.agent.roles
    user = call.user
    name, own = (user.name, user.roles) if user is not None else (None, ())
    who = f"{name or 'a token without a user'}, by {call.client}"
    if callers is not None and not callers.include(call.client, name, own):
        return f"{scenario.name} doesn't answer {who}: it is for {callers_text(callers)}. {_WHO_ASKS}"
    if not scenario.agent.admits(own):
        return f"{scenario.name} refuses {who}: it takes one of the roles {', '.join(roles)}. {_WHO_ASKS}"
    if simulation.compiled.name != scenario.name:
        return f"{scenario.name} doesn't answer its own message: it doesn't fit match."
    return None


def totals_of(simulation: Simulation, cores: int) -> Totals:
    """All chunks worked out by so many processes."""
    totals = Totals(simulation)
    with _working(simulation, cores) as submit:
        waiting: deque[tuple[Chunk, Callable[[], Tally]]] = deque()

        def take() -> None:
            chunk, tally = waiting.popleft()
            totals.take(chunk, tally())

        for chunk in totals.chunks():
            waiting.append((chunk, submit(chunk)))
            if len(waiting) > cores * _AHEAD:
                take()
        while waiting:
            take()
    return totals


@contextmanager
def _working(simulation: Simulation, cores: int) -> Iterator[Callable[[Chunk], Callable[[], Tally]]]:
    """What takes a chunk, and gives what gives its tally."""
    if cores == 1 or "fork" not in multiprocessing.get_all_start_methods():
        worker = ChunkWorker(simulation)
        yield lambda chunk: lambda: worker.tally(chunk)
        return
    # a process that is forked has the scenario; another one would have to read it again
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("fork"), initializer=_begin, initargs=(simulation,))
    try:
        yield lambda chunk: pool.submit(_tally, chunk).result
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(simulation: Simulation) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    _workers.append(ChunkWorker(simulation))


def _end_with_parent() -> None:
    """A first process that was killed sends no more chunks, and nothing else would say so."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _tally(chunk: Chunk) -> Tally:
    return _workers[0].tally(chunk)


def cores_for(workload: Workload) -> int:
    """How many processes work it out: one for each core, but none that hasn't a chunk's worth of jobs to itself.

    A process takes longer to start than so many jobs to work out.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(own, workload.jobs * workload.seeds // CHUNK))

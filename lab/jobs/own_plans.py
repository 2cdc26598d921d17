"""The plans of a scenario's own messages: the first conversation that somebody for whom it is has, before anybody has it."""

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.seeds import Seed, uuid4
from lab.jobs.gates import Decision
from lab.jobs.plan import Input, Invocation, JobUser, Plan, plan
from lab.jobs.program import Program
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import spans
from lab.program.scenario import Scenario

_CLIENT = "demo"
USUAL_USER = JobUser("jane", "Jane")
"""Who asks in thought where it is some user, and none is named."""


def own_caller(scenario: Scenario) -> tuple[str, JobUser | None]:
    """Who asks in thought: the lab's own client, or the first user and client that the scenario is for."""
    callers = scenario.callers
    if callers is None:
        return _CLIENT, None
    user = JobUser(callers.users[0], callers.users[0], callers.roles) if callers.users else USUAL_USER
    client = callers.clients[0] if callers.clients else _CLIENT
    return client, replace(user, roles=callers.roles) if callers.need_a_user else None


def own_plans(program: Program, seed: Seed, caller: tuple[str, JobUser | None] | None = None) -> Iterator[Plan]:
    """The plan of each turn, sent at the end of the one before, if nobody but the scenario's reviewers decides.

    Turn and ordinal are the same there; who asks is `caller`, a client and a user, else `own_caller`.
    """
    client, user = caller or own_caller(program.scenario)
    stream = f"{client}/{program.name}"
    conversation = uuid4(seed, f"conversation/{stream}/1")
    earlier: list[tuple[Plan, tuple[Decision, ...]]] = []
    now: Millis = 0
    for turn, (ask, part) in enumerate(zip(program.scenario.user_messages, program.sent, strict=False), 1):
        call = Invocation(
            uuid4(seed, f"job/{stream}/{turn}"), client, part.scenario.agent.code, program.name, turn, now,
            Input(ask.message, True, parameters=ask.parameters), conversation, turn,
            earlier[0][0].invocation.input.parameters if earlier else {}, user,
        )  # fmt: skip
        texts = partial(earlier_turns, tuple(earlier), now, INSTANT_EPOCH)
        own = plan(part, call, seed, {}, scripted=True, earlier=texts)  # what is drawn, is drawn when it is looked at
        yield own
        earlier.append((own, ()))
        *_, end = spans(own, ())
        now = end.since

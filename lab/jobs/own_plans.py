"""The plans of a scenario's own messages: the first conversation that the lab's own app has, before anybody has it."""

from collections.abc import Iterator
from functools import partial

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.seeds import Seed, uuid4
from lab.jobs.compiled import CompiledScenario
from lab.jobs.gates import Decision
from lab.jobs.plan import Input, Invocation, Plan, plan
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import spans

_CLIENT = "demo"


def own_plans(compiled: CompiledScenario, seed: Seed) -> Iterator[Plan]:
    """The plan of each turn, sent at the end of the one before, if nobody but the scenario's reviewers decides.

    Turn and ordinal are the same there, and the token is a client's own.
    """
    stream = f"{_CLIENT}/{compiled.name}"
    conversation = uuid4(seed, f"conversation/{stream}/1")
    earlier: list[tuple[Plan, tuple[Decision, ...]]] = []
    now: Millis = 0
    for turn, (ask, part) in enumerate(zip(compiled.scenario.user_messages, compiled.sent, strict=False), 1):
        call = Invocation(
            uuid4(seed, f"job/{stream}/{turn}"), _CLIENT, part.scenario.agent.code, compiled.name, turn, now,
            Input(ask.message, True, parameters=ask.parameters), conversation, turn,
            earlier[0][0].invocation.input.parameters if earlier else {},
        )  # fmt: skip
        texts = partial(earlier_turns, tuple(earlier), now, INSTANT_EPOCH)
        own = plan(part, call, seed, {}, scripted=True, earlier=texts)  # what is drawn, is drawn when it is looked at
        yield own
        earlier.append((own, ()))
        *_, end = spans(own, ())
        now = end.since

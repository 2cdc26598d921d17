"""What templates and conditions see of a job: request, generated data, who asks, how gates ended, what delegates handed back.

All of it is settled by the plan and by the decisions up to an instant, so a text or a condition is the same whoever asks,
and when. `now`, which texts see too, is theirs (`texts`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial

from msgspec.structs import asdict

from lab.jobs.delegates import DelegateEnd, DelegateOutputs
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.program.steps import Gate
from lab.program.words import Verdict


def timeless_names(plan: Plan, settled: tuple[Decision, ...], ends: tuple[DelegateEnd, ...] = ()) -> dict[str, object]:
    """What can be seen once these decisions were taken and these delegates have ended, without the time."""
    return {**_decided_names(plan, settled), "delegates": delegate_outputs(plan, settled, ends)}


def delegate_outputs(plan: Plan, settled: tuple[Decision, ...], ends: tuple[DelegateEnd, ...]) -> DelegateOutputs:
    """What the delegates have handed back that ended so far."""
    return DelegateOutputs(plan, settled, ends, partial(_decided_names, plan))


def _decided_names(plan: Plan, settled: tuple[Decision, ...]) -> dict[str, object]:
    call = plan.invocation
    return {
        **request_names(plan),
        "decisions": _decisions(plan, settled),
        "user": None if call.user is None else asdict(call.user),
        "client": {"id": call.client},
        "job": {"id": call.job},
        "turn": call.turn,
        "conversation": _Conversation(plan),
    }


def request_names(plan: Plan) -> dict[str, object]:
    """What follows of the request alone."""
    message = plan.invocation.input.message
    parameters: dict[str, object] = {
        # a workflow's parameters may come as {"value": …}, and templates needn't know
        key: value["value"] if isinstance(value, dict) and list(value) == ["value"] else value
        for key, value in plan.invocation.parameters.items()
    }
    return {"message": message, "match": plan.compiled.groups(message), "parameters": parameters, "data": plan.data}


def _decisions(plan: Plan, settled: tuple[Decision, ...]) -> dict[str, object]:
    """By gate, how its latest opening ended: what the last vote said, and its votes in order; as `rounds` so of each opening.

    A name or comment that is missing is the empty text. A time-out is a verdict, but nobody's vote.
    """
    none: dict[str, object] = {"verdict": None, "by": "", "comment": "", "votes": []}
    # an opening starts anew: what a quorum was short of in the round before doesn't count in the next one
    votes: dict[tuple[str, int], list[object]] = defaultdict(list)
    rounds: dict[str, dict[int, dict[str, object]]] = {
        step.id: {} for step in plan.compiled.scenario.steps if isinstance(step, Gate)
    }
    for end in settled:
        if end.verdict is None:
            continue  # a wait that was cut short
        cast = votes[end.step, end.visit]
        vote = {"verdict": str(end.verdict), "by": end.name or "", "comment": end.comment or ""}
        if end.verdict is not Verdict.TIMED_OUT:
            cast.append(vote)
        rounds[end.step][end.visit] = {**vote, "votes": cast}
    ended = {gate: list(of.values()) for gate, of in rounds.items()}
    return {gate: {**(of[-1] if of else none), "rounds": of} for gate, of in ended.items()}


class _Conversation(Mapping[str, object]):
    """`id` and `turns`; the turns are computed once a template looks at them.

    Most templates don't, and to render the outputs of fifty turns for each text would make a long conversation slow.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._turns: list[object] | None = None

    def __getitem__(self, key: str) -> object:
        if key == "id":
            return self._plan.invocation.conversation
        if key != "turns":
            raise KeyError(key)
        if self._turns is None:
            self._turns = list(self._plan.earlier())
        return self._turns

    def __iter__(self) -> Iterator[str]:
        return iter(("id", "turns"))

    def __len__(self) -> int:
        return 2

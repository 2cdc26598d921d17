"""`lab check --plan`: the timeline that a seed settles, as a table: what happens when, and who decides."""

from collections.abc import Iterator, Sequence
from functools import partial

from lab.cli.fault_rows import fault_rows
from lab.core.clock import INSTANT_EPOCH, Millis, clock_text
from lab.core.seeds import Seed, uuid4
from lab.dialects.fusion.bodies import shown_status
from lab.identity.clients import DEMO
from lab.jobs.gates import Decision
from lab.jobs.plan import CompiledScenario, Input, Invocation, Plan, plan, settle_draws
from lab.jobs.texts import Writer, earlier_turns, final_texts
from lab.jobs.timeline import DefaultEnding, Span, spans
from lab.language.document import Complete, Failure, Gate, Switches, Verdict, duration_text
from lab.language.templates import RenderFailure

_WIDEST = 72
_Row = tuple[str, str, str, str, str]


def table(compiled: CompiledScenario, seed: Seed | None, switches: Switches) -> list[str]:
    """The lines: a part for each turn, each counted from its own acceptance, if nobody but the script decides.

    Then the faults. Without a seed it is the scenario's own, else 0, and the first line says so.
    """
    scenario = compiled.scenario
    seed, named = _settled(seed, scenario.seed)
    lines = [f"{scenario.name} · {scenario.title} · {named}"]
    thread: list[tuple[Plan, tuple[Decision, ...]]] = []
    turns: list[list[Span]] = []
    now: Millis = 0
    for turn, asked in enumerate(scenario.user_messages, 1):
        made = compiled.of_turn(turn)
        assert made is not None
        told = Input(asked.message, True, parameters=asked.parameters)
        planned = _planned(made, seed, turn, now, told, thread)
        timeline = list(spans(planned, ()))
        rows = [("at", "lasts", "status", "step", "what"), *_rows(planned, timeline, switches)]
        lines += [f"  {f'turn {turn}' if scenario.turns else 'asked'}: {_one_line(asked.message)}"]
        lines += _columns(rows)
        thread.append((planned, ()))
        turns.append(timeline)
        now = timeline[-1].since
    if scenario.faults:
        lines += ["  faults, in the order in which they are tried:"]
        lines += _columns([("from", "route", "when", "what"), *fault_rows(scenario, turns)])
    return lines


def _settled(asked: Seed | None, own: Seed | None) -> tuple[Seed, str]:
    if asked is None and own is None:
        return 0, "seed 0, for the scenario names none: a run draws its own"
    seed = asked if asked is not None else own or 0
    return seed, f"seed {seed}"


def _planned(
    made: CompiledScenario,
    seed: Seed,
    turn: int,
    now: Millis,
    asked: Input,
    thread: list[tuple[Plan, tuple[Decision, ...]]],
) -> Plan:
    """The plan of the demo client's first conversation: turn and ordinal are the same there."""
    stream = f"{DEMO.id}/{made.name}"
    call = Invocation(
        uuid4(seed, f"job/{stream}/{turn}"), DEMO.id, made.scenario.agent.code, made.name, turn, now, asked,
        uuid4(seed, f"conversation/{stream}/1"), turn, thread[0][0].invocation.input.parameters if thread else {},
    )  # fmt: skip
    earlier = partial(earlier_turns, tuple(thread), now, INSTANT_EPOCH)
    return plan(made, call, seed, settle_draws(made, seed, turn), scripted=True, earlier=earlier)


def _rows(planned: Plan, timeline: Sequence[Span], switches: Switches) -> Iterator[_Row]:
    began = timeline[0].since
    for span in timeline:
        lasts = "" if span.until is None else duration_text(span.until - span.since)
        head = (clock_text(span.since - began), lasts, str(shown_status(span, switches)), span.id)
        first, *more = _told(planned, span, began)
        yield (*head, first)
        for line in more:
            yield ("", "", "", "", line)


def _told(planned: Plan, span: Span, began: Millis) -> list[str]:
    """What there is to say of a span: the text that is seen, and of a gate each vote."""
    write = Writer(planned, span, INSTANT_EPOCH)
    try:
        match span.step:
            case Gate() as gate:
                return [_one_line(write(gate.asks)), *(_vote(vote, began) for vote in span.votes)]
            case Complete() | Failure() | DefaultEnding():
                output, error, _ = final_texts(planned, span, write)
                return [_one_line(text) or "(empty)" for text in (output, error) if text is not None] or ["null"]
            case step:
                return [_one_line(write(step.says) if step.says else step.title)]
    except RenderFailure as failure:
        return [f"can't be written: {failure}"]


def _vote(vote: Decision, began: Millis) -> str:
    when = clock_text(vote.at - began)
    if vote.verdict is Verdict.TIMED_OUT:
        return f"{when} nobody decides: timed out"
    comment = f": {_one_line(vote.comment)}" if vote.comment else ""
    return f"{when} script: {vote.verdict}{f' by {vote.name}' if vote.name else ''}{comment}"


def _one_line(text: str) -> str:
    """The first line that says something, short enough for a table."""
    lines = [line.strip() for line in text[:4096].splitlines() if line.strip()]
    line = " ".join(lines) if lines and lines[0] in ("{", "[") else "".join(lines[:1])
    line = "".join(letter if letter.isprintable() else "·" for letter in line)
    whole = line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"
    return whole or ("(blank)" if text else "")


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The last column is as wide as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "    " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]

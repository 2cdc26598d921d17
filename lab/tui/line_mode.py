"""Line mode: a run as one line after another, for pipes, screen readers and CI. No Textual."""

from typing import assert_never

from lab.app.effects import Asking, RunEnded
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.jobs.callbacks import CallbackAnswered, CallbackSent
from lab.jobs.gates import decision_text
from lab.program.words import Verdict
from lab.tui.rows.blocks import at_text, latency
from lab.tui.rows.formats import EMPTY, NOTHING
from lab.tui.state import clean
from lab.tui.state.gate import GateDecision
from lab.tui.state.journal import RunChange
from lab.tui.state.narrate import sentence
from lab.tui.state.reduce import callback_number
from lab.tui.state.run import Exchange, RunState
from lab.tui.state.screen import ScreenState, SourceState

MOST_OUTPUT = 8_192
"""The most characters of an output that a transcript shows."""


def opening(source: SourceState) -> list[str]:
    """The lines before the first observation: title, team, seed, and the story."""
    seed = "" if source.seed is None else f"  seed {source.seed}"
    texts = [f"# {clean.line(source.title)} · {clean.line(source.team)}{seed}"]
    if source.scenario is not None and source.scenario.story:
        texts += [f"# {line}" for line in clean.lines(source.scenario.story).strip().split("\n")]
    return texts


def lines(change: RunChange, source: SourceState | None = None) -> list[str]:
    """What a change adds to the transcript."""
    texts, before, after = _rows(change), change.before, change.after
    old, new = (sentence(ScreenState(run, source=source or SourceState())) for run in (before, after))
    if old != new and after.start is not None:
        texts.append(f"# {clean.line(new)}")
    if (gate := after.gate) is not None:
        opens = before.gate is None or before.gate.key != gate.key
        if before.gate is None or opens or before.gate.question != gate.question:  # one that escalates asks anew
            texts += [f"? {line}" for line in gate.question.split("\n")]
        if opens and not gate.in_chat:
            texts.append(f"# {gate.channel}: outside the API, the app only polls.")
    return texts + _end(after) if isinstance(change.observation, RunEnded) else texts


def _rows(change: RunChange) -> list[str]:
    observation, before, after = change.observation, change.before, change.after
    at = at_text(after.since_start(observation.at))
    decisions = [each.decision for each in after.since(before, "decided") if each.decision is not None]
    match observation:
        case Replied() | Lost():
            return [] if change.done is None else [_reply(at, change.done, before, after, decisions)]
        case Noted(fact=CallbackSent(fault="lost") | CallbackAnswered() as fact):
            shown = (each for each in after.callbacks if each.x == callback_number(fact))
            return [f"{at} CALLBACK {each.word} to {each.receiver}, try {each.number}  {each.came}" for each in shown]
        case Noted():
            return [f"{at_text(after.since_start(each.at))} {_decision(each)}" for each in decisions]
        case Waiting(until=until, why="retry-after" | "retry" as why):
            word = "Retry-After" if why == "retry-after" else "next try"
            return [f"{at} WAIT     {word} {latency(until - observation.at)}"]
        case Requested(route="invoke") if after.turn > 1 and (before.job is None or before.turn < after.turn):
            return [f"{at} MESSAGE  {after.job.message[0][1] if after.job and after.job.message else ''}"]
        case Requested() | Touched() | Waiting() | Asking() | RunEnded():
            return []  # it shows in the sentences
        case _:
            assert_never(observation)


def _decision(decision: GateDecision) -> str:
    """Who decided, as the milestone has it."""
    word = "EXPIRED" if decision.verdict == Verdict.TIMED_OUT else "DECIDED" if decision.ends else "VOTED"
    text = decision_text(
        decision.verdict,
        decision.by,
        decision.name,
        decision.comment,
        approved=decision.approved,
        approvals=decision.approvals,
    )
    return f"{word:<8} {decision.step}  {text}" if decision.step else f"{word:<8} {text}"


def _reply(at: str, exchange: Exchange, before: RunState, after: RunState, decisions: list[GateDecision]) -> str:
    answers = exchange.command == "invoke" and before.gate is not None and before.gate.sent is not None
    match exchange.command:
        case "token":
            word, what = "TOKEN", f"POST {exchange.path}"
        case "invoke" if answers:
            gate = before.gate.gate if before.gate is not None else ""
            word, what = "DECIDED", f"{gate}  refused" if gate else "refused"
        case "invoke" if not exchange.asks.resumes:
            job = after.job
            word = "INVOKE"
            what = f"{job.labels.job} {job.job}" if job and job.job else f"POST {exchange.path}"
        case "status":
            good = exchange.code == 200 and after.last is not None
            word, what = (after.last.status if good and after.last else "REFUSED"), f"poll {after.polls}"
        case _:
            word, what = exchange.method, exchange.path
    row = f"{word:<8} {what}"
    lost, came = exchange.lost, f"{exchange.code}  {latency(exchange.took)}"
    if exchange.command == "status" and exchange.code == 200 and after.timeline and after.timeline[-1].kind == "lost":
        lost = f"{came}  {after.timeline[-1].word}"
    if lost is not None:
        return f"{at} {'LOST':<8} {what}  {lost}"
    return f"{at} {_decision(decisions[0]) if answers and decisions else row}  {came}{_reason(exchange, after)}"


def _reason(exchange: Exchange, after: RunState) -> str:
    if exchange.code is None or exchange.code < 400:
        return ""
    of_command = {"token": after.token, "invoke": after.job}
    state = of_command.get(exchange.command, after.gate)
    refusal = state.refusal if state is not None else None
    return f"  {refusal or exchange.head[:120]}" if refusal or exchange.head else ""


def _end(run: RunState) -> list[str]:
    outcome = run.outcome
    if outcome is None:
        return []
    polls = f"{outcome.polls} poll{'' if outcome.polls == 1 else 's'}"
    texts = [f"{at_text(run.reading(run.latest))} {outcome.status or 'STOPPED':<8} {polls}"]
    if outcome.error:
        texts += ["", *clean.lines(outcome.error).split("\n")]
    if outcome.output or outcome.complete:
        texts += ["", *_output(outcome.output, run.last.size if run.last else 0)]
    return texts + [f"› {clean.line(question)}" for question in outcome.follow_up]


def _output(output: str | None, size: int) -> list[str]:
    if not output:
        return [NOTHING if output is None else EMPTY]
    texts = clean.lines(output, MOST_OUTPUT).rstrip("\n").split("\n")
    if len(output) <= MOST_OUTPUT:
        return texts
    return [*(texts[:-1] or texts), "", f"# cut after {MOST_OUTPUT >> 10} KiB of {size} bytes"]

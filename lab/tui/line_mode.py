"""Line mode: a run as one line after another, for pipes, screen readers and CI. No Textual."""

from typing import assert_never

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.jobs.facts import GateDecided, GateExpired
from lab.jobs.gates import Origin, decision_text
from lab.program.words import Verdict
from lab.tui.rows.blocks import at_text, latency
from lab.tui.rows.formats import EMPTY, NOTHING
from lab.tui.state import clean
from lab.tui.state.gate import GateState
from lab.tui.state.narrate import sentence
from lab.tui.state.reading import comment_line
from lab.tui.state.run import Exchange, RunState
from lab.tui.state.screen import ScreenState, SourceState
from lab.tui.state.status import phase

MOST_OUTPUT = 8_192
"""The most characters of an output that a transcript shows."""


def opening(source: SourceState) -> list[str]:
    """The lines before the first observation: title, team, seed, and the story."""
    seed = "" if source.seed is None else f"  seed {source.seed}"
    texts = [f"# {clean.line(source.title)} · {clean.line(source.team)}{seed}"]
    if source.scenario is not None and source.scenario.story:
        texts += [f"# {line}" for line in clean.lines(source.scenario.story).strip().split("\n")]
    return texts


def lines(
    observation: RunObservation, before: RunState, after: RunState, source: SourceState | None = None
) -> list[str]:
    """What an observation adds to the transcript; `before` and `after` are the states around it."""
    texts = _row(observation, before, after)
    old, new = (sentence(ScreenState(run, source=source or SourceState())) for run in (before, after))
    if old != new and phase(after) != "idle":
        texts.append(f"# {clean.line(new)}")
    if (gate := after.gate) is not None:
        opens = before.gate is None or before.gate.key != gate.key
        if before.gate is None or opens or before.gate.question != gate.question:  # one that escalates asks anew
            texts += [f"? {line}" for line in gate.question.split("\n")]
        if opens and not gate.in_chat:
            texts.append(f"# {gate.channel}: outside the API, the app only polls.")
    return texts + _end(after) if isinstance(observation, RunEnded) else texts


def _row(observation: RunObservation, before: RunState, after: RunState) -> list[str]:
    at = at_text(after.since_start(observation.at))
    match observation:
        case Replied(x=x) | Lost(x=x):
            exchange = after.exchange(x)
            return [] if exchange is None else [_reply(exchange, before, after)]
        case Noted(fact=GateDecided() | GateExpired() as fact) if after.timeline is not before.timeline:
            return [_decision(fact, after)]
        case Noted():
            return []
        case Waiting(until=until, why="retry-after" | "retry" as why):
            word = "Retry-After" if why == "retry-after" else "next try"
            return [f"{at} WAIT     {word} {latency(until - observation.at)}"]
        case Requested(route="invoke") if after.turn > 1 and (before.job is None or before.turn < after.turn):
            return [f"{at} MESSAGE  {after.job.message[0][1] if after.job and after.job.message else ''}"]
        case Requested() | Touched() | Waiting() | Asking() | RunEnded():
            return []  # it shows in the sentences
        case _:
            assert_never(observation)


def _decision(fact: GateDecided | GateExpired, after: RunState) -> str:
    """Who decided, as the mock's journal tells it."""
    opening = after.opening
    if opening is None or (opening.gate, opening.round) != (clean.line(fact.gate, 80), fact.round):
        approved, approvals = 0, 1
    else:
        approved, approvals = opening.approved, opening.approvals
    match fact:
        case GateExpired():
            word, text = "EXPIRED", decision_text(Verdict.TIMED_OUT, "", approved=approved, approvals=approvals)
        case GateDecided():
            partial = fact.verdict is Verdict.APPROVED and approved < approvals
            name, comment = fact.name and clean.line(fact.name, 200), comment_line(fact.comment)
            word = "VOTED" if partial else "DECIDED"
            text = decision_text(fact.verdict, fact.by, name, comment, approved=approved, approvals=approvals)
        case _:
            assert_never(fact)
    return f"{at_text(after.since_start(fact.at))} {word:<8} {clean.line(fact.gate, 80)}  {text}"


def _reply(exchange: Exchange, before: RunState, after: RunState) -> str:
    at = at_text(after.since_start(exchange.until or exchange.at))
    word, what = _words(exchange, before, after)
    if exchange.lost is not None:
        return f"{at} {'LOST':<8} {what}  {exchange.lost}"
    came = f"{exchange.code}  {latency(exchange.took)}"
    garbled = exchange.command == "status" and exchange.code == 200 and after.timeline
    if garbled and after.timeline[-1].kind == "lost":
        return f"{at} {'LOST':<8} {what}  {came}  {after.timeline[-1].word}"
    return f"{at} {word:<8} {what}  {came}{_reason(exchange, after)}"


def _words(exchange: Exchange, before: RunState, after: RunState) -> tuple[str, str]:
    match exchange.command:
        case "token":
            return "TOKEN", f"POST {exchange.path}"
        case "invoke" if (gate := before.gate) is not None and gate.sent is not None:
            refused = exchange.lost is None and after.gate is not None and after.gate.refusal is not None
            text = "refused" if refused else _sent(gate)
            return "DECIDED", f"{gate.gate}  {text}" if gate.gate else text
        case "invoke" if not exchange.asks.resumes:
            job = after.job
            return "INVOKE", f"{job.labels.job} {job.job}" if job and job.job else f"POST {exchange.path}"
        case "status":
            good = exchange.code == 200 and after.last is not None
            return (after.last.status if good and after.last else "REFUSED"), f"poll {after.polls}"
        case _:
            return exchange.method, exchange.path


def _sent(gate: GateState) -> str:
    """The app's own decision: over the wire alone it knows no other."""
    verdict = Verdict.APPROVED if gate.collects else gate.sent or ""
    return decision_text(verdict, Origin.API, comment=gate.comment)


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

"""Line mode: a run told one line after another, for pipes, screen readers and CI. No Textual."""

from lab.app.observe import Ended, Lost, Noted, Observation, Replied, Requested, Waiting
from lab.tui.rows.blocks import at_text, latency
from lab.tui.rows.formats import EMPTY, NOTHING
from lab.tui.state import clean
from lab.tui.state.narrate import phase, sentence
from lab.tui.state.screen import RunState, ScreenState, SourceState
from lab.tui.state.values import Exchange

CAP = 8_192
"""The most characters of an output that a transcript shows."""


def opening(show: SourceState) -> list[str]:
    """The lines before the first observation: title, team, seed, and the story."""
    seed = "" if show.seed is None else f"  seed {show.seed}"
    told = [f"# {clean.line(show.title)} · {clean.line(show.team)}{seed}"]
    if show.scenario is not None and show.scenario.story:
        told += [f"# {line}" for line in clean.lines(show.scenario.story).strip().split("\n")]
    return told


def lines(observation: Observation, before: RunState, after: RunState, show: SourceState | None = None) -> list[str]:
    """What an observation adds to the transcript; `before` and `after` are the states around it."""
    told = _row(observation, before, after)
    old, new = (sentence(ScreenState(stage=stage, show=show or SourceState())) for stage in (before, after))
    if old != new and phase(after) != "idle":
        told.append(f"# {clean.line(new)}")
    if after.gate is not None and (before.gate is None or before.gate.key != after.gate.key):
        told += _question(after)
    if isinstance(observation, Ended):
        told += _end(after)
    return told


def _row(observation: Observation, before: RunState, after: RunState) -> list[str]:
    match observation:
        case Replied(x=x) | Lost(x=x):
            call = next((call for call in after.calls if call.x == x), None)
            return [] if call is None else [_call(call, before, after)]
        case Noted():
            new = [mark for mark in after.marks if mark not in before.marks and mark.kind == "decided"]
            return [f"{at_text(after.since_start(mark.at))} DECIDED  {mark.word}" for mark in new]
        case Waiting(until=until, why="retry-after" | "retry" as why):
            word = "Retry-After" if why == "retry-after" else "next try"
            return [f"{at_text(after.since_start(observation.at))} WAIT     {word} {latency(until - observation.at)}"]
        case Requested(route="invoke") if after.turn > 1 and (before.job is None or before.turn < after.turn):
            said = dict(after.job.fields).get("message", "") if after.job else ""
            return [f"{at_text(after.since_start(observation.at))} MESSAGE  {said}"]
        case _:
            return []


def _call(call: Exchange, before: RunState, after: RunState) -> str:
    at = at_text(after.since_start(call.until or call.at))
    word, what = _words(call, before, after)
    if call.lost is not None:
        return f"{at} {'LOST':<8} {what}  {call.lost}"
    if call.route == "status" and call.code == 200 and after.marks and after.marks[-1].kind == "lost":
        return f"{at} {'LOST':<8} {what}  200  {latency(call.took)}  {after.marks[-1].word}"
    return f"{at} {word:<8} {what}  {call.code}  {latency(call.took)}{_reason(call, after)}"


def _words(call: Exchange, before: RunState, after: RunState) -> tuple[str, str]:
    match call.route:
        case "token":
            return "TOKEN", f"POST {call.path}"
        case "invoke" if before.gate is not None and before.gate.sent is not None:
            word = after.marks[-1].word if after.marks else ""
            return "DECIDED", word or before.gate.sent
        case "invoke":
            job = after.job.job if after.job else None
            return "INVOKE", f"jobId {job}" if job else f"POST {call.path}"
        case "status":
            good = call.code == 200 and after.last is not None
            return (after.last.status if good and after.last else "REFUSED"), f"poll {after.polls}"
        case _:
            return call.method, call.path


def _reason(call: Exchange, after: RunState) -> str:
    if call.code is None or call.code < 400:
        return ""
    view = after.token if call.route == "token" else after.job if call.route == "invoke" else after.gate
    refusal = view.refusal if view is not None else None
    return f"  {refusal}" if refusal else f"  {call.head[:120]}" if call.head else ""


def _question(stage: RunState) -> list[str]:
    gate = stage.gate
    assert gate is not None
    told = [f"? {line}" for line in gate.question.split("\n")]
    if gate.channel not in ("CHAT", ""):
        return [*told, f"# {gate.channel}: outside the API, the app only polls."]
    return told


def _end(stage: RunState) -> list[str]:
    outcome = stage.outcome
    if outcome is None:
        return []
    at = at_text(stage.reading(stage.seen))
    polls = f"{outcome.polls} poll{'' if outcome.polls == 1 else 's'}"
    told = [f"{at} {outcome.status or 'STOPPED':<8} {polls}"]
    if outcome.error:
        told += ["", *clean.lines(outcome.error).split("\n")]
    if outcome.output or outcome.complete:
        told += ["", *_output(outcome.output, stage.last.size if stage.last else 0)]
    told += [f"› {clean.line(question)}" for question in outcome.follow_up]
    return told


def _output(output: str | None, size: int) -> list[str]:
    if not output:
        return [NOTHING if output is None else EMPTY]
    told = clean.lines(output, CAP).rstrip("\n").split("\n")
    return told if len(output) <= CAP else [*(told[:-1] or told), "", f"# cut after {CAP >> 10} KiB of {size} bytes"]

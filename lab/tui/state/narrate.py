"""The one sentence that says where the run is, and why it matters."""

from collections.abc import Mapping

from lab.program.scenario import LONGEST_SENTENCE, Scenario
from lab.program.words import Verdict
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import (
    PHASES,
    PhaseName,
    cancelled,
    decision_shown,
    ended_in,
    face,
    finished,
    meaning,
    phase,
    refused_call,
    repeated_call,
    stopped,
)

FOLLOWED = {
    "start": "The recording stands at its start. Press space to play it.",
    "empty": "The recording ends here, and no call of the agent API is in it.",
    "ends": "The recording ends here, before the run does: nothing more was recorded.",
    "idle": "Nothing has been called yet. The screen waits for a client.",
    "unseen": "The client polls a job that this journal has not seen begin.",
    "accepted": "The job is accepted and runs; no answer that is whole has shown it yet.",
    "call": "A client's first call is under way; w shows it.",
    "other": "What came so far is no call of the agent API; w shows it.",
}
"""Where a journal is followed and no job is in sight."""
REFUSED = {
    200: "The answer can't be read. The app asks again; the job doesn't notice.",
    429: "Later, not never: the app waits longer each time. The job doesn't notice.",
    503: "Later, not never: the app waits, then asks again. The job doesn't notice.",
    0: "The call brought no answer. The app asks again; the job doesn't notice.",
}
"""By code what a poll that brought nothing means; 0: any other."""
REPEATED = "{} came first; the app asked again at once. The job didn't notice."
"""Of a call that brought nothing, until the poll after the one that took its place."""
COUNTED = {1: "after one decision", 2: "after two decisions", 3: "after three decisions"}
BEGIN = " Press space."
COVERED = "The run stands: its act is covered. Press space to go on, esc to see it."
CANCELLED = "The client has cancelled the job. It ended where it was."
UNANSWERED = "0, then m emptied, brings back the message that the scenario answers."
"""Of a first message that somebody typed, and no answer is defined for."""
FIRST = "Press space, and the {}. Press ? to see every key and sign."
"""On the poster, and to somebody who may see the screen for the first time."""


def sentence(state: ScreenState) -> str:
    """What just happened and why it matters: the scenario's sentence, else ours."""
    run, here = state.run, phase(state.run)
    if state.holds:
        one, more = state.holds[0], f", {len(state.holds) - 1} more with it" if len(state.holds) > 1 else ""
        return f"The {one.side} of {one.route} is held at breakpoint {one.breakpoint}{more}."
    if (first := _before_the_scenario(state, here)) is not None:
        return first
    if (decision := decision_shown(run)) is not None:
        return _decided(state.source.scenario, decision)
    if (lost := refused_call(run)) is not None:
        return REFUSED.get(lost.code or 0, REFUSED[0])
    if (lost := repeated_call(run)) is not None:
        return REPEATED.format(lost.code or "No answer")
    if here == "error" and state.source.message and run.turn == 1 and state.part is None:
        if state.source.scenario is not None and state.source.message != state.source.scenario.message:
            return UNANSWERED
    text = _scenario_sentence(state, here)
    if text:
        fits = here == "idle" and len(text) + len(BEGIN) <= LONGEST_SENTENCE and "space" not in text
        return text + BEGIN if fits else text
    verdict = run.milestone("decided")
    match here:
        case "waiting" if run.gate is None:
            return "The job waits by itself; nobody has to decide. Polling goes on."
        case "waiting" if run.gate is not None and not run.gate.in_chat:
            return "The agent stopped on purpose. The decision comes from outside the API."
        case "complete" if verdict is not None and verdict.value == Verdict.REJECTED:
            return f"A person said no. {PHASES['complete'].sentence}"
        case "complete" if run.decisions:
            counted = COUNTED.get(run.decisions, f"after {run.decisions} decisions")
            return f"{PHASES['complete'].sentence[:-1]}, {counted}."
        case "polling" if run.last is not None and meaning(run.last.status) is None:
            return f"{run.last.status} is unknown and not final, so the app goes on polling."
        case "invoke" if run.job is not None and run.job.job is None:
            return f"{run.job.code}: no Job ID came, so there is nothing to poll."
        case "invoke" if run.job is not None and run.job.code != 202:
            return PHASES["invoke"].sentence.replace("202 Accepted", str(run.job.code))
        case _:
            return PHASES[here].sentence


def first_keys(state: ScreenState) -> str:
    """The two keys to know before a run that waits for space; nothing where none does."""
    cursor = state.source.cursor
    if phase(state.run) != "idle" or state.ui.starting or (cursor is None and state.source.follows):
        return ""
    if cursor is not None and (cursor.playing or cursor.line >= cursor.lines):
        return ""
    return FIRST.format("recording plays" if cursor is not None else "run begins")


def _before_the_scenario(state: ScreenState, here: str) -> str | None:
    """What no scenario can know: that nothing began, or stopped, or is only half in sight, or stands unseen."""
    run, cursor = state.run, state.source.cursor
    if state.act.waits and (state.ui.covers_acts or (state.ui.panes and state.act.left is None)):
        return COVERED
    if here == "idle" and cursor is not None and cursor.line >= cursor.lines and not run.exchanges:
        return FOLLOWED["empty"]
    if cursor is not None and cursor.line >= cursor.lines and here != "idle" and not finished(run):
        return FOLLOWED["ends"]
    if state.ui.first and (keys := first_keys(state)):
        return keys
    if here == "idle" and state.source.follows:
        if cursor is not None and not cursor.playing:
            return FOLLOWED["start"]
        over = any(each.until is not None for each in run.exchanges)
        return FOLLOWED["other" if over else "call" if run.exchanges else "idle"]
    if here == "idle" and state.ui.starting:
        return "The app gets ready to ask for a token."
    if cancelled(run):
        return CANCELLED
    if stopped(run):
        return (run.outcome.why if run.outcome else None) or "The run stopped before a final status."
    if here == "invoke" and run.job is not None and run.job.code is None:
        if run.polls or run.job.job is not None:
            return FOLLOWED["unseen" if run.polls else "accepted"]
        granted = (
            run.token is not None and run.token.token is not None
        )  # a client followed may bring one from elsewhere
        return ("The token is here. " if granted else "") + f"{state.labels.start} asks the agent team to start a job."
    return None


def _decided(scenario: Scenario | None, decision: GateDecision) -> str:
    """The sentence of a decision; of a quorum's that doesn't end the gate how many are missing."""
    if not decision.ends:
        return f"{decision.approved} of {decision.approvals} said yes. The gate stays open until all have."
    own = None if scenario is None else scenario.narration.of_decision(decision.verdict)
    return own or verdict_face(decision.verdict).sentence


def _scenario_sentence(state: ScreenState, here: PhaseName) -> str | None:
    """What the scenario says of a phase; while agents are at work, or once they ended, of the step they are at."""
    scenario, run = state.source.scenario, state.run
    if scenario is None:
        return None
    narration, ending = scenario.narration, ended_in(run)
    if here == "complete" or here == "error":
        # a job may end where the scenario says nothing: no scenario fitted, or a verdict had its default
        own = ending is None or ending in scenario.endings
        return narration.of_step(here, ending) if own else None
    if here != "polling":
        text: str | None = getattr(narration, here)
        return text
    scripted = None if state.part is None else scenario.of_turn(state.part)
    steps = () if scripted is None else scripted.steps
    # that the job waits, or has ended, an answer tells
    working = (each for each in reversed(run.milestones) if each.kind == "step" and face(each.word).phase == "polling")
    later = next(working, None)
    # before the journal told of another step, the job is at the first; a gate that was passed it would have told
    first = steps[0].id if steps and not run.gates else None
    step = first if later is None else later.value
    title = next((each.title for each in steps if each.id == step), None)
    if isinstance(narration.polling, Mapping) and step not in narration.polling and title:
        asks = f"{title}; the app asks again."
        return asks if len(asks) <= LONGEST_SENTENCE else f"{title}."
    return narration.of_step("polling", step)

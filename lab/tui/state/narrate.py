"""Where the run is, and the one sentence that says so."""

from lab.dialects import fusion as wire
from lab.tui.state.screen import RunState, ScreenState, SourceState

OURS = {
    "idle": "Nothing has been sent yet. Press space: the app asks for a token first.",
    "token": "The app proves who it is once; the token is good for one hour.",
    "invoke": "202 Accepted: a Job ID at once, not the output.",
    "polling": "The app asks again after a growing pause; the server pushes nothing.",
    "waiting": "The agent stopped on purpose. A person must decide before it may go on.",
    "complete": "The output came back on the same Job ID.",
    "error": "The job ended in ERROR; the reason came with a 200.",
}
"""A sentence for each phase, at most 76 characters."""

FOLLOWED = {
    "start": "The recording stands at its start. Press space to play it.",
    "idle": "Nothing has been called yet. The screen waits for a client.",
    "unseen": "The client polls a job that this journal has not seen begin.",
    "other": "What came so far is no call of the agent API; w shows it.",
}
"""Where a journal is followed and no job is in sight."""

COUNTED = {1: "after one decision", 2: "after two decisions", 3: "after three decisions"}


def phase(stage: RunState) -> str:
    """`idle token invoke polling waiting complete error`."""
    if stage.token is None and stage.job is None:
        return "idle"
    if stage.ended is not None and (stage.outcome is None or stage.outcome.status != "COMPLETE"):
        return "error"
    status = stage.last.status if stage.last else None
    if status is not None and wire.final(status):
        return "complete" if status == "COMPLETE" else "error"
    if stage.job is None:
        return "token"
    if stage.polls == 0 or status is None:
        return "invoke"
    return "waiting" if status == "WAITING" else "polling"


def word(stage: RunState) -> str:
    """The status word before the narration: the wire's own where there is one."""
    match phase(stage):
        case "idle":
            return "IDLE"
        case "token":
            return "TOKEN"
        case "invoke":
            return "INVOKE"
        case "error" if stage.last is None or stage.last.status != "ERROR":
            return "STOPPED"
        case _:
            return stage.last.status if stage.last else ""


def role(stage: RunState) -> str:
    """The colour of the phase."""
    match phase(stage):
        case "idle":
            return "dim"
        case "waiting":
            return "wait"
        case "complete":
            return "done"
        case "error":
            return "bad"
        case _:
            return status_role(stage.last.status) if stage.last else "run"


def status_role(status: str) -> str:
    """The colour of a status word."""
    return {"RUNNING": "run", "WAITING": "wait", "COMPLETE": "done", "ERROR": "bad"}.get(status, "unknown")


def glyph(status: str) -> str:
    """The sign of a status word."""
    return {"RUNNING": "◐", "WAITING": "◆", "COMPLETE": "✓", "ERROR": "✗"}.get(status, "?")


def sentence(scene: ScreenState) -> str:
    """What just happened and why it matters: the scenario's sentence, else ours."""
    stage = scene.stage
    here = phase(stage)
    if here == "idle" and scene.show.follows:
        if scene.show.cursor is not None and not scene.show.cursor.playing:
            return FOLLOWED["start"]
        return FOLLOWED["other" if stage.calls else "idle"]
    if here == "idle" and scene.look.started:
        return "The app gets ready to ask for a token."
    if here == "error" and word(stage) == "STOPPED":
        return (stage.outcome.why if stage.outcome else None) or "The run stopped before a final status."
    if here == "invoke" and stage.job is not None and stage.job.code is None and stage.polls:
        return FOLLOWED["unseen"]
    if here == "invoke" and stage.job is not None and stage.job.code is None:
        return "The token is here. invokeAsync asks the agent team to start a job."
    told = _scenario_sentence(scene.show, here, stage.ending)
    if told:
        begin = " Press space."
        return told + begin if here == "idle" and len(told) + len(begin) <= 76 and "space" not in told else told
    if here == "waiting" and stage.gate is None:
        return "The job waits by itself; nobody has to decide. Polling goes on."
    if here == "waiting" and stage.gate is not None and stage.gate.channel not in ("CHAT", ""):
        return "The agent stopped on purpose. The decision comes from outside the API."
    if here == "complete" and stage.decisions:
        return f"{OURS['complete'][:-1]}, {COUNTED.get(stage.decisions, f'after {stage.decisions} decisions')}."
    if here == "polling" and stage.last and status_role(stage.last.status) == "unknown":
        return f"{stage.last.status} is unknown and not final, so the app goes on polling."
    if here == "invoke" and stage.job is not None and stage.job.job is None:
        return f"{stage.job.code}: no Job ID came, so there is nothing to poll."
    if here == "invoke" and stage.job is not None and stage.job.code != 202:
        return OURS["invoke"].replace("202 Accepted", str(stage.job.code))
    return OURS[here]


def _scenario_sentence(show: SourceState, here: str, ending: str | None) -> str | None:
    scenario = show.scenario
    if scenario is None:
        return None
    if here == "complete" or here == "error":
        # a job may end where the scenario says nothing: no scenario fitted, or a verdict had its default
        own = ending is None or ending in scenario.endings
        return scenario.narration.of_ending(here, ending) if own else None
    told: str | None = getattr(scenario.narration, here)
    return told

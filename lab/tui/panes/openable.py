"""What is meant by what is looked at: the exchange behind a pane."""

from lab.tui.state.screen import ScreenState
from lab.tui.state.values import Exchange

ROUTES = {"token": "token", "polling": "status", "output": "status"}
"""Whose last exchange a pane opens; that of the job is the one that started it."""


def exchange_of(scene: ScreenState, up: int = 0) -> Exchange | None:
    """The exchange of the pane in focus: in the drawer the one `up` rows above the newest."""
    scene = scene.in_sight
    calls, focus = scene.stage.calls, scene.look.focus
    if focus == "wire":
        return calls[max(0, len(calls) - 1 - up)] if calls else None
    stage = scene.stage
    if focus == "job":
        asked = stage.job.asked if stage.job is not None else None
        return next((call for call in reversed(calls) if call.route == "invoke" and call.at == asked), None)
    route, until = ROUTES.get(focus), stage.seen if stage.ended is None else stage.ended
    return next((call for call in reversed(calls) if call.route == route and call.at <= until), None)

"""What the app says next, or first: the form in which it is typed."""

import re

from lab.jobs.program import patterns_for_next
from lab.tui.panes.keys import FormField, Reaction, TextForm
from lab.tui.state.screen import ScreenState, messages_of

OWN_MESSAGE = "empty: the scenario's own message"
_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")
"""A group of a pattern that has a name."""


def suggestions(state: ScreenState) -> tuple[str, ...]:
    """What ↑ and ↓ go through: before the run its first message and the scenario's own, then the scenario's next one and the follow-ups."""
    run = state.run
    if run.start is None:
        own = () if state.source.scenario is None else (state.source.scenario.message,)
        return tuple(dict.fromkeys((state.source.message, *own)))
    planned = state.source.scenario.user_messages if state.source.scenario is not None else ()
    number = run.turn + (run.job is not None) - 1
    scripted = (planned[number].message,) if 0 < number < len(planned) else ()
    return tuple(dict.fromkeys((*scripted, *(run.last.follow_up if run.last is not None else ()))))


def answered_messages(state: ScreenState) -> str | None:
    """What the scenario answers in the next turn; None if it answers whatever is said, or isn't at hand."""
    scenario, run = state.source.scenario, state.run
    if scenario is None:
        return None
    earlier = [] if run.start is None else messages_of(run)[: run.turn - (run.job is None)]
    patterns = patterns_for_next(scenario, earlier)
    if None in patterns:
        return None
    if not patterns:
        return "this scenario answers no more messages: another ends in ERROR"
    known = " · ".join(_GROUP.sub(r"<\1>", str(each)) for each in patterns)
    return f"this scenario answers: {known}"


def say_next(state: ScreenState) -> Reaction:
    """The first message is there to be edited, of the next one what is proposed."""
    run, offered = state.run, suggestions(state)
    first, number = run.start is None, run.turn + (run.job is not None)
    what = answered_messages(state) or (
        "sent when the run begins" if first else f"the same {state.labels.conversation}, a new Job ID"
    )
    form = TextForm(
        f"FIRST MESSAGE · {what}" if first else f"NEXT MESSAGE · turn {number} · {what}",
        (FormField("message › ", OWN_MESSAGE if first else "", next(iter(offered), ""), edited=first),),
        lambda now, texts: Reaction(now.choose(output="rendered"), lambda source: source.say(texts[-1])),
        lambda now: not now.newest.running,
        offered,
        optional=first,
    )
    return Reaction(state.choose(turn=0), form=form)

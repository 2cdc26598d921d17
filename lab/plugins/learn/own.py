"""Finds the story in calls of the wires that the lab speaks: one conversation, its messages in order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.jsontext import integer_or_none, members_of
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Seen
from lab.dialects.fusion.bodies import PUBLISHED_VERSION
from lab.language.document import Verdict
from lab.plugins.learn.story import Glimpse, ObservedDecision, ObservedTurn, Poll, Story, left_out_jobs
from lab.recording.format.lines import Entry
from lab.recording.playback.calls import PlaybackCall

_ROUTES = {Invoke: "invoke", Decide: "invoke", Look: "status"}
"""As faults and latencies name them, whichever wire it is."""
_TOKEN = "token"
_Opening: TypeAlias = tuple[str, int]


def own_story(calls: Sequence[PlaybackCall], facts: Iterable[Entry] = ()) -> Story | None:
    """The first conversation of which a job is polled; None: there is none."""
    looks: dict[str, list[PlaybackCall]] = defaultdict(list)
    for call in calls:
        if (job := _job_asked(call)) is not None:
            looks[job].append(call)
    begins = [call for call in calls if _invoke(call) is not None]
    polled = [call for call in begins if call.begun is not None and call.begun.job in looks]
    if not polled:
        return None
    first = polled[0]
    turns = [*_turns(first, begins, looks)]
    for turn in turns:
        _decisions(turn, calls, facts)
    command = _invoke(first)
    mine = {turn.invoke for turn in turns}
    others = [_message(call) for call in polled if call not in mine]
    tokens = [call for call in calls if call.requested.route == _TOKEN]
    lifetimes = [seconds for call in tokens if call.good and (seconds := _expires_in(call)) is not None]
    return Story(
        team=command.team if command is not None else None,
        version=_version(command, looks[first.begun.job] if first.begun is not None else ()),
        turns=turns,
        calls=_counted(calls, turns, tokens, lifetimes[0] if lifetimes else None),
        lifetime=lifetimes[0] if lifetimes else None,
        settings=_settings(first),
        renewed=sum(call.good for call in tokens) > 1,
        notes=left_out_jobs(others),
    )


def _invoke(call: PlaybackCall) -> Invoke | None:
    command = call.client_call.command if call.client_call is not None else None
    return command if isinstance(command, Invoke) else None


def _job_asked(call: PlaybackCall) -> str | None:
    command = call.client_call.command if call.client_call is not None else None
    return command.job if isinstance(command, Look) else None


def _turns(
    first: PlaybackCall, begins: list[PlaybackCall], looks: dict[str, list[PlaybackCall]]
) -> Iterator[ObservedTurn]:
    """The messages of the first one's conversation; one that was said again until it was accepted counts once."""
    conversation = first.begun.conversation if first.begun is not None else None
    mine = [call for call in begins if call is first or _goes_on(call, first, conversation)]
    for place, call in enumerate(mine):
        again = next((other for other in mine[place + 1 :] if _message(other) == _message(call)), None)
        if call.begun is None and (again is not None or call.good):
            continue
        polls = looks[call.begun.job] if call.begun is not None else []
        yield _turn(call, polls)


def _goes_on(call: PlaybackCall, first: PlaybackCall, conversation: str | None) -> bool:
    command = _invoke(call)
    return (
        conversation is not None and call.at > first.at and command is not None and command.conversation == conversation
    )


def _message(call: PlaybackCall) -> str:
    command = _invoke(call)
    return command.message if command is not None else ""


def _turn(call: PlaybackCall, polls: list[PlaybackCall]) -> ObservedTurn:
    parameters = dict(call.client_call.fields).get("parameters") if call.client_call is not None else None
    return ObservedTurn(
        invoke=call,
        message=_message(call),
        parameters=parameters if isinstance(parameters, dict) else {},
        first=_glimpse(call.seen) if call.seen is not None else None,
        accepted=True if call.begun is not None else None if call.replied.cut is not None else False,
        polls=[Poll(poll, _glimpse(poll.seen) if poll.good and poll.seen is not None else None) for poll in polls],
    )


def _glimpse(seen: Seen) -> Glimpse:
    return Glimpse(
        word=seen.word,
        status=seen.status,
        text=seen.progress,
        question=seen.question,
        output=seen.output,
        error=seen.error,
        follow_up=seen.follow_up,
    )


# Decisions


def _decisions(turn: ObservedTurn, calls: Sequence[PlaybackCall], facts: Iterable[Entry]) -> None:
    """How gates ended: as the client decided, or as facts tell."""
    job = turn.invoke.begun.job if turn.invoke.begun is not None else None
    if job is None:
        return
    openings: dict[Millis, _Opening] = {}
    for poll in turn.polls:
        if poll.glimpse is not None and (question := poll.glimpse.question) is not None:
            openings[poll.call.at] = question.gate, question.round
    for call in calls:
        command = call.client_call.command if call.client_call is not None else None
        if isinstance(command, Decide) and command.job == job and call.good and command.verdict is not None:
            before = [opening for at, opening in openings.items() if at <= call.at]
            if before:
                turn.decisions[before[-1]] = ObservedDecision(verdict=command.verdict, comment=command.comment)
            if call.seen is not None:
                turn.polls.append(Poll(call, _glimpse(call.seen), decides=True))
    turn.polls.sort(key=lambda poll: poll.call.at)
    for fact in facts:
        if fact.text("job") == job:
            _fact(turn, fact)


def _fact(turn: ObservedTurn, fact: Entry) -> None:
    gate = fact.text("gate") or ""
    opening = gate, integer_or_none(fact.get("round")) or 0
    match fact.type:
        case "gate.opened" if (until := integer_or_none(fact.get("until"))) is not None:
            turn.patience[gate] = until - fact.instant
        case "gate.decided" if (verdict := fact.text("verdict")) in set(Verdict):
            turn.decisions[opening] = ObservedDecision(
                verdict=Verdict(verdict), comment=fact.text("comment"), by=fact.text("name")
            )
        case "gate.expired":
            turn.decisions[opening] = ObservedDecision(verdict=Verdict.TIMED_OUT)
        case _:
            pass


# What counts, and what else was seen


def _counted(
    calls: Sequence[PlaybackCall], turns: list[ObservedTurn], tokens: list[PlaybackCall], lifetime: Millis | None
) -> dict[str, list[PlaybackCall]]:
    """Calls by route; without those that a mock refuses by itself, since their token was too old."""
    found: dict[str, list[PlaybackCall]] = {_TOKEN: tokens, "invoke": [], "status": []}
    granted: Millis | None = None
    jobs = {turn.invoke.begun.job for turn in turns if turn.invoke.begun is not None}
    for call in calls:
        if call.requested.route == _TOKEN and call.good:
            granted = call.at
        old = granted is not None and lifetime is not None and call.at - granted >= lifetime
        command = call.client_call.command if call.client_call is not None else None
        route = _ROUTES.get(type(command)) if command is not None else None
        if route is None or (call.replied.response.status == 401 and old):
            continue
        if route == "status" and _job_asked(call) not in jobs:
            continue
        found[route].append(call)
    counted = set(found["status"])
    for turn in turns:
        turn.polls = [poll for poll in turn.polls if poll.decides or poll.call in counted]
    return found


def _expires_in(call: PlaybackCall) -> Millis | None:
    seconds = integer_or_none(members_of(call.replied.response.body).get("expires_in"))
    return seconds * 1000 if seconds is not None and seconds > 0 else None


def _version(command: Invoke | None, looks: Sequence[PlaybackCall]) -> int | None:
    """Nothing is learned of one that the client named itself: answers repeat it."""
    if command is None or command.wanted.version is not None:
        return None
    versions = (integer_or_none(members_of(each.replied.response.body).get(PUBLISHED_VERSION)) for each in looks)
    return next((each for each in versions if each is not None and each > 1), None)


def _settings(first: PlaybackCall) -> dict[str, Json]:
    """What of the switches of a mock the answers show."""
    settings: dict[str, Json] = {}
    if first.requested.route == "invoke" and first.replied.response.status == 200:
        settings["invoke_status"] = 200
    return settings

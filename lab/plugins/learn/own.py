"""Finds the story in calls of the wires that the lab speaks: one conversation, its messages in order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.jsontext import integer_or_none, members_of
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Seen, Sendable
from lab.dialects.fusion.bodies import PUBLISHED_VERSION
from lab.plugins.learn.model import MOST_MESSAGES, About, Glimpse, ObservedDecision, ObservedTurn, Poll, Story
from lab.program.words import Verdict
from lab.recording.format.lines import Entry
from lab.recording.playback.calls import PlaybackCall

_LONGEST_NAME = 60
_MOST_NAMES = 10


def own_story(calls: Sequence[PlaybackCall], facts: Iterable[Entry] = ()) -> Story | None:
    """The first conversation of which a job is polled; None: there is none."""
    looks: dict[str, list[PlaybackCall]] = defaultdict(list)
    begins: list[tuple[PlaybackCall, Invoke]] = []
    for call in calls:
        match _command(call):
            case Look(job=str() as job):
                looks[job].append(call)
            case Invoke() as command:
                begins.append((call, command))
    polled = [(call, command) for call, command in begins if call.begun is not None and call.begun.job in looks]
    if not polled:
        return None
    first, command = polled[0]
    assert first.begun is not None
    conversation = first.begun.conversation
    mine = [
        (call, its)
        for call, its in begins
        if call is first or (conversation is not None and call.at > first.at and its.conversation == conversation)
    ]
    tokens = [call for call in calls if call.requested.route == "token"]
    lifetime = next((found for call in tokens if call.good and (found := _expires_in(call)) is not None), None)
    turns = list(_turns(mine, looks, _too_old(calls, lifetime)))
    for turn in turns[:MOST_MESSAGES]:
        _decide(turn, calls, facts)
    taken = {turn.invoke for turn in turns}
    jobs = {call.begun.job for call in taken if call.begun is not None}
    counted = _counted(calls, jobs, _too_old(calls, lifetime))
    settings: dict[str, Json] = {}
    if first.requested.route == "invoke" and first.replied.response.status == 200:
        settings["invoke_status"] = 200
    about = About(
        team=command.team,
        version=_version(command, looks[first.begun.job]),
        lifetime=lifetime,
        settings=settings,
        renewed=sum(call.good for call in tokens) > 1,
        notes=left_out_jobs([its.message for call, its in polled if call not in taken]),
    )
    return Story(about, turns, {"token": tokens, **counted})


def _command(call: PlaybackCall) -> Sendable | None:
    return call.client_call.command if call.client_call is not None else None


def _turns(
    mine: list[tuple[PlaybackCall, Invoke]], looks: dict[str, list[PlaybackCall]], old: set[PlaybackCall]
) -> Iterator[ObservedTurn]:
    """The messages of the conversation; one that was said again until it was accepted counts once."""
    last = {command.message: place for place, (_, command) in enumerate(mine)}
    for place, (call, command) in enumerate(mine):
        if call.begun is None and (call.good or last[command.message] > place):
            continue
        polls = [poll for poll in looks[call.begun.job] if poll not in old] if call.begun is not None else []
        parameters = dict(call.client_call.fields).get("parameters") if call.client_call is not None else None
        yield ObservedTurn(
            invoke=call,
            message=command.message,
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


def _decide(turn: ObservedTurn, calls: Sequence[PlaybackCall], facts: Iterable[Entry]) -> None:
    """How gates ended: as the client decided, or as facts tell."""
    job = turn.invoke.begun.job if turn.invoke.begun is not None else None
    if job is None:
        return
    decided: dict[tuple[str, int], ObservedDecision] = {}
    openings = [(poll.call.at, poll.glimpse.question) for poll in turn.polls if poll.glimpse and poll.glimpse.question]
    for call in calls:
        command = _command(call)
        if isinstance(command, Decide) and command.job == job and call.good and command.verdict is not None:
            if before := [question for at, question in openings if at <= call.at]:
                opening = before[-1].gate, before[-1].round
                decided[opening] = ObservedDecision(
                    gate=opening[0], round=opening[1], verdict=command.verdict, comment=command.comment
                )
            if call.seen is not None:
                turn.polls.append(Poll(call, _glimpse(call.seen), decides=True))
    turn.polls.sort(key=lambda poll: poll.call.at)
    for fact in facts:
        if fact.text("job") != job:
            continue
        gate, round_ = fact.text("gate") or "", integer_or_none(fact.get("round")) or 0
        until, said = integer_or_none(fact.get("until")), fact.text("verdict")
        if fact.type == "gate.opened" and until is not None:
            turn.patience[gate] = until - fact.instant
        elif fact.type == "gate.decided" and said in set(Verdict):
            decided[gate, round_] = ObservedDecision(
                gate=gate, round=round_, verdict=Verdict(said), comment=fact.text("comment"), by=fact.text("name")
            )
        elif fact.type == "gate.expired":
            decided[gate, round_] = ObservedDecision(gate=gate, round=round_, verdict=Verdict.TIMED_OUT)
    turn.decisions = list(decided.values())


def _too_old(calls: Sequence[PlaybackCall], lifetime: Millis | None) -> set[PlaybackCall]:
    """The calls that a mock refuses by itself, since their token was too old."""
    granted: Millis | None = None
    found: set[PlaybackCall] = set()
    for call in calls:
        if call.requested.route == "token" and call.good:
            granted = call.at
        elif call.replied.response.status == 401 and granted is not None and lifetime is not None:
            found |= {call} if call.at - granted >= lifetime else set()
    return found


def _counted(
    calls: Sequence[PlaybackCall], jobs: set[str], old: set[PlaybackCall]
) -> dict[str, Sequence[PlaybackCall]]:
    """By route, as faults and latencies name it whichever wire it is."""
    invokes: list[PlaybackCall] = []
    polls: list[PlaybackCall] = []
    for call in calls:
        match _command(call):
            case _ if call in old:
                continue
            case Invoke() | Decide():
                invokes.append(call)
            case Look(job=job) if job in jobs:
                polls.append(call)
    return {"invoke": invokes, "status": polls}


def _expires_in(call: PlaybackCall) -> Millis | None:
    seconds = integer_or_none(members_of(call.replied.response.body).get("expires_in"))
    return seconds * 1000 if seconds is not None and seconds > 0 else None


def _version(command: Invoke, looks: Sequence[PlaybackCall]) -> int | None:
    """Nothing is learned of one that the client named itself: answers repeat it."""
    if command.wanted.version is not None:
        return None
    versions = (integer_or_none(members_of(each.replied.response.body).get(PUBLISHED_VERSION)) for each in looks)
    return next((each for each in versions if each is not None and each > 1), None)


def left_out_jobs(messages: Sequence[str]) -> tuple[str, ...]:
    """A sentence that names the jobs of a file that a scenario of one conversation leaves out, by what began them."""
    if not messages:
        return ()
    names = "; ".join(" ".join(message[:_LONGEST_NAME].split()) for message in messages[:_MOST_NAMES])
    more = len(messages) - _MOST_NAMES
    return (f"Jobs of other conversations, left out: {names}{f'; and {more} more' if more > 0 else ''}.",)

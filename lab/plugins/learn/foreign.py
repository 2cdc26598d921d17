"""Finds the job in calls of an API that the lab doesn't speak: the request whose answer gives an id that polls carry."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.language.document import Status
from lab.plugins.learn.ids import (
    body_in,
    body_of_request,
    carried_ids,
    given_ids,
    ids_in,
    links_of,
    paths_above,
    same_place,
    texts_in,
)
from lab.plugins.learn.poll_groups import (
    ForeignTerms,
    PollGroup,
    answered_value,
    poll_groups,
    said_by_word,
    shown_by,
    shows_end,
)
from lab.plugins.learn.story import Glimpse, ObservedTurn, Poll, Story, left_out_jobs
from lab.plugins.learn.words import StatusMember, at_path, members_within, path_to, plain_word, wish_in
from lab.recording.playback.calls import PlaybackCall

_TEXTS = ("text", "transcript", "content", "summary")
_SCALARS = (str, int, float, bool)
_MOST_PARAMETERS = 20
_LONGEST_PARAMETER = 200


class _Givers:
    """The calls that may begin a job, by the ids that they give or, as some APIs let the client do, name."""

    def __init__(self, calls: Sequence[PlaybackCall]) -> None:
        self._given: dict[str, list[PlaybackCall]] = defaultdict(list)
        self._named: dict[str, list[PlaybackCall]] = defaultdict(list)
        self._placed: dict[str, list[PlaybackCall]] = defaultdict(list)
        for call in calls:
            if call.good and _grants(call) is None:
                for name in given_ids(call):
                    self._given[name].append(call)
                if not _is_get(call):
                    for name in texts_in(body_of_request(call)):
                        self._named[name].append(call)
                    self._placed[call.requested.request.path].append(call)

    def begin(self, group: PollGroup) -> tuple[PlaybackCall, set[str]] | None:
        """The call that began what the group asks about, and the ids that they share; None: nobody knows."""
        first, mine = group.calls[0], set(group.calls)
        carried = carried_ids(first)
        # a client that names a job in a path asks below that path for its status
        for ids, names in ((self._given, carried), (self._named, carried), (self._placed, paths_above(first))):
            before = {call for name in names for call in ids.get(name, ()) if call.at <= first.at} - mine
            posted = {call for call in before if not _is_get(call)}
            if before:
                call = max(posted or before, key=lambda call: call.requested.x)
                return call, {name for name in names if call in ids.get(name, ())} | (carried & carried_ids(call))
        return None


def _is_get(call: PlaybackCall) -> bool:
    return call.requested.request.method == "GET"


def foreign_story(calls: Sequence[PlaybackCall], terms: ForeignTerms) -> Story | None:
    """The first job that is polled; None: none is."""
    usable = [call for call in calls if call.requested.request.method not in ("OPTIONS", "HEAD")]
    givers = _Givers(usable)
    begun = [(group, found) for group in poll_groups(usable, terms) if (found := givers.begin(group)) is not None]
    if not begun:
        return None
    group, (invoke, ids) = max(begun, key=lambda each: (each[0].named, len(each[0].calls)))
    ids |= ids_in(invoke)
    turn = _turn(invoke, group, usable, ids)
    tokens = [call for call in usable if call is not invoke and _grants(call) is not None]
    begins = [call for call in usable if same_place(call, invoke) and call.at <= invoke.at]
    others = dict.fromkeys(found[0] for other, found in begun if len(other.calls) > 1 and found[0] is not invoke)
    return Story(
        team=None,
        turns=[turn],
        calls={"token": tokens, "invoke": begins, "status": group.calls},
        lifetime=next(filter(None, (_grants(call) for call in tokens)), None),
        renewed=len(tokens) > 1,
        notes=(*_notes(invoke, group), *left_out_jobs([_message(call) for call in others])),
    )


def _grants(call: PlaybackCall) -> int | None:
    """For how many milliseconds the call granted a token; None: it is no such call."""
    body = body_in(call.replied.response)
    if not call.good or not isinstance(body, dict) or "access_token" not in body:
        return None
    seconds = body.get("expires_in")
    return int(seconds) * 1000 if isinstance(seconds, int | float) and 0 < seconds < 10**8 else 3_600_000


def _turn(invoke: PlaybackCall, group: PollGroup, calls: Sequence[PlaybackCall], ids: set[str]) -> ObservedTurn:
    member, wish = group.member, body_of_request(invoke)
    polls = [Poll(call, glimpse) for call, glimpse in zip(group.calls, group.glimpses, strict=True)]
    place = next((place for place, each in enumerate(polls) if each.glimpse and shows_end(each.glimpse)), None)
    if place is not None:
        polls[place] = _with_output(place, group, calls, ids)
    first = body_in(invoke.replied.response)
    return ObservedTurn(
        invoke=invoke,
        message=_message(invoke),
        parameters=_parameters(wish),
        first=_begun_as(first, member),
        accepted=True,
        polls=polls,
    )


def _message(invoke: PlaybackCall) -> str:
    request = invoke.requested.request
    return wish_in(body_of_request(invoke)) or f"{request.method} {request.path}"


def _with_output(place: int, group: PollGroup, calls: Sequence[PlaybackCall], ids: set[str]) -> Poll:
    """The poll of a group that showed the end, with the output; where its answer has none, it may be elsewhere."""
    call, glimpse = group.calls[place], group.glimpses[place]
    if glimpse is None or glimpse.status is not Status.COMPLETE or glimpse.output is not None:
        return Poll(call, glimpse)
    mine = set(group.calls)
    output = _fetched(call, [each for each in calls if each not in mine], ids)
    if output is None:
        output = _new_in_last([group.body(each) for each in group.calls[: place + 1]], group.member)
    if output is None:
        texts = {group.member.text(group.body(each)) for each in group.calls[:place]}
        last = group.member.text(group.body(call))
        output = last if last not in texts else None
    return Poll(call, replace(glimpse, output=output))


def _parameters(sent: Json) -> dict[str, Json]:
    """The plain members of a request; what is said stands in the message."""
    wish = wish_in(sent)
    members = sent.items() if isinstance(sent, dict) else ()
    short = {
        name: value
        for name, value in members
        if isinstance(value, _SCALARS) and value != wish and len(str(value)) <= _LONGEST_PARAMETER
    }
    return dict(list(short.items())[:_MOST_PARAMETERS])


def _begun_as(body: Json, member: StatusMember) -> Glimpse | None:
    """What the first answer shows, if it has a status; its texts are none of progress."""
    word = None if member.boolean else member.word(body)
    return replace(shown_by(body, member), text=said_by_word(word)) if word is not None else None


def _new_in_last(bodies: list[Json], member: StatusMember) -> Json:
    """What only the last answer has beside its status: an output of some name, else a text called like one."""
    *earlier, last = ({name: part for name, part in _beside(body, member) if part} for body in bodies)
    fresh = {name: part for name, part in last.items() if not any(name in each for each in earlier)}
    texts = (part for name, part in fresh.items() if plain_word(name) in _TEXTS and isinstance(part, str))
    return next((part for part in fresh.values() if isinstance(part, dict | list)), next(texts, None))


def _beside(body: Json, member: StatusMember) -> Iterable[tuple[str, Json]]:
    around = at_path(body, member.path[:-1])
    return around.items() if isinstance(around, dict) else ()


def _fetched(last: PlaybackCall, calls: Sequence[PlaybackCall], ids: set[str]) -> Json:
    """What was fetched after the end where the last answer leads, or by an id of it or of the job: the output."""
    wanted, links = ids | ids_in(last), links_of(last)
    later = [
        call
        for call in calls
        if call.requested.x > last.requested.x and call.good and call.requested.request.method == "GET"
    ]
    led_to = (call for call in later if call.requested.request.path in links)
    found = next(iter((*led_to, *(call for call in later if carried_ids(call) & wanted))), None)
    return answered_value(found) if found is not None else None


def _notes(invoke: PlaybackCall, group: PollGroup) -> Iterable[str]:
    request = invoke.requested.request
    yield f"The job begins with {request.method} {_short(request.path)}; polls carry an id of it."
    yield from group.notes()


def _short(path: str) -> str:
    return path if len(path) <= 60 else f"…{path[-59:]}"


def members_told(calls: Sequence[PlaybackCall]) -> str:
    """The members of the last JSON answer, for somebody who has to name one."""
    bodies = [body for call in calls if (body := body_in(call.replied.response)) is not None]
    names = (
        [path_to(path) for path, value in members_within(bodies[-1]) if isinstance(value, str | bool)] if bodies else []
    )
    return ", ".join(names[:8])


def no_status(calls: Sequence[PlaybackCall], terms: ForeignTerms) -> UsageError:
    """That no poll is there, and what can be done."""
    where = f" with a status at {path_to(terms.path)}" if terms.path is not None else ""
    if poll_groups(calls, terms):
        return UsageError(
            f"The file holds no poll{where} of a job that an earlier call in it began: no answer gives an id that polls carry.",
            hint="Record also the request that begins the job.",
        )
    names = members_told(calls)
    hint = f"Name the member that holds the status: --status PATH. The last answer has {names}." if names else ""
    return UsageError(
        f"The file holds no poll{where}: no call asks for the status of a job.",
        hint=hint or "A poll asks again and again for the status of one job.",
    )

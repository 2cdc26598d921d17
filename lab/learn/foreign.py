"""Finds the job in calls of an API that the lab doesn't speak: the request whose answer gives an id that polls carry."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.dialects.client import Question
from lab.language.document import Status
from lab.learn.ids import body_in, body_of_request, carried_ids, given_ids, ids_in, same_place, texts_in
from lab.learn.story import Glimpse, ObservedTurn, Poll, Story
from lab.learn.words import JsonPath, StatusMember, at_path, members_within, path_to, plain_word, status_member, wish_in
from lab.recording.playback.calls import PlaybackCall

_Key: TypeAlias = tuple[str, str, str, str]
_ASKING = ("GET", "POST")
_FRESH = ("_", "t", "ts", "cb", "nocache", "timestamp")
"""Members of a query that are another each time, so that no cache answers."""
_TEXTS = ("text", "transcript", "content", "summary")
_SCALARS = (str, int, float, bool)
_MOST_PARAMETERS = 20
_LONGEST_PARAMETER = 200


class ForeignTerms(Struct, frozen=True):
    """What is said of an API that nobody knows."""

    path: JsonPath | None = None
    words: Mapping[str, Status] = {}

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self.path is not None or bool(self.words)


class _Group(Struct):
    """Calls that ask the same, and where in their answers the status stands."""

    calls: list[PlaybackCall]
    member: StatusMember


class _Givers:
    """The calls that may begin a job, by the ids that they give or, as some APIs let the client do, name."""

    def __init__(self, calls: Sequence[PlaybackCall]) -> None:
        self._given: dict[str, list[PlaybackCall]] = defaultdict(list)
        self._named: dict[str, list[PlaybackCall]] = defaultdict(list)
        for call in calls:
            if call.good and _grants(call) is None:
                for name in given_ids(call):
                    self._given[name].append(call)
                for name in texts_in(body_of_request(call)) if not _is_get(call) else ():
                    self._named[name].append(call)

    def begin(self, group: _Group) -> tuple[PlaybackCall, set[str]] | None:
        """The call that began what the group asks about, and the ids that they share; None: nobody knows."""
        first, mine = group.calls[0], set(group.calls)
        carried = carried_ids(first)
        for ids in (self._given, self._named):
            before = {call for name in carried for call in ids.get(name, ()) if call.at <= first.at} - mine
            posted = {call for call in before if not _is_get(call)}
            if before:
                call = max(posted or before, key=lambda call: call.requested.x)
                return call, {name for name in carried if call in ids.get(name, ())}
        return None


def _is_get(call: PlaybackCall) -> bool:
    return call.requested.request.method == "GET"


def foreign_story(calls: Sequence[PlaybackCall], terms: ForeignTerms) -> Story | None:
    """The first job that is polled; None: none is."""
    usable = [call for call in calls if call.requested.request.method not in ("OPTIONS", "HEAD")]
    groups = [group for calls_alike in _alike(usable) if (group := _polled(calls_alike, terms)) is not None]
    givers = _Givers(usable)
    begun = [(group, found) for group in groups if (found := givers.begin(group)) is not None]
    if not begun:
        return None
    most = max(len(group.calls) for group, _ in begun)
    group, (invoke, ids) = next(each for each in begun if len(each[0].calls) == most)
    ids |= ids_in(invoke)
    turn = _turn(invoke, group, usable, ids)
    tokens = [call for call in usable if call is not invoke and _grants(call) is not None]
    begins = [call for call in usable if same_place(call, invoke) and call.at <= invoke.at]
    others = len({id(found[0]) for other, found in begun if len(other.calls) > 1} - {id(invoke)})
    return Story(
        team=None,
        turns=[turn],
        calls={"token": tokens, "invoke": begins, "status": group.calls},
        lifetime=next(filter(None, (_grants(call) for call in tokens)), None),
        renewed=len(tokens) > 1,
        notes=(
            *_notes(invoke, group),
            *((f"Further jobs that were polled aren't in it: {others}.",) if others else ()),
        ),
    )


def _alike(calls: Iterable[PlaybackCall]) -> Iterable[list[PlaybackCall]]:
    """Calls that ask the same, in the order of the first of each."""
    groups: dict[_Key, list[PlaybackCall]] = defaultdict(list)
    for call in calls:
        request = call.requested.request
        if request.method in _ASKING:
            body = request.body.decode(errors="replace")
            pairs = (pair for pair in request.query.split("&") if pair.partition("=")[0] not in _FRESH)
            groups[request.method, request.path, "&".join(pairs), body].append(call)
    return groups.values()


def _polled(calls: list[PlaybackCall], terms: ForeignTerms) -> _Group | None:
    bodies: list[Json] = [body for call in calls if call.good and (body := body_in(call.replied.response)) is not None]
    if terms.path is not None:
        values = [value for body in bodies if isinstance(value := at_path(body, terms.path), str | bool | int)]
        boolean = bool(values) and isinstance(values[0], bool)
        member = StatusMember(terms.path, terms.words, guessed=False, boolean=boolean) if values else None
    else:
        member = status_member(bodies, terms.words)
    return _Group(calls, member) if member is not None else None


def _grants(call: PlaybackCall) -> int | None:
    """For how many milliseconds the call granted a token; None: it is no such call."""
    body = body_in(call.replied.response)
    if not call.good or not isinstance(body, dict) or "access_token" not in body:
        return None
    seconds = body.get("expires_in")
    return int(seconds) * 1000 if isinstance(seconds, int | float) and 0 < seconds < 10**8 else 3_600_000


def _turn(invoke: PlaybackCall, group: _Group, calls: Sequence[PlaybackCall], ids: set[str]) -> ObservedTurn:
    member, wish = group.member, body_of_request(invoke)
    glimpses = [_glimpse(call, member) for call in group.calls]
    texts = {each.text for each in glimpses if each and not _ended(each)}
    if len(texts) == 1 < len({each.word for each in glimpses if each}):
        # what never changes is the job's, and tells nothing of its progress
        glimpses = [_by_word(each) if each and not _ended(each) else each for each in glimpses]
    polls = [Poll(call, glimpse) for call, glimpse in zip(group.calls, glimpses, strict=True)]
    last = next((poll for poll in reversed(polls) if poll.glimpse is not None), None)
    if last is not None and last.glimpse is not None and _unanswered(last.glimpse):
        output = _fetched(last.call, calls, ids)
        output = (
            output
            if output is not None
            else _new_in_last([body_in(each.call.replied.response) for each in polls], member)
        )
        polls[polls.index(last)] = Poll(last.call, replace(last.glimpse, output=output))
    first = body_in(invoke.replied.response)
    request = invoke.requested.request
    return ObservedTurn(
        invoke=invoke,
        message=wish_in(wish) or f"{request.method} {request.path}",
        parameters=_parameters(wish),
        first=_begun_as(first, member),
        accepted=True,
        polls=polls,
    )


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


def _glimpse(call: PlaybackCall, member: StatusMember) -> Glimpse | None:
    body = body_in(call.replied.response)
    if not call.good or not isinstance(body, dict):
        return None
    if member.word(body) is None:
        return Glimpse(word="", status=None)  # some say it only once there is something to say
    return _shown(body, member)


def _shown(body: Json, member: StatusMember) -> Glimpse:
    word, status = member.word(body) or "", member.meaning(body) or Status.RUNNING
    text = None if status.final else member.text(body)
    waits = Question(job="", text=text or "") if status is Status.WAITING else None
    return Glimpse(
        word=word,
        status=status,
        text=text or _said(word),
        question=waits,
        output=member.output(body) if status.final else None,
        error=member.error(body) if status is Status.ERROR else None,
    )


def _ended(glimpse: Glimpse) -> bool:
    return glimpse.status is not None and glimpse.status.final


def _by_word(glimpse: Glimpse) -> Glimpse:
    """The same, with its status as its only text."""
    question = Question(job="") if glimpse.question is not None else None
    return replace(glimpse, text=_said(glimpse.word), question=question)


def _begun_as(body: Json, member: StatusMember) -> Glimpse | None:
    """What the first answer shows, if it has a status; its texts are none of progress."""
    word = None if member.boolean else member.word(body)
    return replace(_shown(body, member), text=_said(word)) if word is not None else None


def _said(word: str) -> str | None:
    """A status as a text to show; true and false say nothing."""
    return None if word in ("true", "false") else word


def _unanswered(glimpse: Glimpse) -> bool:
    return glimpse.status is Status.COMPLETE and glimpse.output is None


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
    """What was fetched after the end by an id of the job or of its last answer: its output, where that has none."""
    wanted = ids | ids_in(last)
    for call in calls:
        if call.at > last.at and call.good and call.requested.request.method == "GET" and carried_ids(call) & wanted:
            body = body_in(call.replied.response)
            return body if body is not None else call.replied.response.body.decode(errors="replace") or None
    return None


def _notes(invoke: PlaybackCall, group: _Group) -> Iterable[str]:
    """What was guessed, in sentences."""
    member, request = group.member, invoke.requested.request
    yield f"The job begins with {request.method} {_short(request.path)}; the answer gives the id that polls carry."
    if member.guessed:
        yield f"Its status is taken from {path_to(member.path)}: a guess, --status PATH names another member."
    bare = sum(
        isinstance(body := body_in(call.replied.response), dict) and call.good and member.word(body) is None
        for call in group.calls
    )
    if bare:
        yield f"Polls whose answer has no such member are taken for RUNNING: {bare}."
    seen = {
        word: member.meaning(body)
        for call in group.calls
        if (word := member.word(body := body_in(call.replied.response)))
    }
    guesses = [f"{word} = {status or 'RUNNING'}" for word, status in seen.items() if word not in member.words]
    if guesses:
        yield f"What words mean is a guess: {', '.join(guesses)}. --words STATUS={next(iter(seen))} says otherwise."


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
    names = members_told(calls)
    hint = f"Name the member that holds the status: --status PATH. The last answer has {names}." if names else ""
    return UsageError(
        f"The file holds no poll{where}: no call asks for a job that an earlier answer began.",
        hint=hint or "A poll asks again and again for the status of one job.",
    )

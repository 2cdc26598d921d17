"""Calls of a foreign API that ask the same, and what their answers show of a job.

A job's status is told by a member of the answers, by answers that are one word, or by HTTP alone: 202 until the job has
ended, then 200 with its output. A redirect (302, 303) to the output is the end of a job in each of these.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.dialects.client import Question
from lab.language.document import Status
from lab.plugins.learn.ids import body_in
from lab.plugins.learn.story import Glimpse
from lab.plugins.learn.words import MEANING, JsonPath, StatusMember, at_path, path_to, plain_word, status_member
from lab.recording.playback.calls import PlaybackCall

_Key: TypeAlias = tuple[str, str, str, str]
_ASKING = ("GET", "POST")
_FRESH = ("_", "t", "ts", "cb", "nocache", "timestamp")
"""Members of a query that are another each time, so that no cache answers."""
_LONGEST_WORD = 40
_HTTP = "HTTP "
"""How the word of a status begins that only HTTP tells."""
_ACCEPTED = 202
_LED_ON = (302, 303)


class ForeignTerms(Struct, frozen=True):
    """What is said of an API that nobody knows."""

    path: JsonPath | None = None
    words: Mapping[str, Status] = {}

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self.path is not None or bool(self.words)


class PollGroup:
    """Calls that ask the same."""

    def __init__(self, calls: list[PlaybackCall], member: StatusMember, *, named: bool = True) -> None:
        """`named`: some answer has the member, or is a text that stands for it; else only HTTP tells the status."""
        self.calls, self.member, self.named = calls, member, named

    @cached_property
    def glimpses(self) -> list[Glimpse | None]:
        """What each answer shows of the job; None: it failed."""
        found = [self._glimpse(place, call) for place, call in enumerate(self.calls)]
        texts = {each.text for each in found if each and not shows_end(each)}
        if len(texts) == 1 < len({each.word for each in found if each}):
            # what never changes is the job's, and tells nothing of its progress
            return [_by_word(each) if each and not shows_end(each) else each for each in found]
        return found

    @cached_property
    def by_http(self) -> dict[str, Status | None]:
        """The HTTP statuses that were taken for those of the job."""
        return {each.word: each.status for each in self.glimpses if each is not None and _is_http(each)}

    def body(self, call: PlaybackCall) -> Json:
        """What the status member stands in."""
        return body_in(call.replied.response) if self.member.path else _word_alone(call)

    def notes(self) -> Iterable[str]:
        """What was guessed, in sentences."""
        member, shown = self.member, [each for each in self.glimpses if each is not None]
        if self.named and member.guessed:
            where = f"taken from {path_to(member.path)}" if member.path else "the text of the answers"
            yield f"Its status is {where}: a guess, --status PATH names another member."
        if self.by_http:
            taken = (f"{word} = {status}" for word, status in self.by_http.items())
            yield f"Where no word tells its status, that of HTTP does: {', '.join(taken)}. A guess, --status PATH names a member."
        if bare := sum(each.status is None for each in shown):
            yield f"Polls whose answer has no such member are taken for RUNNING: {bare}."
        seen = {each.word: each.status for each in shown if each.status is not None and not _is_http(each)}
        if guesses := [f"{word} = {status}" for word, status in seen.items() if word not in member.words]:
            yield f"What words mean is a guess: {', '.join(guesses)}. --words STATUS={next(iter(seen))} says otherwise."

    def _glimpse(self, place: int, call: PlaybackCall) -> Glimpse | None:
        status = call.replied.response.status
        if (
            status in _LED_ON
            and call.replied.response.header("location")
            and any(each.good for each in self.calls[:place])
        ):
            return Glimpse(word=f"{_HTTP}{status}", status=Status.COMPLETE)
        if not call.good:
            return None
        body = self.body(call)
        meaning = self.member.meaning(body)
        if self._waited_for and (meaning is None or not (meaning.final or self._named_while_accepted)):
            if status == _ACCEPTED or place < self._last_pending:
                word = self.member.word(body)
                return Glimpse(
                    word=word or f"{_HTTP}{status}", status=Status.RUNNING, text=self.member.text(body) or word
                )
            return Glimpse(word=f"{_HTTP}{status}", status=Status.COMPLETE, output=answered_value(call))
        if not isinstance(body, dict | str):
            return None
        if self.member.word(body) is None:
            return Glimpse(word="", status=None)  # some say it only once there is something to say
        return shown_by(body, self.member)

    @cached_property
    def _waited_for(self) -> bool:
        return any(map(_accepted, self.calls))

    @cached_property
    def _last_pending(self) -> int:
        return max((place for place, call in enumerate(self.calls) if _accepted(call)), default=-1)

    @cached_property
    def _named_while_accepted(self) -> bool:
        """Whether answers have the member before the end: else what is called so in the last is part of the output."""
        return any(self.member.word(self.body(call)) is not None for call in self.calls if _accepted(call))


def poll_groups(calls: Iterable[PlaybackCall], terms: ForeignTerms) -> list[PollGroup]:
    """Calls that may be polls, those that ask the same together, in the order of the first of each."""
    groups: dict[_Key, list[PlaybackCall]] = defaultdict(list)
    for call in calls:
        request = call.requested.request
        if request.method in _ASKING:
            body = request.body.decode(errors="replace")
            pairs = (pair for pair in request.query.split("&") if pair.partition("=")[0] not in _FRESH)
            groups[request.method, request.path, "&".join(pairs), body].append(call)
    return [group for alike in groups.values() if (group := _polled(alike, terms)) is not None]


def shown_by(body: Json, member: StatusMember) -> Glimpse:
    """What an answer shows that has the member."""
    word, status = member.word(body) or "", member.meaning(body) or Status.RUNNING
    text = None if status.final else member.text(body)
    waits = Question(job="", text=text or "") if status is Status.WAITING else None
    return Glimpse(
        word=word,
        status=status,
        text=text or said_by_word(word),
        question=waits,
        output=member.output(body) if status.final else None,
        error=member.error(body) if status is Status.ERROR else None,
    )


def answered_value(call: PlaybackCall) -> Json:
    """What was answered, JSON or a text; None: nothing."""
    body = body_in(call.replied.response)
    return body if body is not None else call.replied.response.body.decode(errors="replace") or None


def said_by_word(word: str) -> str | None:
    """A status as a text to show; true and false say nothing, nor does HTTP's."""
    return None if word in ("true", "false") or word.startswith(_HTTP) else word


def shows_end(glimpse: Glimpse) -> bool:
    """Whether it shows the end of a job."""
    return glimpse.status is not None and glimpse.status.final


def _polled(calls: list[PlaybackCall], terms: ForeignTerms) -> PollGroup | None:
    bodies: list[Json] = [body for call in calls if call.good and (body := body_in(call.replied.response)) is not None]
    waited_for = len(calls) > 1 and calls[0].requested.request.method == "GET" and any(map(_accepted, calls))
    if terms.path is not None:
        values = [value for body in bodies if isinstance(value := at_path(body, terms.path), str | bool | int)]
        boolean = bool(values) and isinstance(values[0], bool)
        member = StatusMember(terms.path, terms.words, guessed=False, boolean=boolean)
        return PollGroup(calls, member, named=bool(values)) if values or waited_for else None
    if (found := status_member(bodies, terms.words)) is not None:
        return PollGroup(calls, found)
    words = [_word_alone(call) for call in calls if call.good]
    if words and all(words) and any(word in terms.words or plain_word(word or "") in MEANING for word in words):
        return PollGroup(calls, StatusMember((), terms.words))
    return PollGroup(calls, StatusMember(("status",), terms.words), named=False) if waited_for else None


def _is_http(glimpse: Glimpse) -> bool:
    return glimpse.word.startswith(_HTTP)


def _accepted(call: PlaybackCall) -> bool:
    return call.good and call.replied.response.status == _ACCEPTED


def _word_alone(call: PlaybackCall) -> str | None:
    """The answer, if it is one word, as it is or in quotes."""
    text = call.replied.response.body[: 2 * _LONGEST_WORD].decode(errors="replace").strip().strip('"')
    return text if 0 < len(text) <= _LONGEST_WORD and text.replace("_", "").replace("-", "").isalnum() else None


def _by_word(glimpse: Glimpse) -> Glimpse:
    """The same, with its status as its only text."""
    question = Question(job="") if glimpse.question is not None else None
    return replace(glimpse, text=said_by_word(glimpse.word), question=question)

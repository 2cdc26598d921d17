"""Finds the job in calls of an API that the lab doesn't speak: the request whose answer gives an id that polls carry.

A job's status is told by a member of the answers, by answers that are one word, or by HTTP alone: 202 until the job has
ended, then 200 with its output. A redirect (302, 303) to the output is the end of a job in each of these. Names and words
are compared without case, `_`, `-` and blanks. A guess is never silent: the scenario says so, and how to say otherwise.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import Json, text_of
from lab.core.jsontext import value_or_none
from lab.dialects.client import Question
from lab.plugins.learn.model import About, Glimpse, ObservedTurn, Poll, Story
from lab.plugins.learn.own import left_out_jobs
from lab.program.words import Status
from lab.recording.playback.calls import PlaybackCall

JsonPath: TypeAlias = tuple[str | int, ...]

_MEANINGS = {
    Status.RUNNING: """queued pending running inprogress processing started starting created submitted accepted notstarted
        validating finalizing cancelling canceling terminating active preparing initializing scheduled open uploadcomplete
        planning applying working building false""",
    Status.WAITING: """requiresaction waiting actionrequired paused onhold needsapproval awaitingapproval waitingforinput
        inputrequired planned""",
    Status.COMPLETE: """completed complete succeeded success successful done finished jobcomplete applied plannedandfinished
        terminated ready passed true""",
    Status.ERROR: """failed failure error errored canceled cancelled expired aborted incomplete timedout timeout
        rejected stopped""",
}  # fmt: skip
_MEANING: Mapping[str, Status] = {word: status for status, words in _MEANINGS.items() for word in words.split()}
_STATUS = "status state phase lifecyclestate jobstatus jobstate runstatus done finished completed".split()
"""Members that hold a status, the likeliest first; others that end in status or state come after them."""
_OUTCOME = "conclusion resultstate outcome result error errorresult errors failurereason failure".split()
"""Members beside it that say whether what has ended went well."""
_OUTPUT = "output outputs result results response answer".split()
_TEXT = "message statusmessage statemessage progressmessage detail details statedetails progress".split()
_ERROR = """errormessage error errorresult errors failurereason failure statechangereason statusmessage statemessage message
    detail reason conclusion resultstate outcome code""".split()
_ASK = "message prompt input question query text instructions content description messages".split()
_LONGEST_TEXT = 300
_DEEPEST = 6
_PATH_PART = re.compile(r"\.([A-Za-z_$][\w$-]*)|\[(\d{1,6})\]|\['([^'\]]+)'\]|\[\"([^\"\]]+)\"\]")
_FRESH = ("_", "t", "ts", "cb", "nocache", "timestamp")
"""Members of a query that are another each time, so that no cache answers."""
_LONGEST_WORD = 40
_HTTP = "HTTP "
"""How the word of a status begins that only HTTP tells."""
_LED_ON = (302, 303)
_LINKS = ("location", "operation-location", "azure-asyncoperation", "content-location")
"""Headers that lead to a job."""
_ORIGIN = re.compile("«host:[^»]*»")
"""What redaction leaves of one in a recording."""
_LONGEST_ID = 500
_SHORT = re.compile(r"[1-9]\d?|[A-Za-z][0-9]", re.ASCII)
_ID_NAMES = ("id", "number", "key", "ref")
"""How the members end whose values are ids, however short."""
_NO_ID = re.compile(r"v\d.*|\d{4}-\d\d-\d\d.*")
"""Versions in paths, and dates."""
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


def parse_path(text: str) -> JsonPath:
    """`$.data.state` or `$.runs[0]['my state']`; UsageError for anything else."""
    whole = text if text.startswith("$") else f"$.{text}"
    parts = [*_PATH_PART.finditer(whole)]
    if not parts or "$" + "".join(part[0] for part in parts) != whole:
        raise UsageError(f"{text!r} is no path to a member.", hint="As in --status $.data.state, or $.runs[0].status.")
    return tuple(int(part[2]) if part[2] else part[1] or part[3] or part[4] for part in parts)


def _path_text(path: JsonPath) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def parse_words(texts: Iterable[str]) -> dict[str, Status]:
    """`RUNNING=queued,in_progress` as words and what each means; UsageError says what is wrong."""
    found: dict[str, Status] = {}
    for text in texts:
        name, equals, words = text.partition("=")
        listed = [word.strip() for word in words.split(",") if word.strip()]
        if not equals or name.strip() not in Status.__members__ or not listed:
            raise UsageError(
                f"{text!r} doesn't say what words mean.",
                hint=f"As in --words RUNNING=queued,in_progress; before = stands one of {', '.join(Status)}.",
            )
        for word in listed:
            if found.setdefault(word, Status(name.strip())) != name.strip():
                raise UsageError(f"{word!r} can't mean both {found[word]} and {name.strip()}.")
    return found


# JSON of others


def _plain(word: str) -> str:
    """A name or word as the tables have it."""
    return re.sub(r"[\s_-]", "", word).lower()


def _at(value: Json, path: JsonPath) -> Json:
    """What stands there; None if nothing does."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _within(value: Json) -> Iterator[tuple[JsonPath, Json]]:
    """Every member of objects, of lists those of the first, the higher ones first."""
    layer: list[tuple[JsonPath, Json]] = [((), value)]
    for _ in range(_DEEPEST):
        deeper: list[tuple[JsonPath, Json]] = []
        for path, each in layer:
            if isinstance(each, dict):
                members = [((*path, name), part) for name, part in each.items()]
                yield from members
                deeper += members
            elif isinstance(each, list) and each:
                deeper.append(((*path, 0), each[0]))
        layer = deeper


def _by_plain_name(value: Json) -> dict[str, tuple[str, Json]]:
    return {_plain(name): (name, part) for name, part in value.items()} if isinstance(value, dict) else {}


def _sentence(value: Json, names: Sequence[str], place: int = 0) -> str:
    """The text in a value, or in a member of one of these names, as deep as it stands; of a list in the one at `place`."""
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, list):
        return _sentence(value[place], names, place) if value else ""
    members = _by_plain_name(value)
    return next(filter(None, (_sentence(members[name][1], names, place) for name in names if name in members)), "")


class _Call:
    """A call of somebody's API, read once."""

    def __init__(self, call: PlaybackCall) -> None:
        self.call, self.request, self.response = call, call.requested.request, call.replied.response
        self.good, self.at, self.x, self.status = call.good, call.at, call.requested.x, call.replied.response.status
        self.asks = self.request.method == "GET"

    @cached_property
    def body(self) -> Json:
        """The JSON of the answer; None if it is none."""
        return _container(self.response.body)

    @cached_property
    def sent(self) -> Json:
        """The JSON, or the form, that was sent; None for anything else."""
        value = _container(self.request.body)
        if value is None and "form-urlencoded" in (self.request.header("content-type") or ""):
            return dict(parse_qsl(self.request.body.decode(errors="replace")))
        return value

    @property
    def word(self) -> str | None:
        """The answer, if it is one word, as it is or in quotes."""
        text = self.response.body[: 2 * _LONGEST_WORD].decode(errors="replace").strip().strip('"')
        return text if 0 < len(text) <= _LONGEST_WORD and text.replace("_", "").replace("-", "").isalnum() else None

    @property
    def value(self) -> Json:
        """What was answered, JSON or a text; None: nothing."""
        return self.body if self.body is not None else self.response.body.decode(errors="replace") or None

    @property
    def granted(self) -> int | None:
        """For how many milliseconds it granted a token; None: it is no such call."""
        body = self.body if self.good and b"access_token" in self.response.body else None
        if not isinstance(body, dict) or "access_token" not in body:
            return None
        seconds = body.get("expires_in")
        return int(seconds) * 1000 if isinstance(seconds, int | float) and 0 < seconds < 10**8 else 3_600_000

    @property
    def message(self) -> str:
        return _sentence(self.sent, _ASK, -1) or f"{self.request.method} {self.request.path}"

    @cached_property
    def carried(self) -> frozenset[str]:
        """The ids that it may carry as a poll: its path and segments of it, values of its query and its body."""
        path = self.request.path
        found = {unquote(part) for segment in path.split("/") for part in (segment, *segment.split(":"))}
        found |= {value for _, value in parse_qsl(self.request.query)}
        short = {text for text in found if _SHORT.fullmatch(text)}
        return frozenset({*filter(_may_be_id, found), *short, *_ids(self.sent), path})

    @property
    def named(self) -> frozenset[str]:
        """The ids that a request names which may begin a job; a client that names one in the path asks below it."""
        return frozenset() if self.asks else frozenset({*_ids(self.sent), self.request.path})

    @property
    def above(self) -> set[str]:
        """Its path, and those above it, as far as they end with an id."""
        parts = self.request.path.split("/")
        return {"/".join(parts[: place + 1]) for place, part in enumerate(parts) if _may_be_id(part)}

    @cached_property
    def links(self) -> frozenset[str]:
        """The paths to which the headers of its answer lead."""
        leading = (value for name, value in self.response.headers if name in _LINKS)
        paths = {_path_of(value, self.request.path) for value in leading}
        return frozenset(path for path in paths if path.strip("/"))

    @property
    def shown(self) -> set[str]:
        """The ids that its answer gives: texts and numbers, also as the last part of a path, and what links lead to."""
        texts = {each for each in _texts(self.body) if "/" in each}
        parts = {part for text in (*texts, *self.links) for part in text.split("/")[-2:]}
        parts |= set(map(_path_of, texts))
        return {*filter(_may_be_id, parts), *_ids(self.body), *self.links}


def _path_of(text: str, base: str = "") -> str:
    with suppress(ValueError):
        return urlsplit(urljoin(base, _ORIGIN.sub("", text))).path
    return ""


def _container(data: bytes) -> Json:
    value = value_or_none(data) if data.lstrip()[:1] in (b"{", b"[") or data.startswith(b"\xef\xbb\xbf") else None
    return value if isinstance(value, dict | list) else None


def _texts(body: Json) -> Iterator[str]:
    return (str(value) for _, value in _within(body) if isinstance(value, str | int) and not isinstance(value, bool))


def _ids(body: Json) -> set[str]:
    """Its texts and numbers that may be ids; those of so few signs that only their names tell that they are any, too."""
    short = {
        str(value)
        for path, value in _within(body)
        if isinstance(value, str | int) and _SHORT.fullmatch(str(value)) and _plain(str(path[-1])).endswith(_ID_NAMES)
    }
    return short | set(filter(_may_be_id, _texts(body)))


def _may_be_id(text: str) -> bool:
    return 2 < len(text) <= _LONGEST_ID and any(map(str.isdigit, text)) and not _NO_ID.fullmatch(text)


# Where the status stands, and what it means


class _StatusMember(Struct, frozen=True):
    path: JsonPath
    """Empty: the answer is the word."""
    words: Mapping[str, Status]
    """What was said of them; the table has the rest."""
    guessed: bool = True
    """Whether the path is a guess."""
    boolean: bool = False
    """Whether it is true or false: then an answer without it says false."""

    def word(self, body: Json) -> str | None:
        """The status as it is written; None if there is none."""
        value = _at(body, self.path)
        if isinstance(value, bool) or (self.boolean and value is None and isinstance(body, dict)):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int) else None

    def meaning(self, body: Json) -> Status | None:
        """What it means: what was said, else the table, and of an end what stands beside it."""
        word = self.word(body)
        if word is None or (said := self.words.get(word)) is not None:
            return None if word is None else said
        status = _MEANING.get(_plain(word))
        return Status.ERROR if status is Status.COMPLETE and self._failed(body) else status

    def _failed(self, body: Json) -> bool:
        return any(
            (isinstance(value, str) and _MEANING.get(_plain(value)) is Status.ERROR)
            or (_plain(name).startswith(("error", "fail")) and bool(value))
            for name, value in self.around(body, _OUTCOME)
        )

    def around(self, body: Json, names: Sequence[str]) -> list[tuple[str, Json]]:
        """The members of these names, beside the status first, then above it, in the order of `names`."""
        found: list[tuple[str, Json]] = []
        for length in range(len(self.path) - 1, -1, -1):
            members, mine = _by_plain_name(_at(body, self.path[:length])), _plain(str(self.path[length]))
            found += [members[name] for name in names if name in members and name != mine]
        return found

    def output(self, body: Json) -> Json:
        """What is called an output; None: nothing is."""
        values = (value for name, value in self.around(body, _OUTPUT) if name not in self.path)
        words = (value for value in values if value not in (None, "", [], {}) and not isinstance(value, bool))
        return next((value for value in words if not isinstance(value, str) or _plain(value) not in _MEANING), None)

    def text(self, body: Json) -> str | None:
        """What an answer says of the job's progress."""
        texts = (_sentence(value, _TEXT) for _, value in self.around(body, _TEXT))
        return next((text for text in texts if 0 < len(text) <= _LONGEST_TEXT), None)

    def error(self, body: Json) -> str:
        """What an answer says of the job's failure; the status itself if nothing else."""
        values = [value for _, value in self.around(body, _ERROR)]
        json = (text_of(value) for value in values if value and isinstance(value, dict))
        return next(filter(None, (_sentence(value, _ERROR) for value in values)), next(json, self.word(body) or ""))

    def glimpse(self, body: Json) -> Glimpse:
        """What an answer shows that has the member."""
        word, status = self.word(body) or "", self.meaning(body) or Status.RUNNING
        text = None if status.final else self.text(body)
        return Glimpse(
            word=word,
            status=status,
            text=text or _said_by(word),
            question=Question(job="", text=text or "") if status is Status.WAITING else None,
            output=self.output(body) if status.final else None,
            error=self.error(body) if status is Status.ERROR else None,
        )


def _said_by(word: str) -> str | None:
    """A status as a text to show; true and false say nothing, nor does HTTP's."""
    return None if word in ("true", "false") or word.startswith(_HTTP) else word


def _by_word(glimpse: Glimpse | None) -> Glimpse | None:
    if glimpse is None or glimpse.final:
        return glimpse
    return replace(glimpse, text=_said_by(glimpse.word), question=glimpse.question and Question(job=""))


def _status_member(bodies: Sequence[Json], words: Mapping[str, Status]) -> _StatusMember | None:
    """The likeliest member of polls' answers; None: none looks like a status."""
    paths: dict[JsonPath, list[Json]] = defaultdict(list)
    for body in bodies:
        for path, value in _within(body):
            if isinstance(value, str | bool) and _rank(path[-1]) is not None:
                paths[path].append(value)

    def known(value: Json) -> bool:
        return str(value) in words or _plain(str(value)) in _MEANING

    def likely(path: JsonPath) -> tuple[bool, bool, int, int]:
        values = paths[path]
        return not all(map(known, values)), len(set(map(str, values))) == 1, _rank(path[-1]) or 0, len(path)

    best = min((path for path, values in paths.items() if any(map(known, values))), key=likely, default=None)
    return None if best is None else _StatusMember(best, words, boolean=isinstance(paths[best][0], bool))


def _rank(name: str | int) -> int | None:
    small = _plain(str(name))
    if small in _STATUS:
        return _STATUS.index(small)
    return len(_STATUS) if small.endswith(("status", "state")) else None


class _Polls:
    """Calls that ask the same, and what their answers show of a job."""

    def __init__(self, calls: list[_Call], member: _StatusMember, *, named: bool = True) -> None:
        """`named`: some answer has the member, or is a text that stands for it; else only HTTP tells the status."""
        self.calls, self.member, self.named = calls, member, named
        accepted = [place for place, call in enumerate(calls) if _accepted(call)]
        self._last_accepted = max(accepted, default=-1)
        # what only the last answer calls so is part of the output
        self._named_while_accepted = any(member.word(self._body(calls[place])) is not None for place in accepted)
        self.glimpses = [self._glimpse(place, call) for place, call in enumerate(calls)]
        going_on = [each for each in self.glimpses if each is not None and not each.final]
        if len({each.text for each in going_on}) == 1 < len({each.word for each in going_on}):
            # what never changes is the job's, and tells nothing of its progress
            self.glimpses = [*map(_by_word, self.glimpses)]

    def _body(self, call: _Call) -> Json:
        return call.body if self.member.path else call.word

    def _glimpse(self, place: int, call: _Call) -> Glimpse | None:
        """What an answer shows of the job; None: it failed."""
        led_on = call.status in _LED_ON and call.response.header("location")
        if led_on and any(each.good for each in self.calls[:place]):
            return Glimpse(word=f"{_HTTP}{call.status}", status=Status.COMPLETE)
        if not call.good:
            return None
        body = self._body(call)
        word, meaning = self.member.word(body), self.member.meaning(body)
        by_http = meaning is None or not (meaning.final or self._named_while_accepted)
        if self._last_accepted >= 0 and by_http:
            if place <= self._last_accepted:
                text = self.member.text(body) or word
                return Glimpse(word=word or f"{_HTTP}{call.status}", status=Status.RUNNING, text=text)
            return Glimpse(word=f"{_HTTP}{call.status}", status=Status.COMPLETE, output=call.value)
        if not isinstance(body, dict | str):
            return None
        # some say it only once there is something to say
        return self.member.glimpse(body) if word is not None else Glimpse(word="", status=None)

    def notes(self) -> Iterator[str]:
        """What was guessed, in sentences."""
        member, shown = self.member, [each for each in self.glimpses if each is not None]
        if self.named and member.guessed:
            where = f"taken from {_path_text(member.path)}" if member.path else "the text of the answers"
            yield f"Its status is {where}: a guess, --status PATH names another member."
        seen = {each.word: each.status for each in shown if each.status is not None}
        if taken := [f"{word} = {status}" for word, status in seen.items() if word.startswith(_HTTP)]:
            yield f"Where no word tells its status, that of HTTP does: {', '.join(taken)}. A guess, --status PATH names a member."
        if bare := sum(each.status is None for each in shown):
            yield f"Polls whose answer has no such member are taken for RUNNING: {bare}."
        guessed = [word for word in seen if word not in member.words and not word.startswith(_HTTP)]
        if guesses := [f"{word} = {seen[word]}" for word in guessed]:
            yield f"What words mean is a guess: {', '.join(guesses)}. --words STATUS={guessed[0]} says otherwise."


def _accepted(call: _Call) -> bool:
    return call.good and call.status == 202


def _poll_groups(calls: Iterable[_Call], terms: ForeignTerms) -> list[_Polls]:
    """Calls that may be polls, those that ask the same together, in the order of the first of each."""
    groups: dict[tuple[str, str, str, bytes], list[_Call]] = defaultdict(list)
    for call in calls:
        if call.request.method in ("GET", "POST"):
            pairs = (pair for pair in call.request.query.split("&") if pair.partition("=")[0] not in _FRESH)
            groups[call.request.method, call.request.path, "&".join(pairs), call.request.body].append(call)
    return [polls for alike in groups.values() if (polls := _polled(alike, terms)) is not None]


def _polled(calls: list[_Call], terms: ForeignTerms) -> _Polls | None:
    bodies = [call.body for call in calls if call.good and call.body is not None]
    waited_for = len(calls) > 1 and calls[0].asks and any(map(_accepted, calls))
    if terms.path is not None:
        values = [value for body in bodies if isinstance(value := _at(body, terms.path), str | bool | int)]
        boolean = bool(values) and isinstance(values[0], bool)
        member = _StatusMember(terms.path, terms.words, guessed=False, boolean=boolean)
        return _Polls(calls, member, named=bool(values)) if values or waited_for else None
    if (found := _status_member(bodies, terms.words)) is not None:
        return _Polls(calls, found)
    words = [call.word for call in calls if call.good]
    if words and all(words) and any(word in terms.words or _plain(word or "") in _MEANING for word in words):
        return _Polls(calls, _StatusMember((), terms.words))
    return _Polls(calls, _StatusMember(("status",), terms.words), named=False) if waited_for else None


class _Givers:
    """The calls that may begin a job, by the ids that polls carry."""

    def __init__(self, calls: Iterable[_Call], wanted: set[str]) -> None:
        self._tiers: tuple[dict[tuple[str, bool], list[_Call]], ...] = (defaultdict(list), defaultdict(list))
        """By an id and whether the call only asks, in order: those whose answer gives it, and those that name it."""
        for call in calls:
            if call.good and call.granted is None:
                for tier, ids in zip(self._tiers, (call.shown - call.carried, call.named), strict=True):
                    for each in ids & wanted:
                        tier[each, call.asks].append(call)

    def begin(self, polls: _Polls) -> _Call | None:
        """The last call before the first poll whose answer gives an id that it carries, or that names one itself."""
        first = polls.calls[0]
        for tier, names in zip(self._tiers, (first.carried, first.carried | first.above), strict=True):
            for asks in (False, True):
                found: list[_Call] = []
                for name in names:
                    calls = tier.get((name, asks), [])
                    place = bisect_left(calls, (first.at, first.x), key=lambda call: (call.at, call.x))
                    found += calls[max(0, place - 1) : place]
                if found:
                    return max(found, key=lambda call: call.x)
        return None


def foreign_story(calls: Sequence[PlaybackCall], terms: ForeignTerms) -> Story:
    """The job that is polled most; UsageError says what is missing where none is."""
    in_order = sorted(calls, key=lambda call: (call.at, call.requested.x))
    usable = [_Call(call) for call in in_order if call.requested.request.method not in ("OPTIONS", "HEAD")]
    groups = _poll_groups(usable, terms)
    wanted = set(chain.from_iterable(group.calls[0].carried | group.calls[0].above for group in groups))
    givers = _Givers(usable, wanted)
    begun = [(group, giver) for group in groups if (giver := givers.begin(group)) is not None]
    if not begun:
        raise _no_poll(usable, groups, terms)
    polls, invoke = max(begun, key=lambda each: (each[0].named, len(each[0].calls)))
    first = None
    if not polls.member.boolean and polls.member.word(invoke.body) is not None:
        # its texts are none of progress
        first = polls.member.glimpse(invoke.body)
        first = replace(first, text=_said_by(first.word))
    tokens = [call for call in usable if call is not invoke and call.granted is not None]
    beginning = invoke.request.method, invoke.request.path
    begins = [
        call.call for call in usable if (call.request.method, call.request.path) == beginning and call.at <= invoke.at
    ]
    others = dict.fromkeys(giver for group, giver in begun if len(group.calls) > 1 and giver is not invoke)
    path = invoke.request.path if len(invoke.request.path) <= 60 else f"…{invoke.request.path[-59:]}"
    about = About(
        lifetime=tokens[0].granted if tokens else None,
        renewed=len(tokens) > 1,
        notes=(
            f"The job begins with {invoke.request.method} {path}; polls carry an id of it.",
            *polls.notes(),
            *left_out_jobs([call.message for call in others]),
        ),
    )
    turn = ObservedTurn(
        invoke=invoke.call,
        message=invoke.message,
        parameters=_parameters(invoke),
        first=first,
        accepted=True,
        polls=_with_output(polls, invoke, usable),
    )
    granted = [call.call for call in tokens]
    return Story(about, [turn], {"token": granted, "invoke": begins, "status": [call.call for call in polls.calls]})


def _parameters(invoke: _Call) -> dict[str, Json]:
    """The plain members of a request; what is said stands in the message."""
    wish, members = invoke.message, invoke.sent.items() if isinstance(invoke.sent, dict) else ()
    short = [
        (name, value)
        for name, value in members
        if isinstance(value, str | int | float) and value != wish and len(str(value)) <= _LONGEST_PARAMETER
    ]
    return dict(short[:_MOST_PARAMETERS])


def _with_output(polls: _Polls, invoke: _Call, calls: Sequence[_Call]) -> list[Poll]:
    """The polls; where the one that showed the end has no output, it was fetched afterwards, or is all that it answered."""
    found = [Poll(call.call, glimpse) for call, glimpse in zip(polls.calls, polls.glimpses, strict=True)]
    place = next((place for place, each in enumerate(polls.glimpses) if each is not None and each.final), None)
    glimpse = polls.glimpses[place] if place is not None else None
    if place is None or glimpse is None or glimpse.status is not Status.COMPLETE or glimpse.output is not None:
        return found
    last, mine = polls.calls[place], set(polls.calls)
    later = [call for call in calls if call.x > last.x and call.good and call.asks and call not in mine]
    ids = last.shown | invoke.shown | (last.carried & (invoke.carried | invoke.named))
    led_to = (call for call in later if call.request.path in last.links)
    fetched = next(chain(led_to, (call for call in later if call.carried & ids)), None)
    output = fetched.value if fetched is not None else last.body if polls.member.path else None
    found[place] = Poll(last.call, replace(glimpse, output=output))
    return found


def _no_poll(calls: Sequence[_Call], groups: Sequence[_Polls], terms: ForeignTerms) -> UsageError:
    """That no poll is there, and what can be done."""
    where = f" with a status at {_path_text(terms.path)}" if terms.path is not None else ""
    if groups:
        return UsageError(
            f"The file holds no poll{where} of a job that an earlier call in it began: no answer gives an id that polls carry.",
            hint="Record also the request that begins the job.",
        )
    last = next((call.body for call in reversed(calls) if call.body is not None), None)
    names = [_path_text(path) for path, value in _within(last) if isinstance(value, str | bool)][:8]
    naming = f"Name the member that holds the status: --status PATH. The last answer has {', '.join(names)}."
    return UsageError(
        f"The file holds no poll{where}: no call asks for the status of a job.",
        hint=naming if names else "A poll asks again and again for the status of one job.",
    )

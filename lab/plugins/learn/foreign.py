"""Finds a job in calls of an API that the lab doesn't speak (recordings.md §17.1).

The job begins with a request whose answer gives an id that polls carry. What its answers mean nobody can know: where they
hold the status, and what its words mean, has to be said (`Terms`); what isn't is asked for, with what the file has.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from jinja2 import ChainableUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import Json, Request, text_or_json
from lab.core.jsontext import value_or_none
from lab.dialects.client import Question, Seen
from lab.language.complaints import path_text
from lab.plugins.learn.story import ObservedTurn, Story, left_out
from lab.program.steps import strings_in
from lab.program.words import Status
from lab.recording.exchange import RecordedExchange

PLACES = ("ask", "says", "output", "error")
"""What else an expression finds: in the request what was asked, in answers the rest."""
_WORDS = {str(status): status for status in Status} | {
    "202": Status.RUNNING,
    "200": Status.COMPLETE,
    "302": Status.COMPLETE,
    "303": Status.COMPLETE,
}
"""What needn't be said: the lab's own words, and of HTTP's statuses those that tell of a job."""
_WORD = re.compile(r"[\w-]+")
_DIGIT = re.compile(r"\d")
_LINKS = ("location", "operation-location", "azure-asyncoperation", "content-location")
"""Headers that lead to a job."""
_LONGEST_WORD = 40
_LONGEST_TEXT = 300
_MOST_SHOWN = 6


class _Members(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)  # `run.items` is a member, and no method


_ENVIRONMENT = _Members(undefined=ChainableUndefined)
MemberExpression: TypeAlias = Callable[[Mapping[str, Json]], Any]


def parse_expression(text: str) -> MemberExpression:
    """`$.data.state`, `runs[0].status`, `conclusion or status`; UsageError for what is none."""
    try:
        return _ENVIRONMENT.compile_expression(text.removeprefix("$."))
    except TemplateSyntaxError as error:
        raise UsageError(f"{text!r} names no member: {error}", hint="As in data.state, or runs[0].status.") from None


def _text_at(expression: MemberExpression | None, names: Mapping[str, Json]) -> str:
    """What stands there as a text; empty: nothing does."""
    value = None
    with suppress(Exception):  # of members that are none, or of another type, it gives nothing
        value = expression(names) if expression is not None else None
    if isinstance(value, bool) or not isinstance(value, str | int | float | list | dict) or value in ([], {}):
        return "true" if value is True else ""
    return (text_or_json(value) or "").strip()


class Terms(Struct, frozen=True):
    """What is said of an API that nobody knows."""

    status: MemberExpression | None = None
    words: Mapping[str, Status] = {}
    places: Mapping[str, MemberExpression] = {}
    """By the names in PLACES."""

    def word(self, call: RecordedExchange) -> str:
        """The status as it is written; empty: the answer has none."""
        text = _text_at(self.status, _names(call))
        return text if len(text) <= _LONGEST_WORD else ""

    def meaning(self, word: str) -> Status | None:
        """What it means; None: nobody knows."""
        return self.words.get(word) or _WORDS.get(word.upper())


def _names(call: RecordedExchange) -> Mapping[str, Json]:
    """What an expression knows of an answer: its members, as `http` its status, as `text` all that it says."""
    value = value_or_none(call.body)
    members = value if isinstance(value, dict) else {"body": value}
    return members | {"http": call.status, "text": call.body.decode(errors="replace")}


def parse_terms(status: str | None, words: Iterable[str], places: Iterable[str]) -> Terms:
    """What is said with `--status`, `--words` and `--at`; UsageError says what is wrong."""
    found: dict[str, Status] = {}
    for text in words:
        name, _, listed = text.partition("=")
        said = [word.strip() for word in listed.split(",") if word.strip()]
        if name not in Status.__members__ or not said:
            hint = f"As in --words RUNNING=queued,in_progress; before = stands one of {', '.join(Status)}."
            raise UsageError(f"{text!r} doesn't say what words mean.", hint=hint)
        for word in said:
            if found.setdefault(word, Status(name)) != name:
                raise UsageError(f"{word!r} can't mean both {found[word]} and {name}.")
    expressions: dict[str, MemberExpression] = {}
    for text in places:
        name, _, expression = text.partition("=")
        if name not in PLACES:
            raise UsageError(f"{text!r} names no place.", hint=f"As in --at ask=prompt; there are {', '.join(PLACES)}.")
        expressions[name] = parse_expression(expression)
    return Terms(parse_expression(status) if status else None, found, expressions)


# Which calls belong together


class _Polls(Struct):
    """Calls that ask the same of a job."""

    begin: RecordedExchange
    ids: set[str]
    """What they carry and the answer to `begin` gave."""
    calls: list[RecordedExchange] = field(default_factory=list)


def _asks(call: RecordedExchange) -> bool:
    return call.request.method == "GET"


def _ids(text: str) -> set[str]:
    return {word for word in _WORD.findall(text) if _DIGIT.search(word)}


def _carried(request: Request) -> set[str]:
    """The ids that a request carries: words with a digit, its path, and the paths above it."""
    parts = request.path.split("/")
    above = {"/".join(parts[: place + 1]) for place in range(1, len(parts))}
    return above | _ids(unquote(f"{request.path} {request.query} ") + request.body.decode(errors="replace"))


def _given(call: RecordedExchange) -> set[str]:
    """The ids that an answer gives: words with a digit, and the paths to which it leads; of a PUT the path that it names."""
    request, links = call.request, [value for name, value in call.headers if name in _LINKS]
    paths = {request.path} if request.method == "PUT" else set()
    for link in links:
        with suppress(ValueError):
            paths.add(urlsplit(link).path)
    body = call.body if call.body.lstrip()[:1] in (b"{", b"[") else b""
    return paths | (_ids(" ".join((*links, body.decode(errors="replace")))) - _carried(request))


def _poll_groups(calls: Iterable[RecordedExchange]) -> list[_Polls]:
    """Calls that may be polls, those first of which most ask the same.

    Each carries an id that an earlier answer was the first to give; of a call that only asks if of no other.
    """
    givers: dict[str, RecordedExchange] = {}
    groups: dict[tuple[str, str, bytes, RecordedExchange], _Polls] = {}
    for call in calls:
        request, carried = call.request, _carried(call.request)
        if found := {givers[each] for each in carried if each in givers}:
            begin = max(found, key=lambda giver: (not _asks(giver), giver.x))
            ids = {each for each in carried if givers.get(each) is begin}
            # a query may be another each time, so that no cache answers
            key = request.method, request.path, request.body, begin
            groups.setdefault(key, _Polls(begin, ids)).calls.append(call)
        for each in _given(call) if call.tells else ():
            givers.setdefault(each, call)
    return sorted(groups.values(), key=lambda group: (len(group.calls), _asks(group.calls[0])), reverse=True)


# What they show


def foreign_story(calls: Sequence[RecordedExchange], terms: Terms) -> Story:
    """The job that is polled most; UsageError says what is missing where none is, and what has to be said."""
    calls = [call for call in calls if call.request.method not in ("OPTIONS", "HEAD")]
    groups = _poll_groups(calls)
    if not groups:
        hint = "Record also the request that begins the job."
        raise UsageError("The file holds no poll: no request carries an id that an earlier answer gives.", hint=hint)
    polled = [
        group for group in groups if terms.status and any(call.tells and terms.word(call) for call in group.calls)
    ]
    if not polled:
        title, hint = groups[0].calls[0].title, "--status http takes HTTP's, --status text all that they say."
        said = f"holds no poll with such a status: say where answers to {title} have it, with --status"
        if members := _members(groups[0].calls):
            hint = f"As in --status {next(iter(members))}. They have {'; '.join(members.values())}. {hint}"
        raise UsageError(f"The file {said}.", hint=hint)
    polls, unknown = polled[0], dict[str, None]()
    shown = [replace(call, answer=_seen(call, terms, unknown)) for call in (polls.begin, *polls.calls)]
    if unknown:
        raise UsageError(
            f"Nobody knows what these words of a status mean: {', '.join(unknown)}.",
            hint=f"Say it: --words RUNNING={next(iter(unknown))} and so on, with {', '.join(Status)} before =.",
        )
    invoke, *shown = shown
    if invoke.seen is not None and (not invoke.seen.word or invoke.seen.word.isdigit()):
        invoke = replace(invoke, answer=None)  # that it was accepted says no more than that
    notes = [f"The job begins with {invoke.title}; polls carry an id of it."]
    if bare := sum(call.seen is not None and not call.seen.word for call in shown):
        notes.append(f"Polls whose answer has no status are taken for RUNNING: {bare}.")
    body = invoke.request.body
    sent = value_or_none(body)
    form = sent if isinstance(sent, dict) else dict(parse_qsl(body.decode(errors="replace")))
    if not (message := _text_at(terms.places.get("ask"), form)):
        message = invoke.title
        notes.append("What was asked is the request's line: --at ask=MEMBER names one of its body.")
    notes += _with_output(polls, shown, calls, terms)
    others = dict.fromkeys(group.begin for group in polled if group.begin is not polls.begin and len(group.calls) > 1)
    notes += left_out(call.title for call in others)
    begins = [call for call in calls if call.title == invoke.title and call.at <= invoke.at]
    turn = ObservedTurn(invoke=invoke, message=message, polls=shown)
    calls_by_route = {"token": (), "invoke": begins, "status": polls.calls}
    return Story(turns=[turn], calls=calls_by_route, notes=notes)


def _members(calls: Iterable[RecordedExchange]) -> dict[str, str]:
    """The members of answers that may hold a status, those first that differ, and which words each has."""
    values: dict[str, dict[str, None]] = {}
    for call in calls:
        for path, text in strings_in(value_or_none(call.body)) if call.tells else ():
            if len(text) <= _LONGEST_WORD:
                values.setdefault(path_text(path), {})[text] = None
    likely = sorted(values, key=lambda path: (len(values[path]) == 1, path.count(".")))[:_MOST_SHOWN]
    return {path: f"{path}: {', '.join([*values[path]][:_MOST_SHOWN])}" for path in likely}


def _seen(call: RecordedExchange, terms: Terms, unknown: dict[str, None]) -> Seen | None:
    """What an answer shows of the job; None: it failed. A word that nobody knows is put with the `unknown`."""
    word, names = terms.word(call), _names(call)
    led_on = call.cut is None and call.status in (302, 303) and word
    if not (led_on or (call.tells and (word or value_or_none(call.body) is not None))):
        return None
    status = terms.meaning(word)
    if word and status is None:
        unknown[word] = None
    says, output, error = (_text_at(terms.places.get(place), names) for place in ("says", "output", "error"))
    if status is Status.COMPLETE and error:
        status = Status.ERROR
    final = status is not None and status.final
    # a word says something of the progress, but for true and HTTP's
    plain = word if not word.isdigit() and word != "true" else None
    return Seen(
        job="",
        word=word,
        status=status,
        progress=None if final else says[:_LONGEST_TEXT] or plain,
        question=Question(job="", text=says[:_LONGEST_TEXT]) if status is Status.WAITING else None,
        output=output or None if final else None,
        error=(error or says or word) if status is Status.ERROR else None,
    )


def _with_output(
    polls: _Polls, shown: list[RecordedExchange], calls: Iterable[RecordedExchange], terms: Terms
) -> Iterator[str]:
    """Put in the output where nothing tells it: what was fetched afterwards by an id of the job's, else all of the answer."""
    place = next((place for place, call in enumerate(shown) if call.seen is not None and call.seen.final), None)
    seen = shown[place].seen if place is not None else None
    if place is None or seen is None or seen.status is not Status.COMPLETE or "output" in terms.places:
        return
    last, mine = polls.calls[place], set(polls.calls)
    ids = polls.ids | _given(last)
    later = (call for call in calls if call.x > last.x and call.tells and _asks(call))
    fetched = next((call for call in later if call not in mine and ids & _carried(call.request)), None)
    body = (fetched or last).body
    output = text_or_json(value_or_none(body)) or body.decode(errors="replace")
    shown[place] = replace(shown[place], answer=replace(seen, output=output or None))
    where = f"what {fetched.title} answered" if fetched else "all of the last answer"
    yield f"The output is {where}: --at output=MEMBER names one of the last answer."

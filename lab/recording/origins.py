"""Where in a recording secrets and ids come from: the line of the answer, or of the fact, that gave each first."""

from collections.abc import Iterable, Iterator

from lab.core.exchange import Json, Request
from lab.core.jsontext import value_or_none
from lab.recording.bindings import ANY_VALUE, WORD, is_id
from lab.recording.exchange import CallOrFact, RecordedExchange
from lab.recording.redaction.stand_ins import STAND_IN, kind_of, stand_ins
from lab.recording.redaction.written import loose_pairs


class Origins:
    """What was given where. An id that a client named before anybody gave it is its own."""

    def __init__(self, events: Iterable[CallOrFact]) -> None:
        """Without facts only what answers say counts as given."""
        self.given: dict[str, int] = {}
        """By stand-in or id the line, from 1."""
        own = set[str]()
        for event in events:
            if isinstance(event, RecordedExchange):
                own.update(word for word in words_of(event.request) if word not in self.given)
                words, line = [word for word in _given_in(event) if word not in own], event.reply_line or 0
            else:
                # a client may have named its job, in fewer characters than ids have elsewhere
                named = (event.text("job"), event.text("alias"))
                words, line = [*stand_ins(str(event.members)), *filter(None, named)], event.n + 1
            for word in words:
                self.given.setdefault(word, line)

    def needs(self, call: RecordedExchange) -> list[str]:
        """The stand-ins in a request, and the ids in it that an earlier answer gave."""
        return [word for word in words_of(call.request) if _stands_for_one(word) or self._gives(word, call)]

    def not_given(self, call: RecordedExchange) -> list[str]:
        """Those of its stand-ins that no earlier answer gave."""
        return [word for word in words_of(call.request) if _stands_for_one(word) and not self._gives(word, call)]

    def _gives(self, word: str, call: RecordedExchange) -> bool:
        return self.given.get(word, call.line) < call.line


def words_of(request: Request) -> dict[str, None]:
    """The stand-ins in a request, and what may be ids in it, each once."""
    query = (text for pair in loose_pairs(request.query) for text in pair) if request.query else ()
    texts = [request.path, *query, *(value for _, value in request.headers), _text(request.body)]
    words = (word for find in (stand_ins, WORD.findall) for text in texts for word in find(text))
    return dict.fromkeys(words)


def _stands_for_one(word: str) -> bool:
    """Whether it is a stand-in in whose place one value alone is good."""
    return STAND_IN.fullmatch(word) is not None and kind_of(word) not in ANY_VALUE


def _given_in(call: RecordedExchange) -> Iterator[str]:
    """The stand-ins and ids in an answer."""
    for text in (*(value for _, value in call.headers), _text(call.body)):
        yield from stand_ins(text)
    yield from _ids_in(value_or_none(call.body), "")


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")


def _ids_in(value: Json, name: str) -> Iterator[str]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _ids_in(part, key)
        case list():
            for part in value:
                yield from _ids_in(part, name)
        case str() if is_id(name, value) and WORD.fullmatch(value):
            yield value

"""Requests of a recording made whole again: aliases replaced by the values of this time (recordings.md §5, §6)."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote_plus

from msgspec.structs import replace

from lab.core.exchange import Headers, Request, Response, json_bytes
from lab.core.jsontext import members_of
from lab.mock.config import Config
from lab.recording.format.lines import Enc, Entry, Recording, Req, Res
from lab.recording.redaction.alias import LONGEST_ID, aliases, fill, kind_of, made_number, made_text, named, number_of
from lab.recording.redaction.bodies import bytes_of, content_type, filled, text_within
from lab.recording.redaction.written import fill_written, path_filled
from lab.recording.replay.regenerate import regenerate

_PLACE = re.compile(rb"line [0-9]+, column [0-9]+")

_GIVEN = frozenset("token refresh code device usercode client user host".split())
"""The kinds of aliases that stand for what the lab gave, or was configured with."""


_MOST_HEADERS = 4096
_ROOM = 16 * 1024 * 1024
"""Characters of all long texts that are made up: an alias is short, and there may be many."""


class RequestBuilder:
    """Knows what aliases stand for, and makes up what nothing has given yet: wrong in the same way if it was wrong."""

    def __init__(
        self, recording: Recording, config: Config, values: Mapping[str, str], bind: Callable[[str, str], object], late: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._pairs = {named("client", client.id): (client.id, client.secret) for client in config.clients}
        self._pairs |= {named("user", user.name): (user.name, user.password) for user in config.accounts}
        self._values = values
        self._bind = bind
        self._late = late
        self._parts = {number_of(alias): alias for alias in late if kind_of(alias) == "part"}
        self._encodes = recording.header.redaction > 1
        """Whether aliases in paths and texts of forms stand for percent-encoded values: not so in redaction 1."""
        self._regenerated = regenerate(recording, config)
        self._places = dict(_places(recording))
        self._room = _ROOM
        self._headers_of: dict[tuple[Headers, tuple[str, ...]], Headers] = {}
        """Headers and flags that came before, with their aliases replaced: a value once known stays."""

    def request(self, line: Req) -> Request:
        """The request as it goes to the mock."""
        self._know(line.url, "text")
        headers, body, values = self._headers(line), line.body, self._values
        if body.value is not None:
            self._know(text_within(body), "body")
        form = self._encodes and "x-www-form-urlencoded" in content_type(line.headers)
        content = bytes_of(body, values, form=form)
        path = (path_filled if self._encodes else fill)(line.path, values)
        return Request(line.method, path, self._query(line), headers, content)

    def _query(self, line: Req) -> str:
        query = fill_written(line.query, self._values)
        for recorded, challenge in self._regenerated.challenges.items():
            query = query.replace(recorded, challenge)
        return query

    def explained(self, x: int, response: Response) -> Response:
        """The mock's answer in that exchange; as recorded why it refused an assertion, of which there is only an alias, and
        at which character it could read no further, where aliases stand before it."""
        place = self._places.get(x)
        if place is not None:
            return replace(response, body=_PLACE.sub(place, response.body))
        why = self._regenerated.unexplained.get(x)
        body = members_of(response.body) if isinstance(why, str) else {}
        if not isinstance(why, str) or "error" not in body:
            return response
        body["error_description"] = fill(why, self._values)
        return Response(response.status, response.headers, json_bytes(body))

    def fact(self, line: Entry) -> Entry:
        """The fact with its aliases replaced; one that is told again may need a token made anew."""
        for name, value in line.members.items():
            self._know(str(value), f"fact {name}")
        return replace(line, members={name: filled(value, self._values) for name, value in line.members.items()})

    def _headers(self, line: Req) -> Headers:
        key = line.headers, line.flags
        found = self._headers_of.get(key)
        if found is None:
            for _, value in line.headers:
                self._know(value, value.partition(" ")[0].lower())
            found = tuple((name, self._header(name, value, line.flags)) for name, value in line.headers)
            if len(self._headers_of) >= _MOST_HEADERS:
                self._headers_of.clear()
            self._headers_of[key] = found
        return found

    def _header(self, name: str, value: str, flags: tuple[str, ...]) -> str:
        if "«" not in value:
            return value
        scheme, _, rest = value.partition(" ")
        bare = rest.strip(" ")
        pair = self._pairs.get(bare)
        if name == "authorization" and pair is not None and scheme.lower() == "basic":
            return f"{scheme} {rest.replace(bare, _basic(pair, raw='basic_raw' in flags))}"
        return fill(value, self._values)

    def _know(self, text: str, where: str) -> None:
        for alias in aliases(text) if "«" in text else ():
            if alias in self._values:
                continue
            fresh = self._late.get(alias) or self._regenerated.values.get(alias)
            if (stranger := self._regenerated.strangers.get(alias)) is not None:
                self._know(stranger[0], "text")
                fresh = _basic((fill(stranger[0], self._values), stranger[1]), raw=True)
            # what a client has of the lab was given before; an opening tells of what was given before the tape began
            if fresh is None and kind_of(alias) in _GIVEN and not where.startswith("fact"):
                raise ValueError(f"{alias} was never given")
            value = fresh or invented(alias, where, max(self._room, LONGEST_ID + 1))
            if (part := self._parts.get(number_of(alias))) is not None and where == "basic":
                value = _basic(("unknown", self._late[part]), raw=True)
                self._bind(self._late[part], part)
            self._room -= len(value)
            self._bind(value, alias)


def _places(recording: Recording) -> Iterator[tuple[int, bytes]]:
    """Where in a text with aliases the recorded mock found that it is no JSON, by exchange."""
    texts = {line.x for line in recording.of(Req) if _is_aliased_text(line)}
    for line in recording.of(Res) if texts else ():
        if line.x in texts and (found := _PLACE.search(str(line.body.value).encode())):
            yield line.x, found[0]


def _is_aliased_text(line: Req) -> bool:
    return line.body.enc is Enc.TEXT and bool(aliases(str(line.body.value)))


def _basic(pair: tuple[str, str], *, raw: bool) -> str:
    text = ":".join(pair if raw else map(quote_plus, pair))
    return b64encode(text.encode()).decode()


def invented(alias: str, where: str, longest: int) -> str:
    """What stands in an alias's place that nothing gave: as wrong as it says, and as its scheme or place asks."""
    number = made_number(alias)
    if number is not None:
        return number
    name = made_text(alias, longest)
    if "malformed" in alias:
        return name
    if where == "basic":
        return b64encode(f"{name}:{name}".encode()).decode()
    if where in ("bearer", "fact token"):
        return f"eyJhbGciOiJub25lIn0.eyJzdWIiOiI.{name}"
    return name

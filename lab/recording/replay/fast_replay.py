"""Whether a replay gives the very same, found out cheaply; where it doesn't, `replay` says what differs.

Nothing is redacted, written or read again here: the recorded side is filled with the values of this time and
held against what the mock says. Where the lab gives secrets, the next alias takes what is given this time.
"""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeAlias, assert_never

import msgspec

from lab.core.exchange import Headers, Json, Response
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation, Touched
from lab.core.reply import Reply
from lab.identity.routes import IDENTITY_NAMES
from lab.mock.config import Config
from lab.recording.format.codec import fact_members
from lab.recording.format.facts import class_of
from lab.recording.format.lines import Body, Enc, Entry, Recording, Res
from lab.recording.format.text import loads
from lab.recording.redaction.alias import aliases, fill, kind_of, number_of, numbered
from lab.recording.redaction.secret_names import kind_given
from lab.recording.replay.replayer import Replayer, configured_secrets, delivered

Kinds: TypeAlias = Callable[[str], str | None]
"""The kind of alias by which a secret is known that the lab gives for the first time under a member's name."""
_OF_API, _OF_OAUTH = partial(kind_given, oauth=False), partial(kind_given, oauth=True)


class FastReplay(Replayer):
    """Compares while it asks."""

    def __init__(self, recording: Recording, config: Config) -> None:
        self._values = configured_secrets(config)
        self._aliases = {value: alias for alias, value in self._values.items()}
        self._numbers: Counter[str] = Counter()
        """The number of the last alias of each kind."""
        super().__init__(recording, config, self._values, self._bind)
        self.service.observers.append(self._observe)
        self._pending: deque[Noted] = deque()
        """Facts that the mock has brought, and no recorded one has been held against."""
        self._derived: dict[str, list[Entry]] = {}
        """The recorded derived facts of each job."""
        self._dropped: dict[str, tuple[Fact, ...]] = {}
        """What followed of each job that the ledger has let go."""

    def same(self) -> bool:
        """True only if every reply, fact and derived fact is equal to the last byte that counts."""
        return self.replay() and not self._pending and self._same_derived()

    def _bind(self, value: str, alias: str) -> None:
        self._values[alias] = value
        self._aliases[value] = alias
        self._numbers[kind_of(alias)] = max(self._numbers[kind_of(alias)], number_of(alias))

    def _observe(self, observation: Observation) -> None:
        if type(observation) is Noted and observation.fact.kind != "shell":
            self._pending.append(observation)
        elif type(observation) is Touched and observation.whole is not None:
            job = observation.job
            self._dropped[job] = (*self._dropped.get(job, ()), *observation.whole)

    def reply(self, line: Res, reply: Reply | None, response: Response | None) -> bool:
        """Whether the mock's reply is the recorded one."""
        if reply is None or response is None:
            return True
        self.exchanges += 1
        now = delivered(line, reply, response)
        self.service.tell(now)
        kinds = _OF_OAUTH if reply.route in IDENTITY_NAMES else _OF_API
        return (
            line.cut == now.cut
            and line.status == now.response.status
            and line.latency == now.latency
            and self._same_headers(line.headers, now.response.headers)
            and line.times in ((), now.response.times)
            and self._same_body(line.body, now.response.body, kinds)
        )

    def _same_headers(self, recorded: Headers, got: Headers) -> bool:
        return recorded == got or (
            len(recorded) == len(got)
            and all(
                name == other and (value == now or ("«" in value and self._stands_for(value, now, None)))
                for (name, value), (other, now) in zip(recorded, got, strict=True)
            )
        )

    def _same_body(self, recorded: Body, body: bytes, kinds: Kinds) -> bool:
        match recorded.enc:
            case Enc.NONE:
                return not body
            case Enc.TEXT:
                text = str(recorded.value)
                # what could have been written as JSON would have been
                return body[:1] not in b"{[" and "«" not in text and text.encode("utf-8", "surrogatepass") == body
            case Enc.JSON:
                return self._same_json(recorded.value, body, kinds)
            case Enc.B64:
                return False
            case _:
                assert_never(recorded.enc)

    def _same_json(self, recorded: Json, body: bytes, kinds: Kinds) -> bool:
        # another encoder writes the same bytes, rare signs and numbers apart
        with suppress(UnicodeEncodeError):
            text = msgspec.json.encode(recorded).decode()
            found = aliases(text) if "«" in text else ()
            if all(alias in self._values for alias in found) and fill(text, self._values).encode() == body:
                return True
        try:
            return self._fits(recorded, loads(body.decode()), kinds)
        except ValueError:
            return False

    def _fits(self, recorded: Json, got: Json, kinds: Kinds, name: str = "") -> bool:
        """Whether the value is the recorded one, which stands under `name`; aliases filled in."""
        match recorded:
            case dict():
                return (
                    isinstance(got, dict)
                    and recorded.keys() == got.keys()
                    and all(self._fits(part, got[each], kinds, each) for each, part in recorded.items())
                )
            case list():
                return (
                    isinstance(got, list)
                    and len(recorded) == len(got)
                    and all(self._fits(one, other, kinds, name) for one, other in zip(recorded, got, strict=True))
                )
            case str() if "«" in recorded:
                return isinstance(got, str) and self._stands_for(recorded, got, kinds(name))
            case _:
                return type(recorded) is type(got) and recorded == got

    def _stands_for(self, recorded: str, got: str, kind: str | None) -> bool:
        """Whether the text is the recorded one; an alias of this kind that is the next to be given stands for it."""
        new = [alias for alias in aliases(recorded) if alias not in self._values]
        if (
            new
            and kind is not None
            and got not in self._aliases
            and recorded == numbered(kind, self._numbers[kind] + 1)
        ):
            self._bind(got, recorded)
            return True
        return not new and fill(recorded, self._values) == got

    def fact(self, line: Entry) -> bool:
        """Whether the mock has brought the recorded fact; derived ones are compared at the end."""
        kind = class_of(line)
        if kind == "derived" and line.type != "fault.struck":
            self._derived.setdefault(line.text("job") or "", []).append(line)
            return True
        if kind not in ("input", "derived"):
            return True
        if line.x is None:
            self.feed(line)
        if not self._pending:
            return False
        noted = self._pending.popleft()
        return line.x == noted.x and self._same_fact(line, noted.fact)

    def _same_fact(self, line: Entry, fact: Fact) -> bool:
        self.facts += 1
        if fact.type != line.type or fact.at != line.instant:
            return False
        return self._fits(dict(line.members), fact_members(fact), fact.secrets.get)

    def _same_derived(self) -> bool:
        for job in dict.fromkeys((*self._dropped, *self.service.jobs())):
            found = self.service.derived(job, self.recording.until)
            facts = (*self._dropped.get(job, ()), *(found.facts if found else ()))
            lines = self._derived.pop(job, [])
            if len(lines) != len(facts) or not all(map(self._same_fact, lines, facts)):
                return False
        return not self._derived

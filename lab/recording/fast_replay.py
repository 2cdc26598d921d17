"""Whether a replay gives the very same, found out cheaply; where it doesn't, `replay` says what differs.

Nothing is redacted, written or read again here: the recorded side is filled with the values of this time and
held against what the mock says. An alias that nothing has given yet takes what stands at its place.
"""

from contextlib import suppress
from typing import assert_never

import msgspec

from lab.core.exchange import Json, Response
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation
from lab.core.reply import Reply
from lab.mock.config import Config
from lab.recording.alias import aliases, fill
from lab.recording.bodies import Blob
from lab.recording.codec import fact_members
from lab.recording.lines import Body, Enc, Entry, Recording, Res
from lab.recording.match import class_of
from lab.recording.replayer import Replayer, configured_secrets
from lab.recording.text import loads


class FastReplay(Replayer):
    """Compares while it asks."""

    def __init__(self, recording: Recording, config: Config, blob: Blob | None = None) -> None:
        self._values = configured_secrets(config)
        super().__init__(
            recording, config, blob, self._values, lambda value, alias: self._values.update({alias: value})
        )
        self.service.observers.append(self._observe)
        self._pending: list[Fact] = []
        """What the mock has brought, and no recorded fact has been held against."""
        self._derived: dict[str, list[Entry]] = {}
        self.exchanges = 0
        self.facts = 0

    def same(self) -> bool:
        """True only if every reply, fact and derived fact is equal to the last byte that counts."""
        return self.replay() and not self._pending and self._same_derived()

    def _observe(self, observation: Observation) -> None:
        if type(observation) is Noted:
            self._pending.append(observation.fact)

    def reply(self, line: Res, reply: Reply | None, response: Response | None) -> bool:
        """Whether the mock's reply is the recorded one."""
        if reply is None or response is None or line.by is not None:
            return False
        if line.cut != (reply.strike.cut if reply.strike else None):
            return False  # the socket decided
        self.exchanges += 1
        return (
            line.status == response.status
            and (line.latency or 0) == reply.latency
            and line.headers == response.headers
            and self._same_body(line.body, response.body)
        )

    def _same_body(self, recorded: Body, body: bytes) -> bool:
        match recorded.enc:
            case Enc.NONE:
                return not body
            case Enc.TEXT:
                text = str(recorded.value)
                return "«" not in text and text.encode("utf-8", "surrogatepass") == body
            case Enc.JSON:
                return self._same_json(recorded.value, body)
            case Enc.FORM | Enc.B64 | Enc.BLOB:
                return False
            case _:
                assert_never(recorded.enc)

    def _same_json(self, recorded: Json, body: bytes) -> bool:
        # another encoder writes the same bytes, rare signs and numbers apart; an alias that isn't known yet stays, and differs
        with suppress(UnicodeEncodeError):
            text = msgspec.json.encode(recorded)
            if text == body or fill(text.decode(), self._values).encode() == body:
                return True
        try:
            return self._fits(recorded, loads(body.decode()))
        except ValueError:
            return False

    def _fits(self, recorded: Json, got: Json) -> bool:
        match recorded:
            case dict():
                return (
                    isinstance(got, dict)
                    and recorded.keys() == got.keys()
                    and all(self._fits(part, got[name]) for name, part in recorded.items())
                )
            case list():
                return (
                    isinstance(got, list)
                    and len(recorded) == len(got)
                    and all(self._fits(one, other) for one, other in zip(recorded, got, strict=True))
                )
            case str() if "«" in recorded:
                if isinstance(got, str) and aliases(recorded) == [recorded] and recorded not in self._values:
                    self._values[recorded] = got
                return fill(recorded, self._values) == got
            case _:
                return type(recorded) is type(got) and recorded == got

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
        return bool(self._pending) and self._same_fact(line, self._pending.pop(0))

    def _same_fact(self, line: Entry, fact: Fact) -> bool:
        self.facts += 1
        if fact.type != line.type or fact.at != line.instant:
            return False
        members = fact_members(fact)
        return members == line.members or self._fits(dict(line.members), members)

    def _same_derived(self) -> bool:
        for job in self.service.jobs():
            found = self.service.derived(job, self.recording.until)
            facts = found.facts if found else ()
            lines = self._derived.pop(job, [])
            if len(lines) != len(facts) or not all(map(self._same_fact, lines, facts)):
                return False
        return not self._derived

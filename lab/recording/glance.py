"""Whether a replay gives the very same, told cheaply; where it doesn't, `drive` and `match` tell what differs.

Nothing is redacted, written or read again here: the recorded side is filled with the values of this time and
held against what the mock says. An alias that nothing has given yet takes what stands at its place.
"""

from lab.core.exchange import Json, Response
from lab.core.journal.fact import Fact
from lab.core.observe import Noted, Observation
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.alias import aliases, fill
from lab.recording.anew import made_anew
from lab.recording.bodies import Blob
from lab.recording.codec import members_of
from lab.recording.drive import feed, secrets_of
from lab.recording.lines import Body, Enc, Entry, Members, Recording, Req, Res
from lab.recording.match import class_of
from lab.recording.rebuild import Rebuild
from lab.recording.text import dumps, loads


class Glance:
    """One mock, asked what the recording asks."""

    def __init__(self, recording: Recording, config: Config, blob: Blob | None = None) -> None:
        self._recording = recording
        self._service = Service(config)
        self._service.observers.append(self._observe)
        self._values: dict[str, str] = secrets_of(config)
        self._rebuild = Rebuild(
            config.clients, self._values, self._bind, blob, made_anew(recording, config), config.accounts
        )
        self._told: list[Fact] = []
        self._replies: dict[int, tuple[Response, int, str | None]] = {}
        self._x = 0
        self.exchanges = 0
        self.facts = 0

    def same(self) -> bool:
        """True only if every reply, fact and derived fact is equal to the last byte that counts."""
        derived: dict[str, list[Entry]] = {}
        for line in self._recording.lines:
            match line:
                case Req():
                    self._ask(line)
                case Res():
                    if not self._reply(line):
                        return False
                case Entry():
                    kind = class_of(line)
                    if kind == "derived" and line.type != "fault.struck":
                        derived.setdefault(line.text("job") or "", []).append(line)
                    elif kind in ("input", "derived") and not self._fact(line):
                        return False
                case _:
                    continue
        return not self._told and self._derived(derived)

    def _observe(self, told: Observation) -> None:
        if type(told) is Noted:
            self._told.append(told.fact)

    def _bind(self, value: str, alias: str) -> None:
        self._values[alias] = value

    def _ask(self, line: Req) -> None:
        while self._x < line.x - 1:
            self._x = self._service.next_exchange()
        reply = self._service.serve(self._rebuild.request(line), line.t, c=line.c, took=line.took)
        self._x = reply.x
        self._replies[line.x] = (reply.whole(line.t)[0], reply.held, reply.strike.cut if reply.strike else None)

    def _reply(self, line: Res) -> bool:
        found = self._replies.pop(line.x, None)
        if found is None or line.by is not None:
            return False
        response, held, cut = found
        if line.cut != cut:
            return False  # the socket decided
        self.exchanges += 1
        return (
            line.status == response.status
            and (line.held or 0) == held
            and line.headers == response.headers
            and self._same_body(line.body, response.body)
        )

    def _same_body(self, told: Body, got: bytes) -> bool:
        if told.enc is Enc.NONE:
            return not got
        if told.enc is Enc.TEXT and isinstance(told.value, str) and "«" not in told.value:
            return told.value.encode("utf-8", "surrogatepass") == got
        if told.enc is not Enc.JSON:
            return False
        text = dumps(told.value)
        if "«" not in text:
            if text.encode() == got:
                return True
        elif all(alias in self._values for alias in aliases(text)) and fill(text, self._values).encode() == got:
            return True
        try:
            return self._fits(told.value, loads(got.decode()))
        except ValueError:
            return False

    def _fits(self, told: Json, got: Json) -> bool:
        match told:
            case dict():
                return (
                    isinstance(got, dict)
                    and told.keys() == got.keys()
                    and all(self._fits(part, got[name]) for name, part in told.items())
                )
            case list():
                return (
                    isinstance(got, list)
                    and len(told) == len(got)
                    and all(self._fits(one, other) for one, other in zip(told, got, strict=True))
                )
            case str() if "«" in told:
                if isinstance(got, str) and aliases(told) == [told] and told not in self._values:
                    self._values[told] = got
                return fill(told, self._values) == got
            case _:
                return type(told) is type(got) and told == got

    def _fact(self, line: Entry) -> bool:
        if line.x is None:
            feed(self._service, line, self._rebuild)
        if not self._told:
            return False
        fact = self._told.pop(0)
        self.facts += 1
        return fact.type == line.type and fact.at == line.instant and self._same_members(line.members, members_of(fact))

    def _same_members(self, told: Members, got: Members) -> bool:
        return told == got or self._fits(dict(told), dict(got))

    def _derived(self, recorded: dict[str, list[Entry]]) -> bool:
        for job in self._service.jobs():
            found = self._service.derived(job, self._recording.until)
            lines = recorded.pop(job, [])
            facts = found.facts if found else ()
            if len(lines) != len(facts):
                return False
            self.facts += len(facts)
            for line, fact in zip(lines, facts, strict=True):
                alike = fact.type == line.type and fact.at == line.instant
                if not (alike and self._same_members(line.members, members_of(fact))):
                    return False
        return not recorded

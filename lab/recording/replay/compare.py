"""Where a recording and its replay differ: both are gone through together (recordings.md §6, §7)."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.core.observe import Observation, Replied, Touched
from lab.dialects import client_of
from lab.dialects.client import Seen
from lab.dialects.router import ROUTER
from lab.mock.config import Config
from lab.recording.format.codec import fact_members
from lab.recording.format.facts import class_of
from lab.recording.format.lines import SOCKET_CUTS, Body, Enc, Entry, Line, Recording, Req, Res
from lab.recording.redaction.bodies import body_of, bytes_of
from lab.recording.redaction.redactor import CUT, Plain
from lab.recording.redaction.stand_ins import MADE_UP, STAND_IN, kind_of, stand_ins
from lab.recording.replay.match import Canon, diff, first_difference, same
from lab.recording.replay.matchers import Matcher, excuse
from lab.recording.replay.replayer import Asked, Replayer, delivered, jobs_of

_PLAIN = Plain()
_SECRET = re.compile(rf"{STAND_IN.pattern}|{CUT}|eyJ")
"""Where in a text that was cut a secret stands, or the head of a token."""


class Difference(Struct, frozen=True):
    """One place where recording and replay differ; `line` counts from 1."""

    job: str | None
    line: int
    what: str
    diff: tuple[str, ...] = ()


class Comparison(Replayer):
    """Compares while it asks; what was compared is let go."""

    def __init__(
        self, recording: Recording, config: Config, name: str = "recording", matchers: Sequence[Matcher] = ()
    ) -> None:
        """`matchers` say what may differ; `name` is the recording's in what is found."""
        super().__init__(recording, config)
        self._name, self._matchers, self._canon = name, matchers, Canon(config.epoch)
        self.exchanges = self.facts = 0
        """What was held against each other."""
        self.empty = 0
        """Replies of which nothing left, by what became of the socket."""
        self.silent = 0
        """Those of them in which the mock had something to say."""
        self.applied: set[int] = set()
        """The numbers of the matchers whose place was there."""
        self.found: dict[str | None, Difference] = {}
        """The first difference of each job so far: all of a long recording would fill memory."""
        self.count = 0
        self._asked: dict[int, tuple[Req, Asked]] = {}
        self._derived: dict[str, list[Entry]] = {}
        self._written: dict[str, int] = {}
        """Of a repaired recording how many derived facts of each job its tape had come to, at least."""
        self._looked: dict[str, int] = {}
        """The same by what the last line brought: the tape may have ended right behind it."""
        self._bound: dict[str, str] = {}
        """What stands for a word of a peer's that the recording has in the open, too."""

    def differences(self) -> tuple[Difference, ...]:
        """Go through it, and say where it differs: the first place of each job."""
        self.replay()
        self._compare_derived()
        return tuple(sorted(self.found.values(), key=lambda one: one.line))

    def alias_of(self, job: str) -> str:
        """How a job is called in what is found."""
        return self._canon.id(job)

    def take(self, line: Line) -> None:
        """Take the recorded line, and compare what comes of it."""
        self._canon.learn(line)
        if not isinstance(line, Entry):
            self._settle()
        match line:
            case Req():
                if (asked := self.ask(line)) is not None:
                    self.exchanges += 1
                    self._asked[line.x] = line, asked
                    self._compare_brought(line, asked)
            case Res():
                req, asked = self._asked.pop(line.x, (None, None))
                if req is not None and asked is not None:
                    self._compare_reply(req, asked, line)
            case Entry():
                self._take_fact(line)

    def _take_fact(self, line: Entry) -> None:
        match class_of(line):
            case "input" if line.x is None:
                self._settle()
                self.feed(line)
                if line.at is not None:  # a tape that begins late tells it again, and looks at no job
                    self._looked.clear()
            case "derived" if line.type != "fault.struck":
                self._derived.setdefault(line.text("job") or "", []).append(line)

    @property
    def _repaired(self) -> bool:
        return self.recording.end is not None and self.recording.end.reason == "repaired"

    def _observe(self, observation: Observation) -> None:
        super()._observe(observation)
        if self._repaired and isinstance(observation, Touched) and observation.whole is None:
            derived = self.service.derived(observation.job, observation.at)
            self._looked[observation.job] = len(derived.facts) if derived else 0

    def _settle(self) -> None:
        """There is one more line, so what was due until then was written."""
        self._written |= self._looked
        self._looked.clear()

    # Facts

    def _compare_brought(self, req: Req, asked: Asked) -> None:
        recorded = [each for each in req.entries() if class_of(each) == "input" or each.type == "fault.struck"]
        job = next((each.text("job") for each in recorded if each.text("job")), None)
        self._compare_facts(job, self._canon.title(req), recorded, asked.facts, req.n)

    def _compare_derived(self) -> None:
        until = self.recording.until
        for job in dict.fromkeys((*jobs_of(self), *self._derived)):
            found = self.service.derived(job, until)
            facts = (*self.dropped.get(job, ()), *(found.facts if found else ()))
            recorded = self._derived.pop(job, [])
            if self._repaired:  # the tape may not have come to the others
                facts = facts[: max(len(recorded), self._written.get(job, 0))]
            anchor = recorded[-1].n if recorded else 0
            self._compare_facts(job, f"derived facts of {self.alias_of(job)}", recorded, facts, anchor)

    def _compare_facts(
        self, job: str | None, title: str, recorded: Iterable[Entry], facts: Iterable[Fact], anchor: int
    ) -> None:
        for one, other in zip_longest(recorded, facts):
            self.facts += 1
            if one is not None and other is not None and _same_fact(one, other):
                if not self._matchers:
                    continue
            expected = self._canon.fact(one) if one is not None else {}
            actual = self._canon.fact_of(other) if other is not None else {}
            actual = self._excused("fact", one.type if one else None, expected, actual)
            self._compare(job, title, "fact", one.n if one else anchor, expected, actual)

    # Replies

    def _compare_reply(self, req: Req, asked: Asked, line: Res) -> None:
        if line.status == 0 and line.cut in SOCKET_CUTS:
            self.empty += 1
            self.silent += asked.whole.status != 0
        now = delivered(line, asked)
        self.service.tell(now)
        if not self._matchers and _same_reply(line, now):
            return
        other = _line_of(line, now)
        if line.cut is not None and _cut_alike(line, other):
            return
        expected, actual = self._canon.reply(line), self._canon.reply(other)
        route = ROUTER.at(req.path)
        actual = self._excused("res", route.name if route else None, expected, actual)
        self._compare(self._job_of(req, asked), self._canon.title(req), f"res x={line.x}", line.n, expected, actual)

    def _job_of(self, req: Req, asked: Asked) -> str | None:
        """The job that an exchange is about."""
        job = next((found for each in asked.facts if (found := getattr(each, "job", None))), None)
        match = ROUTER.at(req.path)
        if job is not None or match is None or match.job:
            return job or (match.job if match is not None else None)
        client = client_of(match.name)
        found = client.understand(match.name, asked.whole) if client is not None else None
        return found.job if isinstance(found, Seen) else None

    # What differs

    def _excused(
        self, where: str, name: str | None, recorded: dict[str, Json], got: dict[str, Json]
    ) -> dict[str, Json]:
        got, applied = excuse(self._matchers, where, name, recorded, got)
        self.applied |= applied
        return got

    def _compare(
        self, job: str | None, title: str, what: str, n: int, expected: dict[str, Json], actual: dict[str, Json]
    ) -> None:
        if same(expected, actual) or same(expected, self._with_words(expected, actual)):
            return
        self.count += 1
        job = None if job is None else self.alias_of(job)
        if job in self.found and n + 1 >= self.found[job].line:
            return
        if not actual:
            text = f"{expected['type']} is missing"
        elif not expected:
            text = f"{actual['type']} was not recorded"
        else:
            text = first_difference(expected, actual)
        shown = tuple(diff(expected, actual, f"{self._name}:{n + 1} → {what}"))
        self.found[job] = Difference(job, n + 1, f"{title}: {text}", shown)

    def _with_words(self, recorded: Json, got: Json) -> Json:
        """What was got, with what stands for a word in its place where the recording has that.

        Somebody writes a word into a message, and sends it as a password later: from then on every answer that repeats
        the message has a stand-in there, and a replay, which has the word in the message, the word.
        """
        match recorded, got:
            case dict(), dict():
                return {name: self._with_words(recorded.get(name), part) for name, part in got.items()}
            case list(), list() if len(recorded) == len(got):
                return [self._with_words(one, other) for one, other in zip(recorded, got, strict=True)]
            case str(), str() if recorded != got and (words := stand_ins(recorded)):
                pattern = STAND_IN.sub("\0", recorded)
                found = re.fullmatch(re.escape(pattern).replace("\0", "(.{8,4096}?)"), got, re.DOTALL)
                if found is None or not all(kind_of(word) in MADE_UP for word in words):
                    return got
                same_ = all(
                    self._bound.setdefault(word, text) == text or word == text
                    for word, text in zip(words, found.groups(), strict=True)
                )
                return recorded if same_ else got
            case _:
                return got


def _same_fact(line: Entry, fact: Fact) -> bool:
    return fact.type == line.type and fact.at == line.instant and fact_members(fact) == line.members


def _same_reply(line: Res, now: Replied) -> bool:
    return (
        line.cut == now.cut
        and line.status == now.response.status
        and line.latency == now.latency
        and line.headers == now.response.headers
        and line.times in ((), now.response.times)
        and _same_body(line.body, now.response.body)
    )


def _same_body(recorded: Body, body: bytes) -> bool:
    """Whether it is the very same; another encoder writes the same bytes, rare signs and numbers apart."""
    match recorded.enc:
        case Enc.NONE:
            return not body
        case Enc.JSON:
            with suppress(UnicodeEncodeError):
                return msgspec.json.encode(recorded.value) == body
            return False
        case _:
            # what could have been written as JSON would have been
            return body[:1] not in (b"{", b"[") and bytes_of(recorded) == body


def _line_of(line: Res, now: Replied) -> Res:
    """The mock's reply as a tape would have it."""
    written = body_of(now.response.headers, now.response.body, _PLAIN, reply=True, cut=now.cut is not None)
    return replace(
        line, status=now.response.status, latency=now.latency, cut=now.cut, times=now.response.times or (),
        headers=now.response.headers, enc=written.enc, value=written.member, raw=written.raw,
    )  # fmt: skip


def _cut_alike(one: Res, other: Res) -> bool:
    """Whether two replies are the same but for where they were cut: secrets in them have other lengths now."""
    if one.enc is not Enc.TEXT or other.enc is not Enc.TEXT:
        return False
    mine, yours = str(one.value), str(other.value)
    if (found := _SECRET.search(mine)) is None:
        return False
    head = mine[: found.start()]
    return (yours.startswith(head) or head.startswith(yours)) and replace(one, value="", times=()) == replace(
        other, value="", times=(), raw=one.raw
    )

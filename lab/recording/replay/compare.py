"""Where a recording and its replay differ: both are gone through together (recordings.md §6, §7)."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest

import msgspec

from lab.core.exchange import Json, Request, Response
from lab.core.journal.fact import Fact
from lab.core.logtext import harmless_text
from lab.core.observe import Observation, Replied, Touched
from lab.dialects import client_of
from lab.dialects.base import Decide, Look
from lab.dialects.client import Seen
from lab.dialects.router import ROUTER
from lab.jobs.facts import GateDecided, WaitEnded
from lab.mock.config import Config
from lab.recording.bindings import Bindings
from lab.recording.comparison import ComparedMembers, ReplayComparator, compared_answer
from lab.recording.divergences import Difference, Differences, first_difference, request_title
from lab.recording.exchange import client_call_of, events_of
from lab.recording.format.codec import fact_members
from lab.recording.format.facts import class_of
from lab.recording.format.lines import SOCKET_CUTS, Body, Enc, Entry, Line, Recording, Req, Res
from lab.recording.matchers import Matcher
from lab.recording.origins import Origins, words_of
from lab.recording.redaction.bodies import bytes_of, plain_body, text_within
from lab.recording.redaction.redactor import CUT
from lab.recording.redaction.stand_ins import GIVEN_KINDS, STAND_IN, kind_of, stand_ins
from lab.recording.replay.edits import retimed_steps
from lab.recording.replay.job_ends import JobEnds
from lab.recording.replay.replayer import ReplayedCall, Replayer

_SECRET = re.compile(rf"{STAND_IN.pattern}|{CUT}|eyJ")
"""Where in a text that was cut a secret stands, or the head of a token."""


_MOST_ALIGNED = 500
"""Facts of a job: of more it takes long to find which are the same."""


class Comparison(Replayer):
    """Compares while it asks; what was compared is let go."""

    def __init__(
        self,
        recording: Recording,
        config: Config,
        name: str = "recording",
        matchers: Sequence[Matcher] = (),
        edited: frozenset[str] = frozenset(),
    ) -> None:
        """`matchers` say what may differ; `name` is the recording's in what is found; `edited` are scenarios since then."""
        super().__init__(recording, config)
        self._edited = edited
        self.comparator = ReplayComparator(matchers, config.epoch)
        self.exchanges = self.facts = 0
        """What was held against each other."""
        self.empty = 0
        """Replies of which nothing left, by what became of the socket."""
        self.silent = 0
        """Those of them in which the mock had something to say."""
        self.found = Differences(name, lambda: self._names)
        self._derived: dict[str, list[Entry]] = {}
        self._written: dict[str, int] = {}
        """Of a repaired recording how many derived facts of each job its tape had come to, at least."""
        self._looked: dict[str, int] = {}
        """The same by what the last line brought: the tape may have ended right behind it."""
        self.ends = JobEnds()
        self._looked_at: dict[str, int] = {}
        """By path the hash of the last body that was looked at: most polls are answered the same again."""

    def differences(self) -> tuple[Difference, ...]:
        """Go through it, and say where it differs: the first place of each job."""
        self.replay()
        self._compare_derived()
        return self.found.found

    @cached_property
    def _names(self) -> Bindings:
        """What the ids of the recording are called in what is found: nobody asks where nothing differs."""
        names = Bindings()
        for line in self.recording.lines:
            match line:
                case Entry():
                    names.name_all(dict(line.members))
                case Res() if line.body.enc is Enc.JSON:
                    names.name_all(line.body.value)
                case _:
                    pass
        return names

    @cached_property
    def _origins(self) -> Origins:
        return Origins(events_of(self.recording))

    @cached_property
    def _retimed(self) -> dict[str | None, str]:
        """The step of each job that takes another time now."""
        return retimed_steps(self.recording, self.service.config, self._edited)

    def _never_given(self, word: str, n: int) -> str:
        """What is said of a stand-in, or a job, asked with before line `n`, if no line before has it from the lab."""
        given, name = self._origins.given.get(word), harmless_text(self._names.path(word))
        if given is None:
            return f"; nothing here gives {name}"
        return f"; {name} is given later, in line {given}" if given > n else ""

    def take(self, line: Line) -> None:
        """Take the recorded line, and compare what comes of it."""
        if not isinstance(line, Entry):
            self._settle()
        super().take(line)

    def feed(self, line: Entry) -> None:
        self._settle()
        super().feed(line)
        if line.at is not None:  # a tape that begins late tells it again, and looks at no job
            self._looked.clear()

    def pass_by(self, line: Line) -> None:
        super().pass_by(line)
        if isinstance(line, Entry) and class_of(line) == "derived" and line.type != "fault.struck":
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

    def brought(self, call: ReplayedCall) -> None:
        self.exchanges += 1
        req = call.req
        recorded = [each for each in req.entries() if class_of(each) == "input" or each.type == "fault.struck"]
        job = next((each.text("job") for each in recorded if each.text("job")), None)
        self._compare_facts(job, req, recorded, call.facts, req.n)
        for fact in call.facts:
            if isinstance(fact, GateDecided | WaitEnded):
                self.ends.name(fact.job, fact.alias)

    def _compare_derived(self) -> None:
        until = self.recording.until
        for job in dict.fromkeys((*self.dropped, *self.service.jobs(), *self._derived)):
            found = self.service.derived(job, until)
            facts = (*self.dropped.get(job, ()), *(found.facts if found else ()))
            recorded = self._derived.pop(job, [])
            if self._repaired:  # the tape may not have come to the others
                facts = facts[: max(len(recorded), self._written.get(job, 0))]
            anchor = recorded[-1].n if recorded else 0
            self._compare_facts(job, None, recorded, facts, anchor)

    def _compare_facts(
        self, job: str | None, req: Req | None, recorded: Sequence[Entry], facts: Sequence[Fact], anchor: int
    ) -> None:
        place = recorded[0].n if recorded else anchor
        for one, other in _paired(recorded, facts):
            self.facts += 1
            place = one.n if one is not None else place
            type_ = one.type if one is not None else None
            if one is not None and other is not None and _same_fact(one, other):
                if not self.comparator.concerned("fact", type_):
                    continue
            expected: ComparedMembers = {} if one is None else {"type": one.type, "at": one.instant, **one.members}
            actual: ComparedMembers = (
                {} if other is None else {"type": other.type, "at": other.at, **fact_members(other)}
            )
            sides = self.comparator.compared("fact", type_, expected, actual)
            self._compare(job, req, "fact", place, *sides)

    # Replies

    def replied(self, call: ReplayedCall, line: Res, now: Replied) -> None:
        if line.status == 0 and line.cut in SOCKET_CUTS:
            self.empty += 1
            self.silent += call.whole.status != 0
        matched, same = bool(self.comparator.matchers), _same_reply(line, now)
        if line.cut is None:
            shown = now.response if same else Response(line.status, line.headers, bytes_of(line.body), line.times)
            self._show(call.req.path, shown, line.n + 1)
        if same and not matched:
            return
        route = ROUTER.at(call.req.path)
        name = route.name if route else None
        if same and not self.comparator.concerned("res", name):
            return
        got = now.response
        beside: dict[str, Json] = {"held": line.latency, "cut": line.cut, "times": [*line.times]}
        mine = compared_answer(line.status, line.headers, line.body, **beside)
        beside = {"held": now.latency, "cut": now.cut, "times": [*got.times]}
        body = plain_body(got.headers, got.body, cut=now.cut is not None)
        yours = compared_answer(got.status, got.headers, body, **beside)
        if line.cut is not None and _cut_alike(mine, yours):
            return
        self.comparator.moved = call.req.enc is not Enc.JSON and bool(stand_ins(text_within(call.req.body)))
        sides = self.comparator.compared("res", name, mine, yours)
        self._compare(_job_of(call), call.req, f"res x={line.x}", line.n, *sides)

    def _show(self, path: str, recorded: Response, line: int) -> None:
        if self._looked_at.get(path) != hash(recorded.body):
            self._looked_at[path] = hash(recorded.body)
            self.ends.show(_seen_in(path, recorded), line)

    def _compare(
        self, job: str | None, req: Req | None, what: str, n: int, expected: ComparedMembers, actual: ComparedMembers
    ) -> None:
        if (text := first_difference(expected, actual)) is None:
            return
        type_ = expected.get("type", actual.get("type"))
        if not actual or not expected:
            text = f"{type_} is missing" if expected else f"{type_} was not recorded"
        elif type_ is not None:
            text = f"{type_}: {text}"

        def said() -> str:
            derived = f"derived facts of {self._names.name(job or '', 'job')}"
            title = request_title(req, req.x, self._names.path) if req is not None else derived
            lacking = "".join(self._never_given(word, n) for word in _asks_with(req))
            step = f"; {self._retimed[job]}" if job in self._retimed else ""
            return f"{title}: {text}{lacking}{step}"

        self.found.add(job, n + 1, said, (expected, actual), what)


def _job_of(call: ReplayedCall) -> str | None:
    """The job that an exchange is about."""
    job = next((found for each in call.facts if (found := getattr(each, "job", None))), None)
    match = ROUTER.at(call.req.path)
    if job is not None or match is None or match.job:
        return job or (match.job if match is not None else None)
    seen = _seen_in(call.req.path, call.whole)
    return seen.job if seen is not None else None


def _seen_in(path: str, answer: Response) -> Seen | None:
    """The job that an answer shows."""
    match = ROUTER.at(path)
    client = client_of(match.name) if match is not None else None
    found = client.understand(match.name, answer) if match is not None and client is not None else None
    return found if isinstance(found, Seen) else None


def _asks_with(req: Req | None) -> Iterator[str]:
    """The stand-ins in a request of what the lab gives, and the job that it asks about."""
    if req is not None:
        request = Request(req.method, req.path, req.query, req.headers, bytes_of(req.body))
        yield from (word for word in words_of(request) if STAND_IN.fullmatch(word) and kind_of(word) in GIVEN_KINDS)
        call = client_call_of(ROUTER.name(req.method, req.path, local=True), request)
        if call is not None and isinstance(call.command, Look | Decide) and call.command.job:
            yield call.command.job


def _paired(recorded: Sequence[Entry], facts: Sequence[Fact]) -> Iterator[tuple[Entry | None, Fact | None]]:
    """The facts of both sides: by their places, but where one side has more by what they have in common."""
    if len(recorded) == len(facts) or max(len(recorded), len(facts)) > _MOST_ALIGNED:
        return zip_longest(recorded, facts)
    return _aligned(recorded, facts, 2)


def _aligned(
    recorded: Sequence[Entry], facts: Sequence[Fact], depth: int
) -> Iterator[tuple[Entry | None, Fact | None]]:
    """Those of the same type and instant, between them those of the same type (`depth` 1), and then what is left alone."""
    if not depth:
        yield from ((one, None) for one in recorded)
        yield from ((None, other) for other in facts)
        return
    mine = [(one.type, one.instant)[:depth] for one in recorded]
    yours = [(other.type, other.at)[:depth] for other in facts]
    for tag, start, stop, begin, end in SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(recorded[start:stop], facts[begin:end], strict=True)
        else:
            yield from _aligned(recorded[start:stop], facts[begin:end], depth - 1)


def _same_fact(line: Entry, fact: Fact) -> bool:
    return fact.type == line.type and fact.at == line.instant and fact_members(fact) == line.members


def _same_reply(line: Res, now: Replied) -> bool:
    return (
        line.cut == now.cut
        and line.status == now.response.status
        and line.latency == now.latency
        and line.headers == now.response.headers
        and line.times == now.response.times
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


def _cut_alike(recorded: ComparedMembers, got: ComparedMembers) -> bool:
    """Whether two replies are the same but for where they were cut: secrets in them have other lengths now."""
    mine, yours = recorded["body"], got["body"]
    if not isinstance(mine, str) or not isinstance(yours, str) or (found := _SECRET.search(mine)) is None:
        return False
    head, beside = mine[: found.start()], {"body": "", "times": []}
    return (yours.startswith(head) or head.startswith(yours)) and recorded | beside == got | beside

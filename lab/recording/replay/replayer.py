"""A recording asked of the mock again: its requests and decisions, at their instants (recordings.md §6).

Requests go to the mock as they stand in the recording. In the place of secrets it has stand-ins, and the mock grants those
again; what was decided by the bytes of a secret is given to it, for nobody can decide it from a stand-in.
"""

from collections import deque
from collections.abc import Mapping
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.holds import ExchangeHeld, ExchangeReleased
from lab.core.observe import Noted, Observation, Replied, Touched
from lab.core.reply import Reply
from lab.core.seeds import Seed
from lab.dialects.router import ROUTER
from lab.faults.model import left_of, released
from lab.identity.recorded import RecordedSecrets
from lab.identity.routes import IDENTITY_NAMES
from lab.jobs.callbacks import CallbackSent
from lab.jobs.facts import JobAccepted
from lab.jobs.plan import settle_draws
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.routes import WITHOUT_BEARER
from lab.recording.format.codec import fact_of
from lab.recording.format.facts import class_of
from lab.recording.format.lines import REDACTION, SOCKET_CUTS, VERSION, Entry, Line, Recording, Req, Res
from lab.recording.redaction.bodies import bytes_of, text_within
from lab.recording.redaction.redactor import Plain
from lab.recording.redaction.stand_ins import kind_of, stand_in, stand_ins
from lab.recording.tape.header import refs_of_now
from lab.recording.tape.line_cache import LineCache
from lab.recording.tape.observed import observation_of
from lab.recording.tape.tape import Tape

_MINTED_IN_REPLIES = frozenset(("idtoken", "xsrf"))
"""Kinds of what is given that no fact tells of."""
_BEYOND = 900_000
"""Numbers of what is given in a replay, and wasn't then."""
_HOLDS = (ExchangeHeld.type, ExchangeReleased.type)
"""What the shell alone tells of an exchange that the mock was asked."""
_GRANTING = IDENTITY_NAMES | WITHOUT_BEARER | {"tokens", "anticsrf"}


class ReplayedCall(Struct, frozen=True, dict=True):
    """A request, and what the mock made of it."""

    req: Req
    reply: Reply
    facts: tuple[Fact, ...]
    """What it brought: inputs, and the fault that struck it."""

    @property
    def whole(self) -> Response:
        """Its answer with all of its body; first asked for when it has left, for what happened meanwhile may change it."""
        if "whole" not in (own := self.__dict__):
            own["whole"] = self.reply.whole(self.req.t)[0]
        return cast("Response", own["whole"])


class Replayer:
    """One mock, asked what the recording asks."""

    def __init__(self, recording: Recording, config: Config) -> None:
        self.recording = recording
        self.service = Service(config)
        self.service.drops = False  # when the recorded lab dropped a job stands on no tape
        self.service.observers.append(self._observe)
        self.dropped: dict[str, tuple[Fact, ...]] = {}
        """What followed of each job that the ledger has let go."""
        self.skipped = 0
        """Requests that weren't asked: only the shell can decide them."""
        clients = ((stand_in("client", number), each.secret) for number, each in enumerate(config.clients, 1))
        self._keys = {f"Bearer {word}": f"Bearer {secret}" for word, secret in clients if secret}
        """What stands in a header for an API key, and that of this mock's client."""
        self._calls: dict[int, ReplayedCall] = {}
        """By exchange what hasn't been replied to."""
        self._released: dict[int, ExchangeReleased] = {}
        """By exchange how a hand let it go that had held its reply: nothing is held here, but what was edited is again."""
        self._noted: list[Fact] = []
        self._beyond = _BEYOND
        self._minted = _minted_in_replies(recording)
        self._catalog = Catalog(config, config.identity) if config.recorded is None else None
        """Of which what is told again of jobs is drawn anew; None: as it was recorded."""

    def replay(self) -> None:
        """Go through the recording; RecordingError if it asks what no lab can be asked."""
        for line in self.recording.lines:
            try:
                self.take(line)
            except (ValueError, ArithmeticError, RecursionError) as fault:
                raise RecordingError(f"{self.recording.name}:{line.n + 1}: this can't be replayed: {fault}") from None

    def take(self, line: Line) -> None:
        """Go through one line."""
        match line:
            case Req() if (call := self.ask(line)) is not None:
                self._calls[line.x] = call
                self.brought(call)
            case Res() if (call := self._calls.pop(line.x, None)) is not None:
                if (fact := self._released.pop(line.x, None)) is not None:
                    hand = Response(line.status, line.headers, bytes_of(line.body))
                    call = replace(call, reply=released(call.reply, fact, hand, call.req.t))
                now = _delivered(line, call)
                self.service.tell(now)
                self.replied(call, line, now)
            case Entry(x=None) if class_of(line) == "input":
                self.feed(line)
            case _:
                self.pass_by(line)

    def brought(self, call: ReplayedCall) -> None:
        """The mock was asked."""

    def replied(self, call: ReplayedCall, line: Res, now: Replied) -> None:
        """Its reply has left, where the recorded one stands in `line`."""

    def pass_by(self, line: Line) -> None:
        """A line tells what the mock isn't asked."""
        if isinstance(line, Entry) and line.type == ExchangeReleased.type and line.x in self._calls:
            fact = fact_of(line)
            if not isinstance(fact, ExchangeReleased):
                raise ValueError(f"no {line.type} has such members")
            self._released[line.x] = fact

    def ask(self, line: Req) -> ReplayedCall | None:
        """Hand a request to the mock; None: only the shell decides it, but it keeps its number."""
        if line.listener is not None or line.x in self.recording.by_shell:
            self.skipped += 1
            return None
        headers = tuple((name, self._keys.get(value, value)) for name, value in line.headers)
        request = Request(line.method, line.path, line.query, headers, bytes_of(line.body))
        self.service.exchanges = line.x - 1
        self._noted.clear()
        self.service.given(self._secrets(line))
        reply = self.service.serve(request, line.t, c=line.c, took=line.took)
        return ReplayedCall(line, reply, tuple(self._noted))

    def _secrets(self, line: Req) -> RecordedSecrets:
        minted: dict[str, deque[str]] = {}
        for entry in line.entries():
            fact = fact_of(entry) if entry.type.startswith(("token.g", "code.g", "device.g", "callback.r")) else None
            for name, kind in fact.secrets.items() if fact is not None else ():
                if (value := getattr(fact, name)) is not None:
                    minted.setdefault(kind, deque()).append(value)
        for word in self._minted.get(line.x, ()):
            minted.setdefault(kind_of(word), deque()).append(word)
        return RecordedSecrets(minted, deque(line.judged), self._fresh)

    def _fresh(self, kind: str) -> str:
        self._beyond += 1
        return stand_in(kind, self._beyond, "-" if self.service.config.identity.strict else "")

    def _observe(self, observation: Observation) -> None:
        if type(observation) is Noted and (observation.fact.kind == "input" or observation.fact.type == "fault.struck"):
            self._noted.append(observation.fact)
        elif type(observation) is Touched and observation.whole is not None:
            self.dropped[observation.job] = (*self.dropped.get(observation.job, ()), *observation.whole)

    def feed(self, line: Entry) -> None:
        """Give the mock an input fact that came from elsewhere than an exchange."""
        fact = fact_of(line)
        if fact is None:
            raise ValueError(f"no {line.type} has such members")
        if isinstance(fact, JobAccepted) and self._catalog is not None:
            fact = _drawn_anew(fact, self._catalog, self.service.config.seed)
        if isinstance(fact, LedgerCleared):
            self.service.reset(line.instant)
        else:
            self.service.note(fact)


def _minted_in_replies(recording: Recording) -> Mapping[int, list[str]]:
    """What was given in answers and stands in no fact, by exchange: where it stands first."""
    granting: set[int] = set()
    found: dict[int, list[str]] = {}
    seen: set[str] = set()
    for line in recording.lines:
        if isinstance(line, Req) and ROUTER.name(line.method, line.path, local=True) in _GRANTING:
            granting.add(line.x)
        elif isinstance(line, Res) and line.x in granting:
            for word in stand_ins(text_within(line.body)):
                if kind_of(word) in _MINTED_IN_REPLIES and word not in seen:
                    seen.add(word)
                    found.setdefault(line.x, []).append(word)
    return found


def _drawn_anew(fact: JobAccepted, catalog: Catalog, seed: Seed) -> JobAccepted:
    chosen = catalog.by_name.get(fact.scenario or "")
    if chosen is None or chosen.of_turn(fact.part) is None:
        return fact
    return replace(fact, drawn=settle_draws(catalog.playing(chosen, fact.user, fact.part), seed, fact.ordinal))


def _delivered(line: Res, call: ReplayedCall) -> Replied:
    """What the mock's reply comes to, if the socket cut it where the recorded one was cut by the socket."""
    reply, whole = call.reply, call.whole
    cut: str | None = reply.strike.cut if reply.strike else None
    latency: Millis | None = reply.latency
    if line.cut in SOCKET_CUTS:
        cut, whole = line.cut, left_of(whole, line.status, line.sent)
        if line.cut == "shutdown" and line.status == 0 and line.latency is None:  # the tape's end: no latency was known
            latency = None
    return Replied(line.t, line.x, whole, latency, line.first, None, cut, line.sent)


class TapedReplay(Replayer):
    """Tapes what comes of it: a recording that is to stand in the old one's place."""

    def __init__(self, recording: Recording, config: Config) -> None:
        super().__init__(recording, config)
        self._written: list[bytes] = []
        header = replace(
            recording.header, version=VERSION, redaction=REDACTION, scenarios=refs_of_now(recording.header, config)
        )
        self._tape = Tape(self.service, self._written.append, header, tails=LineCache(Plain()))
        self.service.observers.append(self._tape)

    def run(self) -> bytes:
        """The whole recording of this time."""
        self.replay()
        end = self.recording.end
        self._tape.close(self.recording.until, end.reason if end else "closed")
        return b"".join(self._written)

    def pass_by(self, line: Line) -> None:
        """What only the shell knows stays as it was."""
        super().pass_by(line)
        if isinstance(line, Entry) and (class_of(line) != "shell" or (line.x is not None and line.type not in _HOLDS)):
            if line.type == CallbackSent.type:  # what sent it had looked at the job, and no request did
                self._tape(Touched(line.t, line.text("job") or ""))
            return
        if (observation := observation_of(line)) is not None:
            self._tape(observation)

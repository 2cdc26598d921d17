"""A recording asked of the mock again: its requests and decisions, at their instants (recordings.md §6).

There is one loop, and two ways to go through it. `TapedReplay` tapes what comes of it, so it gives a whole recording that
can be compared or kept. `FastReplay` (in `fast_replay`) compares line by line, and writes nothing.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import assert_never

from msgspec.structs import replace

from lab.core.errors import RecordingError
from lab.core.exchange import Response
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted, Replied
from lab.core.reply import Reply
from lab.core.seeds import Seed
from lab.faults.model import left_of
from lab.jobs.facts import JobAccepted
from lab.jobs.plan import settle_draws
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.format.codec import fact_of
from lab.recording.format.facts import class_of
from lab.recording.format.lines import REDACTION, SOCKET_CUTS, VERSION, Entry, Line, Recording, Req, Res
from lab.recording.redaction.alias import HERE, named
from lab.recording.redaction.redact import redactor_of
from lab.recording.replay.rebuild import RequestBuilder
from lab.recording.tape.header import refs_of_now
from lab.recording.tape.line_cache import LineCache
from lab.recording.tape.tape import Tape


def configured_secrets(config: Config) -> dict[str, str]:
    """What the aliases of clients, users and the lab's own origin stand for."""
    users = {named("user", account.name): account.password for account in config.accounts}
    own = {HERE: config.own} if config.own else {}
    return {named("client", client.id): client.secret for client in config.clients} | users | own


def edited_scenarios(recording: Recording) -> set[str]:
    """The scenarios that were edited while it was recorded."""
    return {line.text("scenario") or "" for line in recording.facts("scenario.loaded")}


NONE_LATE: Mapping[str, str] = MappingProxyType({})
"""No secret stood in the open before it was known."""


class Replayer:
    """One mock, asked what the recording asks."""

    def __init__(
        self, recording: Recording, config: Config,
        values: Mapping[str, str], bind: Callable[[str, str], object], late: Mapping[str, str] = NONE_LATE,
    ) -> None:  # fmt: skip
        """`values` is what aliases stand for this time; `bind` takes a value and the alias that is to stand for it.

        `late` gives values of aliases that would be made up.
        """
        self.recording = recording
        self.service = Service(config)
        self.service.drops = False  # when the recorded lab dropped a job stands on no tape
        self.exchanges = 0
        """Those whose replies were held against each other."""
        self.facts = 0
        self.skipped = 0
        """Requests that weren't asked: only the shell can decide them."""
        self.empty = 0
        """Replies of which nothing left, by what became of the socket."""
        self.silent = 0
        """Those of them in which the mock had something to say."""
        self._builder = RequestBuilder(recording, config, values, bind, late)
        self._replies: dict[int, tuple[Reply, Response]] = {}
        self._catalog = Catalog(config, config.identity) if config.recorded is None else None
        """Of which what is told again of jobs is drawn anew; None: as it was recorded."""

    def replay(self) -> bool:
        """Go through the recording; False as soon as `reply` or `fact` says that this is enough.

        RecordingError if it asks what no lab can be asked.
        """
        for line in self.recording.lines:
            try:
                if not self.take(line):
                    return False
            except (ValueError, ArithmeticError, RecursionError) as fault:
                raise RecordingError(f"{self.recording.name}:{line.n + 1}: this can't be replayed: {fault}") from None
        return True

    def take(self, line: Line) -> bool:
        """Go through one line; False: enough."""
        match line:
            case Req():
                return self.ask(line)
            case Res():
                reply, response = self._replies.pop(line.x, (None, None))
                if response is not None and line.status == 0 and line.cut in SOCKET_CUTS:
                    self.empty += 1
                    self.silent += response.status != 0
                return self.reply(line, reply, response)
            case Entry():
                return self.fact(line)
            case _:
                assert_never(line)

    def reply(self, line: Res, reply: Reply | None, response: Response | None) -> bool:
        """A reply was recorded, and this is the mock's now, with all of its body; None: it wasn't asked."""
        raise NotImplementedError

    def fact(self, line: Entry) -> bool:
        """A fact was recorded."""
        raise NotImplementedError

    def ask(self, line: Req) -> bool:
        """Hand a request to the mock; what only the shell decides isn't handed over, but keeps its number and aliases."""
        request = self._builder.request(line)
        if line.listener is not None or line.x in self.recording.by_shell:
            self.skipped += 1
            return True
        self.service.exchanges = line.x - 1
        reply = self.service.serve(request, line.t, c=line.c, took=line.took)
        self._replies[line.x] = reply, self._builder.explained(line.x, reply.whole(line.t)[0])
        return True

    def feed(self, line: Entry) -> None:
        """Give the mock an input fact that came from elsewhere than an exchange."""
        fact = fact_of(self._builder.fact(line))
        if fact is None:
            raise ValueError(f"no {line.type} has such members")
        if isinstance(fact, JobAccepted) and self._catalog is not None:
            fact = _drawn_anew(fact, self._catalog, self.service.config.seed)
        if isinstance(fact, LedgerCleared):
            self.service.reset(line.instant)
        else:
            self.service.note(fact)


def _drawn_anew(fact: JobAccepted, catalog: Catalog, seed: Seed) -> JobAccepted:
    chosen = catalog.by_name.get(fact.scenario or "")
    if chosen is None or chosen.of_turn(fact.part) is None:
        return fact
    return replace(fact, drawn=settle_draws(catalog.playing(chosen, fact.user, fact.part), seed, fact.ordinal))


def delivered(line: Res, reply: Reply, whole: Response) -> Replied:
    """What the mock's reply comes to, if the socket cut it where the recorded one was cut by the socket."""
    cut, latency = reply.strike.cut if reply.strike else None, reply.latency
    if line.cut in SOCKET_CUTS:
        cut, whole = line.cut, left_of(whole, line.status, line.sent)
        if line.cut == "shutdown" and line.status == 0 and line.latency is None:  # the tape's end: no latency was known
            return Replied(line.t, line.x, whole, None, line.first, None, cut, line.sent)
    return Replied(line.t, line.x, whole, latency, line.first, None, cut, line.sent)


class TapedReplay(Replayer):
    """Tapes what comes of it: `write` is given each line."""

    def __init__(
        self, recording: Recording, config: Config,
        write: Callable[[bytes], None] | None = None, late: Mapping[str, str] = NONE_LATE, fresh: bool = False, repeats: bool = True,
    ) -> None:  # fmt: skip
        """`fresh`: it is to stand in the old one's place."""
        redactor = redactor_of(config)
        redactor.secrets.made_anew = True
        self.values = ChainMap(redactor.secrets.values, configured_secrets(config))
        """What aliases stand for, on the recording and on this tape."""
        super().__init__(recording, config, self.values, redactor.secrets.bind, late)
        self._written: list[bytes] = []
        header = recording.header
        if fresh:
            header = replace(header, version=VERSION, redaction=REDACTION, scenarios=refs_of_now(header, config))
        tails = LineCache(redactor)
        self._tape = Tape(self.service, write or self._written.append, header, tails=tails, repeats=repeats)
        self.service.observers.append(self._tape)

    def run(self) -> bytes:
        """The whole recording of this time, where nobody else was given its lines."""
        self.replay()
        self.close()
        return b"".join(self._written)

    def close(self) -> None:
        """End the tape as the recorded one ended."""
        end = self.recording.end
        self._tape.close(self.recording.until, end.reason if end else "closed")

    def reply(self, line: Res, reply: Reply | None, response: Response | None) -> bool:
        """Tape the mock's reply, cut where the socket cut the recorded one."""
        if reply is not None and response is not None:
            self.service.tell(delivered(line, reply, response))
        return True

    def fact(self, line: Entry) -> bool:
        """Tape what the shell said, but of an exchange, for the mock says that again; take what came from outside."""
        kind = class_of(line)
        if kind == "shell" and line.x is None and (fact := fact_of(line)) is not None:
            self.service.tell(Noted(line.t, fact, line.x))
        if kind == "input" and line.x is None:
            self.feed(line)
        return True

"""The one loop around the mock: load, call, commit, and tell the observers.

It serves the server's sockets, the in-memory transport and replay alike. One process that has its ledger to itself
meets no conflict, so the loop is a straight line; where several serve one lab, `batches.py` tries calls first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json, Request, Response
from lab.core.journal.fact import ClockRestarted, ClockRewound, Fact, LedgerCleared, RecordsDropped
from lab.core.journal.ledger import Changes, MemoryLedger
from lab.core.journal.numbers import is_told
from lab.core.journal.shared import LogPosition, StoreRefused
from lab.core.observe import Noted, Observation, Observer, Replied, Requested, Touched
from lab.core.refusal import Refusal
from lab.core.reply import Reply
from lab.core.seeds import Seed
from lab.dialects.base import WriteContext
from lab.dialects.fusion.pod_tokens import POD_CLIENT
from lab.dialects.router import lightened
from lab.faults.arming import Planned, arm, disarm, listed
from lab.faults.facts import FaultStruck
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.device_code import answer_device
from lab.identity.facts import TokenRevoked
from lab.identity.recorded import RecordedSecrets
from lab.identity.records import TokenRecord, grants_in, live, token_key
from lab.identity.rotation import rotated
from lab.jobs.facts import Derived, JobRecord, JobView, ScenarioLoaded, id_of, job_key, job_named
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.language.templates.bounds import Unwritten
from lab.mock.config import Config
from lab.mock.decisions import decide, vote_count
from lab.mock.fact_file import FactFile, NoFile
from lab.mock.history import compiled_again, makes_state
from lab.mock.mock import Mock
from lab.mock.preparation import preparation, said_in
from lab.program.words import Status, Verdict


class ControlResult(Struct, frozen=True):
    """What became of a command of the control plane: 200, or a refusal with its reason."""

    status: int
    why: str = ""


class Service:
    """A mock, its ledger and its observers."""

    position: LogPosition = 0
    """Up to where the commits of a shared ledger are folded."""
    drops: bool = True
    """Whether jobs leave the ledger some time after they are forgotten; no answer depends on it."""

    def __init__(self, config: Config, ledger: MemoryLedger | None = None) -> None:
        self.config, self._unedited = config, config
        self.ledger = ledger or MemoryLedger()
        self._mock = Mock(config, self._tell_unwritten)
        self._edits: dict[str, Program] = {}
        """Scenarios that were edited, by digest."""
        self.unwritten: list[Callable[[Unwritten], object]] = []
        """Told of texts that fail in an answer, each time."""
        self.observers: list[Observer] = []
        self.fact_observers: list[Callable[[Noted], object]] = []
        """Told of facts alone."""
        self.unauthorized: list[Callable[[Request], object]] = []
        """Given each request that is answered 401."""
        self.journals: list[Callable[[Sequence[Fact]], object]] = []
        """Given all facts of which state is made: those of one call together, before its reply is handed out."""
        self.file: FactFile = NoFile()
        """Takes the same facts before they count."""
        self.renewed: list[Callable[[], object]] = []
        """Called once the ledger was cleared, or holds other records."""
        self.exchanges = 0
        """The ordinal of the last exchange."""
        self.strikes: Counter[tuple[str | None, str]] = Counter()
        """How often each fault struck, by scenario (None: armed from outside) and name: for onlookers, no state."""

    # What can be asked without changing anything

    def _tell_unwritten(self, unwritten: Unwritten) -> None:
        for tell in self.unwritten:
            tell(unwritten)

    def preparation(self, request: Request, now: Millis) -> Callable[[], None] | None:
        """What is better done before `serve`, in any thread; None: nothing takes long."""
        return preparation(self._mock.catalog, self.ledger, request, now)

    def said(self, request: Request) -> tuple[Json, ...]:
        """What of a request facts may hold, in any thread."""
        return said_in(self._mock.catalog, request)

    def word(self, problem: Refusal, path: str) -> Response:
        """A refusal by the shell, worded as the mock words one for that path."""
        return self._mock.word(problem, path)

    def knows_token(self, token: str) -> bool:
        """Whether it granted this token, live or not."""
        return isinstance(self.ledger.get(token_key(token)), TokenRecord)

    def derived(self, job: str, now: Millis) -> Derived | None:
        """The derived facts of a job up to `now`, or None if it isn't known."""
        return self._mock.index.derived(self.ledger, job, now)

    def look(self, job: str, now: Millis) -> JobView | None:
        """A job at `now`, or None if it isn't known."""
        return self._mock.index.view(self.ledger, job, now)

    def planned(self, job: str) -> tuple[Plan, tuple[Decision, ...]] | None:
        """The plan of a job, and what was decided so far, forgotten or not; None if it isn't known."""
        return self._mock.index.planned(self.ledger, job_key(job))

    def context_of(self, plan: Plan, now: Millis) -> WriteContext:
        """What answers about a job depend on at an instant."""
        return self._mock.index.context_of(plan, now)

    def jobs(self) -> Iterator[str]:
        """The ids of all jobs, oldest first."""
        return (id_of(key) for key, _ in self.ledger.of(JobRecord))

    @property
    def job_counts(self) -> Mapping[Status, int]:
        """How many jobs have each status, none that are forgotten; as far as `job_steps` has come."""
        return self._mock.index.counts

    def job_steps(self, now: Callable[[], Millis]) -> Iterator[None]:
        """Count jobs, one or a change of one a step, up to what is `now` at the end; calls may come in between."""
        begun, ended = now(), -1
        while ended < begun:
            yield from self._mock.index.steps(self.ledger, begun)
            begun, ended = now(), begun

    def newest_jobs(self, most: int) -> list[str]:
        """The ids of the newest jobs, oldest first."""
        return [id_of(key) for key in islice(self.ledger.newest(JobRecord), most)][::-1]

    def status_of(self, job: str, now: Millis) -> bytes | None:
        """The status body of a job, or None if it isn't known."""
        return self._mock.status_of(self.ledger, job, now)

    # Calls, and what they bring

    def tell(self, observation: Observation) -> None:
        """Tell every observer."""
        if type(observation) is Replied and self._mock.first_answers.awaited:
            self._mock.first_answers.note(observation)
        elif type(observation) is Noted:
            for fact_observer in self.fact_observers:
                fact_observer(observation)
        for observer in self.observers:
            observer(observation)

    def serve(self, request: Request, now: Millis, *, c: int = 1, took: Millis = 0, came: int = 0) -> Reply:
        """Answer a request that was complete at `now`; the caller tells `Replied` once the last byte has left.

        `c` is its connection, `took` and `came` are as the observation has them.

        StoreRefused if what it brings can't be kept: then it wasn't asked, and no number of an exchange is used.
        """
        request = lightened(request) if request.body else request
        done = self._mock.handle(self.ledger, request, now)
        if done.facts:
            if self.drops and (due := self._mock.index.droppable(self.ledger, done.facts, now)):
                done = replace(done, facts=(*due, *done.facts))
            self._keep(done.facts)
        if done.response.status == 401:
            for unauthorized in self.unauthorized:
                unauthorized(request)
        # counted once it is about to be told: a number is never left out
        self.exchanges += 1
        x = self.exchanges
        if self.observers:
            self.tell(Requested(now, x, done.route, request, c, done.flags, took, None, None, done.judged, came))
            if done.facts:
                self._touch(done.job, now)
                self._let_go(done.facts)
            elif done.job is not None:  # it was looked at, so it is there
                self.tell(Touched(now, done.job))
        if done.facts:
            self._commit(done.facts, x)
            if done.latency:
                self._mock.first_answers.plan(x, done.facts)
            if self.observers:
                self._touch(done.job, now)
        if (struck := done.struck) is not None:
            self.strikes[struck.scenario, struck.fault] += 1
            self.tell(Noted(now, FaultStruck(at=now, fault=struck.fault, call=struck.call), x))
        return replace(done, x=x)

    def given(self, secrets: RecordedSecrets) -> None:
        """Of a replay: what the next exchange is given in the place of secrets."""
        self._mock.recorded = secrets

    def next_exchange(self) -> int:
        """An ordinal for an exchange that the shell answers without asking the mock; 0: none is left."""
        self.exchanges += 1
        return self.exchanges

    def _touch(self, job: str | None, now: Millis) -> None:
        if job is not None and isinstance(self.ledger.get(job_key(job)), JobRecord):
            self.tell(Touched(now, job))

    def _let_go(self, facts: Iterable[Fact]) -> None:
        """Tell what followed of the jobs that these facts drop, before they do."""
        for fact in facts:
            for key in fact.keys if isinstance(fact, RecordsDropped) else ():
                if isinstance(self.ledger.get(key), JobRecord):
                    followed = self.derived(id_of(key), fact.at)
                    self.tell(Touched(fact.at, id_of(key), followed.facts if followed is not None else ()))

    def _commit(self, facts: tuple[Fact, ...], x: int | None) -> None:
        self.ledger.commit(facts)
        self._mock.index.note(facts)
        self._journal(facts)
        for fact in facts:
            if is_told(fact, x):
                self.tell(Noted(fact.at, fact, x))

    def _keep(self, facts: tuple[Fact, ...]) -> None:
        """Let the file take what is about to be committed; StoreRefused if it doesn't, and nothing is to come of it."""
        try:
            if kept := [fact for fact in facts if makes_state(fact)]:
                self.file.write(kept)
        except StoreRefused:
            self._doubt(facts)
            raise

    def _doubt(self, facts: Sequence[Fact]) -> None:
        """These facts never were: memos that saw them are no longer trusted."""
        self._mock.index.doubt(self.ledger, facts)

    def _journal(self, facts: Iterable[Fact]) -> None:
        if self.journals and (kept := [fact for fact in facts if makes_state(fact)]):
            for journal in self.journals:
                journal(kept)

    def decide(
        self, job: str, gate: str, verdict: str, now: Millis, *, name: str | None = None, comment: str | None = None
    ) -> ControlResult:
        """Admit a person's decision from outside the API, or refuse it: 400, 404 or 409 and the reason.

        Of an approval in a quorum, `why` says which of how many it is.
        """
        found = job_named(self.ledger, job)
        job = found[0] if found else job
        view = self.look(job, now)
        done = decide(view, gate, verdict, now, name=name, comment=comment)
        counted = vote_count(view, now) if view is not None and verdict == Verdict.APPROVED else ""
        if isinstance(done, Fact):
            self._touch(job, now)
        result = self._admitted(done, counted)
        if isinstance(done, Fact):
            self._touch(job, now)
        return result

    def end_tokens(self, client: str, do: str, now: Millis) -> ControlResult:
        """Revoke or expire every live token of a client."""
        if client != POD_CLIENT and self.config.identity.client(client) is None:
            return ControlResult(404, "There is no such client.")
        if do not in ("expire", "revoke"):
            return ControlResult(400, "do must be expire or revoke; or, without a client, rotate.")
        facts = tuple(
            TokenRevoked(at=now, by="control", token=token, why="control")
            for token, record in grants_in(self.ledger, TokenRecord, now)
            if record.client == client and live(self.ledger, record, now)
        )
        self._take(facts)
        return ControlResult(200, f"{len(facts)} ended")

    def rotate_key(self, now: Millis) -> ControlResult:
        """Let the other of the two keys sign tokens from now on; `why` is its `kid`. Older tokens stay as good as they were."""
        fact = rotated(self.ledger, now, "control")
        return self._admitted(fact, fact.key)

    def answer_device(self, user_code: str, answer: str, now: Millis) -> ControlResult:
        """A person's answer (approve or deny) for the device that shows this code."""
        context = TokenContext(self.config.identity, Changes(self.ledger, now), now)
        return self._admitted(answer_device(context, user_code, answer, "control"))

    def arm(self, fault: dict[str, Json], now: Millis) -> ControlResult:
        """Arm a fault of the scenario's form; `why` is its name, or what is wrong with it."""

        def job_of(job: str) -> tuple[str, JobRecord] | None:
            return job_named(self.ledger, job) if self.look(job, now) is not None else None

        done = arm(self.config.scenarios, self.ledger, fault, now, self.config.named, job_of)
        return self._admitted(done, "" if isinstance(done, Refusal) else done.fault)

    def disarm(self, name: str, now: Millis) -> ControlResult:
        """Let an armed fault strike no more."""
        return self._admitted(disarm(self.config.scenarios, self.ledger, name, now), name)

    def _admitted(self, done: Fact | Refusal, why: str = "") -> ControlResult:
        if isinstance(done, Refusal):
            return ControlResult(done.status, done.message)
        self._take((done,))
        return ControlResult(200, why)

    def _take(self, facts: tuple[Fact, ...]) -> None:
        """Commit what no call brought; StoreRefused if it can't be kept."""
        self._keep(facts)
        self._commit(facts, None)

    def faults(self) -> tuple[Planned, ...]:
        """All faults that may strike, and how often each has."""
        return tuple(listed(self.config.scenarios, self.ledger, self.strikes))

    def note(self, fact: Fact) -> None:
        """Take a fact from outside: input facts are folded, all are told."""
        job = getattr(fact, "job", None) if fact.kind == "input" else None
        self._keep((fact,))
        self._include(fact, job)

    def _include(self, fact: Fact, job: str | None = None) -> None:
        self._touch(job, fact.at)
        self._commit((fact,), None)
        self._touch(job, fact.at)

    def load(self, program: Program, now: Millis) -> None:
        """Take up a scenario that was edited, or is new: jobs accepted after `now` play it."""
        fact = ScenarioLoaded(
            at=now, scenario=program.name, sha256=program.digest, source=program.source or None, files=program.files
        )
        self._keep((fact,))
        self._edits[program.digest] = program
        self._configure(self.config.edited(program, now))
        self._include(fact)

    def recast(self, scenario: str, seed: Seed) -> None:
        """Let tokens, switches and seed follow a scenario from now on. No tape may run: its header tells of before."""
        self._unedited = self._unedited.following(scenario, seed)
        self._configure(self.config.following(scenario, seed))

    def _configure(self, config: Config) -> None:
        self.config, self._mock = config, Mock(config, self._tell_unwritten)

    def reset(self, now: Millis) -> None:
        """Clear the ledger, its numbers too."""
        self._mock.forget()
        self.strikes.clear()
        self.note(LedgerCleared(at=now, by="control"))
        self._renew()

    def _renew(self) -> None:
        for each in self.renewed:
            each()

    def restart(self, epoch: Epoch) -> None:
        """Clear the ledger, its numbers too, at instant 0 of a clock that counts from another second; edits stay."""
        began = (ClockRestarted(at=0, epoch=epoch),)
        self._keep(began)
        self._unedited = replace(self.config, epoch=epoch, former=())
        self._configure(self._unedited)
        self.strikes.clear()
        self.ledger.commit((LedgerCleared(at=0, by="control"),))
        self._journal(began)
        self._renew()

    def rewind(self, facts: tuple[Fact, ...], now: Millis) -> None:
        """Hold what these facts make of a new mock, and nothing else, as if it were `now`.

        ScenarioError if an edited scenario among them can't be read by this lab.
        """
        config = self._unedited
        for fact in facts:
            if isinstance(fact, ScenarioLoaded):
                config = config.edited(self._edited(fact), fact.at)
        back = (ClockRewound(at=now),)
        self._keep(back)
        self._configure(config)
        self.strikes.clear()
        self.ledger.commit((LedgerCleared(at=now, by="control"), *facts))
        self._journal(back)
        self._renew()

    def _edited(self, fact: ScenarioLoaded) -> Program:
        """The scenario that was loaded: as this process compiled it, else read again from its source."""
        known = self._edits.get(fact.sha256)
        if known is not None:
            return known
        program = self._edits[fact.sha256] = compiled_again(fact.scenario, fact.sha256, fact.source or "", fact.files)
        return program

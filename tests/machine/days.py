"""A hypothesis state machine over the whole server: random days of a lab, each answer held against a model.

    python -m tests.machine.days memory|shared|redis SEEDS [FIRST]

plays so many days, each made of its seed alone, of one process on the memory ledger, or of two on a shared store, in memory or in a Redis; prints
the seed and the transcript of one that fails, and a verdict. Played alone, a failing day is made as short as it can be.
"""

import asyncio
import json
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lab.clocks import breathe, real_millis, settle
from lab.core.exchange import Json
from lab.core.journal.fact import Fact, RecordsDropped
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO, Client
from lab.identity.routes import PATHS
from lab.jobs.facts import GateDecided
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Status
from tests.machine.memory_wire import MemoryLabs, MemoryPeer, MemoryServer
from tests.machine.model import APPROVALS, EPOCH, INVOKED, POLLED, SCENARIOS, Model, ModelJob, ModelToken
from tests.machine.shared_labs import RedisLabs, SharedLabs
from tests.moves import MOVES
from tests.server.conftest import SCOPE, Answer, bearer, request
from tests.wire_peer import OTHER, basic, form_post

CLIENTS = {client.id: client for client in (DEMO, OTHER)}
ACTIONS = {"approved": "APPROVE_ACTION", "rejected": "REJECT_ACTION", "changes-requested": "RFI_ACTION"}
WHICH = st.integers(0, 9)
"""Chooses among what there is, counted from the newest."""
USUAL = 7
"""Below, only what a client would choose is."""
PATIENT = st.booleans()
EARLY = st.integers(0, 1)
"""Milliseconds before an edge."""
NAME = st.sampled_from(["ann", "bob"])
VERDICT = st.sampled_from(sorted(ACTIONS))
COMMENT = st.sampled_from(["Again.", "Better.", None])
STEPS = 40
_Chosen = TypeVar("_Chosen")


def make_config() -> Config:
    """Two teams; tokens are those of the first."""
    scenarios = tuple(program_of(parse_scenario(text, "machine.yaml")) for text in SCENARIOS)
    return Config(scenarios, Switches(), 42, EPOCH, (DEMO, OTHER), token_scenario="one")


def check_bug(status: int, answer: object) -> None:
    """RuntimeError for what no server should ever answer: a planted mistake isn't found by breaking the lab."""
    if status >= 500:
        raise RuntimeError(f"a bug of the lab or of its store: {answer!r}")


@dataclass
class Flight:
    """A request whose answer hasn't come."""

    peer: MemoryPeer
    due: int
    check: Callable[[Answer], None]
    what: str
    process: int
    last: bool = False
    """Whether its answer says that the connection ends with it."""


class LabDays(RuleBasedStateMachine):
    """Two clients, two teams, one clock, and as many processes as `make_labs` gives."""

    make_labs: ClassVar[Callable[[Config, Callable[[int, Observation], None]], MemoryLabs]] = MemoryLabs
    config: ClassVar[Config] = make_config()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.flights: list[Flight] = []
        self.peers: dict[int, MemoryPeer] = {}
        self.transcript: list[str] = []
        self.last_status: dict[str, str] = {}
        """The status of each job, when it was looked at last."""
        self.exchanges: dict[int, list[Observation]] = defaultdict(list)
        """What each process told of requests and replies, by its start."""
        self.noted: list[Fact] = []
        self.taken_up = 0
        """How many facts the last restart has taken up."""
        self.labs = type(self).make_labs(self.config, self._observe)
        self.run(self.labs.start())

    def _observe(self, start: int, observation: Observation) -> None:
        if isinstance(observation, Requested | Replied):
            self.exchanges[start].append(observation)
        elif isinstance(observation, Noted) and observation.fact.kind == "input":
            self.noted.append(observation.fact)

    def run(self, work: Coroutine[Any, Any, _Chosen]) -> _Chosen:
        return self.loop.run_until_complete(work)

    def say(self, text: str) -> None:
        self.transcript.append(f"{self.model.now:>9,}  {text}")

    def server(self, which: int) -> MemoryServer:
        return self.labs.servers[which % len(self.labs.servers)]

    def job(self, which: int) -> ModelJob:
        """The newest, mostly one that hasn't ended."""
        alive = [job for job in self.model.jobs if job.at(self.model.now).until is not None]
        among = alive if alive and which < USUAL else self.model.jobs
        return among[-1 - which % len(among)]

    def token(self, which: int, client: str, at: int) -> ModelToken:
        """Mostly a good one of the client, fetched if there is none; else one of anybody's, good or not."""
        good = [token for token in self.model.tokens if token.client == client and token.good(self.model.now)]
        if which < USUAL or not self.model.tokens:
            if not good:
                self.fetch_token(client, at)
            return (good or self.model.tokens)[-1]
        return self.model.tokens[-1 - which % len(self.model.tokens)]

    def edges(self) -> list[int]:
        """The instants to come at which something ends by itself, or an answer leaves."""
        return sorted({*self.model.edges(), *(flight.due for flight in self.flights if flight.due > self.model.now)})

    # What goes over the API

    def send(
        self, at: int, data: bytes, latency: int, what: str, check: Callable[[Answer], None], patient: bool = False
    ) -> None:
        """Send to a process; the answer is looked for now, and after each move of the clock. Who is patient moves it."""
        number = at % len(self.labs.servers)

        async def go() -> MemoryPeer:
            peer = self.peers.get(number)
            if peer is None or peer.transport.over or any(flight.peer is peer for flight in self.flights):
                peer = self.peers[number] = self.labs.servers[number].peer()
            peer.send(data)
            return peer

        self.flights.append(Flight(self.run(go()), self.model.now + latency, check, what, number))
        self.land()
        if patient and latency:
            self._advance(latency, at)

    def land(self) -> None:
        """Every answer that is due has left, and no other."""
        self.run(settle())
        self.check_always()
        for flight in tuple(self.flights):
            got = flight.peer.answer()
            if self.model.now < flight.due:
                assert got is None, f"{flight.what}: its answer came before {flight.due}"
                continue
            assert got is not None, f"{flight.what}: its answer was due at {flight.due}"
            self.flights.remove(flight)
            self.say(f"{flight.what} -> {got.status} {got.body.decode()[:120]}")
            check_bug(got.status, got.body)
            assert not flight.last or got.headers["connection"] == "close"
            flight.check(got)

    def lawful(self, token: ModelToken, status: int, latency: int = 0) -> tuple[int, int]:
        """Status and latency of an answer that would be this one, were the token good."""
        return (status, latency) if token.good(self.model.now) else (401, 0)

    @initialize(team=st.sampled_from(sorted(APPROVALS)))
    def begin(self, team: str) -> None:
        self.invoke(0, DEMO.id, team, True, 0)

    def fetch_token(self, client: str, at: int) -> None:
        sent = token_request(client, CLIENTS[client].secret, SCOPE)

        def check(got: Answer) -> None:
            assert got.status == 200, got.body
            self.model.token(client, str(got.json["access_token"]))  # type: ignore[index,call-overload]

        self.send(at, request(sent.method, sent.path, sent.headers, sent.body), 0, f"token for {client}", check)

    @rule(
        token=WHICH,
        client=st.sampled_from(sorted(CLIENTS)),
        team=st.sampled_from(sorted(APPROVALS)),
        patient=PATIENT,
        at=WHICH,
    )
    def invoke(self, token: int, client: str, team: str, patient: bool, at: int) -> None:
        self._invoke(self.token(token, client, at), team, patient, at)

    def _invoke(self, used: ModelToken, team: str, patient: bool, at: int) -> None:
        expected, latency = self.lawful(used, 202, INVOKED)
        job = ModelJob(used.client, team, self.model.now)
        if expected == 202:
            self.model.jobs.append(job)

        def check(got: Answer) -> None:
            assert got.status == expected, f"{got.status} instead of {expected}: {got.body!r}"
            if expected == 202:
                assert got.json["status"] == "RUNNING"  # type: ignore[index,call-overload]
                job.id = str(got.json["jobId"])  # type: ignore[index,call-overload]

        data = self._message(used, team, {"message": "Go on"})
        self.send(at, data, latency, f"invoke {team} as {used.client}", check, patient)

    def _message(self, token: ModelToken, team: str, body: Json) -> bytes:
        headers = (bearer(token.text), ("content-type", "application/json"))
        return request("POST", ROUTER.path("invoke", code=team), headers, json.dumps(body).encode())

    @precondition(lambda self: self.model.jobs)
    @rule(job=WHICH, token=WHICH, patient=PATIENT, at=WHICH)
    def poll(self, job: int, token: int, patient: bool, at: int) -> None:
        self._poll(self.job(job), token, patient, at)

    def _poll(self, target: ModelJob, token: int, patient: bool, at: int) -> None:
        if target.id is None:
            self.list_jobs(at)
        used, id = self.token(token, target.client, at), str(target.id)
        own = target.client == used.client
        own = own and not target.gone(self.model.now)
        expected, latency = self.lawful(used, 200 if own else 404, POLLED if own else 0)
        stand = target.at(self.model.now)

        def check(got: Answer) -> None:
            assert got.status == expected, f"{got.status} instead of {expected}: {got.body!r}"
            if expected != 200:
                return
            body: Any = got.json
            assert body["status"] == stand.status, f"{body['status']} instead of {stand.status}"
            if stand.output is not None:
                assert body["output"] == stand.output
            node = body.get("waitingNodeDetails") if target.team == "ONE" else None
            assert target.team == "TWO" or (node is not None) == (stand.opening is not None)
            if node is not None and stand.opening is not None:
                assert target.tokens.setdefault(node["callbackToken"], stand.opening) == stand.opening

        path = ROUTER.path("status", code=target.team, job=id)
        what = f"poll job {self.model.jobs.index(target)} as {used.client}"
        self.send(at, request("GET", path, (bearer(used.text),)), latency, what, check, patient)

    @precondition(lambda self: any(job.team == "ONE" for job in self.model.jobs))
    @rule(
        job=WHICH, token=WHICH, verdict=VERDICT, comment=COMMENT, opening=st.integers(0, 3), patient=PATIENT, at=WHICH
    )  # fmt: skip
    def resume(
        self, job: int, token: int, verdict: str, comment: str | None, opening: int, patient: bool, at: int
    ) -> None:
        """Decide over the API: at the opening of now, waited for if there is none, or at one before."""
        chat = [each for each in self.model.jobs if each.team == "ONE"]
        target = chat[-1 - job % len(chat)]
        stand = target.at(self.model.now)
        if stand.status == "RUNNING" and stand.until is not None and token < USUAL:
            self._advance(stand.until - self.model.now, at)
        if target.at(self.model.now).opening not in target.tokens.values():
            self._poll(target, 0, True, at)
        if not target.tokens:
            return
        used = self.token(token, target.client, at)
        text, number = list(target.tokens.items())[-1 - opening % len(target.tokens)]
        status, now = 202, self.model.now
        stand = target.at(now)
        if verdict == "changes-requested" and not comment:
            status = 400  # it can't be read, whatever it is for
        elif target.client != used.client or target.gone(now):
            status = 404
        elif stand.status != "WAITING" or stand.opening != number:
            status = 409
        expected, latency = self.lawful(used, status, INVOKED if status == 202 else 0)
        if expected == 202:
            assert target.vote(now, verdict, None, comment)

        def check(got: Answer) -> None:
            assert got.status == expected, f"{got.status} instead of {expected}: {got.body!r}"

        answer: dict[str, Json] = {"messageInstanceId": text, "userResponse": ACTIONS[verdict]}
        if comment is not None:
            answer["content"] = comment
        body: Json = {"message": "", "jobId": target.id, "resumeInput": answer}
        what = f"{verdict} ({comment}) for job {self.model.jobs.index(target)} as {used.client}"
        self.send(at, self._message(used, target.team, body), latency, what, check, patient)

    def _revoke(self, token: int, at: int) -> None:
        used = self.model.tokens[-1 - token % len(self.model.tokens)]
        used.revoked = True
        client: Client = CLIENTS[used.client]
        sent = form_post(PATHS["revoke"], basic(client.id, client.secret), token=used.text)

        def check(got: Answer) -> None:
            assert got.status == 200

        self.send(at, request(sent.method, sent.path, sent.headers, sent.body), 0, f"revoke of {client.id}", check)

    @precondition(lambda self: self.flights)
    @rule(which=WHICH, reset=st.booleans())
    def disconnect(self, which: int, reset: bool) -> None:
        """The client is gone before its answer has come: what it target for was done all the same."""
        flight = self.flights.pop(which % len(self.flights))
        self.say(f"{flight.what}: the client is gone")

        async def go() -> None:
            flight.peer.transport.lose(ConnectionResetError() if reset else None)

        self.run(go())
        self.land()

    # What goes over the control plane

    def control(self, at: int, method: str, path: str, body: Json = None) -> tuple[int, Any]:
        status, document = self.run(self.server(at).control(method, path, body))
        self.say(f"{method} {path} {json.dumps(body)} -> {status} {str(document)[:120]}")
        check_bug(status, document)
        return status, document

    def vote(self, target: ModelJob, verdict: str, name: str, comment: str | None) -> int:
        """Decide in the model: the status of the answer."""
        if target.vote(self.model.now, verdict, name, comment):
            return 200
        return 404 if target.gone(self.model.now) else 409

    @precondition(lambda self: self.model.jobs)
    @rule(job=WHICH, verdict=VERDICT, comment=COMMENT, name=NAME, at=WHICH)
    def decide(self, job: int, verdict: str, comment: str | None, name: str, at: int) -> None:
        self._decide(self.job(job), verdict, comment, name, at)

    @precondition(lambda self: self.model.jobs)
    @rule(job=WHICH, early=EARLY, verdict=VERDICT, name=NAME, at=WHICH)
    def decide_at_an_edge(self, job: int, early: int, verdict: str, name: str, at: int) -> None:
        """When the gate opens, when its patience ends, or a millisecond before that."""
        target = self.job(job)
        self._advance_to(target.at(self.model.now).until, early, at)
        self._decide(target, verdict, "Again.", name, at)

    def _decide(self, target: ModelJob, verdict: str, comment: str | None, name: str, at: int) -> None:
        if target.id is None:
            self.list_jobs(at)
        expected = self.vote(target, verdict, name, comment)
        body: Json = {"gate": "boss", "verdict": verdict, "by": name, "comment": comment}
        status, document = self.control(at, "POST", f"jobs/{target.id}/decisions", body)
        assert status == expected, f"{status} instead of {expected}: {document}"

    @precondition(lambda self: self.model.jobs)
    @rule(job=WHICH, first=VERDICT, second=VERDICT, second_name=NAME, at=WHICH)
    def decide_at_once(self, job: int, first: str, second: str, second_name: str, at: int) -> None:
        """Two people decide at two processes; the second was looked at before the first was taken."""
        target, now = self.job(job), self.model.now
        if target.id is None:
            self.list_jobs(at)
        id, found = str(target.id), []

        def decide(service: Service) -> None:
            found.append(service.decide(id, "boss", first, now, name="ann", comment="First.").status)

        body: Json = {"gate": "boss", "verdict": second, "by": second_name, "comment": "Second."}
        overtaken = target.takes(now, second, second_name, "Second.")
        if overtaken:  # what is refused commits nothing, so nobody can be faster
            self.labs.meanwhile((at + 1) % len(self.labs.servers), decide)
            expected = [self.vote(target, first, "ann", "First.")]
        status, document = self.control(at, "POST", f"jobs/{id}/decisions", body)
        second_expected = self.vote(target, second, second_name, "Second.")
        assert status == second_expected, f"{status} instead of {second_expected}: {document}"
        if overtaken:
            assert found == expected

    @precondition(lambda self: self.model.jobs and len(self.labs.servers) > 1)
    @rule(job=WHICH, verdicts=st.tuples(VERDICT, VERDICT), names=st.tuples(NAME, NAME), at=WHICH)
    def decide_together(self, job: int, verdicts: tuple[str, str], names: tuple[str, str], at: int) -> None:
        """Two people decide at two processes; nobody can say who was first, but somebody was."""
        target = self.job(job)
        if target.id is None:
            self.list_jobs(at)
        sent: list[Json] = [
            {"gate": "boss", "verdict": verdict, "by": name, "comment": "Both."}
            for verdict, name in zip(verdicts, names, strict=True)
        ]

        async def both() -> list[tuple[int, Any]]:
            path = f"jobs/{target.id}/decisions"
            calls = (self.server(at + number).control("POST", path, body) for number, body in enumerate(sent))
            return await asyncio.gather(*calls)

        found = [status for status, _ in self.run(both())]
        self.say(f"both at once: {sent} -> {found}")
        votes = list(target.votes)
        for order in (0, 1), (1, 0):
            target.votes = list(votes)
            expected = {each: self.vote(target, verdicts[each], names[each], "Both.") for each in order}
            if [expected[each] for each in (0, 1)] == found:
                return
        raise AssertionError(f"in neither order they would be answered {found}")

    @precondition(lambda self: self.model.tokens)
    @rule(how=st.sampled_from(["revoke", "expire", "one"]), token=WHICH, at=WHICH)
    def end_tokens(self, how: str, token: int, at: int) -> None:
        """One token, by its client; or all of a client, by the control plane."""
        client = self.model.tokens[-1 - token % len(self.model.tokens)].client
        if how == "one":
            self._revoke(token, at)
        else:
            self._end_tokens(client, how, at)

    def _end_tokens(self, client: str, do: str, at: int) -> None:
        ended = self.model.revoke(client)
        assert self.control(at, "POST", "tokens", {"client": client, "do": do}) == (
            200, {"ok": True, "why": f"{ended} ended"},
        )  # fmt: skip

    @rule(millis=st.sampled_from([1, POLLED - 1, POLLED, INVOKED, 999, 2_000, 10_000]), at=WHICH)
    def let_time_pass(self, millis: int, at: int) -> None:
        self._advance(millis, at)

    @precondition(lambda self: self.edges())
    @rule(early=EARLY, which=st.integers(0, 3), at=WHICH)
    def let_time_pass_to_an_edge(self, early: int, which: int, at: int) -> None:
        edges = self.edges()
        self._advance_to(edges[which % len(edges)], early, at)

    @precondition(lambda self: self.model.tokens)
    @rule(early=EARLY, at=WHICH)
    def use_a_token_at_its_end(self, early: int, at: int) -> None:
        token = self.model.tokens[-1]
        self._advance_to(token.until, early, at)
        self._invoke(token, "ONE", False, at)

    def _advance_to(self, instant: int | None, early: int, at: int) -> None:
        if instant is not None and instant - early >= self.model.now:
            self._advance(instant - early - self.model.now, at)

    def _advance(self, millis: int, at: int) -> None:
        status, document = self.control(at, "POST", "clock", {"advance": f"{millis}ms"})
        self.model.now += millis
        assert (status, document["now"]) == (200, self.model.now)
        self.run(self.labs.settle())
        assert all(server.clock.now() == self.model.now for server in self.labs.awake)
        self.land()

    @rule(at=WHICH)
    def list_jobs(self, at: int) -> None:
        """All jobs in order, with what they wait for; so one whose answer got lost is found again, until it is forgotten."""
        listed = self.control(at, "GET", "jobs")[1]["jobs"]
        jobs = [job for job in self.model.jobs if not job.gone(self.model.now)]
        assert len(listed) == len(jobs)
        for job, found in zip(jobs, listed, strict=True):
            stand = job.at(self.model.now)
            assert job.id in (None, found["job"])
            job.id = found["job"]
            assert (found["status"], found["until"]) == (stand.status, stand.until)
            votes = found["gate"]["votes"] if found["gate"] else []
            assert [vote["at"] for vote in votes] == [vote.at for vote in stand.cast]

    @precondition(lambda self: len(self.labs.facts) > self.taken_up + 1)
    @rule(at=WHICH)
    def restart(self, at: int) -> None:
        """A process is killed, and another takes up what was acknowledged; answers under way are lost."""
        number = at % len(self.labs.servers)
        self.taken_up = len(self.labs.facts)
        self.run(self.labs.restart(number))
        self.say(f"process {number} was killed, and another started")
        lost = [flight for flight in self.flights if flight.peer.transport.over]
        assert all(flight.peer.answer() is None for flight in lost)
        self.flights = [flight for flight in self.flights if flight not in lost]

    @precondition(lambda self: self.flights)
    @rule(at=WHICH)
    def restart_with_grace(self, at: int) -> None:
        """A process ends in order: answers under way leave, each as the last of its connection."""
        number = at % len(self.labs.servers)
        stopping = self.run(self.labs.servers[number].retire())
        own = [flight for flight in self.flights if flight.process == number]
        assert not (own and stopping.done())
        for flight in own:
            flight.last = True
        self._advance(max(flight.due for flight in self.flights) - self.model.now, at)
        self.run(asyncio.wait({stopping}, timeout=60))
        assert stopping.done() and all(flight.peer.transport.over for flight in own)
        self.restart(number)

    # What always holds

    def check_always(self) -> None:
        """Facts come in order, and a job moves along the table: out of an ending never."""
        self.run(self.labs.settle())  # of two processes the first may not have folded yet what the other committed
        last = self.labs.facts[-8:]
        assert all(before.at <= after.at <= self.model.now for before, after in pairwise(last))
        for job in self.model.jobs:
            if job.id is None:
                continue
            view = self.labs.awake[0].service.look(job.id, self.model.now)
            assert (view is None) == job.gone(self.model.now)
            if view is None:
                continue
            word = str(view.span.status)
            before = self.last_status.get(job.id, word)
            assert word == before or Status(word) in MOVES[Status(before)], f"{before} -> {word}"
            self.last_status[job.id] = word

    def teardown(self) -> None:
        failing = sys.exc_info()[0] is not None
        note("\n".join(self.transcript))
        try:
            if not failing:
                self._check_all()
        finally:
            self.run(self.labs.stop())
            self.loop.close()
        if not failing:
            self._one_answer_a_request()

    def _check_all(self) -> None:
        self.list_jobs(0)
        decided = Counter((fact.job, fact.round) for fact in self.labs.facts if isinstance(fact, GateDecided))
        team = {job.id: job.team for job in self.model.jobs}
        assert all(count <= APPROVALS[team[job]] for (job, _), count in decided.items()), "decided twice"
        journaled = [fact for fact in self.labs.facts if not isinstance(fact, NumberUsed | RecordsDropped)]
        assert self.noted == journaled or len(self.labs.servers) > 1, "the journal holds what was told"
        folded = MemoryLedger()
        folded.commit(self.labs.facts)
        for records in self.run(self.labs.records()):
            assert folded._records == records, "folding the journal gives another state"

    def _one_answer_a_request(self) -> None:
        """To be called once all have ended: each request has one answer, whole or cut."""
        for observed in self.exchanges.values():
            requests = Counter(each.x for each in observed if isinstance(each, Requested))
            replies = Counter(each.x for each in observed if isinstance(each, Replied))
            assert requests == replies and set(requests.values()) <= {1}, f"{requests} requests, {replies} replies"


class SharedLabDays(LabDays):
    """The same at two processes, with what they share in a store."""

    make_labs: ClassVar[Callable[[Config, Callable[[int, Observation], None]], MemoryLabs]] = SharedLabs
    labs: SharedLabs

    def __init__(self) -> None:
        super().__init__()
        self.past: list[tuple[int, Model]] = []
        """What the model said when the log had so many commits."""

    @precondition(lambda self: self.model.jobs)
    @rule(job=WHICH, verdict=VERDICT, name=NAME, millis=st.sampled_from([0, 1, POLLED, 2_000, 60_000]), at=WHICH)
    def hang_with_a_decision(self, job: int, verdict: str, name: str, millis: int, at: int) -> None:
        """A process stands still with what it has tried, while others go on; what it does then is done of now."""
        number, target = at % 2, self.job(job)
        if target.id is None:
            self.list_jobs(at)
        if any(flight.process == number for flight in self.flights):
            return  # its answers would be late, and nobody can say by how much
        hang, body = self.labs.hang(number), {"gate": "boss", "verdict": verdict, "by": name, "comment": "Late."}
        hang.hangs = True

        async def begin() -> "asyncio.Task[tuple[int, Any]]":
            call = self.server(number).control("POST", f"jobs/{target.id}/decisions", body)
            deciding = asyncio.create_task(call)
            while hang.over.is_set() and not deciding.done():
                await breathe()
            return deciding

        deciding = self.run(begin())
        hung, hang.hangs = not hang.over.is_set(), False
        self.say(f"process {number} {'hangs' if hung else 'would hang'} with {verdict} for {target.id}")
        self.labs.store.wall += 60_000
        if millis:
            self._advance(millis, number + 1 if hung else number)
        hang.over.set()
        status, document = self.run(wait_for(deciding))
        self.say(f"process {number} goes on -> {status} {document}")
        if hung:
            expected = self.vote(target, verdict, name, "Late.")
            assert status == expected, f"{status} instead of {expected}: {document}"
        else:
            assert status in (404, 409), "it wanted to commit nothing"
        self.land()

    @precondition(lambda self: self.past and not self.flights)
    @rule(which=WHICH, at=WHICH)
    def set_back(self, which: int, at: int) -> None:
        """The store comes back older, to a state of the same instant: all forget what was since."""
        head = self.labs.commits[-1].position if self.labs.commits else 0
        states = [state for state in self.past if state[0] < head and state[1].now == self.model.now]
        if not states:
            return
        position, model = states[-1 - which % len(states)]
        self.run(self.labs.settle())
        self.run(self.labs.set_back(position))
        self.past = [state for state in self.past if state[0] <= position]
        self.model = deepcopy(model)
        self.last_status.clear()  # a job may be where it was before
        self.taken_up = min(self.taken_up, len(self.labs.facts))
        self.say(f"the store was set back from {head} to {position}")
        self.land()
        assert all(server.calls and server.calls.set_back is not None for server in self.labs.servers)
        self.list_jobs(at)

    def check_always(self) -> None:
        super().check_always()
        head = self.labs.commits[-1].position if self.labs.commits else 0
        if not self.flights and (not self.past or self.past[-1][0] != head):
            self.past.append((head, deepcopy(self.model)))


class RedisDays(SharedLabDays):
    """The same on a real Redis."""

    make_labs: ClassVar[Callable[[Config, Callable[[int, Observation], None]], MemoryLabs]] = RedisLabs


async def wait_for(task: "asyncio.Task[_Chosen]") -> _Chosen:
    """What it gives."""
    return await task


def play(number: int, machine: type[LabDays] = LabDays, *, days: int = 1, shrink: bool = True) -> None:
    """Play days that are made of a number; AssertionError, with the shortest day that shows it in its notes."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    chosen = settings(
        max_examples=days + 1, stateful_step_count=STEPS, database=None, deadline=None, phases=phases,
        suppress_health_check=tuple(HealthCheck), print_blob=False, report_multiple_bugs=False,
    )  # fmt: skip
    # the first of them is always the simplest of all: nothing but the first rule
    run_state_machine_as_test(seed(number)(machine), settings=chosen)  # type: ignore[no-untyped-call]


LABS = {"memory": LabDays, "shared": SharedLabDays, "redis": RedisDays}


def main(labs: str, count: int, first: int = 0) -> int:
    """Play that many; 1 if one of them fails."""
    failed, begun = 0, real_millis()
    logging.disable()  # what was planned to go wrong
    for number in range(first, first + count):
        try:
            play(number, LABS[labs], shrink=count == 1)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is told, and the others are played
            failed += 1
            print(f"seed {number}: {type(fault).__name__}: {fault}", *getattr(fault, "__notes__", ()), sep="\n")
        if (number - first + 1) % 1_000 == 0:
            print(f"{number - first + 1:,} played", flush=True)
    print(f"{failed} of {count:,} seeds failed on {labs}, in {(real_millis() - begun) // 1_000} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))

"""Random days of a mock: whatever peers do, the invariants hold and the recording replays."""

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from lab.core.exchange import Response
from lab.core.observe import Noted, Replied
from lab.faults.facts import FaultStruck
from lab.identity.clients import DEMO
from lab.jobs.facts import GateDecided, JobAccepted
from lab.program.words import Status
from lab.recording.format.facts import FACTS
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import examples
from tests.moves import MOVES
from tests.wire_peer import OTHER, invoke, service, status, token
from tests.wire_peer import read as body_of

VERDICTS = ("changes-requested", "approved", "rejected", "maybe")
ACTIONS = ("APPROVE_ACTION", "REJECT_ACTION", "RFI_ACTION", "ORA_TIMEOUT")


FAULTS = (
    {"route": "status", "calls": "every 2", "answer": 503, "retry_after": "2s"},
    {"route": "status", "calls": "2-3", "strike": "reset"},
    {"route": "status", "chance": "50%", "strike": "stall"},
    {"route": "status", "expire_token": True},
    {"route": "invoke", "strike": "truncate"},
    {"route": "invoke", "lose_reply": True},
)


class Day(RuleBasedStateMachine):
    """Two clients, one scenario with a gate that loops and a wait, one clock that only goes on."""

    switches: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.lines: list[bytes] = []
        self.mock = service(**self.switches)
        self.tape = Tape(
            self.mock,
            self.lines.append,
            recording_header(self.mock.config, lab="0.1.0"),
        )
        self.facts: list[Noted] = []
        self.mock.observers += [self.tape, self._note]
        self.bearers: dict[str, str] = {}
        self.jobs: dict[str, str] = {}
        self.seen: dict[str, str] = {}

    def _note(self, observation: object) -> None:
        if isinstance(observation, Noted):
            self.facts.append(observation)
            if isinstance(observation.fact, JobAccepted):
                self.jobs[observation.fact.job] = observation.fact.client

    def _send(self, request):
        reply = self.mock.serve(request, self.now)
        over = reply.deliver(self.now)
        self.mock.tell(Replied(over.at, reply.x, over.response, reply.latency, cut=over.cut, sent=over.sent))
        self.now = over.at
        struck = isinstance(self.facts[-1].fact, FaultStruck) and self.facts[-1].x == reply.x if self.facts else False
        assert struck or reply.response.status in range(200, 500)
        return Response(0) if struck else reply.response

    @rule(client=st.sampled_from([DEMO, OTHER]))
    def fetch_a_token(self, client):
        self.bearers[client.id] = token(_Through(self), self.now, client)

    @rule(millis=st.sampled_from([1, 500, 2_000, 59_999, 60_000, 90_000, 3_600_000]))
    def let_time_pass(self, millis):
        self.now += millis

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), early=st.integers(0, 1))
    def let_time_pass_until_a_job_moves(self, data, early):
        looked = self.mock.look(data.draw(st.sampled_from(sorted(self.jobs))), self.now)
        if looked.span.until is not None:
            self.now = max(self.now, looked.span.until - early)

    @precondition(lambda self: self.bearers)
    @rule(
        data=st.data(),
        message=st.sampled_from(["Taxi 42", "Taxi 7", "Taxi 8", "Bus", "", "yes"]),
        keep=st.booleans(),
        version=st.sampled_from([None, 3, 99]),
    )
    def start_or_go_on(self, data, message, keep, version):
        client = data.draw(st.sampled_from(sorted(self.bearers)))
        thread = None
        if keep and self.jobs:
            looked = self.mock.look(data.draw(st.sampled_from(sorted(self.jobs))), self.now)
            thread = looked.record.conversation
        sent = {"message": message, "conversational": True, "conversationId": thread, "version": version}
        self._send(invoke(self.bearers[client], sent))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def poll(self, data):
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        response = self._send(status(self.bearers[self.jobs[job]], job))
        if response.status != 200:
            assert response.status in (0, 401)
            return
        word = str(body_of(response)["status"])
        before = self.seen.get(job)
        # between two polls a job may have moved on more than once, but never out of an ending
        assert before is None or word == before or MOVES[Status(before)]
        self.seen[job] = word

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verdict=st.sampled_from(VERDICTS), comment=st.sampled_from(["Again.", "«odd»", None]))
    def decide(self, data, verdict, comment):
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        before = len(self.facts)
        ruling = self.mock.decide(job, "the-boss", verdict, self.now, name="ann", comment=comment)
        assert (ruling.status == 200) == (len(self.facts) == before + 1)
        assert ruling.status == 200 or ruling.why

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), action=st.sampled_from(ACTIONS), content=st.sampled_from([None, "Cheaper, please."]))
    def resume(self, data, action, content):
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        bearer = self.bearers[self.jobs[job]]
        response = self._send(status(bearer, job))
        node = body_of(response).get("waitingNodeDetails") if response.status == 200 else None
        given = {"messageInstanceId": (node or {}).get("callbackToken") or "none", "userResponse": action}
        if content:
            given["content"] = content
        self._send(invoke(bearer, {"message": "", "jobId": job, "resumeInput": given}))

    @rule(fault=st.sampled_from(FAULTS))
    def arm(self, fault):
        assert self.mock.arm(fault, self.now).status == 200

    @rule(data=st.data())
    def disarm(self, data):
        armed = [each.name for each in self.mock.faults() if each.scenario is None]
        if armed:
            assert self.mock.disarm(data.draw(st.sampled_from(armed)), self.now).status == 200

    @rule(client=st.sampled_from(["demo", "other"]), do=st.sampled_from(["expire", "revoke"]))
    def end_tokens(self, client, do):
        self.mock.end_tokens(client, do, self.now)

    @rule()
    def rotate_key(self):
        self.mock.rotate_key(self.now)

    @invariant()
    def every_opening_took_one_decision(self):
        taken = [(n.fact.job, n.fact.gate, n.fact.round) for n in self.facts if isinstance(n.fact, GateDecided)]
        assert len(taken) == len(set(taken))

    def teardown(self):
        again = service(**self.switches)
        for observation in self.facts:
            again.note(observation.fact)
        for job in self.jobs:
            assert again.status_of(job, self.now) == self.mock.status_of(job, self.now)
        self.tape.close(self.now)
        recording = read(b"".join(self.lines))
        derived = [entry for entry in recording.facts() if FACTS[entry.type].kind == "derived"]
        for job in self.jobs:
            expected = [each.type for each in self.mock.derived(job, self.now).facts if each.kind == "derived"]
            assert [entry.type for entry in derived if entry.get("job") == job] == expected
        result = replay(recording, self.mock.config.scenarios, clients=self.mock.config.clients)
        assert result.passed, result.text()
        assert self.tape.dead is None


class _Through:
    """Lets the peer's `token` send through the machine, so that its reply is told."""

    def __init__(self, day: Day) -> None:
        self._day = day

    def serve(self, request, now):
        self._day._send(request)
        found = self._day.facts[-1].fact
        return _Reply(found.token)


class _Reply:
    def __init__(self, bearer: str) -> None:
        from lab.core.exchange import Response

        self.response = Response(200, (), b'{"access_token":"' + bearer.encode() + b'"}')


class OtherIds(Day):
    """The same where jobs get further ids, keys are looked at, and a third API speaks of the same jobs."""

    switches: ClassVar[dict[str, str]] = {"resume_job_id": "new", "idempotency_key": "on"}

    def __init__(self) -> None:
        super().__init__()
        self.aliases: dict[str, str] = {}

    @precondition(lambda self: self.bearers)
    @rule(data=st.data(), key=st.sampled_from(["k-1", "k-2", ""]), message=st.sampled_from(["Taxi 1", "Taxi 2"]))
    def invoke_under_a_key(self, data, key, message):
        client = data.draw(st.sampled_from(sorted(self.bearers)))
        request = invoke(self.bearers[client], {"message": message, "conversational": True})
        before = len(self.facts)
        self._send(replace(request, headers=(*request.headers, ("idempotency-key", key))))
        accepted = [noted.fact for noted in self.facts[before:] if isinstance(noted.fact, JobAccepted)]
        used = [fact for fact in (noted.fact for noted in self.facts[:before]) if isinstance(fact, JobAccepted)]
        keys = [fact.idempotency for fact in used if fact.client == client]
        assert not accepted or (accepted[0].idempotency == key and key and key not in keys)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), action=st.sampled_from(ACTIONS))
    def resume_and_look_under_the_fresh_id(self, data, action):
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        named = data.draw(st.sampled_from([job, *(alias for alias, own in self.aliases.items() if own == job)]))
        bearer = self.bearers[self.jobs[job]]
        response = self._send(status(bearer, named))
        node = body_of(response).get("waitingNodeDetails") if response.status == 200 else None
        given = {
            "messageInstanceId": (node or {}).get("callbackToken") or "none",
            "userResponse": action,
            "content": "x",
        }
        response = self._send(invoke(bearer, {"message": "", "jobId": named, "resumeInput": given}))
        if response.status == 202:
            alias = str(body_of(response)["jobId"])
            assert alias not in self.jobs and alias not in self.aliases
            self.aliases[alias] = job
        for alias, own in self.aliases.items():
            assert self.mock.derived(alias, self.now) == self.mock.derived(own, self.now)


TestDay = Day.TestCase
TestOtherIds = OtherIds.TestCase
TestOtherIds.settings = settings(examples(6, thorough=200), stateful_step_count=40)
TestDay.settings = settings(examples(10, thorough=400), stateful_step_count=40)

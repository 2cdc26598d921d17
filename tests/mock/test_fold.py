"""State is a fold over the facts, whole: a mock that is made again of them goes on exactly as the first one would."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.exchange import Json, Request
from lab.core.journal.fact import Fact
from lab.core.journal.numbers import NumberUsed
from lab.dialects.fusion.routes import API
from lab.identity.clients import DEMO, JANE
from lab.identity.scopes import OFFLINE
from lab.jobs.facts import JobAccepted, JobRecord
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.history import History
from lab.mock.service import Service
from lab.recording.format.journal_lines import JournalHeader, facts_line, header_line, read_journal
from tests.conftest import each_row, examples
from tests.journals import sealed_lines
from tests.wire_peer import (
    ASSERTION_GRANT,
    DEVICE_GRANT,
    DOCUMENT,
    OTHER,
    SCOPE,
    TV,
    assertion,
    authorize_request,
    basic,
    code_exchange,
    form_post,
    invoke,
    redirect_parameters,
    service,
    status,
    token,
    token_request,
)

STAY = f"{SCOPE} {OFFLINE}"
RIGHT_USER = basic(JANE.name, JANE.password)
HEADER = JournalHeader(lab="0", seed=42, epoch=0, clock="manual", issuer="x", scenarios=())
Step = tuple[str, int, int]
Call = Callable[[Service], object]


def answered(request: Request, now: int) -> Call:
    """A call over the wire: all that its peer can see of the answer."""

    def call(mock: Service) -> object:
        reply = mock.serve(request, now)
        over = reply.deliver(now)
        return over.response, over.at, over.cut, over.loss

    return call


FAULTS = (
    {"route": "status", "calls": "every 2", "answer": 503, "retry_after": "2s"},
    {"route": "token", "calls": "2-3", "answer": 503},
    {"route": "token", "chance": "50%", "strike": "reset"},
    {"route": "invoke", "calls": "every 3", "lose_reply": True},
    {"route": "status", "expire_token": True, "calls": "3"},
)


class Peer:
    """Makes calls of numbers, and remembers what the mock that answers first has given."""

    def __init__(self, mock: Service) -> None:
        self.mock = mock
        self.now = 0
        self.bearers: list[str] = [token(mock), token(mock, 0, OTHER)]
        self.refreshes: list[str] = ["none"]
        self.codes: list[str] = ["none"]
        self.devices: list[tuple[str, str]] = [("none", "none")]
        self.jobs: list[str] = ["none"]
        self.owners: dict[str, str] = {}
        """The bearer with which each job was begun."""
        self.bearer = ""
        self.edits = 0
        mock.journals.append(self._look)

    def _look(self, facts: list[Fact]) -> None:
        jobs = [fact.job for fact in facts if isinstance(fact, JobAccepted)]
        self.jobs += jobs
        self.owners |= dict.fromkeys(jobs, self.bearer)

    def call(self, name: str, a: int, b: int) -> Call:
        """One more call, not made yet."""
        self.now += (0, 1, 700, 5_000, 61_000, 3_600_000)[b % 6] if name == "time" else 1
        sent = getattr(self, f"_{name}")(a, b)
        return answered(sent, self.now) if isinstance(sent, Request) else sent

    def learn(self, got: object) -> None:
        """Take what an answer gives."""
        response = got[0] if isinstance(got, tuple) else None
        if response is None or not response.body.startswith(b"{"):
            self.codes += [code] if response is not None and (code := redirect_parameters(response).get("code")) else []
            return
        body = json.loads(response.body)
        self.bearers += [body["access_token"]] if "access_token" in body else []
        self.refreshes += [body["refresh_token"]] if "refresh_token" in body else []
        self.devices += [(body["device_code"], body["user_code"])] if "device_code" in body else []

    def _time(self, a: int, b: int) -> Call:
        return lambda mock: None

    def _token(self, a: int, b: int) -> Request:
        client = (DEMO, OTHER)[a % 2]
        return token_request("client_credentials", basic(client.id, client.secret if b % 4 else "wrong-secret"))

    def _login(self, a: int, b: int) -> Request:
        return token_request("password", username=JANE.name, password=JANE.password if b % 4 else "x", scope=STAY)

    def _refresh(self, a: int, b: int) -> Request:
        return token_request("refresh_token", refresh_token=_of(self.refreshes, a), scope="")

    def _assert(self, a: int, b: int) -> Request:
        audience = ["https://identity.oraclecloud.com/", "http://127.0.0.1"]
        return token_request(ASSERTION_GRANT, assertion=assertion(self.now, jti=f"j-{a % 3}", aud=audience))

    def _authorize(self, a: int, b: int) -> Request:
        return authorize_request(answer="allow" if b % 3 else None, scope=STAY)

    def _exchange(self, a: int, b: int) -> Request:
        return code_exchange(_of(self.codes, a))

    def _device(self, a: int, b: int) -> Request:
        return form_post("/oauth2/v1/device", None, client_id=TV.id, scope=SCOPE, response_type="device_code")

    def _device_poll(self, a: int, b: int) -> Request:
        return token_request(DEVICE_GRANT, None, client_id=TV.id, device_code=_of(self.devices, a)[0])

    def _device_answer(self, a: int, b: int) -> Call:
        code, answer, now = _of(self.devices, a)[1], ("approve", "deny")[b % 2], self.now
        return lambda mock: mock.answer_device(code, answer, now)

    def _revoke(self, a: int, b: int) -> Request:
        return form_post("/oauth2/v1/revoke", token=_of(self.bearers + self.refreshes, a))

    def _introspect(self, a: int, b: int) -> Request:
        return form_post("/oauth2/v1/introspect", token=_of(self.bearers + self.refreshes, a))

    def _end_tokens(self, a: int, b: int) -> Call:
        client, do, now = ("demo", "other", TV.id)[a % 3], ("expire", "revoke")[b % 2], self.now
        return lambda mock: mock.end_tokens(client, do, now) if b < 8 else None

    def _rotate(self, a: int, b: int) -> Call:
        now = self.now
        return lambda mock: mock.rotate_key(now)

    def _keys(self, a: int, b: int) -> Request:
        path = ("/admin/v1/SigningCert/jwk", "/.well-known/jwks.json")[a % 2]
        return Request("GET", path, headers=(("authorization", f"Bearer {_of(self.bearers, b)}"),))

    def _pod(self, a: int, b: int) -> Request:
        bearer = ("authorization", f"Bearer {_of(self.bearers, a)}")
        cookies = (("cookie", "JSESSIONID=1"), ("x-xsrf-token", "x"))
        return (
            Request("GET", f"{API}/authz/v1/tokens", headers=(bearer,)),
            Request("GET", "/fscmRestApi/tokenrelay", headers=cookies),
            Request("GET", "/fscmRestApi/anticsrf", headers=cookies),
            Request("GET", "/api/rwdtools/tokenrelay", "servicetype=fusion-ai", (("authorization", RIGHT_USER),)),
        )[b % 4]

    def _document(self, a: int, b: int) -> Request:
        file = {
            "fileContent": "JVBERi0xLjc=", "description": "", "title": "", "fileName": "a.pdf", "size": 8,
            "mediaType": "application/octet-stream", "parse": bool(b % 2),
        }  # fmt: skip
        request = invoke(_of(self.bearers, a), file)
        return replace(request, path=f"{API}/agent/v1/documents")

    def _invoke(self, a: int, b: int) -> Request:
        thread = None
        if b % 3 == 1 and (look := self.mock.look(_of(self.jobs, a), self.now)):
            thread = look.record.conversation
        message = ("Taxi 42", "Bus", "Taxi 7", "\ud83d \u2028", "")[a % 5]
        self.bearer = _of(self.bearers, b)
        sent = {"message": message, "conversational": bool(b % 4), "conversationId": thread}
        request = invoke(self.bearer, sent | {"version": (None, 3, 99)[a % 3]})
        keyed = (*request.headers, ("idempotency-key", f"k-{a % 3}"))
        return replace(request, headers=keyed) if b % 5 == 0 else request

    def _poll(self, a: int, b: int) -> Request:
        job = _of(self.jobs, a)
        return status(self.owners.get(job, "none"), job)

    def _decide(self, a: int, b: int) -> Call:
        job, verdict, now = _of(self.jobs, a), ("approved", "rejected", "changes-requested")[b % 3], self.now
        return lambda mock: mock.decide(job, "the-boss", verdict, now, comment="Cheaper.")

    def _resume(self, a: int, b: int) -> Request:
        job = _of(self.jobs, a)
        bearer = self.owners.get(job, "none")
        look = self.mock.status_of(job, self.now)
        node = json.loads(look).get("waitingNodeDetails") if look else None
        sent = {"messageInstanceId": (node or {}).get("callbackToken") or "none", "content": "Cheaper."}
        sent["userResponse"] = ("APPROVE_ACTION", "RFI_ACTION", "ORA_TIMEOUT")[b % 3]
        return invoke(bearer, {"message": "", "jobId": job, "resumeInput": sent})

    def _arm(self, a: int, b: int) -> Call:
        now, fault = self.now, dict(FAULTS[a % len(FAULTS)])
        if b % 3:
            return lambda mock: mock.arm(fault, now)
        return lambda mock: mock.disarm(next((each.name for each in mock.faults()), "none"), now)

    def _edit(self, a: int, b: int) -> Call:
        self.edits += 1
        scenario, now = edited(f"Edit {self.edits}."), self.now
        return lambda mock: mock.load(scenario, now) if b < 30 else None

    def _reset(self, a: int, b: int) -> Call:
        now = self.now
        return lambda mock: mock.reset(now) if b == 0 else None


def _of(values: list, number: int):
    # the latest first: what was given last is asked for most
    return values[-1 - number % len(values)]


def edited(text: str) -> Program:
    document = {
        **DOCUMENT,
        "steps": [{"work": "read", "takes": "1s"}, {"complete": "done", "output": text}],
        "data": {},
    }
    source = json.dumps(document)
    return program_of(parse_scenario(source, "expense.yaml"), f"digest of {text}", {}, source)


NAMES = (
    "arm assert authorize decide device device_answer device_poll document edit end_tokens exchange introspect invoke "
    "keys login pod poll refresh reset resume revoke rotate time token invoke poll resume decide edit time invoke poll"
).split()
"""What jobs are made of stands there more than once: most of what is drawn should be about them."""
STEPS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 29), st.integers(0, 59)), min_size=20, max_size=60)
SWITCHES = (
    {"authorize": "page", "idempotency_key": "on"},
    {"authorize": "auto", "profile": "rfc", "resume_job_id": "new"},
    {"answer_by_message": True, "timeout_action": True, "refresh_rotation": False},
)


def from_disk(lines: list[bytes]) -> list[Fact]:
    """The facts after they lay in a journal file."""
    data = b"".join(sealed_lines([header_line(HEADER), *lines]))
    read = read_journal(data, "journal")
    assert read.header == HEADER and read.whole == len(data) and read.damage is None
    return read.history.facts


@pytest.mark.long
@settings(examples(12, thorough=2_000))
@given(steps=STEPS, cut=st.integers(0, 59), switches=st.sampled_from(SWITCHES))
def test_a_new_mock_of_the_same_facts_goes_on_as_the_first_one_would(
    steps: list[Step], cut: int, switches: dict[str, object]
) -> None:
    mock = service(**switches)
    lines: list[bytes] = []
    mock.journals.append(lambda facts: lines.append(facts_line(facts)))
    peer = Peer(mock)
    again: Service | None = None
    for place, step in enumerate(steps):
        if place == cut % len(steps):
            again = service(**switches)
            again.rewind(tuple(from_disk(lines)), peer.now)
            assert again.ledger._records == mock.ledger._records
        call = peer.call(*step)
        got = call(mock)
        peer.learn(got)
        if again is not None:
            assert call(again) == got, step
    assert again is not None and again.ledger._records == mock.ledger._records
    assert [again.status_of(job, peer.now) for job in peer.jobs] == [mock.status_of(job, peer.now) for job in peer.jobs]


# Single edges


def journaled(mock: Service) -> list[Fact]:
    facts: list[Fact] = []
    mock.journals.append(facts.extend)
    return facts


def test_an_assertion_that_was_used_stays_used() -> None:
    mock = service(assertion_jti="single")
    facts = journaled(mock)
    once = token_request(ASSERTION_GRANT, assertion=assertion())
    assert mock.serve(once, 0).response.status == 200
    mock.rewind(tuple(facts), 0)
    assert mock.serve(once, 1).response.status == 400


def test_a_refused_call_returns_its_number_and_a_struck_one_none() -> None:
    mock = service()
    facts = journaled(mock)
    wrong = token_request("client_credentials", basic(DEMO.id, "wrong"))
    mock.serve(wrong, 5)
    assert facts == [NumberUsed(at=5, counter="ecid", value=1)]
    facts.clear()
    mock.arm({"route": "token", "strike": "reset"}, 6)
    mock.serve(token_request("client_credentials"), 7)
    assert [fact.type for fact in facts] == ["fault.armed", "call.counted"]


def test_a_job_whose_texts_fail_uses_its_number_up() -> None:
    broken = {
        **DOCUMENT,
        "steps": [
            {"work": "read", "takes": "1s", "says": "{{ 1 // (match.sum | int) }}"},
            {"complete": "done", "output": "x"},
        ],
    }
    mock = service(broken)
    facts = journaled(mock)
    bearer = token(mock)
    assert mock.serve(invoke(bearer, {"message": "Taxi 0"}), 1).response.status == 503
    assert facts[1:] == [NumberUsed(at=1, counter="job/demo/expense", value=1)]
    mock.serve(invoke(bearer, {"message": "Taxi 2"}), 2)
    assert isinstance(facts[-1], JobAccepted) and facts[-1].ordinal == 2


def test_a_history_forgets_what_was_cleared_or_never_was_but_keeps_edits() -> None:
    mock, history = service(), History()
    mock.journals.append(history.add)
    token(mock)
    mock.load(edited("Edited."), 5)
    mock.reset(6)
    assert [fact.type for fact in history.facts] == ["scenario.loaded"]
    token(mock, 7)
    token(mock, 8)
    mock.load(edited("Later."), 9)
    mock.rewind(tuple(history.until(7)), 7)
    assert [(fact.type, fact.at) for fact in history.facts] == [
        ("scenario.loaded", 5),
        ("token.granted", 7),
        ("scenario.loaded", 7),
    ]
    assert history.now == 7


@each_row("text", ["\ud800", "\u2028", "\x00", "🚕", '"'])
def test_every_text_that_a_client_may_send_comes_back_from_disk(text: str) -> None:
    fact = JobAccepted(
        at=1, job="j", client="demo", turn=1, team="T", ordinal=1, drawn={"data/x": 1e300, "data/y": 12345678901234567890123},
        input={"message": text, "parameters": {"a": [1, 1.0, -0.0, True, None]}},
    )  # fmt: skip
    (back,) = from_disk([facts_line([fact])])
    assert repr(back) == repr(fact)


@each_row("odd", ["é\ud800", 2**70, -(2**70), 1e300, 1.0, -0.0, True, None, "\x7f\u2028", {"": []}])
def test_a_record_holds_what_a_request_said(odd: Json) -> None:
    fact = JobAccepted(at=1, job="j", client="demo", turn=1, team="T", ordinal=1, input={"message": odd}, drawn={})
    record = next(record for _, record in fact.fold(lambda key: None) if isinstance(record, JobRecord))
    assert repr(json.loads(record.input)) == repr(fact.input)

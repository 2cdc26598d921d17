"""What the pod gives out never reaches disk, and its routes replay."""

import json
from base64 import b64encode
from collections.abc import Callable, Collection
from hashlib import sha256

from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.dialects.fusion.routes import API, WORKFLOWS
from lab.dialects.router import ROUTER
from lab.identity.clients import DEMO, JANE
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.mock.test_planned import KERNEL_ROUTES, request_on
from tests.recording.joined import SCENARIO, Joined, config, scenario
from tests.shapes import switched
from tests.wire_peer import basic, token_request
from tests.wire_peer import read as json_of

COOKIE, XSRF, WRONG = "JSESSIONID=super-secret-session", "my-own-xsrf-token", "not-her-password"


class Pod(Joined):
    """A mock with a tape, asked one thing a second."""

    def __init__(self, program: Program | None = None, **switches: object) -> None:
        super().__init__(replace(config(program=program), switches=switched(switches)))

    def get(self, path: str, query: str = "", **headers: str) -> Response:
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return self.ask(Request("GET", path, query, pairs))

    def post(self, path: str, bearer: str, body: object) -> Response:
        headers = (("authorization", f"Bearer {bearer}"), ("content-type", "application/json"))
        return self.ask(Request("POST", path, "", headers, json.dumps(body).encode()))


def test_tokens_from_the_pod_replay_and_nothing_secret_is_on_disk() -> None:
    pod = Pod(local_orchestrator="on")
    status = ROUTER.path("status", code="EXPENSES", job="x")
    login = json_of(pod.ask(token_request("password", username=JANE.name, password=JANE.password)))["access_token"]
    named = json_of(pod.get(f"{API}/authz/v1/tokens", authorization=f"Bearer {login}"))
    for bearer, code in zip(named.values(), (404, 401), strict=True):
        assert pod.get(status, authorization=f"Bearer {bearer}").status == code
    for said, items in (("workflowCode='EXPENSES'", 1), ("workflowCode='NONE'", 0)):
        listed = pod.get(WORKFLOWS, f"$filter={said}", authorization=f"Bearer {named['boss']}")
        assert len(json_of(listed)["items"]) == items
    assert pod.get("/api/boss/data/objects/TOOLS").status == 404
    given = str(json_of(pod.get("/fscmRestApi/anticsrf", cookie=COOKIE))["xsrftoken"])
    for xsrf in (given, XSRF):
        relayed = json_of(pod.get("/fscmRestApi/tokenrelay", cookie=COOKIE, x_xsrf_token=xsrf))["access_token"]
    assert pod.get("/fscmRestApi/tokenrelay", cookie=COOKIE).status == 401
    right = basic(JANE.name, JANE.password)
    bare = pod.get("/api/rwdtools/tokenrelay", "servicetype=fusion-ai&username=jane&scope=/", authorization=right)
    assert pod.get("/internal/v1/authz/tokens", authorization=f"Bearer {bare.body.decode()}").status == 200
    wrong = basic(JANE.name, WRONG)
    assert pod.get("/api/rwdtools/tokenrelay", "servicetype=boss", authorization=wrong).status == 401
    result = replay(pod.closed(), [scenario()])
    assert result.passed, result.text()
    text = pod.data.decode()
    secrets = (COOKIE, XSRF, WRONG, JANE.password, given, str(relayed), bare.body.decode(), *map(str, named.values()))
    for secret in (*secrets, right.partition(" ")[2], wrong.partition(" ")[2], "eyJ", DEMO.secret):
        assert secret not in text, secret
    assert '"body":"lab-T' in text and '"fusion-ai":"lab-T' in text and "Basic lab-U1-password" in text
    grants = [line.text("grant") for line in read(pod.data).facts() if line.type == "token.granted"]
    assert grants == ["password", *["pod_tokens"] * 2, *["token_relay"] * 2, "basic_relay", *["pod_tokens"] * 2]


def test_latencies_and_faults_on_every_route_replay_byte_for_byte() -> None:
    assert_replays_with_faults_on(KERNEL_ROUTES, request_on)


def assert_replays_with_faults_on(
    routes: Collection[str], request_on: Callable[[str, Callable[[Request], Response], str], Request]
) -> None:
    """A recording in which each route is asked three times, and now and then late or refused."""
    planned = dict.fromkeys(routes, "30ms")
    faults = [{"route": route, "calls": 2, "delay": "1s"} for route in routes]
    faults += [{"route": route, "calls": 3, "chance": "50%", "answer": 503} for route in routes]
    text = SCENARIO.replace("latency: ", f"faults: {json.dumps(faults)}\nlatency: {json.dumps(planned)}\nstory: x #")
    program = program_of(parse_scenario(text, "expense-approval.yaml"), sha256(text.encode()).hexdigest())
    pod = Pod(program, local_orchestrator="on")
    bearer = str(json_of(pod.ask(token_request("client_credentials")))["access_token"])
    for route in routes:
        each = request_on(route, pod.ask, bearer)
        for _ in range(3):
            pod.ask(each)
    struck = sum(pod.service.strikes.values())
    assert struck > 1.2 * len(routes)
    result = replay(pod.closed(), [program])
    assert result.passed, result.text()
    assert result.again() == pod.data


def test_documents_replay_and_their_bytes_are_not_kept() -> None:
    pod = Pod()
    bearer = str(json_of(pod.ask(token_request("client_credentials")))["access_token"])
    content = b64encode(b"a file that nobody else may read " * 10_000).decode()
    file = {"fileName": "a.pdf", "fileContent": content, "parse": True}
    upload = json_of(pod.post(f"{API}/agent/v1/documents", bearer, file))
    pod.post(f"{API}/agent/v1/batch/documents", bearer, {"requests": [file, file | {"fileName": "b.pdf"}]})
    pod.post(f"{API}/agent/v1/documents", bearer, file | {"fileContent": content + "%"})
    attachment = {"entityName": "AGENT", "entityId": "7", "documentIds": [upload["documentId"]]}
    assert pod.post(f"{API}/agent/v1/attachDocuments", bearer, attachment).status == 200
    result = replay(pod.closed(), [scenario()])
    assert result.passed, result.text()
    assert content[:40] not in pod.data.decode() and len(pod.data) < 20_000


def test_a_tape_begun_late_replays_ids_of_documents_by_threading() -> None:
    pod = Pod()
    bearer = str(json_of(pod.ask(token_request("client_credentials")))["access_token"])
    file = {"fileName": "a.pdf", "fileContent": "", "parse": True}
    pod.post(f"{API}/agent/v1/documents", bearer, file)
    pod.lines.clear()
    header = recording_header(pod.service.config, lab="0.1.0", t=pod.now)
    second = Tape(pod.service, pod.lines.append, header)
    pod.service.observers[:] = [second]
    second.restate(snapshot(pod.service, pod.now), pod.now)
    pod.post(f"{API}/agent/v1/documents", bearer, file)
    second.close(pod.now)
    found = read(pod.data)
    assert sum(isinstance(line, Req) for line in found.lines) == 1
    result = replay(found, [scenario()])
    assert result.passed, result.text()

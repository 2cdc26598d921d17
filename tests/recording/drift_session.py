"""A client that asks everything of which the table of fidelity isn't sure: one session, of a lab with any settings."""

from collections.abc import Callable

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Request, Response
from lab.core.observe import Replied
from lab.dialects import wires
from lab.dialects.fusion.routes import API
from lab.identity.clients import DEMO, JANE
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.switches import Layers, Switches
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.shapes import read_switches
from tests.wire_peer import (
    ASSERTION_GRANT,
    EPOCH,
    SCOPE,
    assertion,
    authorize_request,
    basic,
    form,
    form_post,
    invoke,
    status,
    token_request,
)
from tests.wire_peer import read as object_of

GATED: dict[str, object] = {
    "lab": 1, "name": "gated", "title": "Gated", "agent": {"code": "GATED"}, "ask": "Go",
    "steps": [
        {"work": "read", "takes": "10s"},
        {"gate": "boss", "asks": "Pay?", "patience": "10m", "verdicts": {"changes-requested": "read"}, "rounds": 2},
        {"wait": "bank", "takes": "9m"},
        {"complete": "done", "output": "Paid."},
    ],
}  # fmt: skip
QUICK: dict[str, object] = {
    "lab": 1, "name": "quick", "title": "Quick", "agent": {"code": "QUICK", "version": 3}, "ask": "Go",
    "steps": [
        {"work": "read", "takes": "1s"},
        {"delegate": "check", "agent": "CHECKER", "takes": "1s", "output": "Checked."},
        {"complete": "done", "output": "Done."},
    ],
}  # fmt: skip
CLOSED: dict[str, object] = {**QUICK, "name": "closed", "agent": {"code": "CLOSED", "published": False}}
WORKFLOWS = "/api/boss/data/objects/ora/commonFusionAI/agents/v1/$en/workflows"


class Session:
    """A mock with a tape, and the one client that asks it."""

    def __init__(self, **switches: object) -> None:
        scenarios = tuple(program_of(parsed(Scenario, each)) for each in (GATED, QUICK, CLOSED))
        setup = Config(scenarios, Switches(), 42, EPOCH, scripted=False).settled(Layers(above=read_switches(switches)))
        self.service, self.lines, self.now = Service(setup), list[bytes](), 0
        self.tape = Tape(self.service, self.lines.append, recording_header(setup, lab="0.1.0"))
        self.service.observers.append(self.tape)

    def ask(self, request: Request, pause: Millis = 1_000) -> Response:
        """The whole answer, `pause` later."""
        self.now += pause
        reply = self.service.serve(request, self.now)
        whole, _ = reply.whole(self.now)
        self.service.tell(Replied(self.now, reply.x, whole, reply.latency))
        return whole

    def get(self, path: str, bearer: str = "", headers: Headers = ()) -> Response:
        headers = (("authorization", f"Bearer {bearer}"),) if bearer else headers
        return self.ask(Request("GET", path, headers=headers))

    def post(self, path: str, bearer: str, body: Json) -> Response:
        sent = invoke(bearer, body)
        return self.ask(Request("POST", path, headers=sent.headers, body=sent.body))

    def message(self, bearer: str, team: str = "QUICK", pause: Millis = 1_000, **body: Json) -> dict[str, object]:
        return object_of(self.ask(invoke(bearer, {"message": "Go", **body}, team), pause))

    def poll(self, bearer: str, job: object, team: str = "GATED", pause: Millis = 1_000) -> dict[str, object]:
        return object_of(self.ask(status(bearer, str(job), team), pause))

    def decide(
        self, bearer: str, body: dict[str, object], action: str, member: str = "resumeInput", **more: Json
    ) -> dict[str, object]:
        details = body.get("waitingNodeDetails")
        token = details["callbackToken"] if isinstance(details, dict) else "none"
        decision = {"messageInstanceId": token, "userResponse": action, **more}
        return self.message(bearer, "GATED", message="", jobId=body["jobId"], **{member: decision})  # type: ignore[arg-type]

    @property
    def recording(self) -> Recording:
        self.tape.close(self.now)
        return read(b"".join(self.lines))


def everything(session: Session, *more: Callable[[Session, str], None]) -> Recording:
    """Ask all of it; `more` is what is asked, with a bearer, over other wires."""
    right = basic(DEMO.id, DEMO.secret)
    bearer = str(object_of(session.ask(form(authorization=right)))["access_token"])
    _identity(session)
    _messages(session, bearer)
    _gates(session, bearer)
    _places(session, bearer)
    for ask in more:
        ask(session, bearer)
    return session.recording


def _identity(session: Session) -> None:
    for name in (
        "openid-configuration",
        "idcs-configuration",
        "oauth-authorization-server",
        "oauth-protected-resource",
        "jwks.json",
    ):
        session.get(f"/.well-known/{name}")
    session.get("/admin/v1/SigningCert/jwk")
    session.ask(authorize_request())
    session.get("/ui/v1/device")
    session.ask(form_post("/ui/v1/device", None, user_code="ABCD-EFGH"))
    session.ask(token_request("urn:ietf:params:oauth:grant-type:saml2-bearer", assertion="x"))
    signed = assertion(session.now)
    for _ in range(2):
        session.ask(token_request(ASSERTION_GRANT, assertion=signed))
    login = session.ask(
        token_request("password", username=JANE.name, password=JANE.password, scope=f"{SCOPE} offline_access")
    )
    session.ask(token_request("refresh_token", refresh_token=str(object_of(login)["refresh_token"])))


def _messages(session: Session, bearer: str) -> None:
    session.message(bearer)
    session.message(bearer, conversational=False)
    session.message(bearer, colour="red")
    session.message(bearer, progressMessage="true")
    session.message(bearer, message={"content": [{"type": "text", "text": "Go"}]})
    session.message(bearer, message="", triggerType="rest")
    session.message(bearer, conversational=True, conversationId="of-nobody")
    for job in (session.message(bearer, version=99), session.message(bearer, invocationMode="ADMIN")):
        if "jobId" in job:
            session.poll(bearer, job["jobId"], "QUICK", 5_000)
    slashed = invoke(bearer, {"message": "Go"}, "QUICK")
    session.ask(Request("POST", slashed.path.replace("/agent", "//agent"), headers=slashed.headers, body=slashed.body))
    session.post(f"{API}/agent/v1/QUICK/invokeAsync", bearer, {"message": "Go"})
    for _ in range(2):
        session.ask(invoke(bearer, {"message": "Go"}, "QUICK", idempotency_key="k-1"))
    session.poll(bearer, "00000000-0000-4000-8000-000000000000", "QUICK")
    session.poll(bearer, "00000000-0000-4000-8000-000000000000", "CLOSED")


def _gates(session: Session, bearer: str) -> None:
    talk = session.message(bearer, "GATED", conversational=True)
    if "jobId" not in talk:
        return
    session.message(bearer, "GATED", conversational=True, conversationId=talk["conversationId"])  # type: ignore[arg-type]
    session.poll(bearer, talk["jobId"])
    talk = session.message(bearer, "GATED", conversational=True)
    session.poll(bearer, talk["jobId"], pause=20_000)
    session.message(bearer, "GATED", message="approve", conversational=True, conversationId=talk["conversationId"])  # type: ignore[arg-type]
    job = session.message(bearer, "GATED")["jobId"]
    session.decide(bearer, session.poll(bearer, job, pause=20_000), "RFI_ACTION", content="Less")
    session.decide(bearer, session.poll(bearer, job, pause=20_000), "APPROVE_ACTION", "resumeNodeInput")
    session.decide(bearer, session.poll(bearer, job), "ORA_TIMEOUT")
    session.decide(bearer, session.poll(bearer, job, pause=600_000), "APPROVE_ACTION")


def _places(session: Session, bearer: str) -> None:
    relayed = session.get("/fscmRestApi/tokenrelay", headers=(("cookie", "JSESSIONID=1"), ("x-xsrf-token", "x")))
    session.message(str(object_of(relayed)["access_token"]))
    session.get(WORKFLOWS, bearer)
    session.post(f"{API}/agent/v2/QUICK/invokeStream", bearer, {"message": "Go"})
    session.post(f"{API}/agent/v2/GATED/chat", bearer, {"message": "Go"})
    params = {"isDebug": True, "breakPoints": [], "overrides": {"a": 1}}
    session.post(f"{API}/agent/v2/QUICK/debug", bearer, {"message": "Go", "debugParams": params})
    for row in (row for wire in wires() for row in wire.routes if row.only):
        path = row.path.replace("{code}", "QUICK").replace("{job}", "00000000-0000-4000-8000-000000000000")
        session.post(path, bearer, {"message": "Go"}) if row.method == "POST" else session.get(path, bearer)

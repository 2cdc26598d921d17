"""Sessions of clients over real sockets, one for each kind of call: whoever is asked is given them all. Those of another
wire stand with its tests.

A client has no state but what it was answered, and the lab's clock stands still while nobody waits. So a session that is
played back, or asked again of the same scenario, must come to the same answers at the same instants.
"""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH, Millis
from lab.dialects.router import ROUTER
from lab.identity.clients import DEMO, JANE, Client
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.server.mock_server import MockServer
from tests.server.conftest import SCENARIO, SCOPE, TEAM, Answer, Peer, request
from tests.shapes import switched

API = "/api/fusion-ai/orchestrator"
SPINS = 25
"""So often the loop goes round before the clock is moved: what was written is read by then."""
CLI = Client("cli", redirects=("http://127.0.0.1:8000/callback",))
SWITCHES: dict[str, Any] = {"local_orchestrator": True}
_TOKEN = re.compile(
    r"ey[\w-]+\.[\w-]+\.[\w-]*|(?<=oken\":\")[^\"]*|(?<=_code\":\")[^\"]*|(?<=\bcode=)[^&\"]+|(?<=ecid\":\")\w+"
    r"|(?<=_secret\":\")[^\"]*"
)


def program() -> Program:
    return program_of(parse_scenario(SCENARIO, "consent.yaml"), sha256(SCENARIO.encode()).hexdigest())


def config() -> Config:
    return Config(
        (program(),),
        switched(SWITCHES),
        42,
        INSTANT_EPOCH,
        clients=(DEMO, CLI),
        accounts=(JANE,),
        base="http://lab.example",
    )


@dataclass
class DialectClient:
    """A client with a connection for each call. What it was answered: of a stream piece by piece, with their times."""

    service: Service
    clock: ManualClock
    port: int
    answers: list[tuple[Any, ...]] = field(default_factory=list)
    token: str = ""

    async def ask(
        self, method: str, path: str, body: Any = None, *, leave: int | None = None, **headers: str
    ) -> Answer:
        """One call; `leave`: hang up after so many pieces of a stream."""
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        if self.token and "authorization" not in headers and "cookie" not in headers:
            fields += (("authorization", f"Bearer {self.token}"),)
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if data and "content_type" not in headers:
            fields += (("content-type", "application/json"),)
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            await peer.send(request(method, path, fields, data))
            head = (await self._moving(peer.reader.readuntil(b"\r\n\r\n"))).decode().split("\r\n")
            shown = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            status, pieces = int(head[0].split(" ")[1]), list[tuple[Millis, bytes]]()
            if shown.get("transfer-encoding") != "chunked":
                pieces = [(self.clock.now(), await peer.reader.readexactly(int(shown["content-length"])))]
            else:
                while leave is None or len(pieces) < leave:
                    size = int(await self._moving(peer.reader.readuntil(b"\r\n")), 16)
                    piece = await peer.reader.readexactly(size + 2)
                    if size == 0:
                        break
                    pieces.append((self.clock.now(), piece[:-2]))
        finally:
            await peer.close()
        for _ in range(SPINS):
            await asyncio.sleep(0)
        whole = b"".join(piece for _, piece in pieces)
        self.answers.append((path, status, shown.get("location", ""), tuple(pieces)))
        return Answer(status, shown, whole)

    async def _moving(self, reading: Awaitable[bytes]) -> bytes:
        """What is read, the clock moving on to the next part of the answer whenever nothing comes."""
        task = asyncio.ensure_future(reading)
        while not task.done():
            for _ in range(SPINS):
                await asyncio.sleep(0)
            if not task.done() and self.clock.due is not None:
                await self.clock.advance_to(self.clock.due)
        return task.result()

    async def wait(self, millis: Millis) -> None:
        await self.clock.advance_to(self.clock.now() + millis)

    async def login(self, **fields: str) -> Any:
        form = {"grant_type": "client_credentials", "scope": SCOPE} | fields
        basic = "Basic " + b64encode(f"{DEMO.id}:{DEMO.secret}".encode()).decode()
        got = await self.form("/oauth2/v1/token", authorization=basic, **form)
        self.token = got.json["access_token"] if got.status == 200 else self.token  # type: ignore[index,call-overload]
        return got

    async def form(self, path: str, authorization: str = "", **fields: str) -> Answer:
        headers = {"authorization": authorization} if authorization else {"cookie": "none"}
        return await self.ask("POST", path, urlencode(fields).encode(),
                              content_type="application/x-www-form-urlencoded", **headers)  # fmt: skip

    async def poll(self, job: str, query: str = "") -> Any:
        got = await self.ask("GET", ROUTER.path("status", code=TEAM, job=job) + query)
        return got.json

    def answered(self) -> list[tuple[Any, ...]]:
        """What it was answered, but for what is granted anew each time."""
        return [(_masked(path), status, _masked(where), tuple((at, _masked(piece.decode())) for at, piece in pieces))
                for path, status, where, pieces in self.answers]  # fmt: skip


def _masked(text: str) -> str:
    return _TOKEN.sub("?", text)


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[DialectClient]:
    clock = ManualClock()
    server = MockServer(service, clock)
    origin = await server.start()
    try:
        yield DialectClient(service, clock, int(origin.rpartition(":")[2]))
    finally:
        await server.stop(1_000)


# What clients do

Session: TypeAlias = Callable[[DialectClient], Awaitable[None]]


def events(answer: Answer) -> list[Any]:
    return [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: {")]


async def invoked(client: DialectClient) -> None:
    await client.login()
    sent = {"message": "Share it", "conversational": True, "parameters": {"id": 7}}
    job = (await client.ask("POST", ROUTER.path("invoke", code=TEAM), sent)).json["jobId"]  # type: ignore[index,call-overload]
    await client.poll(job)
    await client.wait(3_000)
    body = await client.poll(job)
    resume = {"messageInstanceId": body["waitingNodeDetails"]["callbackToken"], "userResponse": "APPROVE_ACTION"}
    await client.wait(500)
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), {"message": "", "jobId": job, "resumeInput": resume})
    await client.wait(500)
    await client.poll(job)
    await client.poll(job, "?invocationMode=ADMIN")
    await client.poll("nobody")


async def answered_by_message(client: DialectClient) -> None:
    await client.login()
    sent = {"message": "Share it", "conversational": True}
    body: Any = (await client.ask("POST", ROUTER.path("invoke", code=TEAM), sent)).json
    await client.wait(3_000)
    await client.poll(body["jobId"])
    await client.wait(500)
    said = {"message": "yes", "conversational": True, "conversationId": body["conversationId"]}
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), said)
    await client.wait(500)
    await client.poll(body["jobId"])


def streaming(path: str, *, polled: bool = True) -> Session:
    async def session(client: DialectClient) -> None:
        await client.login()
        sent: dict[str, Any] = {
            "message": "Share it",
            "conversational": True,
            "invocationMode": "ADMIN",
            "debugParams": {"isDebug": True},
        }
        first = events(await client.ask("POST", path, sent))
        job, node = first[0]["jobId"], next(node for each in first if (node := each.get("waitingNodeDetails")))
        if polled:
            await client.poll(job)
        await client.wait(500)
        resume = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
        await client.ask("POST", path, {"message": "", "jobId": job, "resumeInput": resume})
        await client.wait(500)
        if polled:
            await client.poll(job)

    return session


async def left_early(client: DialectClient) -> None:
    await client.login()
    got = await client.ask("POST", ROUTER.path("stream", code=TEAM), {"message": "Share it"}, leave=1)
    await client.wait(3_000)
    await client.poll(events(got)[0]["jobId"])


async def pod(client: DialectClient) -> None:
    await client.login(grant_type="password", username=JANE.name, password=JANE.password)
    named: Any = (await client.ask("GET", f"{API}/authz/v1/tokens")).json
    client.token = named["fusion-ai"]
    await client.ask("GET", f"{API}/authz/v1/tokens")
    await client.ask("GET", "/internal/v1/authz/tokens")
    where = "/api/boss/data/objects/ora/commonFusionAI/agents/v1/$en/workflows?$filter="
    for code in (TEAM, "NOBODY"):
        await client.ask("GET", where + quote(f"workflowCode='{code}'"))
    xsrf: Any = (await client.ask("GET", "/fscmRestApi/anticsrf", cookie="JSESSIONID=1")).json
    for _ in range(2):
        relayed: Any = (await client.ask("GET", "/fscmRestApi/tokenrelay", cookie="JSESSIONID=1",
                                         x_xsrf_token=xsrf["xsrftoken"])).json  # fmt: skip
    client.token = relayed["access_token"]
    basic = "Basic " + b64encode(f"{JANE.name}:{JANE.password}".encode()).decode()
    where = f"/api/rwdtools/tokenrelay?servicetype=fusion-ai&username={JANE.name}&scope=/"
    client.token = (await client.ask("GET", where, authorization=basic)).body.decode()
    file = {"fileContent": b64encode(b"text").decode(), "fileName": "a.txt", "size": 4, "parse": True}
    stored: Any = [(await client.ask("POST", f"{API}/agent/v1/documents", file)).json for _ in range(2)]
    await client.ask("POST", f"{API}/agent/v1/batch/documents", {"requests": [file]})
    attach = {"entityName": "E", "entityId": "1", "documentIds": [stored[0]["documentId"]], "parsedDocumentIds": []}
    await client.ask("POST", f"{API}/agent/v1/attachDocuments", attach)
    await client.ask("POST", "/internal/v1/aiapps/multiplex", {})


async def device(client: DialectClient) -> None:
    body: Any = (
        await client.form("/oauth2/v1/device", client_id=CLI.id, scope=SCOPE, response_type="device_code")
    ).json
    wanted = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": body["device_code"],
        "client_id": CLI.id,
    }
    await client.form("/oauth2/v1/token", **wanted)
    await client.wait(6_000)
    if type(client.service) is Service:  # a person, over the control plane: played back it is as it was
        client.service.answer_device(body["user_code"], "approve", client.clock.now())
    got: Any = (await client.form("/oauth2/v1/token", **wanted)).json
    client.token = got["access_token"]
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), {"message": "Share it"})


async def code(client: DialectClient) -> None:
    redirect, verifier = "http://127.0.0.1:8000/callback", "v" * 50
    from base64 import urlsafe_b64encode

    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = urlencode({"client_id": CLI.id, "response_type": "code", "redirect_uri": redirect, "scope": SCOPE,
                       "state": "s", "code_challenge": challenge, "code_challenge_method": "S256"})  # fmt: skip
    got = await client.ask("GET", f"/oauth2/v1/authorize?{query}", cookie="none")
    given = parse_qs(urlsplit(got.headers["location"]).query)["code"][0]
    token: Any = (await client.form("/oauth2/v1/token", grant_type="authorization_code", code=given, redirect_uri=redirect,
                                    client_id=CLI.id, code_verifier=verifier)).json  # fmt: skip
    client.token = token["access_token"]
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), {"message": "Share it"})


async def refused(client: DialectClient) -> None:
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), {"message": "Share it"}, authorization="Bearer none")
    await client.login()
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), b"{")
    await client.ask("POST", ROUTER.path("chat", code="NOBODY"), {"message": "Share it"})
    await client.ask("POST", ROUTER.path("invoke", code=TEAM), {"message": "Share it"})


SESSIONS: dict[str, Session] = {
    "invokeAsync": invoked,
    "invokeAsync by message": answered_by_message,
    "invokeStream": streaming(ROUTER.path("stream", code=TEAM)),
    "chat": streaming(ROUTER.path("chat", code=TEAM)),
    "debug": streaming(ROUTER.path("debug", code=TEAM)),
    "chat, never polled": streaming(ROUTER.path("chat", code=TEAM), polled=False),
    "local chat": streaming(f"/internal/v1/agent/{TEAM}/chat"),
    "local debug": streaming(f"/internal/v1/agent/{TEAM}/debug"),
    "orchestrator stream": streaming(f"/orchestrator/agent/v2/{TEAM}/invokeStream"),
    "left early": left_early,
    "pod": pod,
    "device code": device,
    "authorization code": code,
    "refused": refused,
}


@cache
def recorded(session: Session) -> tuple[bytes, list[tuple[object, ...]]]:
    """The recording of a session, and what its client was answered."""

    async def taped() -> tuple[bytes, list[tuple[object, ...]]]:
        lines: list[bytes] = []
        service = Service(config())
        tape = Tape(service, lines.append, recording_header(config(), lab="0.1.0"))
        service.observers.append(tape)
        async with served(service) as client:
            await session(client)
            now, answers = client.clock.now(), client.answered()
        tape.close(now)
        return b"".join(lines), answers

    return asyncio.run(taped())

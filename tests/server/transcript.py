"""A session with the mock as bytes: what is sent, and what came back. `python -m tests.server.transcript` rewrites it.

The steps go through every kind of answer of the contract; `{name}` in a request is what an earlier answer held.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH, Millis
from lab.identity.clients import DEMO, JANE, OOB, aistudio_cli
from lab.identity.keys import challenge_of
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.server.mock_server import MockServer
from tests.server.served import API, SCOPE, basic
from tests.shapes import switched
from tests.wire_peer import VERIFIER

TEAM = f"{API}/agent/v2/WIRE_TEAM"
SCENARIO = {
    "lab": 1, "name": "wire", "title": "Wire", "agent": {"code": "WIRE_TEAM", "version": 3}, "ask": "x",
    "match": "items",
    "steps": [
        {"work": "fetch", "takes": "2s", "says": "Reading the item master", "tool": "GET_ITEMS"},
        {"gate": "buyer-approval", "asks": "May negotiated prices be used?", "patience": "15m", "rounds": 3,
         "verdicts": {"rejected": "kept", "changes-requested": "fetch"}},
        {"wait": "settle", "takes": "90s", "says": "The bank works."},
        {"complete": "done", "output": "## Prices\n\n| é | 21.40 |", "follow_up": ["Which one is in stock?"]},
        {"error": "kept", "text": "Tool GET_ITEMS failed: 404 Not Found", "output": "A-1001 is"},
    ],
}  # fmt: skip
Cut = Callable[[bytes], Iterable[bytes]]
"""How a request is cut into pieces that are sent one by one."""


@dataclass(frozen=True)
class Step:
    """One request; `after` moves the clock first, `keep` names a member of the answer for later."""

    name: str
    line: str
    body: str = ""
    kind: str = ""
    auth: str = ""
    after: Millis = 0
    keep: str = ""
    as_: str = ""

    def bytes_with(self, known: dict[str, str]) -> bytes:
        def put(text: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), text)

        body = put(self.body).encode()
        lines = [f"{put(self.line)} HTTP/1.1", "Host: 127.0.0.1:8080"]
        lines += [f"Authorization: {put(self.auth)}"] if self.auth else []
        lines += [f"Content-Type: {self.kind}", f"Content-Length: {len(body)}"] if body or self.kind else []
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


FORM, JSON, RIGHT, BEARER = "application/x-www-form-urlencoded", "application/json", basic(), "Bearer {token}"
CLI, SCOPED = aistudio_cli("acme-test").id, quote(SCOPE, safe="")
VISIT = (
    f"response_type=code&client_id={CLI}&redirect_uri={quote(DEMO.redirects[0], safe='')}&state=s%20t"
    f"&scope={SCOPED}%20openid%20offline_access&code_challenge={challenge_of(VERIFIER)}&code_challenge_method=S256"
)
LOGIN = f"username={JANE.name}&password={quote(JANE.password, safe='')}&scope={SCOPED}%20offline_access"


def grant(name: str, body: str, auth: str = RIGHT, **more: str) -> Step:
    return Step(f"token: {name}", "POST /oauth2/v1/token", body, FORM, auth, **more)  # type: ignore[arg-type]


def call(name: str, body: object, *, auth: str = BEARER, after: Millis = 0, path: str = TEAM, **more: str) -> Step:
    text = body if isinstance(body, str) else json.dumps(body)
    return Step(f"invoke: {name}", f"POST {path}/invokeAsync", text, JSON, auth, after, **more)


def look(name: str, job: str = "{job}", *, auth: str = BEARER, after: Millis = 0, **more: str) -> Step:
    return Step(f"status: {name}", f"GET {TEAM}/status/{job}", "", "", auth, after, **more)


def resume(action: str, content: str | None = None) -> dict[str, object]:
    given = {"messageInstanceId": "{callback}", "userResponse": action, "content": content}
    return {"message": "", "jobId": "{job}", "resumeInput": {k: v for k, v in given.items() if v is not None}}


ASKED = {"message": "Compare items A-1001 and B-2002", "conversational": True, "conversationId": None, "version": 3,
         "parameters": {"orgCode": {"value": "NORTH"}}, "progressMessage": True}  # fmt: skip
NODE = "waitingNodeDetails.callbackToken"
STEPS = (
    grant("Basic", f"grant_type=client_credentials&scope={SCOPED}", keep="access_token", as_="token"),
    grant("in the body", f"grant_type=client_credentials&scope={SCOPED}&client_id={DEMO.id}"
          f"&client_secret={quote(DEMO.secret, safe='')}", ""),
    grant("wrong secret", f"grant_type=client_credentials&scope={SCOPED}", basic(secret="wrong")),
    grant("wrong secret in the body", "grant_type=client_credentials&client_id=demo&client_secret=x", ""),
    grant("secret encoded twice", f"grant_type=client_credentials&scope={SCOPED}", basic(secret=quote(quote(DEMO.secret, safe="")))),
    grant("no grant type", f"scope={SCOPED}"), grant("unknown grant", "grant_type=saml2"),
    grant("no slash", f"grant_type=client_credentials&scope={SCOPED[:-3]}"),
    grant("twice", f"grant_type=client_credentials&scope={SCOPED}&scope=x"),
    grant("expiry", f"grant_type=client_credentials&scope={SCOPED}%20urn:opc:resource:expiry=5"),
    grant("password", f"grant_type=password&{LOGIN}", keep="refresh_token", as_="refresh"),
    grant("wrong password", f"grant_type=password&username=jane&password=x&scope={SCOPED}"),
    grant("refresh", "grant_type=refresh_token&refresh_token={refresh}"),
    grant("refresh again", "grant_type=refresh_token&refresh_token={refresh}"),
    Step("token: another method", "GET /oauth2/v1/token"),
    Step("token: JSON", "POST /oauth2/v1/token", "{}", JSON, RIGHT),
    Step("authorize", f"GET /oauth2/v1/authorize?{VISIT}", keep="location:code", as_="code"),
    Step("authorize: no redirect", "GET /oauth2/v1/authorize?client_id=demo&redirect_uri=http%3A%2F%2Fevil.example"),
    Step("authorize: a code to copy", f"GET /oauth2/v1/authorize?{VISIT.replace(quote(DEMO.redirects[0], safe=''), OOB)}"),
    Step("authorize: implicit", f"GET /oauth2/v1/authorize?{VISIT.replace('=code&', '=token&', 1)}"),
    grant("code", f"grant_type=authorization_code&client_id={CLI}&code={{code}}&code_verifier={VERIFIER}"
          f"&redirect_uri={quote(DEMO.redirects[0], safe='')}", ""),
    Step("device", "POST /oauth2/v1/device", f"client_id={DEMO.id}&response_type=device_code&scope={SCOPED}", FORM,
         RIGHT, keep="device_code", as_="device"),
    grant("device, too early", "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={device}"),
    Step("device page", "GET /ui/v1/device?user_code=ABC"),
    Step("introspect", "POST /oauth2/v1/introspect", "token={token}", FORM, RIGHT),
    Step("introspect: garbled", "POST /oauth2/v1/introspect", "token=x", FORM, RIGHT),
    Step("discovery", "GET /.well-known/openid-configuration"),
    Step("discovery of oci", "GET /.well-known/idcs-configuration"),
    Step("discovery of rfc", "GET /.well-known/oauth-authorization-server"),
    Step("keys of oci", "GET /admin/v1/SigningCert/jwk", auth=BEARER),
    Step("keys of rfc", "GET /.well-known/jwks.json"),
    look("no bearer", "x", auth=""), look("Basic", "x", auth=RIGHT), look("unknown token", "x", auth="Bearer x"),
    look("two tokens", "x", auth="Bearer x y"), look("unknown job", "x"),
    call("accepted", ASKED, keep="jobId", as_="job"), look("RUNNING", after=1_000),
    look("as ADMIN", "{job}?invocationMode=ADMIN"), look("WAITING", after=1_000, keep=NODE, as_="callback"),
    call("an early end of nothing", resume("ORA_TIMEOUT")), call("changes without content", resume("RFI_ACTION")),
    call("changes", resume("RFI_ACTION", "Leave the list price out.")),
    look("WAITING again", after=2_000, keep=NODE, as_="callback"), call("approved", resume("APPROVE_ACTION")),
    look("WAITING for time"), call("decided already", resume("APPROVE_ACTION")), look("COMPLETE", after=90_000),
    call("one-shot of the older version", {"message": "items"}, path=f"{API}/agent/v1/WIRE_TEAM", keep="jobId", as_="job"),
    look("WAITING, to be rejected", after=2_000, keep=NODE, as_="callback"), call("rejected", resume("REJECT_ACTION")),
    look("ERROR", after=1), call("no scenario fits", {"message": "Weather?"}, keep="jobId", as_="job"),
    look("nothing is defined", after=1_000),
    call("blank", {"message": " "}), call("no JSON", "{"),
    call("version", {"message": "items", "version": 9}, keep="jobId", as_="pinned"),
    call("wrong type", {"message": "items", "conversational": "true"}), call("team", {"message": "x"}, path=TEAM[:-1]),
    Step("invoke: content type", f"POST {TEAM}/invokeAsync", "x", "text/plain", BEARER),
    Step("path: poll elsewhere", f"GET {TEAM}/invokeAsync/x"), Step("path: other method", f"DELETE {TEAM}/status/x"),
    Step("path: HEAD", f"HEAD {TEAM}/status/x"), Step("path: final slash", f"GET {TEAM}/status/x/"),
    Step("status: double slash", f"GET /{TEAM}/status/{{job}}", auth=BEARER),
    look("no such version", "{pinned}", after=77),
    Step("chat: team", f"POST {TEAM[:-1]}/chat", '{"message": "x"}', JSON, BEARER),
    Step("revoke", "POST /oauth2/v1/revoke", "token={token}", FORM, RIGHT), look("revoked"),
)  # fmt: skip


@dataclass
class Session:
    """A mock and a connection to it, on which the steps are made one after the other."""

    profile: str
    cut: Cut = field(default=lambda data: (data,))
    known: dict[str, str] = field(default_factory=dict)

    async def play(self) -> list[tuple[str, bytes, bytes]]:
        """Name, request and answer of each step."""
        scenarios = (program_of(parsed(Scenario, SCENARIO)),)
        switches = switched({"profile": self.profile})
        clock = ManualClock()
        server = MockServer(
            Service(Config(scenarios, switches, 42, INSTANT_EPOCH, scripted=False, base="http://127.0.0.1:8080")), clock
        )  # fmt: skip
        port = int((await server.start()).rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        done: list[tuple[str, bytes, bytes]] = []
        for step in STEPS:
            await clock.advance_to(clock.now() + step.after)
            data = step.bytes_with(self.known)
            for piece in self.cut(data):
                writer.write(piece)
                await asyncio.sleep(0)
            answer = await _answer(reader, bodiless=data.startswith(b"HEAD"))
            if step.keep:
                self.known[step.as_] = _kept(answer, step.keep)
            done.append((step.name, data, answer))
        writer.close()
        await writer.wait_closed()
        await server.stop(1_000)
        return done


async def _answer(reader: asyncio.StreamReader, *, bodiless: bool) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = re.search(rb"content-length: (\d+)\r\n", head)
    return head + await reader.readexactly(int(size[1]) if size and not bodiless else 0)


def _kept(answer: bytes, name: str) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    if name.startswith("location:"):
        found = re.search(rb"[?&]%b=([^&\r]+)" % name.partition(":")[2].encode(), head)
        assert found is not None
        return found[1].decode()
    value = json.loads(body)
    for part in name.split("."):
        value = value[part]
    return str(value)


def written(done: list[tuple[str, bytes, bytes]], usual: Mapping[str, bytes]) -> bytes:
    """The session as a golden file holds it: bytes as they were, a title above each exchange.

    Of a session beside a `usual` one, whose answers these are by name, it holds the answers that are others.
    """
    if not usual:
        return b"".join(b"### %b\n%b\n%b\n" % (name.encode(), data, answer) for name, data, answer in done)
    return b"".join(b"### %b\n%b\n" % (name.encode(), answer) for name, _, answer in done if usual[name] != answer)


def golden(profile: str) -> Path:
    """Where the session of a profile is kept: that of oci whole, of another the answers that differ."""
    return Path(__file__).with_name(f"wire.{profile}.txt")


def usual_of(profile: str) -> dict[str, bytes]:
    """The answers that a profile's golden file leaves out where its own are the same."""
    return {} if profile == "oci" else answers("oci")


def answers(profile: str) -> dict[str, bytes]:
    """The answers of a profile by the names of the steps, as its golden file has them."""
    exchanges = [each.partition(b"\n") for each in golden(profile).read_bytes().split(b"### ")[1:]]
    own = {name.decode(): exchange[exchange.index(b"HTTP/1.1 ") : -1] for name, _, exchange in exchanges}
    return usual_of(profile) | own


if __name__ == "__main__":
    for each in ("oci", "rfc"):
        golden(each).write_bytes(written(asyncio.run(Session(each).play()), usual_of(each)))

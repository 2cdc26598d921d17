"""A peer of the mock without a socket: what tests say to `Service.serve`."""

import json
from base64 import b64encode
from urllib.parse import parse_qsl, urlencode

from lab.core.exchange import Request, Response
from lab.dialects.fusion.routes import API
from lab.identity.clients import DEMO, JANE, Client, Grant, aistudio_cli
from lab.identity.keys import challenge_of, private_key
from lab.identity.scopes import api_scope
from lab.identity.testkey import CLIENT_KEY_ID, CLIENT_PRIVATE_PEM
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from tests.shapes import switched

SCOPE = api_scope("acme-test")
EPOCH = 1_767_225_600
OTHER = Client("other", "lab-secret-other")
TV = Client("tv", grants=frozenset({Grant.DEVICE, Grant.REFRESH}))
"""A public client on a device."""
DOCUMENT = {
    "lab": 1, "name": "expense", "title": "Expense", "agent": {"code": "EXPENSES", "version": 3},
    "ask": "Taxi 42", "match": r"Taxi (?P<sum>\d+)", "data": {"payer": {"fake": "company"}},
    "steps": [
        {"work": "read", "takes": "2s", "says": "Reading {{ match.sum }}"},
        {
            "gate": "the-boss", "asks": "Pay {{ match.sum }} from {{ data.payer }}?", "patience": "1m",
            "verdicts": {"changes-requested": "read"}, "rounds": 2,
        },
        {"wait": "settle-up", "takes": "90s", "says": "The bank works."},
        {"complete": "done", "output": "Paid {{ match.sum }}: {{ decisions['the-boss'].comment or 'fine' }}",
         "follow_up": ["More?"]},
    ],
}  # fmt: skip


def service(*documents: dict[str, object] | Scenario, **switches: object) -> Service:
    """A mock of the given scenarios, or of the expense one."""
    created = tuple(
        program_of(each if isinstance(each, Scenario) else parsed(Scenario, each)) for each in documents or (DOCUMENT,)
    )
    return Service(Config(created, switched(switches), 42, EPOCH, (DEMO, OTHER, TV)))


def basic(identity: str, secret: str) -> str:
    return "Basic " + b64encode(f"{identity}:{secret}".encode()).decode()


def form(body: str = f"grant_type=client_credentials&scope={SCOPE}", **headers: str) -> Request:
    """A token request with a form body; keyword headers with `_` for `-`."""
    fields = {"content_type": "application/x-www-form-urlencoded", **headers}
    pairs = tuple((name.replace("_", "-"), value) for name, value in fields.items() if value)
    return Request("POST", "/oauth2/v1/token", headers=pairs, body=body.encode("utf-8", "surrogateescape"))


def token(mock: Service, now: int = 0, client: Client = DEMO, scope: str = SCOPE) -> str:
    """A token, granted at `now`."""
    reply = mock.serve(
        form(f"grant_type=client_credentials&scope={scope}", authorization=basic(client.id, client.secret)), now
    )
    return str(json.loads(reply.response.body)["access_token"])


def invoke(bearer: str, body: object, code: str = "EXPENSES", **headers: str) -> Request:
    """An invokeAsync; `body` bytes are sent as they are, anything else as JSON."""
    fields = {"authorization": f"Bearer {bearer}", "content_type": "application/json", **headers}
    pairs = tuple((name.replace("_", "-"), value) for name, value in fields.items() if value)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", f"{API}/agent/v2/{code}/invokeAsync", headers=pairs, body=raw)


def status(bearer: str, job: str, code: str = "EXPENSES", version: int = 2) -> Request:
    """A poll."""
    path = f"{API}/agent/v{version}/{code}/status/{job}"
    return Request("GET", path, headers=(("authorization", f"Bearer {bearer}"),))


def read(response: Response) -> dict[str, object]:
    """The JSON object of a reply."""
    value = json.loads(response.body)
    assert isinstance(value, dict)
    return value


# The identity domain: what clients of contract.md §7 send

REDIRECT = "http://127.0.0.1:43188/callback"
VERIFIER = "lab-verifier-" + "v" * 40
CLI = aistudio_cli("acme-test").id
ASSERTION_GRANT = str(Grant.ASSERTION)
DEVICE_GRANT = str(Grant.DEVICE)
RIGHT = basic(DEMO.id, DEMO.secret)


def form_post(path: str, authorization: str | None = RIGHT, **fields: str) -> Request:
    """A form sent to a path of the identity domain."""
    headers = [("content-type", "application/x-www-form-urlencoded")]
    if authorization is not None:
        headers.append(("authorization", authorization))
    return Request("POST", path, headers=tuple(headers), body=urlencode(fields).encode())


def token_request(grant: str, authorization: str | None = RIGHT, **fields: str) -> Request:
    """A token request; the API's scope unless another, or an empty one, is given."""
    return form_post("/oauth2/v1/token", authorization, **{"grant_type": grant, "scope": SCOPE, **fields})


def authorize_request(**changed: str | None) -> Request:
    """A browser at the authorize endpoint for Oracle's CLI; None leaves a parameter out."""
    parameters = {
        "response_type": "code", "client_id": CLI, "redirect_uri": REDIRECT, "scope": SCOPE, "state": "s t&",
        "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256", **changed,
    }  # fmt: skip
    return Request("GET", "/oauth2/v1/authorize", urlencode({k: v for k, v in parameters.items() if v is not None}))


def redirect_parameters(response: Response) -> dict[str, str]:
    """The parameters that a redirect carries."""
    location = response.header("location") or ""
    return dict(parse_qsl(location.partition("?")[2]))


def code_of(mock: Service, now: int = 0, **changed: str | None) -> str:
    """A code, granted at `now`."""
    return redirect_parameters(mock.serve(authorize_request(**changed), now).response)["code"]


def code_exchange(code: str, authorization: str | None = None, **changed: str | None) -> Request:
    """The exchange of a code by the CLI; None leaves a field out."""
    sent = {"client_id": CLI, "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, "scope": "", **changed}
    return token_request("authorization_code", authorization, **{k: v for k, v in sent.items() if v is not None})


def assertion(
    now: int = 0, key: str = CLIENT_PRIVATE_PEM, header: dict[str, str] | None = None, **changed: object
) -> str:
    """An assertion for jane by the client demo, signed with its registered key; None leaves a claim out."""
    import jwt

    claims = {
        "iss": DEMO.id, "sub": JANE.name, "prn": JANE.name, "aud": ["https://identity.oraclecloud.com/"],
        "iat": EPOCH + now // 1000, "exp": EPOCH + now // 1000 + 300, "jti": "j-1", **changed,
    }  # fmt: skip
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, private_key(key), "RS256", {"kid": CLIENT_KEY_ID} if header is None else header)

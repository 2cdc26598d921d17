"""A peer of the mock without a socket: what tests say to `Service.serve`."""

import json
from base64 import b64encode

from lab.core.exchange import Request, Response
from lab.core.oauth import DEMO, Client, api_scope
from lab.core.plan import outline
from lab.core.scenario import Scenario, Switches
from lab.core.service import Config, Service
from lab.core.wire import API

SCOPE = api_scope("acme-test")
EPOCH = 1_767_225_600
OTHER = Client("other", "lab-secret-other")
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


def service(*documents: dict[str, object], **switches: object) -> Service:
    """A mock of the given scenarios, or of the expense one."""
    made = tuple(outline(Scenario.model_validate(each)) for each in documents or (DOCUMENT,))
    return Service(Config(made, Switches.model_validate(switches), 42, EPOCH, (DEMO, OTHER)))


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

"""What matched nothing: the journal names what it is nearest to, and so does the answer where hints are on."""

from lab.core.exchange import Request
from lab.core.journal.shell import RequestMissed
from lab.core.observe import Noted, Observation
from lab.dialects.fusion.routes import API
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, form_post, invoke, service, status, token

INVOKE = "POST /api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync"
STATUS = "GET /api/fusion-ai/orchestrator/agent/v2/{code}/status/{job}"


def at(path: str, method: str = "POST") -> Request:
    return Request(method, path, headers=(("content-type", "application/json"),), body=b"{}")


def answered(request: Request, **switches: object) -> tuple[int, str, list[RequestMissed]]:
    """The status of the answer, its text, and what the journal was told beside."""
    mock = service(DOCUMENT, **switches)
    noted: list[RequestMissed] = []

    def note(observation: Observation) -> None:
        if isinstance(observation, Noted) and isinstance(observation.fact, RequestMissed):
            assert observation.x == mock.exchanges
            noted.append(observation.fact)

    sent = [each for each in request.headers if each[0] != "authorization"]
    headers = (("authorization", f"Bearer {token(mock)}"), *sent)
    mock.observers.append(note)
    response = mock.serve(Request(request.method, request.path, request.query, headers, request.body), 7).response
    return response.status, response.body.decode(), noted


def body(**members: object) -> Request:
    return invoke("", members)


@each_row(
    ("request_", "code", "near"),
    [
        (at(f"{API}/agent/v2/EXPENSES/invokeasync"), 404, INVOKE),
        (at(f"{API}/agent/v2/EXPENSES/invoke"), 404, INVOKE),
        (at(f"{API}/agent/v3/EXPENSES/invokeAsync"), 404, INVOKE),
        (at(f"{API}/agents/v2/EXPENSES/invokeAsync"), 404, INVOKE),
        (at(f"{API}/Agent/V2/EXPENSES/INVOKEASYNC/"), 404, INVOKE),
        (at(f"{API}/agent/v2/EXPENSES/statuses/j-1", "GET"), 404, STATUS),
        (at(f"{API}/agent/v3/EXPENSES/status/j-1", "DELETE"), 404, STATUS),
        (at(f"{API}/agent/v2/EXPENSES/invokeAsync", "GET"), 405, INVOKE),
        (status("", "j-1", "EXPENSE"), 404, "EXPENSES"),
        (invoke("", {"message": "hi"}, "EXPENSE"), 404, "EXPENSES"),
        (body(mesage="hi"), 400, "message"),
        (form_post("/oauth2/v1/tokens"), 404, "POST /oauth2/v1/token"),
    ],
)
@each_row("hints", ["on", "off"])
def test_the_journal_and_with_hints_the_answer_name_what_is_near(
    request_: Request, code: int, near: str, hints: str
) -> None:
    answer, text, noted = answered(request_, hints=hints)
    assert (answer, [fact.near for fact in noted]) == (code, [(near,)])
    assert noted[0].at == 7
    named = f"Did you mean {near}?" if code != 405 else "Use POST."
    assert (named.casefold() in text.casefold()) == (hints == "on"), text


def test_a_known_mistake_keeps_its_own_hint_and_the_journal_names_the_call() -> None:
    _, text, noted = answered(at(f"{API}/agent/v2/EXPENSES/cancel"))
    assert "There is no such operation." in text
    assert noted == [RequestMissed(at=7, near=(INVOKE,))]


@each_row(
    "request_",
    [
        at("/"),
        at("/favicon.ico"),
        at(f"{API}/agent/v2/EXPENSES/summary"),
        at(f"{API}/agent/{'v' * 8_000}/EXPENSES/invokeAsync"),
        invoke("", {"message": "hi"}, "TAXES"),
        body(message="Taxi 42", xyzzy=1),
        body(message="Taxi 42"),
        body(message=7),
    ],
)
def test_of_what_is_near_to_nothing_or_matches_the_journal_is_told_nothing(request_: Request) -> None:
    assert answered(request_)[2] == []


def test_a_member_that_is_ignored_is_told_of_too() -> None:
    code, _, noted = answered(body(message="Taxi 42", conversationID="k", progresMessage=True))
    assert code == 202
    assert noted == [RequestMissed(at=7, near=("conversationId", "progressMessage"))]


def test_a_member_that_stands_there_too_is_not_meant() -> None:
    assert answered(body(message="Taxi 42", mesage="hi"))[2] == []


def test_with_members_that_are_refused_it_is_told_once() -> None:
    code, text, noted = answered(body(message="Taxi 42", progresMessage=True), unknown_fields="refuse")
    assert (code, noted) == (400, [RequestMissed(at=7, near=("progressMessage",))])
    assert "Did you mean progressMessage?" in text


def test_only_a_few_of_many_unknown_members_are_compared() -> None:
    many = {f"mesage{number}": 1 for number in range(10_000)}
    _, _, noted = answered(body(message="Taxi 42", **many, conversationID="k"))
    assert noted == []

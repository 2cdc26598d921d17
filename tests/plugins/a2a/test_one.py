"""A2A 1.0 on the same jobs, over JSON-RPC and over HTTP+JSON (a2a.md)."""

import json
from typing import Any

import pytest

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Noted
from lab.core.reply import Reply
from lab.dialects.router import ROUTER
from lab.jobs.facts import GateDecided, JobAccepted
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.plugins.a2a.routes import a2a_path
from lab.program.scenario import Scenario
from tests.conftest import each_row
from tests.plugins.a2a.sessions import AT_ONCE, said, said_before
from tests.wire_peer import DOCUMENT, OTHER, read, service, token

TEAM = a2a_path("a2a", "EXPENSES")
TWO_GATES = DOCUMENT | {
    "steps": [
        {"work": "read", "takes": "2s"},
        {"gate": "boss", "asks": "Pay?", "patience": "1m"},
        {"gate": "bank", "asks": "Now?", "patience": "1m"},
        {"complete": "done", "output": "Paid."},
    ],
}
DOMAIN = b'"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"%b","domain":"a2a-protocol.org"}]'
_PATHS = {
    "SendMessage": "POST /message:send", "SendStreamingMessage": "POST /message:stream", "GetTask": "GET /tasks/{id}",
    "ListTasks": "GET /tasks", "CancelTask": "POST /tasks/{id}:cancel", "SubscribeToTask": "POST /tasks/{id}:subscribe",
    "CreateTaskPushNotificationConfig": "POST /tasks/{taskId}/pushNotificationConfigs",
    "ListTaskPushNotificationConfigs": "GET /tasks/{taskId}/pushNotificationConfigs",
    "GetTaskPushNotificationConfig": "GET /tasks/{taskId}/pushNotificationConfigs/{id}",
    "DeleteTaskPushNotificationConfig": "DELETE /tasks/{taskId}/pushNotificationConfigs/{id}",
    "GetExtendedAgentCard": "GET /extendedAgentCard",
}  # fmt: skip


class Peer:
    """A client of 1.0, over one of its bindings."""

    def __init__(self, *documents: Any, http: bool = False, **switches: object) -> None:
        self.mock = service(*(documents or (DOCUMENT,)), **switches)
        self.bearer, self.http = token(self.mock), http
        self.facts: list[object] = []
        self.mock.observers.append(lambda seen: self.facts.append(seen.fact) if isinstance(seen, Noted) else None)

    def send(
        self, method: str, path: str, body: Json = None, now: Millis = 0, query: str = "", **headers: str
    ) -> Reply:
        fields = {"authorization": f"Bearer {self.bearer}", "a2a-version": "1.0", "content-type": "application/json"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = b"" if body is None else json.dumps(body).encode()
        return self.mock.serve(Request(method, path, query, tuple((k, v) for k, v in fields.items() if v), raw), now)

    def reply(self, asks: str, params: dict[str, Any], now: Millis = 0, **headers: str) -> Reply:
        if not self.http:
            call: Json = {"jsonrpc": "2.0", "id": 7, "method": asks, "params": params}
            return self.send("POST", TEAM, call, now, **headers)
        method, path = _PATHS[asks].split(" ")
        left = {name: value for name, value in params.items() if f"{{{name}}}" not in path}
        query = "&".join(f"{name}={str(value).lower() if value is True else value}" for name, value in left.items())
        plain = method != "POST"
        body = None if plain or not left else left
        return self.send(method, TEAM + path.format(**params), body, now, query if plain else "", **headers)

    def answer(self, asks: str, params: dict[str, Any], now: Millis = 0, **headers: str) -> Any:
        """What is answered once it is; an error as its code, or over HTTP its reason."""
        whole, _ = self.reply(asks, params, now, **headers).whole(now)
        return self.unwrapped(whole)

    def unwrapped(self, response: Response) -> Any:
        body: Any = read(response)
        if "error" in body:
            error = body["error"]
            (info,) = error["details" if self.http else "data"]
            assert response.status == (error["code"] if self.http else 200) and error["message"]
            return info["reason"]
        assert response.status == 200
        return body if self.http else body["result"]

    def say(self, text: str, now: Millis = 0, **members: Any) -> Any:
        """The task of a message that doesn't wait for it."""
        answer = self.answer("SendMessage", said(text, **members) | AT_ONCE, now)
        return answer["task"] if isinstance(answer, dict) else answer

    def task(self, named: str, now: Millis, **more: Any) -> Any:
        return self.answer("GetTask", {"id": named, **more}, now)

    def events(self, asks: str, params: dict[str, Any], now: Millis = 0) -> list[tuple[Millis, str, str]]:
        """Of each event its instant, what it holds, and the state that it tells."""
        reply = self.reply(asks, params, now)
        assert reply.response.header("content-type") == "text/event-stream"
        found = []
        for when, piece in reply.pieces() or ():
            if piece.startswith(b"data: "):
                event = json.loads(piece[6:])
                assert self.http or (event["jsonrpc"], event["id"]) == ("2.0", 7)
                ((kind, members),) = (event if self.http else event["result"]).items()
                found.append((when, kind, members.get("status", {}).get("state", "").removeprefix("TASK_STATE_")))
        return found


both = pytest.mark.parametrize("http", [False, True], ids=["JSON-RPC", "HTTP+JSON"])


# Versions


@each_row(
    ("header", "query", "spoken"),
    [
        ("", "", "0.3"), ("0.3", "", "0.3"), ("0.3.0", "", "0.3"), ("1.0", "", "1.0"), ("1.0.2", "", "1.0"),
        ("", "A2A-Version=1.0", "1.0"), ("", "a=b&a2a-version=1.0", "1.0"), ("0.3", "A2A-Version=1.0", "0.3"),
        (" ", "", "0.3"), ("2.0", "", None), ("1", "", None), ("1.0x", "", None), ("", "A2A-Version=0.2", None),
    ],
)  # fmt: skip
def test_header_or_query_says_which_version_is_spoken(header: str, query: str, spoken: str | None) -> None:
    peer = Peer()
    codes = {}
    for version, method in (("0.3", "tasks/get"), ("1.0", "GetTask")):
        call: Json = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"id": "nobodys"}}
        answer: Any = read(peer.send("POST", TEAM, call, query=query, a2a_version=header).response)
        codes[version] = answer["error"]["code"]
    unknown = -32009 if spoken is None else -32601
    assert codes == {version: -32001 if version == spoken else unknown for version in codes}


def test_a_method_of_the_other_version_names_the_version_that_it_needs() -> None:
    peer = Peer()
    call: Json = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {}}
    answer: Any = read(peer.send("POST", TEAM, call, a2a_version="").response)
    assert answer["error"]["message"] == ("SendMessage is of A2A 1.0: send A2A-Version: 1.0, this call is of 0.3.")


def test_over_http_1_0_alone_is_spoken() -> None:
    peer = Peer(http=True)
    for version in ("", "0.3", "2.0"):
        assert peer.answer("ListTasks", {}, a2a_version=version) == "VERSION_NOT_SUPPORTED"
    assert peer.answer("ListTasks", {})["totalSize"] == 0


# Bytes


def test_an_answer_and_an_error_have_these_bytes() -> None:
    peer, http = Peer(), Peer(http=True)
    task = peer.say("Taxi 42")
    assert http.say("Taxi 42") == task
    bare = (
        f'{{"id":"{task["id"]}","contextId":"{task["contextId"]}","status":{{"state":"TASK_STATE_WORKING",'
        '"timestamp":"2026-01-01T00:00:00.000Z"}}'
    ).encode()
    look = "GetTask", {"id": task["id"]}
    assert peer.reply(*look).response.body == b'{"jsonrpc":"2.0","id":7,"result":%b}' % bare
    assert http.reply(*look).response.body == bare
    assert http.reply(*look).response.header("content-type") == "application/a2a+json"
    sent = "SendMessage", said("Taxi 42") | AT_ONCE
    assert peer.reply(*sent).response.body.startswith(b'{"jsonrpc":"2.0","id":7,"result":{"task":{"id":')
    assert http.reply(*sent).response.body.startswith(b'{"task":{"id":')
    missing = "GetTask", {"id": "nobodys"}
    info = DOMAIN % b"TASK_NOT_FOUND"
    refused = peer.reply(*missing).response
    assert (refused.status, refused.body) == (
        200,
        b'{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"There is no such task.",%b}}'
        % info.replace(b"details", b"data"),
    )
    refused = http.reply(*missing).response
    assert (refused.status, refused.body) == (
        404,
        b'{"error":{"code":404,"status":"NOT_FOUND","message":"There is no such task.",%b}}' % info,
    )


# Messages


@both
def test_a_message_waits_until_its_task_rests(http: bool) -> None:
    peer = Peer(http=http)
    reply = peer.reply("SendMessage", said("Taxi 42"), 250)
    response, when = reply.whole(250)
    task = peer.unwrapped(response)["task"]
    assert (when, task["status"]["state"]) == (2_250, "TASK_STATE_INPUT_REQUIRED")
    assert task["status"]["message"]["role"] == "ROLE_AGENT"
    assert task["status"]["message"]["parts"][0]["text"].startswith("Pay 42 from ")
    assert task == peer.task(task["id"], 2_250)
    answered = peer.reply("SendMessage", said("reject", taskId=task["id"], contextId=task["contextId"]), 3_000)
    response, when = answered.whole(3_000)
    done = peer.unwrapped(response)["task"]
    assert (when, done["status"]["state"], done["id"]) == (3_000, "TASK_STATE_COMPLETED", task["id"])


@both
def test_a_message_that_waits_sees_what_is_decided_meanwhile(http: bool) -> None:
    peer = Peer(http=http)
    reply = peer.reply("SendMessage", said("Taxi 42"))
    assert reply.settles is not None and reply.settles()[0] == 2_000
    (accepted,) = [fact for fact in peer.facts if isinstance(fact, JobAccepted)]
    assert peer.answer("CancelTask", {"id": accepted.job}, 500)["status"]["state"] == "TASK_STATE_CANCELED"
    when, response = reply.settles()
    assert (when, peer.unwrapped(response)["task"]["status"]["state"]) == (500, "TASK_STATE_CANCELED")


@both
def test_with_return_immediately_it_does_not_wait_and_is_polled(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42", 250)
    assert task["status"] == {"state": "TASK_STATE_SUBMITTED", "timestamp": "2026-01-01T00:00:00.250Z"}
    assert list(task) == ["id", "contextId", "status"], "what is empty is left out"
    assert peer.task(task["id"], 300)["status"]["state"] == "TASK_STATE_WORKING"
    peer.say("approve", 2_500, taskId=task["id"])
    done = peer.task(task["id"], 200_000)
    assert (done["status"]["state"], done["artifacts"][0]["parts"]) == (
        "TASK_STATE_COMPLETED",
        [{"text": "Paid 42: fine"}],
    )


def test_in_0_3_a_message_waits_where_its_client_says_so() -> None:
    peer = Peer()
    for configuration, waits in (({}, False), ({"blocking": False}, False), ({"blocking": True}, True)):
        call: Json = {
            "id": 1,
            "method": "message/send",
            "params": said_before("Taxi 1") | {"configuration": configuration},
        }
        reply = peer.send("POST", TEAM, call, a2a_version="")
        assert (reply.settles is not None) is waits


@both
def test_an_answer_names_its_task_and_a_context_alone_begins_another(http: bool) -> None:
    peer = Peer(http=http)
    first = peer.say("Taxi 42", contextId="mine")
    other = peer.say("Taxi 43", 2_500, contextId="mine")
    assert other["id"] != first["id"] and other["contextId"] == first["contextId"] == "mine"
    assert peer.task(first["id"], 2_500)["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert peer.say("yes", 2_600, taskId=first["id"], contextId="foreign") == "INVALID_PARAMS"
    assert not [fact for fact in peer.facts if isinstance(fact, GateDecided)]
    assert peer.say("yes", 2_600, taskId=first["id"])["id"] == first["id"]
    assert [fact.job for fact in peer.facts if isinstance(fact, GateDecided)] == [first["id"]]


@both
def test_what_was_asked_comes_where_history_is_wanted(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")
    assert "history" not in peer.task(task["id"], 0) and "history" not in peer.task(task["id"], 0, historyLength=0)
    (first,) = peer.task(task["id"], 0, historyLength=3)["history"]
    assert (first["role"], first["parts"], first["taskId"]) == ("ROLE_USER", [{"text": "Taxi 42"}], task["id"])
    sent = said("Taxi 42") | {"configuration": {"returnImmediately": True, "historyLength": 1}}
    assert len(peer.answer("SendMessage", sent)["task"]["history"]) == 1
    assert peer.answer("GetTask", {"id": task["id"], "historyLength": -1}) == "INVALID_PARAMS"


@each_row(
    ("members", "reason"),
    [
        ({"role": "user"}, "INVALID_PARAMS"), ({"role": None}, "INVALID_PARAMS"), ({"messageId": None}, "INVALID_PARAMS"),
        ({"parts": []}, "INVALID_PARAMS"), ({"parts": [{"text": 1}]}, "INVALID_PARAMS"),
        ({"parts": [{"url": "http://127.0.0.1/"}]}, "CONTENT_TYPE_NOT_SUPPORTED"),
        ({"parts": [{"text": "Taxi 42"}, {"data": {}}]}, "CONTENT_TYPE_NOT_SUPPORTED"),
        ({"taskId": "nobodys"}, "TASK_NOT_FOUND"),
    ],
)  # fmt: skip
def test_a_wrong_message_is_refused(members: Any, reason: str) -> None:
    for http in (False, True):
        peer = Peer(http=http)
        assert peer.say("Taxi 42", **members) == reason
        assert not [fact for fact in peer.facts if isinstance(fact, JobAccepted)]


@both
def test_a_task_that_has_ended_takes_no_message_and_no_subscriber(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")
    assert peer.say("yes", 1_000, taskId=task["id"]) == "UNSUPPORTED_OPERATION", "it works"
    assert peer.say("yes", 200_000, taskId=task["id"]) == "UNSUPPORTED_OPERATION"
    assert peer.answer("SubscribeToTask", {"id": task["id"]}, 200_000) == "UNSUPPORTED_OPERATION"
    assert peer.answer("SubscribeToTask", {"id": "nobodys"}) == "TASK_NOT_FOUND"


# Streams


@both
def test_a_stream_tells_of_a_task_until_somebody_has_to_speak(http: bool) -> None:
    peer = Peer(http=http)
    assert peer.events("SendStreamingMessage", said("Taxi 42"), 1_000) == [
        (1_000, "task", "SUBMITTED"), (1_000, "statusUpdate", "WORKING"), (3_000, "statusUpdate", "INPUT_REQUIRED"),
    ]  # fmt: skip
    (accepted,) = [fact for fact in peer.facts if isinstance(fact, JobAccepted)]
    assert peer.events("SendStreamingMessage", said("reject", taskId=accepted.job), 3_500) == [
        (3_500, "task", "WORKING"), (3_500, "artifactUpdate", ""), (3_500, "statusUpdate", "COMPLETED"),
    ]  # fmt: skip


@both
def test_a_subscriber_is_told_of_each_change_through_gates_to_the_end(http: bool) -> None:
    peer = Peer(TWO_GATES, http=http)
    task = peer.say("Taxi 42")
    reply = peer.reply("SubscribeToTask", {"id": task["id"]}, 500)
    assert len(reply.pieces() or ()) > 3
    for now, word in ((2_500, "yes"), (3_500, "yes")):
        peer.say(word, now, taskId=task["id"])
    answers = [json.loads(piece[6:]) for _, piece in reply.pieces() or () if piece.startswith(b"data: ")]
    events = [each if http else each["result"] for each in answers]
    outline = [(kind, each[kind].get("status", {}).get("state")) for each in events for kind in each]
    assert outline == [
        ("task", "TASK_STATE_WORKING"), ("statusUpdate", "TASK_STATE_INPUT_REQUIRED"),
        ("statusUpdate", "TASK_STATE_INPUT_REQUIRED"), ("artifactUpdate", None), ("statusUpdate", "TASK_STATE_COMPLETED"),
    ]  # fmt: skip
    questions = [each["statusUpdate"]["status"]["message"]["parts"][0]["text"] for each in events[1:3]]
    assert questions == ["Pay?", "Now?"]
    assert events[3]["artifactUpdate"]["artifact"]["parts"] == [{"text": "Paid."}]


@both
def test_no_stream_is_silent_for_long_nor_ends_with_done(http: bool) -> None:
    slow = DOCUMENT | {"steps": [{"work": "w", "takes": "11s"}, {"complete": "done", "output": "Paid."}]}
    for switch, beats in (("off", [4_000, 8_000]), ("5s", [5_000, 10_000]), ("1m", [])):
        peer = Peer(slow, http=http, sse_heartbeat=switch, sse_done="on")
        pieces = peer.reply("SendStreamingMessage", said("Taxi 42")).pieces() or ()
        assert [when for when, piece in pieces if piece == b": keep-alive\n\n"] == beats
        assert not any(b"[DONE]" in piece for _, piece in pieces)


def test_of_0_3_an_error_of_a_stream_is_an_event_where_its_client_reads_nothing_else() -> None:
    peer = Peer()
    call: Json = {"id": 1, "method": "message/stream", "params": said_before("x", taskId="nobodys")}
    for accept, kind in (("text/event-stream", "text/event-stream"), ("*/*", "application/json")):
        response = peer.send("POST", TEAM, call, a2a_version="", accept=accept).response
        assert (response.status, response.header("content-type")) == (200, kind)
        assert json.loads(response.body.removeprefix(b"data: "))["error"]["code"] == -32001
    for method in ("SendStreamingMessage", "GetTask"):
        call = {"id": 1, "method": method, "params": said("x", taskId="nobodys") | {"id": "nobodys"}}
        assert (
            peer.send("POST", TEAM, call, accept="text/event-stream").response.header("content-type")
            != "text/event-stream"
        )


# Lists


@both
def test_tasks_are_listed_page_by_page_the_latest_change_first(http: bool) -> None:
    peer = Peer(http=http)
    first, second = (peer.say("Taxi 42", now, contextId="mine") for now in (0, 100))
    third = peer.say("Taxi 42", 200)
    stranger = Peer(http=http)
    stranger.mock, stranger.bearer = peer.mock, token(peer.mock, client=OTHER)
    stranger.say("Taxi 42", 300)

    def listed(now: Millis = 300, **params: Any) -> list[str]:
        page = peer.answer("ListTasks", params, now)
        assert list(page) == ["tasks", "nextPageToken", "pageSize", "totalSize"]
        return [each["id"] for each in page["tasks"]]

    assert listed() == [third["id"], second["id"], first["id"]]
    assert listed(2_000) == [first["id"], third["id"], second["id"]], "it waits since 2,000"
    assert listed(2_000, status="TASK_STATE_INPUT_REQUIRED") == [first["id"]]
    assert listed(contextId="mine") == [second["id"], first["id"]]
    assert listed(status="TASK_STATE_COMPLETED") == listed(status="TASK_STATE_REJECTED") == []
    assert listed(statusTimestampAfter="2026-01-01T00:00:00.100Z") == [third["id"], second["id"]]
    one = peer.answer("ListTasks", {"pageSize": 2}, 300)
    assert (one["nextPageToken"], one["pageSize"], one["totalSize"]) == (second["id"], 2, 3)
    two = peer.answer("ListTasks", {"pageSize": 2, "pageToken": one["nextPageToken"]}, 300)
    assert ([each["id"] for each in two["tasks"]], two["nextPageToken"]) == ([first["id"]], "")


@both
def test_what_a_page_shows_of_a_task_is_asked_for(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")
    peer.say("reject", 2_500, taskId=task["id"])
    for params, members in (
        ({}, set()), ({"includeArtifacts": True}, {"artifacts"}), ({"historyLength": 1}, {"history"}),
    ):  # fmt: skip
        (shown,) = peer.answer("ListTasks", params, 3_000)["tasks"]
        assert shown.keys() - {"id", "contextId", "status"} == members


@each_row(
    "params",
    [
        {"pageSize": 0}, {"pageSize": 101}, {"pageSize": "x"}, {"pageToken": "nobodys"}, {"status": "working"},
        {"statusTimestampAfter": "yesterday"}, {"historyLength": -1},
    ],
)  # fmt: skip
def test_a_wrong_page_is_refused(params: Any) -> None:
    assert [Peer(http=http).answer("ListTasks", params) for http in (False, True)] == ["INVALID_PARAMS"] * 2


# Cancel, cards


@both
def test_a_scenario_says_whether_and_how_a_task_is_canceled(http: bool) -> None:
    refused = Peer(DOCUMENT | {"cancel": "refused"}, http=http)
    task = refused.say("Taxi 42")
    assert refused.answer("CancelTask", {"id": task["id"]}, 10) == "TASK_NOT_CANCELABLE"
    slow = Peer(DOCUMENT | {"cancel": {"takes": "500ms", "output": "Half."}}, http=http)
    task = slow.say("Taxi 42")
    assert slow.answer("CancelTask", {"id": task["id"]}, 10)["status"]["state"] == "TASK_STATE_WORKING"
    ended = slow.task(task["id"], 510)
    assert (ended["status"]["state"], ended["artifacts"][0]["parts"]) == ("TASK_STATE_CANCELED", [{"text": "Half."}])
    assert slow.answer("CancelTask", {"id": task["id"]}, 600) == "TASK_NOT_CANCELABLE"
    assert slow.answer("CancelTask", {"id": "nobodys"}, 600) == "TASK_NOT_FOUND"


@both
def test_there_is_no_other_card(http: bool) -> None:
    assert Peer(http=http).answer("GetExtendedAgentCard", {}) == "UNSUPPORTED_OPERATION"


@both
def test_nothing_is_asked_of_a_task_whose_team_is_published_no_more(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")["id"]
    hidden = parsed(Scenario, DOCUMENT | {"agent": {"code": "EXPENSES", "version": 3, "published": False}})
    peer.mock.load(program_of(hidden), 10)
    closed = {
        asks: peer.reply(asks, params, 20).response.status
        for asks, params in (
            ("GetTask", {"id": task}), ("CancelTask", {"id": task}), ("SubscribeToTask", {"id": task}), ("ListTasks", {}),
            ("SendMessage", said("yes", taskId=task)), ("ListTaskPushNotificationConfigs", {"taskId": task}),
            ("CreateTaskPushNotificationConfig", {"taskId": task, "url": "http://127.0.0.1:9/"}),
            ("DeleteTaskPushNotificationConfig", {"taskId": task, "id": "a"}),
        )
    }  # fmt: skip
    assert set(closed.values()) == {404}, closed


def test_a_card_of_1_0_is_shown_to_whoever_asks() -> None:
    hidden = DOCUMENT | {"name": "hidden", "agent": {"code": "HIDDEN", "published": False}}
    mock = service(DOCUMENT, hidden)
    host = mock.serve(Request("GET", "/.well-known/agent-card.json", "", ()), 0).response
    team = mock.serve(Request("GET", f"{TEAM}/.well-known/agent-card.json", "", ()), 0).response
    assert host.status == 200 and host == team
    card: Any = read(host)
    assert [(each["protocolBinding"], each["protocolVersion"]) for each in card["supportedInterfaces"]] == [
        ("JSONRPC", "1.0"), ("HTTP+JSON", "1.0"),
    ]  # fmt: skip
    assert {each["url"] for each in card["supportedInterfaces"]} == {card["url"]} == {f"http://127.0.0.1{TEAM}"}
    assert (card["protocolVersion"], card["preferredTransport"]) == ("0.3.0", "JSONRPC")
    assert mock.serve(Request("GET", ROUTER.path("a2a-card", code="EXPENSES"), "", ()), 0).response.status == 401


def test_where_several_agents_are_served_their_host_has_no_card_and_says_where_theirs_are() -> None:
    other = DOCUMENT | {"name": "other", "agent": {"code": "OTHER"}}
    mock = service(DOCUMENT, other)
    response = mock.serve(Request("GET", "/.well-known/agent-card.json", "", ()), 0).response
    assert response.status == 404 and f"{TEAM}/.well-known/agent-card.json" in response.body.decode()
    for code, status in (("OTHER", 200), ("NOBODY", 404)):
        path = f"{a2a_path('a2a', code)}/.well-known/agent-card.json"
        assert mock.serve(Request("GET", path, "", ()), 0).response.status == status


@both
def test_a_fault_names_what_is_asked_on_either_binding(http: bool) -> None:
    faults = [{"route": route, "answer": 503, "calls": "2"} for route in ("invoke", "status", "stream", "cancel")]
    peer = Peer(DOCUMENT | {"faults": faults}, http=http)

    def statuses(asks: str, params: dict[str, Any]) -> list[int]:
        return [peer.reply(asks, params, now).response.status for now in (1, 2)]

    assert statuses("SendMessage", said("Taxi 42") | AT_ONCE) == [200, 503]
    assert statuses("SendStreamingMessage", said("Taxi 42")) == [200, 503]
    first, second = (fact.job for fact in peer.facts if isinstance(fact, JobAccepted) and fact.ordinal < 3)
    assert statuses("GetTask", {"id": first}) == [200, 503]
    assert statuses("CancelTask", {"id": second})[0] == 200
    odd = Peer(DOCUMENT | {"faults": [{"route": "status", "status_word": "PAUSED"}]}, http=http)
    task = odd.say("Taxi 42")
    assert odd.task(task["id"], 10)["status"]["state"] == "PAUSED"

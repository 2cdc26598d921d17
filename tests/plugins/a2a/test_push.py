"""Push notification configs: what clients register of a task, in both versions and bindings, and what is sent (a2a.md §7)."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.dialects.base import WriteContext
from lab.dialects.callbacks import JobChange
from lab.jobs.callbacks import CallbackEnded, CallbackRegistered, CallbackSent, Receiver, Signing, standing
from lab.jobs.facts import JobAccepted, JobStatus, derived
from lab.mock.service import Service
from lab.plugins.a2a.push import PushWire
from lab.plugins.a2a.versions import V03, V10, A2AVersion
from lab.program.switches import Switches
from tests.conftest import each_row
from tests.plugins.a2a.sessions import rpc, said, said_before
from tests.plugins.a2a.test_one import TEAM, Peer, both
from tests.wire_peer import DOCUMENT, EPOCH, OTHER, read, token

CREATE, GET, LIST, DELETE = (f"{asks}TaskPushNotificationConfig" for asks in ("Create", "Get", "List", "Delete"))
LIST += "s"
URL = "http://127.0.0.1:9000/hook?a=%20b"
BASIC = {"scheme": "Basic", "credentials": "bGFiOmxhYg=="}
SECRETS = {"token": "t-0123456789", "authentication": BASIC}


class Before(Peer):
    """A client of 0.3."""

    def call(self, method: str, params: Json, now: int = 0) -> Any:
        """The result, or the error's code."""
        answer: Any = read(self.send("POST", TEAM, rpc(method, params), now, a2a_version="").whole(now)[0])
        return answer["error"]["code"] if "error" in answer else answer["result"]

    def push(self, asks: str, params: Json) -> Any:
        return self.call(f"tasks/pushNotificationConfig/{asks}", params)


# Registering


@both
def test_a_config_is_created_read_listed_and_deleted(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")["id"]
    first = peer.answer(CREATE, {"taskId": task, "url": URL})
    assert first == {"taskId": task, "id": task, "url": URL}, "its id is the task's where none is given"
    second = peer.answer(CREATE, {"taskId": task, "id": "mine", "url": URL, "tenant": "", **SECRETS})
    assert second == {"taskId": task, "id": "mine", "url": URL, **SECRETS}
    assert peer.answer(LIST, {"taskId": task, "pageSize": 1, "pageToken": "x"}) == {"configs": [first, second]}
    assert [peer.answer(GET, {"taskId": task, "id": each}) for each in (task, "mine")] == [first, second]
    gone = {} if http else None
    assert [peer.answer(DELETE, {"taskId": task, "id": "mine"}) for _ in range(2)] == [gone, gone], (
        "again is no mistake"
    )
    assert peer.answer(GET, {"taskId": task, "id": "mine"}) == "TASK_NOT_FOUND"
    assert peer.answer(LIST, {"taskId": task}) == {"configs": [first]}
    assert [fact.receiver for fact in peer.facts if isinstance(fact, CallbackEnded)] == ["mine"]


def test_a_path_may_have_an_id_encoded() -> None:
    peer = Peer(http=True)
    task = peer.say("Taxi 42")["id"]
    created = peer.answer(CREATE, {"taskId": task, "id": "a:b~c", "url": URL})
    path = f"{TEAM}/tasks/{task}/pushNotificationConfigs/a%3Ab%7Ec"
    assert read(peer.send("GET", path).response) == created
    assert peer.send("DELETE", path).response.body == b"{}" and peer.answer(LIST, {"taskId": task}) == {"configs": []}


def test_in_0_3_a_config_is_set_read_listed_and_deleted() -> None:
    peer = Before()
    task = peer.call("message/send", said_before("Taxi 42"))["id"]
    config = {
        "id": "mine",
        "url": URL,
        "token": "t-1",
        "authentication": {"schemes": ["Bearer", "Basic"], "credentials": "c"},
    }
    whole = {"taskId": task, "pushNotificationConfig": config}
    assert peer.push("set", {"taskId": task, "pushNotificationConfig": {**config, "id": None}})[
        "pushNotificationConfig"
    ] == ({**config, "id": task})
    assert peer.push("set", whole) == whole
    assert peer.push("get", {"id": task, "pushNotificationConfigId": "mine"}) == whole
    assert peer.push("get", {"id": task})["pushNotificationConfig"]["id"] == task, "the first"
    assert [each["pushNotificationConfig"]["id"] for each in peer.push("list", {"id": task})] == [task, "mine"]
    for named in (task, "mine", "mine"):
        assert peer.push("delete", {"id": task, "pushNotificationConfigId": named}) is None
    assert (peer.push("list", {"id": task}), peer.push("get", {"id": task})) == ([], -32001)
    assert peer.push("delete", {"id": task}) == -32602, "which one"


def test_each_version_reads_what_the_other_registered() -> None:
    peer = Before()
    task = peer.say("Taxi 42")["id"]
    peer.answer(CREATE, {"taskId": task, "id": "one", "url": URL, **SECRETS})
    assert peer.answer(GET, {"taskId": task}) == "INVALID_PARAMS", "which one"
    authentication = {"schemes": ["Bearer", "Basic"], "credentials": "c"}
    sent = {"id": "three", "url": URL, "authentication": authentication}
    peer.push("set", {"taskId": task, "pushNotificationConfig": sent})
    configs = [each["pushNotificationConfig"] for each in peer.push("list", {"id": task})]
    basic = {"schemes": ["Basic"], "credentials": BASIC["credentials"]}
    assert configs == [{"id": "one", "url": URL, "token": SECRETS["token"], "authentication": basic}, sent]
    found = peer.answer(GET, {"taskId": task, "id": "three"})
    assert found["authentication"] == {"scheme": "Bearer", "credentials": "c"}


@both
@pytest.mark.parametrize("asks", ["SendMessage", "SendStreamingMessage"])
def test_a_message_brings_the_receiver_of_its_task(asks: str, http: bool) -> None:
    peer = Peer(http=http)
    config = {"url": URL, "taskId": "ignored", **SECRETS}
    sent = said("Taxi 42") | {"configuration": {"returnImmediately": True, "taskPushNotificationConfig": config}}
    peer.reply(asks, sent)
    (accepted,) = [fact for fact in peer.facts if isinstance(fact, JobAccepted)]
    task = accepted.job
    assert peer.answer(LIST, {"taskId": task}) == {"configs": [{**config, "taskId": task, "id": task}]}
    answer = {"returnImmediately": True, "taskPushNotificationConfig": {"url": URL, "id": "second"}}
    peer.reply(asks, said("yes", taskId=task) | {"configuration": answer}, 2_500)
    assert [each["id"] for each in peer.answer(LIST, {"taskId": task}, 2_600)["configs"]] == [task, "second"]


@each_row("method", ["message/send", "message/stream", "tasks/send"])
def test_in_0_3_too(method: str) -> None:
    peer = Before()
    configuration = {"pushNotificationConfig": {"url": URL, "id": "a"}}
    peer.send(
        "POST",
        TEAM,
        rpc(method, said_before("Taxi 42") | {"id": "own", "configuration": configuration}),
        a2a_version="",
    )
    (accepted,) = [fact for fact in peer.facts if isinstance(fact, JobAccepted)]
    assert [each["pushNotificationConfig"]["id"] for each in peer.push("list", {"id": accepted.job})] == ["a"]
    null = said_before("Taxi 42") | {"configuration": {"pushNotificationConfig": None}}
    assert peer.call("message/send", null)["status"]["state"] == "submitted"


@both
def test_one_of_the_same_id_takes_the_others_place(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")["id"]
    for config in ({"id": "a", "url": URL, **SECRETS}, {"url": URL}, {"id": "a", "url": f"{URL}2"}, {"url": f"{URL}3"}):
        peer.answer(CREATE, {"taskId": task, **config})
    listed = peer.answer(LIST, {"taskId": task})["configs"]
    assert {each["id"]: each["url"] for each in listed} == {"a": f"{URL}2", task: f"{URL}3"}
    assert all(each.keys() == {"id", "taskId", "url"} for each in listed), "nothing of the other is kept"


# What is refused


@each_row(
    ("config", "says"),
    [
        ({}, "url"), ({"url": 7}, "url"), ({"url": ""}, "url is no URL"), ({"url": "ftp://127.0.0.1/"}, "url is no URL"),
        ({"url": "http://u:p@127.0.0.1/"}, "url is no URL"), ({"url": "http://pod.example/"}, "--allow-host pod.example"),
        ({"url": "http://127.0.0.1.example/"}, "--allow-host"), ({"url": URL, "id": "a/b"}, "id must be"),
        ({"url": URL, "id": ".."}, "id must be"), ({"url": URL, "id": 7}, "$.id"), ({"url": URL, "token": "a\nb"}, "token must"),
        ({"url": URL, "token": "t" * 4_001}, "token must"), ({"url": URL, "token": " t"}, "token must"),
        ({"url": URL, "token": "\u00fc"}, "token must"), ({"url": URL, "authentication": "Bearer x"}, "$.authentication"),
        ({"url": URL, "authentication": {}}, "authentication.scheme"),
        ({"url": URL, "authentication": {"scheme": "B r", "credentials": "c"}}, "authentication.scheme"),
        ({"url": URL, "authentication": {"scheme": "Bearer", "credentials": "a\r\nb: c"}}, "authentication.credentials must"),
    ],
)  # fmt: skip
def test_a_wrong_config_is_refused_and_says_what_of_it(config: Any, says: str) -> None:
    for http in (False, True):
        peer = Peer(http=http)
        task = peer.say("Taxi 42")["id"]
        response = peer.reply(CREATE, {"taskId": task, **config}).response
        error: Any = read(response)["error"]
        assert peer.unwrapped(response) == "INVALID_PARAMS" and says in error["message"], error
        message = said("Taxi 43") | {"configuration": {"returnImmediately": True, "taskPushNotificationConfig": config}}
        assert peer.answer("SendMessage", message) == "INVALID_PARAMS"
        assert len([fact for fact in peer.facts if isinstance(fact, JobAccepted)]) == 1, "nor was the message taken"
        assert not [fact for fact in peer.facts if isinstance(fact, CallbackRegistered)]


def test_in_0_3_at_least_one_scheme_is_wanted() -> None:
    peer = Before()
    task = peer.call("message/send", said_before("Taxi 42"))["id"]
    for wrong in ({"schemes": []}, {"schemes": ["Bearer", "a b"]}, {"scheme": "Bearer"}):
        config = {"url": URL, "authentication": wrong}
        assert peer.push("set", {"taskId": task, "pushNotificationConfig": config}) == -32602
    assert peer.push("set", {"taskId": task}) == -32602


@both
def test_a_task_has_twenty_at_most_and_each_may_still_be_changed(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")["id"]
    for number in range(19):
        peer.answer(CREATE, {"taskId": task, "id": f"c{number}", "url": URL})
    peer.answer(CREATE, {"taskId": task, "url": URL})
    refused = peer.reply(CREATE, {"taskId": task, "id": "more", "url": URL}).response
    assert peer.unwrapped(refused) == "UNSUPPORTED_OPERATION"
    assert b"20 push notification configs already. End one" in refused.body
    more = {"returnImmediately": True, "taskPushNotificationConfig": {"url": URL, "id": "more"}}
    assert (
        peer.answer("SendMessage", said("yes", taskId=task) | {"configuration": more}, 2_500) == "UNSUPPORTED_OPERATION"
    )
    assert peer.task(task, 2_500)["status"]["state"] == "TASK_STATE_INPUT_REQUIRED", "nor was it answered"
    for changed in ({"id": "c0"}, {}):
        assert peer.answer(CREATE, {"taskId": task, "url": f"{URL}2", **changed})["url"] == f"{URL}2"
    other = peer.say("Taxi 43")["id"]
    assert peer.answer(CREATE, {"taskId": other, "url": URL})["id"] == other


@both
def test_anothers_task_is_as_if_there_were_none(http: bool) -> None:
    peer = Peer(http=http)
    task = peer.say("Taxi 42")["id"]
    peer.answer(CREATE, {"taskId": task, "id": "mine", "url": URL})
    own, peer.bearer = peer.bearer, token(peer.mock, client=OTHER)
    for asks in (CREATE, GET, LIST, DELETE):
        params = {"taskId": task, "id": "mine", "url": URL}
        foreign = peer.reply(asks, params).response
        assert foreign.body == peer.reply(asks, {**params, "taskId": "nobodys"}).response.body
        assert peer.unwrapped(foreign) == "TASK_NOT_FOUND"
    peer.bearer = own
    assert [each["id"] for each in peer.answer(LIST, {"taskId": task})["configs"]] == ["mine"]


@both
def test_where_nobody_is_told_it_is_said(http: bool) -> None:
    peer = Before(http=http)
    peer.mock = Service(replace(peer.mock.config, callbacks=None))
    peer.bearer = token(peer.mock)
    task = peer.say("Taxi 42")["id"]
    for asks in (CREATE, GET, LIST, DELETE):
        response = peer.reply(asks, {"taskId": task, "id": "a", "url": URL}).response
        assert peer.unwrapped(response) == "PUSH_NOTIFICATION_NOT_SUPPORTED" and b"one process" in response.body
    for asks in ("SendMessage", "SendStreamingMessage"):
        sent = said("Taxi 42") | {"configuration": {"taskPushNotificationConfig": {"url": URL}}}
        assert peer.answer(asks, sent) == "PUSH_NOTIFICATION_NOT_SUPPORTED"
    assert peer.push("set", {"taskId": task, "pushNotificationConfig": {"url": URL}}) == -32003
    card: Any = read(peer.send("GET", f"{TEAM}/.well-known/agent-card.json").response)
    assert card["capabilities"]["pushNotifications"] is False


# What is sent


def changes_of(peer: Peer, task: str) -> tuple[list[JobChange], WriteContext]:
    """The changes of a task, and by what answers about it are written."""
    planned = peer.mock.planned(task)
    assert planned is not None
    facts = derived(*planned, 300_000).facts
    changes = [JobChange(*planned, "{}", each) for each in facts if isinstance(each, JobStatus)]
    return changes, WriteContext(EPOCH, Switches(), 300_000, "")


@pytest.mark.parametrize("version", [V10, V03], ids=["1.0", "0.3"])
def test_each_change_is_told_by_the_task_as_it_is_then(version: A2AVersion) -> None:
    peer, wire = Before(), PushWire()
    task = peer.say("Taxi 42")["id"]
    receiver = Receiver(name="a", wire="a2a", url=URL, since=0, members={"version": version.number})
    peer.say("yes", 3_000, taskId=task)
    changes, context = changes_of(peer, task)
    assert [change.fact.to for change in changes] == ["WAITING", "WAITING", "COMPLETE"]
    for change in changes:
        assert wire.tells(receiver, change)
        body = json.loads(wire.body(receiver, change, context))
        looked = (
            peer.call("tasks/get", {"id": task}, change.fact.at) if version is V03 else peer.task(task, change.fact.at)
        )
        assert body == (looked if version is V03 else {"task": looked})


def sent_by(signature: Signing, **members: Any) -> dict[str, str]:
    schemes = members.pop("schemes", "")
    receiver = Receiver(
        name="a", wire="a2a", url=URL, since=0, members={"version": "1.0", "schemes": schemes}, **members
    )
    sent = CallbackSent(
        at=1,
        job="j",
        receiver="a",
        callback="c",
        number=1,
        status="COMPLETE",
        changed=0,
        whole="{}",
        signature=signature,
    )
    headers = PushWire().headers(receiver, sent)
    assert len({name for name, _ in headers}) == len(headers)
    return dict(headers)


def test_a_receiver_knows_the_lab_by_token_and_credentials() -> None:
    plain = {"content-type": "application/json"}
    assert sent_by("none") == sent_by("none", schemes="Bearer") == plain
    assert sent_by("good", token="t") == {**plain, "x-a2a-notification-token": "t"}
    both_known = {"token": "t", "secret": "c", "schemes": "Bearer Basic"}
    assert sent_by("good", **both_known) == {
        **plain, "x-a2a-notification-token": "t", "authorization": "Bearer c",
    }  # fmt: skip
    bad = sent_by("bad", **both_known)
    assert bad.keys() == sent_by("good", **both_known).keys() and bad["authorization"].startswith("Bearer ")
    assert bad["x-a2a-notification-token"] != "t" and bad["authorization"] != "Bearer c"


def test_what_a_task_has_stands_with_it() -> None:
    peer = Peer(DOCUMENT | {"retention": "2s"})
    task = peer.say("Taxi 42")["id"]
    peer.answer(CREATE, {"taskId": task, "url": URL, **SECRETS})
    (one,) = standing(peer.mock.ledger.get, task)
    assert (one.token, one.secret, one.owner) == (SECRETS["token"], BASIC["credentials"], "demo")
    assert peer.answer(LIST, {"taskId": task}, 300_000) == "TASK_NOT_FOUND"


def test_a_config_goes_by_the_name_of_its_route_alone() -> None:
    faults = [{"route": each, "answer": 503, "calls": "every 1"} for each in ("status", "stream", "cancel")]
    peer = Peer(DOCUMENT | {"faults": [*faults, {"route": "a2a", "answer": 429, "calls": 3}]})
    task = peer.say("Taxi 42")["id"]
    assert [peer.reply(LIST, {"taskId": task}).response.status for _ in range(3)] == [200, 429, 200]

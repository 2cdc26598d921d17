"""Receivers that A2A's clients register: what they are told over sockets on a manual clock, on tape, and in a report."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.clocks import AnyClock, ScaledClock
from lab.identity.clients import DEMO
from lab.jobs.callbacks import CallbackAnswered, CallbackSent
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.plugins.a2a.routes import a2a_path
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RuleVerdict, report_on
from lab.program.scenario import Scenario
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.plugins.a2a.sessions import AT_ONCE, rpc, said
from tests.plugins.callbacks.receivers import Came, Hook, receiving
from tests.plugins.callbacks.worlds import EPOCH, document
from tests.server.conftest import request
from tests.server.served import Served, ask, basic, serving, text, token_of
from tests.wire_peer import OTHER

TEAM = a2a_path("a2a", "TOLD")
TOKEN, CREDENTIALS = "t-0123456789abcdef", "c-0123456789abcdef"
KNOWN = {"x-a2a-notification-token": TOKEN, "authorization": f"Bearer {CREDENTIALS}"}
LAST = {"on": ["COMPLETE"]}
STATE = "TASK_STATE_"


def config(hook: Hook, **members: Any) -> dict[str, Any]:
    known = {"token": TOKEN, "authentication": {"scheme": "Bearer", "credentials": CREDENTIALS}}
    return {"url": hook.url, **known, **members}


def verified(came: Came) -> bool:
    return all(came.headers.get(name) == value for name, value in KNOWN.items())


def task_in(came: Came) -> dict[str, Any]:
    """What it tells; nothing, if it can't be read."""
    try:
        body = json.loads(came.body)
    except ValueError:
        return {}
    return dict(body.get("task", body))


def state_of(task: dict[str, Any]) -> str:
    return str(task["status"]["state"]).removeprefix(STATE) if task else ""


@dataclass
class Client:
    """A client of the lab, whose receiver refuses what it can't verify or read."""

    world: Served
    hook: Hook
    mistake: str = ""
    bearer: str = ""
    answered: list[int] = field(default_factory=list)
    """What its receiver said to each callback."""
    ended: bool = False
    """Whether a look has shown the end of its task."""
    lines: list[bytes] = field(default_factory=list)
    tape: Tape | None = None

    def __post_init__(self) -> None:
        self.hook.answer = self.receive
        self.bearer = self.bearer or token_of(self.world)

    def receive(self, came: Came) -> tuple[int, dict[str, str]]:
        status = 401 if not verified(came) else 204 if task_in(came) else 400
        self.answered.append(status)
        return status, {}

    def send(self, method: str, path: str, body: Any = None, version: str = "1.0") -> Any:
        headers = (
            ("authorization", f"Bearer {self.bearer}"), ("content-type", "application/json"), ("a2a-version", version),
        )  # fmt: skip
        return ask(self.world, request(method, path, headers, b"" if body is None else text(body))).json

    def call(self, method: str, params: Any, version: str = "1.0") -> Any:
        answer = self.send("POST", TEAM, rpc(method, params), version)
        return answer.get("result", answer.get("error"))

    def begin(self, **configuration: Any) -> str:
        sent = said("go") | {"configuration": {"returnImmediately": True, **configuration}}
        return str(self.call("SendMessage", sent)["task"]["id"])

    def look(self, task: str) -> str:
        state = state_of(self.call("GetTask", {"id": task}))
        self.ended = self.ended or state == "COMPLETED"
        return state

    def sent(self, task: str) -> list[CallbackSent]:
        found = self.world.call(self.world.service.derived, task, self.world.clock.now())
        return [each for each in found.facts if isinstance(each, CallbackSent)]

    # On tape

    def record(self) -> None:
        def begin() -> None:
            service, now = self.world.service, self.world.clock.now()
            self.tape = Tape(service, self.lines.append, recording_header(service.config, lab="0.1.0", t=now))
            self.tape.restate(snapshot(service, now), now)
            service.observers.append(self.tape)

        self.world.call(begin)

    def recorded(self) -> bytes:
        self.world.run(self.world.end_acting())
        assert self.tape is not None
        self.world.call(self.tape.close, self.world.clock.now())
        return b"".join(self.lines)


@contextmanager
def client(
    callbacks: dict[str, Any] | None = None, mistake: str = "", clock: AnyClock | None = None, **more: Any
) -> Iterator[Client]:
    with receiving() as hook, serving({**document(callbacks), **more}, epoch=EPOCH, clock=clock) as world:
        yield Client(world, hook, mistake)


# What comes


def test_a_receiver_is_told_of_its_task_alone_whole_at_each_change() -> None:
    with client() as one:
        task, other = one.begin(taskPushNotificationConfig=config(one.hook)), one.begin()
        one.world.sleep(60)
        assert [state_of(task_in(each)) for each in one.hook.came] == ["INPUT_REQUIRED", "COMPLETED"]
        assert {task_in(each)["id"] for each in one.hook.came} == {task} != {other}
        assert task_in(one.hook.came[-1]) == one.call("GetTask", {"id": task})
        assert all(verified(each) and each.headers["content-type"] == "application/json" for each in one.hook.came)
        assert not [name for each in one.hook.came for name in each.headers if name.startswith("webhook")]
        assert [(each.signature, each.timestamp) for each in one.sent(task)] == [("good", None)] * 2
        assert one.sent(other) == []


@each_row("by", ["HTTP+JSON", "0.3", "answer"])
def test_however_it_was_registered(by: str) -> None:
    steps = [
        {"work": "read", "takes": "2s"}, {"gate": "boss", "asks": "Pay?", "patience": "1m"},
        {"work": "pay", "takes": "1s"}, {"complete": "done", "output": "Paid."},
    ]  # fmt: skip
    with client(LAST, steps=steps) as one:
        task = one.begin()
        if by == "HTTP+JSON":
            one.send("POST", f"{TEAM}/tasks/{task}/pushNotificationConfigs", config(one.hook))
        elif by == "0.3":
            older = config(one.hook, authentication={"schemes": ["Bearer"], "credentials": CREDENTIALS})
            one.call("tasks/pushNotificationConfig/set", {"taskId": task, "pushNotificationConfig": older}, "0.3")
        one.world.sleep(3)
        configuration: dict[str, Any] = {"taskPushNotificationConfig": config(one.hook)} if by == "answer" else {}
        one.call("SendMessage", said("yes", taskId=task) | {"configuration": AT_ONCE["configuration"] | configuration})
        one.world.sleep(60)
        (came,) = one.hook.came
        body = json.loads(came.body)
        assert verified(came) and body == (
            one.call("tasks/get", {"id": task}, "0.3") if by == "0.3" else {"task": one.call("GetTask", {"id": task})}
        )


def test_one_that_comes_with_each_message_stands_on() -> None:
    steps = [{"gate": "boss", "asks": "Pay?", "patience": "1m"}, {"complete": "done", "output": "Paid."}]
    with client(LAST, steps=steps) as one:
        known = {"returnImmediately": True, "taskPushNotificationConfig": config(one.hook)}
        task = str(one.call("SendMessage", said("go") | {"configuration": known})["task"]["id"])
        one.world.sleep(3)
        ended = one.call("SendMessage", said("yes", taskId=task) | {"configuration": known})["task"]
        assert state_of(ended) == "COMPLETED", "at the instant at which it is registered again"
        one.world.sleep(3)
        assert [state_of(task_in(each)) for each in one.hook.came] == ["COMPLETED"]


def test_who_is_deleted_is_told_no_more_and_who_takes_its_place_is() -> None:
    with client() as one, receiving() as second:
        task = one.begin(taskPushNotificationConfig=config(one.hook, id="a"))
        one.call("CreateTaskPushNotificationConfig", {"taskId": task, **config(one.hook, id="b")})
        one.world.sleep(3)
        one.call("DeleteTaskPushNotificationConfig", {"taskId": task, "id": "b"})
        one.call("CreateTaskPushNotificationConfig", {"taskId": task, **config(second, id="a")})
        one.world.sleep(60)
        assert [state_of(task_in(each)) for each in one.hook.came] == ["INPUT_REQUIRED"] * 2
        assert [state_of(task_in(each)) for each in second.came] == ["COMPLETED"]


def test_one_that_says_it_is_gone_is_listed_no_more() -> None:
    with client() as one:
        task = one.begin(taskPushNotificationConfig=config(one.hook))
        one.hook.answer = lambda _: (410, {})
        one.world.sleep(60)
        assert len(one.hook.came) == 1
        assert one.call("ListTaskPushNotificationConfigs", {"taskId": task}) == {"configs": []}


def test_nobody_ends_or_sees_anothers() -> None:
    with receiving() as hook, serving(document(LAST), epoch=EPOCH, clients=(DEMO, OTHER)) as world:
        mine = Client(world, hook)
        other = Client(world, hook, bearer=token_of(world, basic(OTHER.id, OTHER.secret)))
        task = mine.begin(taskPushNotificationConfig=config(hook, id="a"))
        for asks in ("Get", "Delete"):
            refused = other.call(f"{asks}TaskPushNotificationConfig", {"taskId": task, "id": "a"})
            assert refused["code"] == -32001
        world.sleep(60)
        assert [state_of(task_in(each)) for each in hook.came] == ["COMPLETED"]


# What goes wrong with it


@each_row(
    ("strike", "answers", "seconds"),
    [
        (None, [204], [6]), ("lost", [], []), ("late", [204], [606]), ("twice", [204, 204], [6, 7]),
        ("reordered", [204], [6]), ("bad-signature", [401, 204], [6, 11]), ("truncated", [400, 204], [6, 11]),
        ("other-job", [204], [6]), ("old-timestamp", [204], [6]),
    ],
)  # fmt: skip
def test_the_scenarios_faults_strike_here_too(strike: str | None, answers: list[int], seconds: list[int]) -> None:
    with client(LAST | {"faults": [] if strike is None else [{"strike": strike}]}) as one:
        task = one.begin(taskPushNotificationConfig=config(one.hook))
        one.world.sleep(3_600)
        assert one.answered == answers
        assert [each.at // 1_000 for each in one.world.facts(CallbackAnswered)] == seconds
        foreign = [task_in(each)["id"] != task for each in one.hook.came if task_in(each)]
        assert any(foreign) == (strike == "other-job")
        assert [each.fault for each in one.sent(task)][:1] == [strike if strike in FIRST else None]
        for each in one.hook.came:
            assert verified(each) == (strike != "bad-signature" or each is not one.hook.came[0])


FIRST = ("lost", "late", "bad-signature", "truncated", "other-job")
"""Strikes that its first try shows; reordered has nothing behind it, twice shows later, and old-timestamp never does."""


def test_one_that_has_no_secret_is_told_all_the_same() -> None:
    with client(LAST | {"faults": [{"strike": "bad-signature"}]}) as one:
        one.hook.answer = lambda _: (204, {})
        task = one.begin(taskPushNotificationConfig={"url": one.hook.url, "authentication": {"scheme": "Bearer"}})
        one.world.sleep(60)
        assert [each.signature for each in one.sent(task)] == ["none"]
        assert not KNOWN.keys() & one.hook.came[0].headers.keys()


# On tape


@each_row("late", [False, True])
def test_a_recording_of_all_of_it_replays_and_holds_no_secret(late: bool) -> None:
    faults = [{"strike": strike, "calls": number} for number, strike in enumerate(("bad-signature", "twice"), 1)]
    callbacks = {"faults": faults}
    with client(callbacks) as one:
        if not late:
            one.record()
        task = one.begin(taskPushNotificationConfig=config(one.hook))
        one.call("CreateTaskPushNotificationConfig", {"taskId": task, **config(one.hook, id="b", token="t-of-b-98765")})
        if late:
            one.world.sleep(3)
            one.record()
        one.call("ListTaskPushNotificationConfigs", {"taskId": task})
        one.world.sleep(4)
        one.call("DeleteTaskPushNotificationConfig", {"taskId": task, "id": "b"})
        one.world.sleep(600)
        one.look(task)
        tape = one.recorded()
    found = replay(read(tape), (program_of(parsed(Scenario, document(callbacks))),))
    assert found.differences == () and found.facts > 4
    text = tape.decode()
    assert text.count('"type":"callback.sent"') >= 4 and '"type":"callback.ended"' in text
    assert not [each for each in (TOKEN, CREDENTIALS, "t-of-b-98765") if each in text]


# In a report


def works_on_it(one: Client) -> None:
    """Polls, and sooner once a callback has come that is new; looks at a task's end before it believes it."""
    task, seen, taken = one.begin(taskPushNotificationConfig=config(one.hook)), set[bytes](), 0
    for second in range(1, 30):
        one.world.sleep(1)
        fresh = [each for each in one.hook.came[taken:] if one.mistake == "no-token" or verified(each)]
        taken += len(one.hook.came[taken:])
        again = [each for each in fresh if each.body in seen]
        seen |= {each.body for each in fresh}
        states = [state_of(task_in(each)) for each in fresh if each not in again]
        if one.mistake == "believes" and "COMPLETED" in states:
            return
        news = states or (second % 5 == 0 and one.mistake != "no-polls")
        if one.mistake != "works" and ((news and not one.ended) or (again and one.mistake == "doubles")):
            one.look(task)


MISTAKES = {
    "no-token": ("G1", "bad-signature"), "doubles": ("G3", "twice"), "believes": ("G4", "other-job"),
    "no-polls": ("G5", "lost"), "works": ("G6", "reordered"), "slow": ("G7", "twice"),
}  # fmt: skip
STYLE = {"B3"}
"""A rule of no weight that this client doesn't keep."""


@pytest.mark.parametrize("mistake", ["", *MISTAKES])
def test_one_mistake_is_one_finding(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr("lab.plugins.callbacks.sender.TRY_LIMIT", 300)

    def answers(one: Client, came: Came) -> tuple[int, dict[str, str]]:
        if mistake == "slow":
            go.wait(10)
        if mistake == "works":
            one.look(task_in(came)["id"])
        return (204, {}) if mistake == "no-token" else Client.receive(one, came)

    strikes = {strike for _, strike in MISTAKES.values()} if not mistake else {MISTAKES[mistake][1]}
    for strike in sorted(strikes):
        clock = ScaledClock("20") if mistake == "works" else None  # a reply is withheld where time passes by itself
        callbacks = LAST | {"faults": [{"strike": strike}]}
        with client(callbacks, mistake, clock, latency={"status": "50ms"}) as one:
            one.hook.answer = lambda came, one=one: answers(one, came)  # type: ignore[misc]
            one.record()
            works_on_it(one)
            report = report_on({"run": histories_of(read(one.recorded()), over=True)})
        failed = {each.rule.id for each in report.with_verdict(RuleVerdict.FAIL)} - STYLE
        assert failed == ({MISTAKES[mistake][0]} if mistake else set()), strike
    go.set()

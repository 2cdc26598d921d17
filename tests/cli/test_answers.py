"""However a gate is answered, a playback tells the decisions that the recording holds, and of each job one story."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.exchange import Request, Response
from lab.core.observe import Replied
from lab.dialects.router import ROUTER
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.tui.state.recording import RecordingTimeline
from tests.cli.test_decided import in_words
from tests.cli.test_play import lab
from tests.conftest import examples
from tests.shapes import switched
from tests.wire_peer import invoke, status, token

TOLD = re.compile(
    r"(?:\d\d:)+\d\d\.\d (DECIDED|VOTED|EXPIRED) +(?:\S+  )?((?:API|control plane|script|nobody|\d of).*?)(  \d+  .*)?$"
)
CHANGES = {"changes-requested": "read", "rejected": "board", "timed-out": "board"}
DOCUMENT = {
    "lab": 1, "name": "gates", "title": "Gates", "agent": {"code": "EXPENSES"}, "ask": "Taxi 42",
    "steps": [
        {"work": "read", "takes": "2s"},
        {"gate": "one", "asks": "One?", "patience": "1m", "rounds": 3, "verdicts": CHANGES},
        {"gate": "two", "asks": "Two?", "patience": "1m", "rounds": 3, "verdicts": CHANGES},
        {"gate": "note", "asks": "Why?", "approval": False, "patience": "1m", "verdicts": {"changes-requested": "read"}},
        {"gate": "board", "asks": "Board?", "channel": "APPROVAL_PROCESS", "approvals": 3, "patience": "1m"},
        {"complete": "done", "output": "Done."},
    ],
    "turns": [{"ask": "And?", "match": "And", "steps": [{"complete": "fine", "output": "Fine."}]}],
}  # fmt: skip
ACTIONS = {"approve": "APPROVE_ACTION", "reject": "REJECT_ACTION", "shorter": "RFI_ACTION"}
WAYS = ("conversation", "job", "token", "chat")


class Client:
    """A client of a mock on tape; no time passes but what `rest` says."""

    def __init__(self, **switches: object) -> None:
        program = program_of(parsed(Scenario, DOCUMENT))
        setup = Config((program,), switched(switches), 42, INSTANT_EPOCH, scripted=False)
        self.service, self.lines, self.now = Service(setup), list[bytes](), 0
        self.tape = Tape(self.service, self.lines.append, recording_header(setup, lab="0"))
        self.service.observers.append(self.tape)
        self.bearer = self.grant()
        body = self.send(invoke(self.bearer, {"message": "Taxi 42", "conversational": True}))
        self.job, self.thread = body["jobId"], body["conversationId"]

    def grant(self) -> str:
        """A token; its reply is on tape without it."""
        bearer = token(self.service, self.now)
        self.service.tell(Replied(self.now, self.service.exchanges, Response(200), 0))
        return bearer

    def send(self, request: Request) -> dict[str, str]:
        """A call and its reply at one instant; the body, if it is JSON."""
        reply = self.service.serve(request, self.now)
        if reply.parts is not None:
            response, self.now = reply.whole(self.now)
            self.service.tell(Replied(self.now, reply.x, response, reply.latency))
        else:
            delivery = reply.deliver(self.now)
            response = delivery.response
            self.service.tell(Replied(self.now, reply.x, response, reply.latency, cut=delivery.cut, sent=delivery.sent))
        value = json.loads(response.body) if response.body.startswith(b"{") else {}
        return value if isinstance(value, dict) else {}

    def rest(self, millis: Millis) -> None:
        self.now += millis

    def poll(self) -> dict[str, str]:
        return self.send(status(self.bearer, self.job))

    def answer(self, way: str, word: str) -> dict[str, str]:
        """What is said to the open gate, in one of the ways to say it."""
        talk = {"conversational": True, "conversationId": self.thread}
        match way:
            case "conversation":
                return self.send(invoke(self.bearer, {"message": word, **talk}))
            case "job":
                return self.send(invoke(self.bearer, {"message": word, "jobId": self.job}))
            case "chat":
                plain = invoke(self.bearer, {"message": word, **talk})
                return self.send(Request("POST", ROUTER.path("chat", code="EXPENSES"), "", plain.headers, plain.body))
            case _:
                found = self.poll() if way == "token" else json.loads(self.service.status_of(self.job, self.now) or b"")
                node = found.get("waitingNodeDetails")
                opening = node.get("callbackToken") if isinstance(node, dict) else None
                resume = {"messageInstanceId": opening, "userResponse": ACTIONS.get(word, "RFI_ACTION")}
                resume |= {} if word in ("approve", "reject") else {"content": word}
                return self.send(invoke(self.bearer, {"message": "", "jobId": self.job, "resumeInput": resume}))

    def vote(self, verdict: str, name: str) -> None:
        self.service.decide(self.job, "board", verdict, self.now, name=name, comment=f"Says {name}.")

    def end(self) -> bytes:
        self.tape.close(self.now)
        return b"".join(self.lines)


def decisions(lines: str) -> Iterator[str]:
    """What a transcript says of each decision: `API: approved`."""
    return (match[2] for line in lines.splitlines() if (match := TOLD.match(line)) is not None)


def playback(folder: Path, data: bytes) -> str:
    """The transcript of a playback, which tells the decisions that `lab show` tells."""
    file = folder / "told.rec.jsonl"
    file.write_bytes(data)
    shown, lines = lab("show", str(file)), lab("play", str(file), "--plain")
    assert (shown[0], lines[0]) == (0, 0), (shown, lines)
    assert list(decisions(lines[1])) == in_words(shown[1])
    return lines[1]


@pytest.mark.parametrize("way", [*WAYS])
def test_an_answer_and_the_quorum_behind_it_are_one_story(tmp_path: Path, way: str) -> None:
    assert_one_story(tmp_path, Client(), way)


def assert_one_story(tmp_path: Path, client: Client, way: str) -> None:
    """One run, with four decisions, which `lab play` and `lab show` tell alike."""
    client.rest(2_000)
    client.poll()
    client.answer(way, "reject")
    for name in "ABC":
        client.vote("approved", name)
    client.poll()
    client.poll()
    data = client.end()
    lines = playback(tmp_path, data)
    assert list(decisions(lines)) == [
        "API: rejected",
        "control plane: approved by A, 1 of 3: Says A.",
        "control plane: approved by B, 2 of 3: Says B.",
        "control plane: approved by C, 3 of 3: Says C.",
    ]
    assert lines.count("INVOKE") == 1 and len(re.findall(r"COMPLETE \d poll", lines)) == 1
    assert re.search(r"DECIDED +one  API: rejected(  20[02]  0 ms)" + ("" if way != "chat" else "?"), lines)
    timeline = RecordingTimeline(read(data), INSTANT_EPOCH)
    journal = timeline.journal(timeline.count)
    run = journal.run()
    assert len(journal.keys()) == 1 and (run.decisions, run.start) == (4, 0)
    assert run.outcome is not None and run.outcome.complete and journal.in_flight == {}


Said: TypeAlias = list[tuple[str, str, bool, int]]
"""Answers: the way, the word, whether a poll comes before it, and after what pause."""
VOTES = st.lists(st.sampled_from(("approved", "rejected")), max_size=3)


def said_by(ways: tuple[str, ...]) -> st.SearchStrategy[Said]:
    words, pauses = st.sampled_from((*ACTIONS, "why")), st.sampled_from((0, 2_000))
    return st.lists(st.tuples(st.sampled_from(ways), words, st.booleans(), pauses), max_size=6)


@examples(12, thorough=200)
@given(answers=said_by(WAYS), votes=VOTES, renamed=st.booleans())
def test_play_and_show_tell_the_same_decisions(
    tmp_path_factory: pytest.TempPathFactory, answers: Said, votes: list[str], renamed: bool
) -> None:
    client = Client(**({"resume_job_id": "new"} if renamed else {}))
    assert_same_decisions(tmp_path_factory.mktemp("told"), client, answers, votes)


def assert_same_decisions(folder: Path, client: Client, answers: Said, votes: list[str]) -> None:
    """Those of `lab play` and `lab show`, whatever was said to which gate; each job has its run."""
    for way, word, polled, pause in answers:
        client.rest(pause)
        if polled:
            client.poll()
        client.answer(way, word)
    for number, verdict in enumerate(votes):
        client.vote(verdict, f"V{number}")
    client.poll()
    client.rest(70_000)
    client.poll()
    data = client.end()
    playback(folder, data)
    timeline = RecordingTimeline(read(data), INSTANT_EPOCH)
    journal = timeline.journal(timeline.count)
    runs = list(map(journal.run, journal.keys()))
    # a message that was refused where no gate shows may have been for a new job: it has a run, and no job
    assert sum(run.job is not None and run.job.job is not None for run in runs) == data.count(b'"job.accepted"')
    assert runs[0].polls == sum(req.method == "GET" for req in read(data).of(Req))


@pytest.mark.parametrize("way", ["conversation", "job", "unseen token"])
def test_an_answer_to_a_gate_that_no_poll_has_shown_is_told_by_itself(tmp_path: Path, way: str) -> None:
    client = Client()
    client.poll()
    client.rest(2_000)
    client.answer(way, "reject")
    data = client.end()
    lines = playback(tmp_path, data)
    assert re.search(r"00:02.0 DECIDED +one  API: rejected\n# A person said no.*\n00:02.0 POST .*  202  0 ms\n", lines)
    timeline = RecordingTimeline(read(data), INSTANT_EPOCH)
    run = timeline.journal(timeline.count).run()
    assert run.polls == 1 and run.job is not None and run.job.status == "WAITING"


@pytest.mark.parametrize("way", ["conversation", "job"])
def test_an_answer_is_its_own_gates_whichever_shows(tmp_path: Path, way: str) -> None:
    client = Client()
    client.rest(2_000)
    client.poll()
    client.service.decide(client.job, "one", "approved", client.now)
    client.answer(way, "approve")
    lines = playback(tmp_path, client.end())
    assert re.findall(r"DECIDED +(\w+)", lines) == ["one", "two"]


def test_a_message_that_begins_a_turn_or_is_refused_is_no_decision(tmp_path: Path) -> None:
    client = Client()
    client.rest(2_000)
    client.poll()
    client.bearer = "gone"
    client.answer("conversation", "approve")
    client.bearer = client.grant()
    client.answer("job", "reject")
    for name in "ABC":
        client.vote("approved", name)
    client.poll()
    client.answer("conversation", "And?")
    lines = playback(tmp_path, client.end())
    assert re.search(r"DECIDED +one  refused  401", lines)
    assert lines.count("INVOKE") == 2 and lines.count("# job ") >= 1


def test_a_repeat_that_gets_the_job_of_before_begins_none(tmp_path: Path) -> None:
    client = Client(idempotency_key=True)
    key = {"idempotency_key": "k-1"}
    first = client.send(invoke(client.bearer, {"message": "Taxi 42"}, **key))
    client.rest(5_000)
    again = client.send(invoke(client.bearer, {"message": "Taxi 42"}, **key))
    assert first["jobId"] == again["jobId"] != client.job
    data = client.end()
    timeline = RecordingTimeline(read(data), INSTANT_EPOCH)
    assert len(timeline.journal(timeline.count).keys()) == 2
    assert playback(tmp_path, data).count("INVOKE") == 2


@pytest.mark.parametrize("way", ["conversation", "job"])
@pytest.mark.parametrize("fault", [{"answer": 503}, {"strike": "reset"}])
def test_an_answer_that_a_fault_struck_stays_with_its_gate(
    tmp_path: Path, way: str, fault: dict[str, str | int]
) -> None:
    client = Client()
    client.rest(2_000)
    client.poll()
    assert client.service.arm({"route": "invoke", **fault}, client.now).status == 200
    client.answer(way, "approve")
    client.poll()
    data = client.end()
    playback(tmp_path, data)
    timeline = RecordingTimeline(read(data), INSTANT_EPOCH)
    journal = timeline.journal(timeline.count)
    assert len(journal.keys()) == 1
    assert [row.kind for row in journal.run().timeline].count("struck") == 1

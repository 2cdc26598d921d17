"""A run of item-comparison as observations, and a source that plays it: no server, no engine, no waiting."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from functools import partial, reduce
from inspect import iscoroutinefunction
from types import FunctionType
from typing import Any

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted, Replied, Requested, Waiting
from lab.dialects.client import Question
from lab.jobs.facts import GateDecided, GateOpened, Otherwise
from lab.jobs.gates import Origin
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.program.words import Verdict
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate, follow
from lab.tui.state.screen import ScenarioChoice, SourceState
from lab.tui.state.source import ScreenSource, SourceAsk

JOB = "7f3c92a1-4f7e-4a53-9c5e-0f6f0c1b7a11"
SECOND = "2c9d1f04-8a35-4b7e-b1d6-90ad3e57c284"
CONVERSATION = "c81f27d4-0b9e-4a63-8f15-72e6d4a90b3c"
MESSAGE = "Compare M1000034 of org IMO and M1000040 of Org SBI"
QUESTION = "Share the prices agreed with Rodriguez Group?"
SECRET = "lab-secret-a:b/c+d%e"
CALLBACK = "9c41e07d52ab4f0e8d3367b1f5a2c690"
OUTPUT = """## M1000034 and M1000040

Same category, different terms.

| | IMO | SBI |
|---|---|---|
| Category | Pumps | Pumps |
| Status | Active | Active |
| Lead time | 12 days | **9 days** |
| On hand | 38 | **120** |
| Price, EUR | **21.40** | 22.90 |

Prices agreed with *Rodriguez Group*.

**M1000034** is cheaper, **M1000040** comes sooner.
"""
FOLLOW_UP = ("Which one is cheaper?", "Who supplies both?")
ERROR = "Tool GET_ITEM failed: 404 Not Found"


def _segment(value: Json) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


TOKEN = ".".join(
    (
        "eyJ4NXQi" + _segment({"alg": "RS256", "typ": "JWT"}),
        _segment({"sub": "demo", "sub_type": "client", "client_id": "demo", "iss": "lab", "iat": 1772442900, "exp": 1772446500}),
        "c2lnbmF0dXJlLW5vdC1jaGVja2VkQ4wX",
    )
)  # fmt: skip

DOCUMENT: dict[str, object] = (
    {
        "lab": 1, "name": "item-comparison", "title": "Compare two items", "agent": {"code": "ITEM_COMPARE_TEAM"},
        "shows": "the whole story", "ask": MESSAGE,
        "story": "A buyer's app asks Fusion to compare two items. Negotiated prices need the buyer's consent.",
        "steps": [
            {"work": "fetch", "takes": "3s"},
            {"gate": "buyer-approval", "asks": QUESTION, "patience": "15m", "verdicts": {"changes-requested": "fetch"}},
            {"work": "reason", "takes": "3s"}, {"complete": "answer", "output": OUTPUT},
        ],
    }
)  # fmt: skip
SCENARIO = parsed(Scenario, DOCUMENT)

NODE: dict[str, Json] = {
    "code": "BUYER_APPROVAL", "type": "HUMAN", "channelType": "CHAT", "initialMessage": QUESTION,
    "requestChangeMessage": "Say what should be different.", "maxIterationMessage": "No further changes can be made.",
    "currentIterationCount": 0, "maxIteration": 3, "feedbackEnabledFlag": True, "approvalEnabledFlag": True,
    "waitTimeInMinutes": None,
    "actionNames": {"APPROVE_ACTION": "Approve", "REJECT_ACTION": "Reject", "RFI_ACTION": "Request changes"},
    "callbackToken": CALLBACK,
}  # fmt: skip


def answer(verdict: str, content: str | None = None, name: str | None = None) -> tuple[str, GateAnswer]:
    """What a key leads to at the gate of this run."""
    return "answer", GateAnswer(verdict, content, JOB, "buyer-approval", f"{JOB}/BUYER_APPROVAL/0/9600", name)


def body(status: str, **changes: Json) -> bytes:
    """A job body of contract.md §4.2."""
    members: dict[str, Json] = {
        "input": "{}", "output": None, "progressMessage": "", "error": None, "followUpQuestions": [], "jobId": JOB,
        "conversationId": CONVERSATION, "traceId": "00000000000000005e1c90ab37d2f864", "status": status,
        "supportingChunks": [], "citations": [], "nodes": [], "waitingToolCode": None,
        "workflowCode": "ITEM_COMPARE_TEAM", "workflowName": None, "architecture": None, "workflowVersion": 13,
        "workflowStatus": "PUBLISHED", "startDate": 1772442900250, "endTime": 0, "timeTaken": 0,
        "waitingNodeDetails": None, "preview": False,
    }  # fmt: skip
    if status == "WAITING":
        members |= {"waitingToolCode": "BUYER_APPROVAL", "waitingNodeDetails": NODE}
    return json.dumps(members | changes, ensure_ascii=False).encode("utf-8", "surrogatepass")


def folded(observations: Iterable[RunObservation | SourceUpdate]) -> JournalState:
    """What a run of ours has told so far."""
    return reduce(follow, observations, JournalState(own=True))


class Script:
    """Writes observations down, one call after another."""

    def __init__(self) -> None:
        self.observations: list[RunObservation] = []
        self.x = 0

    def call(self, at: Millis, route: str, request: Request, status: int, reply: bytes, took: Millis) -> None:
        """A request and its reply."""
        self.x += 1
        self.observations.append(Requested(at, self.x, route, request))
        headers = (("content-type", "application/json"), ("cache-control", "no-store"))
        self.observations.append(Replied(at + took, self.x, Response(status, headers, reply)))

    def token(self, at: Millis, status: int = 200) -> None:
        """The grant."""
        headers = (
            ("authorization", "Basic ZGVtbzpsYWItc2VjcmV0"), ("content-type", "application/x-www-form-urlencoded"),
        )  # fmt: skip
        form = b"grant_type=client_credentials&scope=urn%3Aopc%3Aresource%3Afusion%3Aacme-test%3Afusion-ai%2F"
        good = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
        bad = {"error": "invalid_client", "error_description": "Client authentication failed."}
        reply = json.dumps(good if status == 200 else bad).encode()
        self.call(at, "token", Request("POST", "/oauth2/v1/token", "", headers, form), status, reply, 120)

    def invoke(self, at: Millis, document: dict[str, Json], status: int, reply: bytes, took: Millis) -> None:
        """invokeAsync, the first or a resume call."""
        path = "/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/invokeAsync"
        headers = (("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json"))
        self.call(at, "invoke", Request("POST", path, "", headers, json.dumps(document).encode()), status, reply, took)

    def first(self, at: Millis) -> None:
        """The job's start."""
        document: dict[str, Json] = {
            "message": MESSAGE, "conversational": True, "conversationId": None, "progressMessage": True,
        }  # fmt: skip
        self.invoke(at, document, 202, body("RUNNING", progressMessage=None), 183)

    def poll(self, at: Millis, reply: bytes, took: Millis, status: int = 200) -> None:
        """One poll."""
        path = f"/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/status/{JOB}"
        headers = (("authorization", f"Bearer {TOKEN}"),)
        self.call(at, "status", Request("GET", path, "", headers), status, reply, took)

    def wait(self, at: Millis, until: Millis) -> None:
        """The pause before the next poll."""
        self.observations.append(Waiting(at, until, "poll"))

    def ask(self, at: Millis, until: Millis) -> None:
        """The same, while a person may answer."""
        question = Question(
            job=JOB, text=QUESTION, opening=CALLBACK, kind="HUMAN", channel="CHAT", code="BUYER_APPROVAL",
            gate="buyer-approval", rounds=3,
            prompt="Say what should be different.",
            verdicts=(
                (Verdict.APPROVED, "Approve"), (Verdict.REJECTED, "Reject"), (Verdict.CHANGES, "Request changes"),
            ),
        )  # fmt: skip
        self.observations.append(Asking(at, until, question))


RUNNING_POLLS = ((1_600, 41), (2_900, 38), (4_600, 57), (6_800, 44))
WAITING_POLLS = ((9_600, 39), (12_600, 58), (15_600, 43), (18_600, 40), (21_600, 42))


def idle() -> list[RunObservation]:
    """Nothing yet."""
    return []


def running() -> list[RunObservation]:
    """Up to the second poll."""
    script = Script()
    script.token(0)
    script.first(130)
    script.wait(313, 1_559)
    for (at, took), following in zip(RUNNING_POLLS[:2], (2_862, 4_543), strict=True):
        script.poll(at - took, body("RUNNING", progressMessage="Reading the item master…"), took)
        script.wait(at, following)
    return script.observations


def waiting() -> list[RunObservation]:
    """The job waits for a person; five polls saw it."""
    script = Script()
    script.token(0)
    script.first(417)
    for at, took in RUNNING_POLLS:
        script.poll(at - took, body("RUNNING"), took)
        script.wait(at, at + 1_000)
    opened = GateOpened(
        at=7_644, job=JOB, gate="buyer-approval", until=907_644,
        otherwise=Otherwise(at=907_644, verdict="timed-out", by=None, to="ERROR"),
    )  # fmt: skip
    script.observations.append(Noted(7_644, opened))
    for at, took in WAITING_POLLS:
        script.poll(at - took, body("WAITING"), took)
        script.ask(at, at + 3_000)
    return script.observations


def complete() -> list[RunObservation]:
    """Approved, and the output is there."""
    script = Script()
    script.observations = waiting()
    script.x = 11
    decision: dict[str, Json] = {
        "message": "", "conversationId": CONVERSATION, "jobId": JOB,
        "resumeInput": {"messageInstanceId": CALLBACK, "userResponse": "APPROVE_ACTION"},
    }  # fmt: skip
    script.invoke(23_924, decision, 202, body("RUNNING"), 176)
    decided = GateDecided(at=24_000, job=JOB, gate="buyer-approval", verdict=Verdict.APPROVED, by=Origin.API)
    script.observations.insert(-1, Noted(24_000, decided))  # a mock tells it before its reply
    script.poll(24_555, body("RUNNING"), 45)
    script.wait(24_600, 27_548)
    done = body("COMPLETE", output=OUTPUT, followUpQuestions=list(FOLLOW_UP))
    script.poll(27_548, done, 52)
    script.observations.append(
        RunEnded(27_600, Outcome("COMPLETE", OUTPUT, None, JOB, CONVERSATION, 11, 27_600, None, FOLLOW_UP))
    )
    return script.observations


def decided() -> list[RunObservation]:
    """Approved over the API, with a comment; the answer is here, and no poll was sent since."""
    script = Script()
    script.observations, script.x = waiting(), 11
    decision: dict[str, Json] = {
        "message": "", "conversationId": CONVERSATION, "jobId": JOB,
        "resumeInput": {"messageInstanceId": CALLBACK, "userResponse": "APPROVE_ACTION", "content": "As agreed."},
    }  # fmt: skip
    script.invoke(23_924, decision, 202, body("RUNNING"), 176)
    script.wait(24_100, 25_100)
    return script.observations


def asking() -> list[RunObservation]:
    """The token was asked for; nothing came yet."""
    script = Script()
    script.token(0)
    return script.observations[:1]


def second() -> list[RunObservation]:
    """The second turn of the conversation; its job is at work."""
    script = Script()
    script.observations, script.x = complete(), 14
    document: dict[str, Json] = {
        "message": FOLLOW_UP[0], "conversational": True, "conversationId": CONVERSATION, "progressMessage": True,
    }  # fmt: skip
    script.invoke(41_000, document, 202, body("RUNNING", jobId=SECOND, progressMessage=None), 175)
    script.wait(41_175, 42_175)
    script.poll(42_175, body("RUNNING", jobId=SECOND), 40)
    script.wait(42_215, 43_515)
    return script.observations


def error() -> list[RunObservation]:
    """The job ends in ERROR with a partial output."""
    script = Script()
    script.observations = running()
    script.x = 4
    script.poll(4_543, body("ERROR", error=ERROR, output="Only M1000034 was found."), 57)
    script.observations.append(
        RunEnded(4_600, Outcome("ERROR", "Only M1000034 was found.", ERROR, JOB, CONVERSATION, 3, 4_600))
    )
    return script.observations


def refused() -> list[RunObservation]:
    """The token endpoint says no."""
    script = Script()
    script.token(0, 401)
    why = "invalid_client: Client authentication failed."
    script.observations.append(RunEnded(120, Outcome(None, None, None, None, None, 0, 120, why)))
    return script.observations


STATES: dict[str, tuple[Callable[[], list[RunObservation]], Millis]] = {
    "idle": (idle, 0), "asking": (asking, 60), "running": (running, 3_700), "waiting": (waiting, 22_900), "decided": (decided, 24_300),
    "complete": (complete, 27_600),
    "second": (second, 42_500), "error": (error, 4_600), "refused": (refused, 120),
}  # fmt: skip
"""Every state by name: its observations, and the instant at which it is looked at."""


def flood(many: int) -> list[RunObservation]:
    """A run that polls so often."""
    script = Script()
    script.token(0)
    script.first(130)
    for number in range(many):
        script.poll(1_000 + 100 * number, body("WAITING" if number % 500 > 480 else "RUNNING"), 40)
    return script.observations


class StillClock:
    """Stands where it is put."""

    def __init__(self, at: Millis = 0) -> None:
        self.at = at

    def now(self) -> Millis:
        """The instant it was put at."""
        return self.at

    async def sleep_until(self, instant: Millis) -> None:
        """Jump there."""
        self.at = max(self.at, instant)


ASKED = frozenset(
    name for name, each in vars(ScreenSource).items() if isinstance(each, FunctionType) and iscoroutinefunction(each)
)


class Recorder(ScreenSource):
    """Writes down what is asked of it: the name, and with what."""

    def __init__(self) -> None:
        self.requests: list[tuple[object, ...]] = []
        self.refuse: str | None = None

    def __getattribute__(self, name: str) -> Any:
        return partial(self.did, name) if name in ASKED else super().__getattribute__(name)

    async def did(self, name: str, *args: object, **more: object) -> str | None:
        self.requests.append((name, *args, *more.values()))
        return self.refuse


def request_of(ask: SourceAsk | None) -> tuple[object, ...] | None:
    """What a key asks of a source."""
    if ask is None:
        return None
    recorder = Recorder()
    with suppress(StopIteration):
        ask(recorder).__await__().send(None)  # type: ignore[attr-defined]
    return recorder.requests[0]


class Scripted(Recorder):
    """A source that tells what it is handed, and writes down what is asked of it."""

    follows = False
    seed: int | None = 42
    recording = True
    outcome: Outcome | None = None
    message = MESSAGE

    def __init__(self, observations: list[RunObservation], at: Millis = 0) -> None:
        self.scenario: Scenario | None = SCENARIO
        self.can = frozenset(
            ("pause", "step", "speed", "reset", "decide", "scenario", "message", "fault", "tape", "rewind", "name")
        )
        self.clock = StillClock(at)
        self.scenarios = (
            ScenarioChoice("item-comparison", "Compare two items", "the whole story", "A *story*."),
            ScenarioChoice("invoice-analysis", "Analyse an invoice", "a happy path", "No gate."),
        )
        self.paused = False
        self.factor = "1"
        super().__init__()
        self.queue: asyncio.Queue[RunObservation] = asyncio.Queue()
        for observation in observations:
            self.tell(observation)

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """What it is made to be."""
        base = "http://127.0.0.1:8080"
        return SourceState(
            "LIVE", "Compare two items", "ITEM_COMPARE_TEAM", self.seed, self.scenario, self.recording, self.can,
            self.scenarios, self.message, base, f"{base}/oauth2/v1/token",
        )  # fmt: skip

    def tell(self, observation: RunObservation) -> None:
        """Hand an observation on."""
        self.queue.put_nowait(observation)
        if isinstance(observation, RunEnded):
            self.outcome = observation.outcome

    async def observations(self) -> AsyncIterator[RunObservation]:
        """What was handed."""
        while True:
            yield await self.queue.get()

    async def did(self, name: str, *args: object) -> str | None:
        """Write it down; pause, speed and reset take effect."""
        refused = await super().did(name, *args)
        if name == "pause":
            self.paused = not self.paused
        elif name == "scale":
            self.factor = str(args[0])
        elif name == "reset":
            self.outcome = None
            self.tell(Noted(self.clock.now(), LedgerCleared(at=self.clock.now(), by="person")))
        return refused

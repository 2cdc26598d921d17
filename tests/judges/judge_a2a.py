"""Clients of A2A 1.0 as they come: a2a-sdk, @a2a-js/sdk and the contracts of a2a-proof, over both bindings."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.clocks import ScaledClock
from tests.judges.apart import CLIENTS, Environment, seen
from tests.judges.conftest import QUICK
from tests.server.served import Served, serving, token_of

PYTHON = Environment("a2a-1", ("a2a-sdk>=1.3,<1.4", "httpx>=0.28"))
NODE = Environment("a2a-js", ("@a2a-js/sdk@1",), node=True)
PROOF = Environment("a2a-proof", ("a2a-proof==0.16.0",))
STATE = "TASK_STATE_"
REJECTS = {
    **QUICK,
    "match": r"x|and\?",
    "steps": [
        QUICK["steps"][0],  # type: ignore[index]
        {"gate": "consent", "asks": "May I?", "patience": "1h", "verdicts": {"rejected": "no"}},
        {"complete": "done", "output": "Forty-two."},
        {"error": "no", "text": "Nobody wanted it."},
    ],
}
STRAIGHT = {
    **QUICK, "name": "straight", "ask": "straight", "match": "straight",
    "steps": [{"work": "think", "takes": "4s"}, {"complete": "done", "output": "Straight."}],
}  # fmt: skip
bindings = pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
clients = pytest.mark.parametrize("client", [(PYTHON, "a2a_1.py"), (NODE, "a2a_js.mjs")], ids=["python", "js"])


@pytest.fixture
def still() -> Iterator[Served]:
    """A mock whose clock moves on where its client pauses."""
    with serving(REJECTS) as world:
        yield world


@pytest.fixture
def going() -> Iterator[Served]:
    """A mock whose clock goes by itself: the client waits for answers, five real seconds at most."""
    with serving(REJECTS, clock=ScaledClock("2")) as world:
        yield world


def events(world: Served, client: tuple[Environment, str], flow: str, binding: str) -> list[dict[str, Any]]:
    return seen(world, *client, flow, binding, world.origin)


def states(found: list[dict[str, Any]]) -> list[str]:
    """The state that each event tells, in short; of an artifact its text."""
    words = list[str]()
    for each in found:
        inner = next((each[kind] for kind in ("task", "status_update", "statusUpdate") if kind in each), None)
        artifact = next(
            (each[kind]["artifact"] for kind in ("artifact_update", "artifactUpdate") if kind in each), None
        )
        if artifact is not None:
            words.append(artifact["parts"][0]["text"])
        elif inner is not None:
            words.append(inner["status"]["state"].removeprefix(STATE))
    return words


TALK = [
    "SUBMITTED", "WORKING", "INPUT_REQUIRED", "WORKING", "Forty-two.", "COMPLETED",
    "SUBMITTED", "WORKING", "INPUT_REQUIRED", "WORKING", "FAILED",
]  # fmt: skip
"""A gate approved, and in the follow-up rejected, by events."""


@bindings
@clients
def test_streams_answers_and_a_follow_up(still: Served, client: tuple[Environment, str], binding: str) -> None:
    assert states(events(still, client, "stream", binding)) == TALK


@bindings
def test_the_client_as_it_comes_streams_and_is_never_left_in_silence(going: Served, binding: str) -> None:
    assert states(events(going, (PYTHON, "a2a_1.py"), "default", binding)) == TALK


@bindings
@clients
def test_messages_that_wait_for_their_tasks(going: Served, client: tuple[Environment, str], binding: str) -> None:
    assert states(events(going, client, "block", binding)) == [
        "INPUT_REQUIRED",
        "COMPLETED",
        "INPUT_REQUIRED",
        "FAILED",
    ]


@bindings
@clients
def test_polls(still: Served, client: tuple[Environment, str], binding: str) -> None:
    looks = [each for each in events(still, client, "poll", binding) if each["event"] == "look"]
    found = list(dict.fromkeys(states(looks)))
    assert found[:3] == ["WORKING", "INPUT_REQUIRED", "COMPLETED"]
    done = next(each["task"] for each in looks if each["state"] == f"{STATE}COMPLETED")
    assert done["artifacts"][0]["parts"][0]["text"] == "Forty-two."


@bindings
@clients
def test_a_task_is_canceled(still: Served, client: tuple[Environment, str], binding: str) -> None:
    found = events(still, client, "cancel", binding)
    assert next(each for each in found if each["event"] == "done")["answer"]["status"]["state"] in (
        f"{STATE}CANCELED",
        5,
    )
    assert found[-1]["state"] == f"{STATE}CANCELED"


@bindings
@clients
def test_each_refusal_is_an_error_of_its_own(still: Served, client: tuple[Environment, str], binding: str) -> None:
    python = client[0] is PYTHON
    wanted = ["TaskNotFoundError", "TaskNotFoundError", "InvalidParamsError" if python else "RequestMalformedError"]
    wanted += ["UnsupportedOperationError", "TaskNotCancelableError"]
    wanted += ["TaskNotFoundError", "InvalidParamsError"] if python else []
    refusals = [each["error"] for each in events(still, client, "refused", binding) if each["event"] == "refused"]
    assert refusals == wanted


@bindings
def test_a_subscriber_is_told_all_to_the_end(still: Served, binding: str) -> None:
    *found, refused = events(still, (PYTHON, "a2a_1.py"), "resubscribe", binding)
    shown = [
        each["state"].removeprefix(STATE)
        for each in found
        if each["event"] in ("task", "status_update") and "state" in each
    ]
    assert shown == ["WORKING", "INPUT_REQUIRED", "COMPLETED"]
    assert refused["error"] == "UnsupportedOperationError"


@bindings
@clients
def test_lists(still: Served, client: tuple[Environment, str], binding: str) -> None:
    every, context, page = (each["list"] for each in events(still, client, "list", binding) if each["event"] == "list")
    count = 3 if client[0] is PYTHON else 2
    assert len(every["tasks"]) == every["totalSize"] == count and every["nextPageToken"] == ""
    assert len(context["tasks"]) == count - 1
    assert len(page["tasks"]) == 1 and page["nextPageToken"]


@bindings
@clients
def test_receivers_are_registered_told_and_deleted(client: tuple[Environment, str], binding: str) -> None:
    """The end is told first by another token and other credentials: it is refused, and comes again."""
    forged = {"faults": [{"strike": "bad-signature", "step": "done"}], "tries": ["0s", "5s"]}
    with serving(REJECTS | {"callbacks": forged}) as world:
        found = events(world, client, "push", binding)
    created, got, both, left = (each["config"] for each in found if each["event"] == "config")
    assert created == got == both["configs"][1] and created["id"] == "other" and created["url"].endswith("/token")
    (first,) = left["configs"]
    assert first == both["configs"][0] and first["id"] == first["taskId"] == created["taskId"]
    assert first["authentication"] == {"scheme": "Bearer", "credentials": "c-0123456789abcdef"}
    came = {
        (each["path"], each["state"].removeprefix(STATE), each["status"]) for each in found if each["event"] == "told"
    }
    assert came == {(path, *of) for path in ("/bearer", "/token") for of in TOLD}
    assert sum(each["event"] == "told" for each in found) == 2 * len(TOLD)


TOLD = (("INPUT_REQUIRED", 204), ("COMPLETED", 401), ("COMPLETED", 204))


@bindings
@pytest.mark.parametrize("broken", [False, True], ids=["right", "broken"])
def test_contracts_hold_and_are_broken_by_a_lab_that_is(binding: str, broken: bool, tmp_path: Path) -> None:
    """Broken on purpose: each task says that it is paused once it should wait, or has ended."""
    paused = [{"route": route, "calls": "1-99", "status_word": "TASK_STATE_PAUSED"} for route in ("a2a", "a2a-http")]
    faults = {"faults": paused} if broken else {}
    with serving(STRAIGHT | faults, REJECTS | faults, clock=ScaledClock("4")) as world:
        contracts = tmp_path / "contracts.yaml"
        text = (CLIENTS / "a2a_proof.yaml").read_text()
        contracts.write_text(text.replace("${LAB_ORIGIN}", world.origin))
        PROOF.make()
        ended = subprocess.run(
            [PROOF.folder / "bin" / "a2a-proof", "run", contracts, "--transport", binding],
            env=os.environ | {"LAB_TOKEN": token_of(world), "NO_PROXY": "*"}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        found = {
            line.split("│")[2].strip(): line.split("│")[1].strip() for line in ended.stdout.splitlines() if "│" in line
        }
        scenarios = ("approved", "rejected", "cancelled", "resumed")
        assert [found.get(each) for each in scenarios] == ["FAIL" if broken else "PASS"] * 4, ended.stdout
        assert ended.returncode == (1 if broken else 0)

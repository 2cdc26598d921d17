"""a2a-sdk as a client of A2A 0.3, with its card given by hand: what it takes for granted must hold on both routes."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import requests
from a2a.client import ClientConfig, ClientFactory
from a2a.client.errors import A2AClientJSONRPCError
from a2a.types import AgentCapabilities, AgentCard, Message, Part, Role, TaskIdParams, TaskQueryParams, TextPart

from lab.identity.clients import DEMO
from tests.judges.conftest import QUICK
from tests.server.served import SCOPE, Served

Make = Callable[[bool], Any]


@pytest.fixture
def token(world: Served) -> str:
    """The bearer of whoever asks."""
    form = {"grant_type": "client_credentials", "scope": SCOPE}
    return str(requests.post(world.token_url, form, auth=(DEMO.id, DEMO.secret), timeout=10).json()["access_token"])


@pytest.fixture(params=["", "/stream"], ids=["a2a", "a2a-stream"])
async def make(world: Served, token: str, request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes a client of the SDK's for the team, one that streams or one that doesn't."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=10, trust_env=False) as peer:

        def client(streaming: bool) -> Any:
            card = AgentCard(
                name="Quick", description="Quick", version="3", protocol_version="0.3.0",
                url=f"{world.api}/a2a/v1/QUICK_TEAM{request.param}",
                capabilities=AgentCapabilities(streaming=streaming),
                default_input_modes=["text"], default_output_modes=["text"], skills=[],
            )  # fmt: skip
            return ClientFactory(ClientConfig(httpx_client=peer, streaming=streaming)).create(card)

        yield client


def said(text: str, **more: str) -> Message:
    return Message(message_id="m", role=Role.user, parts=[Part(root=TextPart(text=text))], **more)


async def streamed(world: Served, client: Any, message: Message) -> list[tuple[Any, Any]]:
    """The task after each event, and the update, in short; while it works, the lab's clock moves on."""
    found: list[tuple[Any, Any]] = []
    async for task, update in client.send_message(message):
        found.append((task.model_copy(deep=True), update))
        if task.status.state.value == "working":
            world.sleep(2)
    return found


def brief(events: list[tuple[Any, Any]]) -> list[tuple[str, str]]:
    return [("task" if update is None else update.kind, task.status.state.value) for task, update in events]


def text_of(task: Any) -> str:
    (artifact,) = task.artifacts
    return str(artifact.parts[0].root.text)


async def test_a_stream_an_answer_and_the_next_turn(world: Served, make: Make) -> None:
    client = make(True)
    begun = await streamed(world, client, said("x"))
    assert brief(begun) == [
        ("task", "submitted"), ("status-update", "working"), ("status-update", "input-required"),
    ]  # fmt: skip
    task = begun[-1][0]
    assert task.status.message.parts[0].root.text == "May I?" and begun[-1][1].final
    looked = await client.get_task(TaskQueryParams(id=task.id, history_length=1))
    assert looked.status == task.status and looked.history[0].parts[0].root.text == "x"
    again = await streamed(world, client, said("Shorter", task_id=task.id, context_id=task.context_id))
    assert brief(again) == [("task", "working"), ("status-update", "input-required")]
    done = await streamed(world, client, said("yes", task_id=task.id, context_id=task.context_id))
    assert [kind for kind, _ in brief(done)] == ["task", "artifact-update", "status-update"]
    assert done[-1][0].status.state.value == "completed" and text_of(done[-1][0]) == QUICK["steps"][-1]["output"]  # type: ignore[index]
    turn = (await streamed(world, client, said("x", context_id=task.context_id)))[0][0]
    assert turn.context_id == task.context_id and turn.id != task.id


async def test_a_message_a_look_and_an_answer(world: Served, make: Make) -> None:
    client = make(False)
    [(task, _)] = [each async for each in client.send_message(said("x"))]
    assert task.status.state.value == "submitted"
    world.sleep(2)
    looked = await client.get_task(TaskQueryParams(id=task.id))
    assert looked.status.state.value == "input-required"
    [(done, _)] = [each async for each in client.send_message(said("yes", task_id=task.id))]
    assert (done.status.state.value, text_of(done)) == ("completed", "Forty-two.")


async def test_what_is_refused_is_an_error_of_a2as_own(world: Served, make: Make) -> None:
    client = make(False)
    [(task, _)] = [each async for each in client.send_message(said("x"))]
    for id, code in ((task.id, -32002), ("nobodys", -32001)):
        with pytest.raises(A2AClientJSONRPCError) as refused:
            await client.cancel_task(TaskIdParams(id=id))
        assert refused.value.error.code == code
    with pytest.raises(A2AClientJSONRPCError) as refused:
        await client.get_task(TaskQueryParams(id="nobodys"))
    assert refused.value.error.code == -32001

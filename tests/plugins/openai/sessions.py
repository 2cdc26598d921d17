"""Sessions of clients that speak OpenAI's Responses API over real sockets."""

from typing import Any

from lab.identity.clients import DEMO
from tests.plugins.openai.peer import approval
from tests.recording.dialect_sessions import DialectClient, Session, events
from tests.server.conftest import TEAM

PATH = "/v1/responses"


def question(value: Any, **more: Any) -> dict[str, Any]:
    return {"model": TEAM, "background": True, "input": value, **more}


async def polled(client: DialectClient) -> None:
    await client.login()
    await client.ask("GET", "/v1/models")
    await client.ask("GET", f"/v1/models/{TEAM}")
    await client.ask("POST", PATH, question(7))
    first: Any = (await client.ask("POST", PATH, question("Share it", metadata={"a": "b"}))).json
    await client.ask("GET", f"{PATH}/{first['id']}")
    await client.wait(3_000)
    seen: Any = (await client.ask("GET", f"{PATH}/{first['id']}")).json
    await client.ask("POST", PATH, question("Shorter.", previous_response_id=first["id"]))
    await client.wait(500)
    answer = question(approval(seen["output"][0]["id"]), previous_response_id=first["id"])
    second: Any = (await client.ask("POST", PATH, answer)).json
    await client.wait(500)
    await client.ask("POST", PATH, answer)
    await client.wait(500)
    await client.ask("GET", f"{PATH}/{second['id']}")
    await client.ask("GET", f"{PATH}/{first['id']}")
    third: Any = (await client.ask("POST", PATH, question("Share it", previous_response_id=second["id"]))).json
    await client.ask("POST", f"{PATH}/{third['id']}/cancel")
    await client.ask("GET", f"{PATH}/{third['id']}")
    await client.ask("GET", f"{PATH}/resp_nobody")


async def streamed(client: DialectClient) -> None:
    await client.login()
    shown = events(await client.ask("POST", PATH, question("Share it", stream=True)))
    first, item = shown[0]["response"]["id"], shown[-1]["response"]["output"][0]["id"]
    await client.ask("GET", f"{PATH}/{first}?stream=true&starting_after=1")
    await client.wait(500)
    answer = question(approval(item), previous_response_id=first, stream=True)
    shown = events(await client.ask("POST", PATH, answer))
    await client.ask("GET", f"{PATH}/{shown[0]['response']['id']}")


async def blocking(client: DialectClient) -> None:
    await client.login()
    first: Any = (await client.ask("POST", PATH, {"model": TEAM, "input": "Share it"})).json
    answer = approval(first["output"][0]["id"], reason="Fine.")
    body = {"model": TEAM, "input": answer, "previous_response_id": first["id"]}
    second: Any = (await client.ask("POST", PATH, body)).json
    await client.ask("GET", f"{PATH}/{second['id']}")


async def with_a_key(client: DialectClient) -> None:
    client.token = DEMO.secret
    first: Any = (await client.ask("POST", PATH, question("Share it"))).json
    await client.ask("GET", f"{PATH}/{first['id']}")
    await client.wait(3_000)
    seen: Any = (await client.ask("GET", f"{PATH}/{first['id']}")).json
    answer = question(approval(seen["output"][0]["id"]), previous_response_id=first["id"])
    second: Any = (await client.ask("POST", PATH, answer)).json
    await client.ask("GET", f"{PATH}/{second['id']}")


async def webhooks(client: DialectClient) -> None:
    await client.login()
    where, new = (
        "/v1/webhook_endpoints",
        {"name": "mine", "url": "http://127.0.0.1:9/hook", "event_types": ["batch.failed"]},
    )
    one: Any = (await client.ask("POST", where, new)).json
    await client.ask("POST", where, new | {"url": "http://elsewhere.example/"})
    await client.ask("GET", "/v1/webhook_event_types")
    await client.wait(2_000)
    await client.ask("POST", f"{where}/{one['id']}", {"event_types": ["response.completed"]})
    await client.ask("POST", f"{where}/{one['id']}/rotate_secret")
    other: Any = (await client.ask("POST", where, new)).json
    await client.ask("DELETE", f"{where}/{one['id']}")
    await client.ask("GET", f"{where}/{one['id']}")
    await client.ask("POST", f"{where}/{other['id']}", {})
    await client.ask("GET", where)
    first: Any = (await client.ask("POST", PATH, question("Share it"))).json
    await client.ask("GET", f"{PATH}/{first['id']}")
    await client.wait(3_000)
    seen: Any = (await client.ask("GET", f"{PATH}/{first['id']}")).json
    answer = question(approval(seen["output"][0]["id"]), previous_response_id=first["id"])
    second: Any = (await client.ask("POST", PATH, answer)).json
    await client.wait(500)
    await client.ask("GET", f"{PATH}/{second['id']}")


SESSIONS: dict[str, Session] = {
    "openai": polled,
    "openai stream": streamed,
    "openai blocking": blocking,
    "openai key": with_a_key,
    "openai webhooks": webhooks,
}

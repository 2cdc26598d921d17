"""What a recording says of the open claims of OpenAI's API."""

import json
from typing import Any

from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.plugins.openai.judges import OPENAI_JUDGES
from lab.recording.drift import Assessment, Standing, assess, traffic_of
from tests.plugins.openai.peer import approval
from tests.recording.drift_session import Session, everything
from tests.recording.test_drift import assert_judged_whatever_is_written
from tests.wire_peer import read


def ask(session: Session, bearer: str) -> None:
    """All of which the claims aren't sure."""

    def create(question: Any, **more: Any) -> Any:
        return read(
            session.post("/v1/responses", bearer, {"model": "GATED", "background": True, "input": question, **more})
        )

    first = create("Go")
    session.now += 10_000
    seen: Any = read(session.get(f"/v1/responses/{first['id']}", bearer))
    create("Go on", previous_response_id=first["id"])
    for _ in range(2):
        create(approval(seen["output"][0]["id"]), previous_response_id=first["id"])
    body = json.dumps({"model": "QUICK", "background": True, "input": "Go", "stream": True}).encode()
    headers = (("authorization", f"Bearer {bearer}"), ("content-type", "application/json"))
    session.now += 1_000
    begun, streaming = (
        session.now,
        session.service.serve(Request("POST", "/v1/responses", "", headers, body), session.now),
    )
    session.post(f"/v1/responses/resp_{[*session.service.jobs()][-1]}/cancel", bearer, None)
    session.service.tell(Replied(session.now, streaming.x, streaming.whole(begun)[0], 0))


def found(**switches: object) -> list[Assessment]:
    judged = assess(traffic_of(everything(Session(**switches), ask)))
    return [each for each in judged if (each.claim.place, each.claim.name) in OPENAI_JUDGES]


def test_a_lab_of_the_usual_settings_confirms_everything() -> None:
    assert {each.claim.name: each.standing for each in found()} == {
        name: Standing.CONFIRMED for _, name in OPENAI_JUDGES
    }


def test_whatever_a_server_writes_in_a_member_is_judged() -> None:
    assert_judged_whatever_is_written(everything(Session(), ask), {"status", "output"})

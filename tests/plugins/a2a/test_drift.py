"""What a recording says of the open claims of A2A."""

from lab.dialects.fusion.routes import API
from lab.plugins.a2a.judges import A2A_JUDGES
from lab.recording.drift import Standing, assess, traffic_of
from tests.recording.drift_session import Session, everything
from tests.recording.test_drift import OWN, assert_judged_whatever_is_written, contradicted


def ask(session: Session, bearer: str) -> None:
    """All of which the claims aren't sure."""
    sent = {"role": "user", "messageId": "m", "contextId": "nobodys", "parts": [{"kind": "text", "text": "Go"}]}
    nameless = {name: member for name, member in sent.items() if name != "role"}
    for method, of in (
        ("message/send", {"message": sent}), ("message/send", {"message": nameless}), ("tasks/get", {"id": "nobodys"}),
        ("tasks/cancel", {"id": "nobodys"}), ("message/stream", {"message": sent}),
    ):  # fmt: skip
        for place in ("", "/stream"):
            session.post(f"{API}/a2a/v1/QUICK{place}", bearer, {"method": method, "params": of})


def test_a_lab_of_the_usual_settings_confirms_everything() -> None:
    judged = OWN | A2A_JUDGES.keys()
    assessed = assess(traffic_of(everything(Session(), ask)))
    found = [each for each in assessed if (each.claim.place, each.claim.name) in judged]
    assert {each.claim.name for each in found if each.standing is not Standing.CONFIRMED} == set()
    assert {(each.claim.place, each.claim.name) for each in found} >= A2A_JUDGES.keys()


def test_a_context_that_is_refused_contradicts_its_row_and_is_advised() -> None:
    found = assess(traffic_of(everything(Session(unknown_conversation="refuse"), ask)))
    setting = "unknown_conversation=refuse"
    assert contradicted(list(found)) == {"invoke request: conversationId": setting, "A2A task: contextId": setting}


def test_whatever_a_server_writes_in_a_member_is_judged() -> None:
    assert_judged_whatever_is_written(everything(Session(), ask), {"contextId", "state"})

"""What a recording says of each claim that is assumed or that a switch changes, and of which setting it tells."""

import json
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from lab.core.evidence import Judges, PodTraffic
from lab.core.exchange import Json
from lab.dialects.fidelity import CLAIMS
from lab.dialects.judges import JUDGES
from lab.identity.clients import OOB
from lab.kernel import KERNEL
from lab.plugin import plugins, resolve
from lab.program.switches import Switches
from lab.recording.drift import Assessment, Standing, assess, traffic_of
from lab.recording.format.lines import Enc, Entry, Recording, Req, Res
from tests.conftest import Lab, each_row
from tests.recording.drift_session import Session, everything
from tests.wire_peer import authorize_request

OTHERS = frozenset(
    place
    for plugin in plugins()
    for wire in plugin.wires
    if wire.judges and plugin is not KERNEL
    for place in cast("Judges", resolve(wire.judges))
)
"""What plugins claim of their wires, which nobody speaks here."""
OWN = JUDGES.keys() - OTHERS


def judged(**switches: object) -> list[Assessment]:
    found = assess(traffic_of(everything(Session(**switches))))
    return [each for each in found if (each.claim.place, each.claim.name) in OWN]


def contradicted(found: list[Assessment]) -> dict[str, str]:
    """The settings that are advised, by the claim's place and name."""
    return {f"{a.claim.place}: {a.claim.name}": a.setting for a in found if a.standing is Standing.CONTRADICTED}


def test_each_open_claim_has_a_judge_and_no_judge_is_without_one() -> None:
    assert {(claim.place, claim.name) for claim in CLAIMS if claim.open} == set(JUDGES)
    assert all(claim.open for claim in CLAIMS if claim.word == "assumed")


def test_a_lab_of_the_usual_settings_confirms_everything() -> None:
    assert {a.claim.name: a.sign and a.sign.what for a in judged() if a.standing is not Standing.CONFIRMED} == {}


DOCUMENTS = "routes: GET /.well-known/"
ERRORS = "errors: "
MATRIX: dict[tuple[str, object], set[str]] = {
    ("invoke_status", 200): {ERRORS + "202 on invoke"},
    ("error_body", "problem"): {ERRORS + "message, status, userDetails"},
    ("unknown_job", 403): {ERRORS + "404 Job not found."},
    ("unpublished", 403): {ERRORS + "404 Workflow not found."},
    ("version_check", "refuse"): {"invoke request: version", ERRORS + "a version that is not published"},
    ("version_check", "off"): {"invoke request: version", ERRORS + "a version that is not published"},
    ("unknown_conversation", "refuse"): {"invoke request: conversationId"},
    ("conversational_default", "true"): {"invoke request: conversational"},
    ("one_shot_conversation_id", "fresh"): {"job body: conversationId"},
    ("job_ids", "odd"): {"job body: jobId"},
    ("resume_job_id", "new"): {ERRORS + "a fresh jobId on resuming"},
    ("busy_conversation", "refuse"): {ERRORS + "409"},
    ("answer_by_message", "off"): {ERRORS + "a message at a CHAT gate"},
    ("waiting_output", "message"): {"job body: output"},
    ("timeout_action", "off"): {"waitingNodeDetails: callbackToken"},
    ("admin_nodes", "off"): {"invoke request: invocationMode", "job body: nodes"},
    ("types", "strict"): {ERRORS + "400 on a wrong type"},
    ("message_shape", "string"): {"invoke request: message"},
    ("unknown_fields", "refuse"): {ERRORS + "400 on an unknown field"},
    ("double_slash", "refuse"): {ERRORS + "404 on // in a path"},
    ("location_header", "on"): {ERRORS + "Location, Retry-After on 202"},
    ("service_tokens", "refused"): {ERRORS + "403 for a token without a user"},
    ("issuer", "tenant"): {DOCUMENTS + "openid-configuration"},
    ("jwks_auth", "off"): {"routes: GET /admin/v1/SigningCert/jwk"},
    ("refresh_rotation", "off"): {"routes: POST /oauth2/v1/revoke"},
    ("assertion_jti", "single"): {"assertion: jti"},
    ("authorize", "page"): {"routes: GET /oauth2/v1/authorize"},
    ("authorize", "deny"): {"routes: GET /oauth2/v1/authorize"},
    ("resource_metadata", "on"): {DOCUMENTS + "oauth-protected-resource"},
    ("sse_done", "off"): {"routes: POST {api}/agent/v2/{code}/invokeStream"},
    ("sse_heartbeat", "2s"): {"routes: POST {api}/agent/v2/{code}/chat"},
    ("idempotency_key", "on"): {ERRORS + "422 for another request"},
}
"""Settings off their defaults, and all that is contradicted then."""
MANY: dict[str, dict[str, str]] = {
    "local_orchestrator": {
        f"{claim.place}: {claim.name}": "local_orchestrator=on"
        for claim in CLAIMS
        # a poll for a job that isn't there is 404 either way
        if claim.place == "local orchestrator" and claim.open and not claim.name.endswith("{jobId}")
    }
}
UNSEEN = {
    "wait_status": "a wait that isn't shown looks like work",
    "clients": "whether a client is registered, traffic doesn't tell",
    "hints": "advice is the lab's own",
    "pod": "a name",
    "profile": "several switches at once, which are told one by one",
}
"""Switches that no row is told by alone."""


def test_every_switch_is_in_the_matrix_or_says_why_not() -> None:
    assert {name for name, _ in MATRIX} | MANY.keys() | UNSEEN.keys() == set(Switches.__struct_fields__)


@pytest.mark.long
@pytest.mark.parametrize(("switch", "rows"), MATRIX.items(), ids=[f"{name}={value}" for name, value in MATRIX])
def test_a_setting_contradicts_its_rows_alone_and_is_advised(switch: tuple[str, object], rows: set[str]) -> None:
    name, value = switch
    found = contradicted(judged(**{name: value}))
    assert found.keys() == rows
    if name != "sse_heartbeat":  # how long the silences are, the traffic doesn't tell
        assert set(found.values()) == {f"{name}={value}"}


def test_what_no_row_is_told_by_contradicts_none() -> None:
    for name, value in (("wait_status", "RUNNING"), ("clients", "any"), ("hints", "off")):
        assert contradicted(judged(**{name: value})) == {}, name
    assert contradicted(judged(local_orchestrator="on")) == MANY["local_orchestrator"]
    assert {"profile=rfc", "types=strict", "error_body=problem"} <= set(contradicted(judged(profile="rfc")).values())


@each_row("authorize", ["auto", "page"])
def test_a_page_is_no_sign_of_a_login_where_it_may_show_the_code(authorize: str) -> None:
    session = Session(authorize=authorize)
    session.ask(authorize_request(redirect_uri=OOB))
    found = {a.claim.name: a.standing for a in assess(traffic_of(session.recording))}
    assert found["GET /oauth2/v1/authorize"] is Standing.UNSEEN


# The command


@pytest.fixture
def kept(lab: Lab) -> Path:
    place = lab.folder / "recordings" / "monday.rec.jsonl"
    place.parent.mkdir()
    return place


def keep(place: Path, session: Session, source: str = "mock") -> Recording:
    recording = everything(session)
    data = b"".join(session.lines).replace(b'"source":"mock"', f'"source":"{source}"'.encode(), 1)
    head = data.rpartition(b'"sha256":"')[0] + b'"sha256":"'
    place.write_bytes(head + sha256(head).hexdigest().encode() + b'"}\n')
    return recording


def test_the_command_tells_evidence_and_the_setting_and_exits_1(lab: Lab, kept: Path) -> None:
    recording = keep(kept, Session(unknown_job=403), "capture")
    done = lab("fidelity", "monday")
    assert done.code == 1 and done.err == "" and done.lines[-1].startswith(f"{len(OWN) - 1} confirmed, 1 contradicted")
    place = done.lines.index("contradicted  errors: 404 Job not found.")
    assert "403 to a poll for a job" in done.lines[place + 1] and "--set unknown_job=403" in done.lines[place + 3]
    as_json = [json.loads(line) for line in lab("fidelity", "monday", "--json").lines]
    found = next(each for each in as_json if each.get("verdict") == "contradicted")
    n = found["evidence"]["line"] - 1  # the header is the first
    line = next(line for line in recording.lines if line.n == n and not isinstance(line, Entry))
    assert (found["set"], getattr(line, "status", 0), getattr(line, "x", 0)) == (
        "unknown_job=403",
        403,
        found["evidence"]["exchange"],
    )
    assert as_json[-1] == {"confirmed": len(OWN) - 1, "contradicted": 1, "unseen": len(OTHERS)}


def test_a_recording_of_the_lab_is_taken_and_said_to_be_one(lab: Lab, kept: Path) -> None:
    keep(kept, Session())
    done = lab("fidelity", kept)
    assert done.code == 0 and "is no capture: it shows the lab's own mock" in done.err


def test_of_bodies_whose_shape_alone_was_kept_texts_contradict_nothing(lab: Lab, kept: Path) -> None:
    session = Session()
    everything(session)
    data = b"".join(session.lines).replace(b'"settings":{', b'"settings":{"bodies":"shape",', 1).replace(b",}", b"}")
    for word in (b"BOSS", b"workflow not found", b"PUBLISHED", b"APPROVE_ACTION"):
        data = data.replace(word, b"x" * len(word))
    head = data.rpartition(b'"sha256":"')[0] + b'"sha256":"'
    kept.write_bytes(head + sha256(head).hexdigest().encode() + b'"}\n')
    done = lab("fidelity", "monday")
    assert done.code == 0 and "the texts of bodies, which were not kept" in done.out, done.out


def test_where_nothing_was_seen_it_says_what_is_needed_and_is_not_green(lab: Lab, kept: Path) -> None:
    session = Session()
    assert session.recording
    kept.write_bytes(b"".join(session.lines))
    done = lab("fidelity", "monday")
    assert done.code == 5 and all("needs" in line for line in done.lines[:-1])
    kept.write_bytes(b"".join(session.lines)[:-10])
    assert lab("fidelity", "monday").code == 3
    assert lab("fidelity", "nobody").code == 2


def test_what_a_peer_wrote_stays_on_its_line(lab: Lab, kept: Path) -> None:
    session = Session()
    everything(session)
    evil = b'"status":"RUN\\n::error::x\\n##[command]"'
    data = b"".join(session.lines).replace(b'"status":"WAITING"', evil)
    head = data.rpartition(b'"sha256":"')[0] + b'"sha256":"'
    kept.write_bytes(head + sha256(head).hexdigest().encode() + b'"}\n')
    done = lab("fidelity", "monday")
    assert done.code == 1 and "##[" not in done.out
    assert not any(line.lstrip().startswith("::") for line in done.lines)


def test_a_token_of_the_relay_that_is_refused_is_told_of_its_row() -> None:
    traffic = traffic_of(everything(Session()))
    token = next(traffic.of("relay")).object["access_token"]
    calls = [replace(call, status=401, body={}) if call.bearer == token else call for call in traffic.calls]
    assert contradicted(list(assess(PodTraffic(calls)))) == {"routes: GET /fscmRestApi/tokenrelay": ""}


def otherwise(value: Json, name: str) -> Json:
    """The same with an array in the place of each member of that name."""
    if isinstance(value, dict):
        return {key: ["x"] if key == name else otherwise(each, name) for key, each in value.items()}
    return [otherwise(each, name) for each in value] if isinstance(value, list) else value


def names_in(value: Json) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set(value if isinstance(value, dict) else ()).union(*map(names_in, inner))


def test_whatever_a_server_writes_in_a_member_is_judged() -> None:
    names = {"status", "conversationId", "workflowVersion", "access_token", "code"}
    assert_judged_whatever_is_written(everything(Session()), names)


def assert_judged_whatever_is_written(recording: Recording, written: set[str]) -> None:
    """Each claim has its assessment whatever stands in any member of an answer; `written` are some of those."""
    replies = [line for line in recording.lines if isinstance(line, Res)]
    names = set[str]().union(*(names_in(line.value) for line in replies if line.value is not UNSET))
    assert written <= names
    for name in sorted(names):
        lines = [
            replace(line, value=otherwise(line.value, name))
            if isinstance(line, Res | Req) and line.enc is Enc.JSON
            else line
            for line in recording.lines
        ]
        assert len(list(assess(traffic_of(replace(recording, lines=lines))))) == len(JUDGES), name

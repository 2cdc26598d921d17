"""Switches: what the server is set to, what a scenario says for itself, and which of the two holds."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from lab.core.errors import ScenarioError
from lab.core.exchange import Json, Request
from lab.core.observe import Replied
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.language.shape import json_schema, parsed, spelt
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.switches import IDENTITY, Layers, Switches
from lab.recording.format.lines import FileState, Recording
from lab.recording.format.reader import read as read_recording
from lab.recording.replay.replay import replay
from lab.recording.tape.header import config_of, recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.shapes import read_switches, switched
from tests.wire_peer import DOCUMENT, EPOCH, RIGHT, form, invoke, read, status, token

TEXT = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: x
settings:
  types: strict
  hints: off
  one_shot_conversation_id: null
  sse_heartbeat: 15s
steps:
  - {complete: end, output: done}
"""


def named(name: str, code: str = "EXPENSES", /, **settings: object) -> dict[str, object]:
    return DOCUMENT | {"name": name, "agent": {"code": code, "version": 3}, "settings": settings}


def config(*documents: dict[str, object], alone: str | None = None, layers: Layers | None = None) -> Config:
    setup = tuple(program_of(parsed(Scenario, each), name_digest(each)) for each in documents)
    return Config(setup, Switches(), 42, EPOCH, token_scenario=alone).settled(layers or Layers())


def name_digest(document: dict[str, object]) -> str:
    return str(document["name"])[0] * 64


# What an author writes


def test_a_scenario_says_only_what_it_says() -> None:
    said = parse_scenario(TEXT, "a.yaml").settings
    assert said == {"hints": False, "types": "strict", "one_shot_conversation_id": "null", "sse_heartbeat": 15_000}
    assert parse_scenario(TEXT.replace("settings:", "narration: {}\nsettings:\n  profile: rfc"), "a.yaml").settings == {
        "profile": "rfc",
        **said,
    }


@each_row(
    ("old", "new", "complaint"),
    [
        ("hints: off", "hint: off", "8:3: settings: unknown key hint; did you mean hints?"),
        ("hints: off", "hints: maybe", "8:10: settings.hints: a switch is on or off"),
        ("types: strict", "types: stric", "7:10: settings.types: takes lenient or strict; did you mean strict?"),
        ("types: strict", "invoke_status: '200'", "7:18: settings.invoke_status: takes 202 or 200"),
        ("types: strict", "pod: null", "7:8: settings.pod: takes text; there is nothing here"),
        ("types: strict", "pod: Acme", "7:8: settings.pod: is of small letters, digits and -, at most 63"),
        ("hints: off", "hints: off\n  hints: on", "9:3: duplicate key hints; the first is on line 8"),
        ("sse_heartbeat: 15s", "sse_heartbeat: 15", "10:18: settings.sse_heartbeat: a duration needs a unit"),
    ],
)
def test_a_wrong_switch_is_told_at_its_place(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(TEXT.replace(old, new), "a.yaml")
    assert [str(each).startswith(f"a.yaml:{complaint}") for each in caught.value.complaints] == [True], str(
        caught.value
    )


def test_the_schema_offers_every_switch() -> None:
    schema = json_schema(Scenario)
    offered = schema["definitions"][schema["properties"]["settings"]["allOf"][0]["$ref"].rpartition("/")[2]]
    assert list(offered["properties"]) == list(Switches.__struct_fields__)
    assert offered["properties"]["hints"]["enum"] == ["on", "off", True, False]
    assert offered["properties"]["sse_heartbeat"]["default"] == "off"


@each_row(
    ("line", "name", "said", "value"),
    [
        ("sse_heartbeat: off", "sse_heartbeat", "off", 0),
        ('sse_heartbeat: "off"', "sse_heartbeat", "off", 0),
        ("conversational_default: true", "conversational_default", "on", True),
        ('conversational_default: "true"', "conversational_default", "on", True),
        ("conversational_default: off", "conversational_default", "off", False),
        ("conversational_default: false", "conversational_default", "off", False),
    ],
)
def test_a_word_of_the_contract_can_be_set_in_a_scenario(line: str, name: str, said: str, value: object) -> None:
    settings = parse_scenario(TEXT.replace("sse_heartbeat: 15s", line), "a.yaml").settings
    assert settings[name] == value == getattr(Layers(settings).over(), name)
    assert spelt(Switches, settings)[name] == said


# Who wins

WORDS = {
    "profile": ["oci", "rfc"], "hints": ["on", "off"], "types": ["lenient", "strict"],
    "invoke_status": [200, 202], "error_body": ["fusion", "problem"],
}  # fmt: skip
said = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in WORDS.items()})


def layers(below: Mapping[str, Json], above: Mapping[str, Json] = {}) -> Layers:
    return Layers(read_switches(below), read_switches(above))


@given(said, said, said)
def test_flags_win_over_the_scenario_and_the_scenario_over_the_rest(below, own, above) -> None:
    got = spelt(Switches, asdict(layers(below, above).over(read_switches(own))))
    profile = spelt(Switches, asdict(switched({"profile": got["profile"]})))
    for name in WORDS:
        assert got[name] == above.get(name, own.get(name, below.get(name, profile[name])))


@given(said, said, said, st.sampled_from([None, "mine", "other"]))
def test_a_header_rebuilds_the_switches_of_every_scenario(below, own, above, alone) -> None:
    setup = config(named("mine", **own), named("other", "OTHERS"), alone=alone, layers=layers(below, above))
    again = config_of(Recording(recording_header(setup, lab="x"), (), 1, 0, None, FileState.CLOSED), setup.scenarios)
    assert again.switches == setup.switches
    for each in setup.scenarios:
        assert again.switches_of(each.scenario) == setup.switches_of(each.scenario)


@given(said, said)
def test_a_scenario_that_is_served_alone_sets_the_whole_server(below, own) -> None:
    setup = config(named("mine", **own), layers=layers(below))
    assert setup.switches == setup.switches_of(setup.scenarios[0].scenario) == layers(below).over(read_switches(own))


@given(said, said)
def test_of_several_none_speaks_for_the_identity_domain(below, own) -> None:
    setup = config(named("mine", **own), named("other", "OTHERS"), layers=layers(below))
    assert setup.switches == layers(below).over()
    for name in IDENTITY:
        assert getattr(setup.switches_of(setup.scenarios[0].scenario), name) == getattr(setup.switches, name)


@each_row(
    ("layers", "settings"),
    [
        (Layers(), {}),
        (Layers({"invoke_status": 200}), {"invoke_status": 200}),
        (Layers({}, {"pod": "p1"}), {"pod": "p1"}),
        (Layers({}, {"hints": True}), {"hints": "on", "forced": ["hints"]}),
        (Layers({"hints": False}, {"types": "lenient", "pod": "p1"}), {"hints": "off", "pod": "p1"}),
    ],
)
def test_a_header_names_what_is_forced_only_where_a_scenario_says_otherwise(layers: Layers, settings) -> None:
    setup = config(named("mine", hints="off"), layers=layers)
    assert dict(recording_header(setup, lab="x").settings) == settings


# On the wire: two teams behind one server


def two(*, layers: Layers | None = None) -> Service:
    terse = named(
        "terse",
        "TERSE",
        one_shot_conversation_id="fresh",
        hints="off",
        invoke_status=200,
        types="strict",
        unknown_job=403,
    )
    return Service(config(named("plain"), terse, layers=layers))


def has_conversation(body: dict[str, object]) -> bool:
    return body["conversationId"] is not None


def test_each_team_answers_by_its_own_switches() -> None:
    mock = two()
    bearer = token(mock)
    ask = {"message": "Taxi 42"}
    for code, accepted, fresh in (("EXPENSES", 202, False), ("TERSE", 200, True)):
        reply = mock.serve(invoke(bearer, ask, code), 0)
        assert (reply.response.status, has_conversation(read(reply.response))) == (accepted, fresh)
        job = str(read(reply.response)["jobId"])
        assert has_conversation(read(mock.serve(status(bearer, job, code), 0).response)) == fresh
        assert has_conversation(json.loads(mock.status_of(job, 0) or b"")) == fresh
    for code, stranger, hint in (("EXPENSES", 404, True), ("TERSE", 403, False)):
        refused = mock.serve(status(bearer, "nope", code), 0).response
        assert (refused.status, bool(read(refused)["userDetails"])) == (stranger, hint)
    for code, wrong in (("EXPENSES", 202), ("TERSE", 400)):
        assert mock.serve(invoke(bearer, ask | {"conversational": "true"}, code), 0).response.status == wrong


def test_a_flag_holds_for_every_team() -> None:
    mock = two(layers=Layers({}, {"one_shot_conversation_id": "fresh", "hints": True, "invoke_status": 202}))
    bearer = token(mock)
    for code in ("EXPENSES", "TERSE"):
        reply = mock.serve(invoke(bearer, {"message": "Taxi 42"}, code), 0)
        assert (reply.response.status, has_conversation(read(reply.response))) == (202, True)


def test_scenarios_of_one_team_differ_once_the_message_has_chosen() -> None:
    first, second = named("first", match="Taxi"), named("second", one_shot_conversation_id="fresh")
    first["match"], second["match"] = "Taxi (?P<sum>1)", "Taxi (?P<sum>2)"
    first["settings"] = {}
    mock = Service(config(first, second))
    bearer = token(mock)
    for message, fresh in (("Taxi 1", False), ("Taxi 2", True), ("Bus", False)):
        reply = mock.serve(invoke(bearer, {"message": message}), 0)
        job = str(read(reply.response)["jobId"])
        assert has_conversation(read(reply.response)) == fresh
        assert has_conversation(read(mock.serve(status(bearer, job), 0).response)) == fresh


def test_a_job_that_fits_nothing_is_shown_as_its_team_s_first_scenario_would_be() -> None:
    mock = two()
    bearer = token(mock)
    reply = mock.serve(invoke(bearer, {"message": "Bus"}, "TERSE"), 0)
    assert has_conversation(read(reply.response))
    assert has_conversation(read(mock.serve(status(bearer, str(read(reply.response)["jobId"]), "TERSE"), 0).response))


def test_slashes_are_refused_where_the_team_refuses_them() -> None:
    mock = Service(config(named("plain"), named("picky", "PICKY", double_slash="refuse")))
    bearer = token(mock)
    for code, got in (("EXPENSES", 404), ("PICKY", 404)):
        request = status(bearer, "nope", code)
        reply = mock.serve(replace(request, path="/" + request.path), 0)
        assert reply.response.status == got
        message = str(read(reply.response)["message"])
        assert ("Job" in message) == (code == "EXPENSES"), message


def test_the_identity_domain_follows_a_scenario_only_where_it_stands_alone() -> None:
    mine = named("mine", pod="mine")
    scope = "urn:opc:resource:fusion:mine:fusion-ai/"
    request = form(f"grant_type=client_credentials&scope={scope}", authorization=RIGHT)
    for setup, granted in (
        (config(mine), 200),
        (config(named("other", "OTHERS"), mine, alone="mine"), 200),
        (config(named("other", "OTHERS"), mine), 400),
        (config(mine, layers=Layers({}, {"pod": "acme-test"})), 400),
    ):
        assert Service(setup).serve(request, 0).response.status == granted


@pytest.mark.parametrize(
    "layers",
    [
        Layers(),
        Layers({"one_shot_conversation_id": "fresh"}),
        Layers({}, {"hints": True, "profile": "rfc"}),
        Layers({"types": "lenient"}),
    ],
)
@pytest.mark.parametrize("alone", [None, "mine"])
def test_recordings_of_scenarios_with_switches_replay(layers: Layers, alone: str | None) -> None:
    mine = named("mine", profile="rfc", hints="off", one_shot_conversation_id="fresh")
    setup = config(mine, named("other", "OTHERS"), alone=alone, layers=layers)
    lines: list[bytes] = []
    mock = Service(setup)
    tape = Tape(mock, lines.append, recording_header(setup, lab="x"))
    mock.observers.append(tape)

    def said(request: Request) -> dict[str, object]:
        reply = mock.serve(request, 0)
        mock.tell(Replied(0, reply.x, reply.response, reply.latency))
        return read(reply.response)

    bearer = str(said(form(authorization=RIGHT))["access_token"])
    for code in ("EXPENSES", "OTHERS"):
        for body in ({"message": "Taxi 42"}, {"message": "Taxi 42", "conversational": "true"}, {"message": "Bus"}, {}):
            if job := said(invoke(bearer, body, code)).get("jobId"):
                said(status(bearer, str(job), code))
        said(status(bearer, "nope", code))
    tape.close(0)
    result = replay(read_recording(b"".join(lines)), setup.scenarios)
    assert result.passed, result.text()


# How many jobs may be alive (limits.md §2)


def crowded(most: int) -> tuple[Service, str]:
    short = DOCUMENT | {"name": "short", "steps": [{"work": "a", "takes": "2s"}, {"complete": "b", "output": "x"}]}
    mock = Service(replace(config(short), most_jobs=most))
    return mock, token(mock)


def started(mock: Service, bearer: str, now: int) -> int:
    return mock.serve(invoke(bearer, {"message": "Taxi 42"}), now).response.status


def test_one_job_more_than_may_be_alive_is_refused_until_one_has_ended() -> None:
    mock, bearer = crowded(2)
    assert [started(mock, bearer, 0), started(mock, bearer, 500), started(mock, bearer, 1_999)] == [202, 202, 429]
    full = mock.serve(invoke(bearer, {"message": "Taxi 42"}), 1_999).response
    assert (full.status, full.header("retry-after")) == (429, "2")
    assert [started(mock, bearer, 2_000), started(mock, bearer, 2_499)] == [202, 429]
    assert [started(mock, bearer, 2_500), started(mock, bearer, 2_501)] == [202, 429]
    mock.reset(2_502)
    bearer = token(mock, 2_502)
    assert [started(mock, bearer, 2_502 + at) for at in range(3)] == [202, 202, 429]


@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(["invoke", "reject", "approve", "look"])), max_size=25),
    st.integers(1, 4),
)
def test_the_crowd_is_counted_exactly_whatever_happens(moves: list[tuple[int, str]], most: int) -> None:
    mock = Service(replace(config(named("mine")), most_jobs=most))
    bearer, now = token(mock), 0
    for wait, move in moves:
        now += wait
        alive = [job for job in mock.jobs() if (look := mock.look(job, now)) and not look.span.status.final]
        if move == "invoke":
            assert started(mock, bearer, now) == (429 if len(alive) >= most else 202)
        elif move != "look" and alive:
            mock.decide(alive[0], "the-boss", "rejected" if move == "reject" else "approved", now)


def test_the_limit_stands_in_the_header_and_a_refusal_for_it_replays() -> None:
    mock, bearer = crowded(1)
    lines: list[bytes] = []
    tape = Tape(mock, lines.append, recording_header(mock.config, lab="x"))
    mock.observers.append(tape)
    granted = mock.serve(form(authorization=RIGHT), 0)
    mock.tell(Replied(0, granted.x, granted.response, granted.latency))
    bearer = read(granted.response)["access_token"]
    for now in (0, 1, 2_000):
        reply = mock.serve(invoke(str(bearer), {"message": "Taxi 42"}), now)
        mock.tell(Replied(now, reply.x, reply.response, reply.latency))
    tape.close(2_000)
    recording = read_recording(b"".join(lines))
    assert dict(recording.header.settings) == {"limits.jobs": 1}
    result = replay(recording, mock.config.scenarios)
    assert result.passed, result.text()
    assert b'"s":429' in b"".join(lines)

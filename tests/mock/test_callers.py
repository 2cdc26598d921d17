"""Another answer for another caller: `for`, and what texts see of who asks (scenarios.md §3.2, §8)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.errors import ScenarioError
from lab.core.exchange import Request
from lab.core.observe import Noted
from lab.identity.clients import DEMO, JANE, Account, Client
from lab.identity.facts import TokenGranted
from lab.identity.keys import claims_of
from lab.jobs.facts import JobAccepted, ScenarioMissed
from lab.jobs.lint import KnownCallers, lint
from lab.jobs.own_run import own_plans
from lab.jobs.program import program_of
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.callers import Callers
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.recording.format.reader import read as read_recording
from lab.recording.replay.replay import replay
from tests.conftest import each_row
from tests.recording.joined import Joined
from tests.shapes import switched
from tests.wire_peer import EPOCH, OTHER, REDIRECT, basic, code_exchange, code_of, invoke, read, status, token_request

MARIA = Account("maria", "lab-password-maria", "Maria Moser", ("BUYER", "CLERK"))
TOM = Account("tom", "lab-password-tom", "Tom", ("CLERK",))
NOBODY = "unmatched"


def scenario(name: str, callers: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One that answers with its name."""
    own = {"lab": 1, "name": name, "title": name, "agent": {"code": "QUOTA"}, "ask": "go", **more}
    return {
        "steps": [{"complete": "end", "output": name}],
        **own,
        **({"for": callers} if callers is not None else {}),
    }


def config(*documents: dict[str, Any]) -> Config:
    program = tuple(program_of(parsed(Scenario, each)) for each in documents)
    return Config(program, Switches(), 42, EPOCH, (DEMO, OTHER), accounts=(JANE, MARIA, TOM))


def login(user: Account | None = None, client: Client = DEMO) -> Request:
    form = {} if user is None else {"username": user.name, "password": user.password}
    return token_request("client_credentials" if user is None else "password", basic(client.id, client.secret), **form)


def bearer(mock: Service, user: Account | None = None, client: Client = DEMO) -> str:
    return str(read(mock.serve(login(user, client), 0).response)["access_token"])


def answered_by(mock: Service, token: str, message: str = "go", **more: object) -> str:
    """The scenario that answers."""
    sent = read(mock.serve(invoke(token, {"message": message, **more}, "QUOTA"), 0).response)
    view = mock.look(str(sent["jobId"]), 0)
    assert view is not None
    return view.record.scenario or NOBODY


@each_row(
    ("callers", "client", "user", "roles", "one_of_them"),
    [
        ({"users": ["ann"]}, "c", "ann", (), True),
        ({"users": ["ann"]}, "c", "Ann", (), False),
        ({"users": ["ann"]}, "ann", None, (), False),
        ({"users": ["ann", "bob"]}, "c", "bob", (), True),
        ({"roles": ["X"]}, "c", "ann", ("Y", "X"), True),
        ({"roles": ["X", "Y"]}, "c", "ann", ("Y",), True),
        ({"roles": ["X"]}, "c", "ann", (), False),
        ({"roles": ["X"]}, "c", None, (), False),
        ({"clients": ["c"]}, "c", None, (), True),
        ({"clients": ["c"]}, "c", "ann", (), True),
        ({"clients": ["c"]}, "d", "c", (), False),
        ({"users": ["ann"], "roles": ["X"]}, "c", "ann", ("X",), True),
        ({"users": ["ann"], "roles": ["X"]}, "c", "ann", ("Y",), False),
        ({"users": ["ann"], "roles": ["X"]}, "c", "bob", ("X",), False),
        ({"users": ["ann"], "clients": ["c"]}, "d", "ann", (), False),
    ],
)
def test_each_list_that_is_there_has_a_place_for_the_caller(callers, client, user, roles, one_of_them) -> None:
    assert parsed(Callers, callers).include(client, user, roles) is one_of_them


def test_the_first_by_file_name_whose_for_and_match_fit_answers() -> None:
    mock = Service(
        config(
            scenario("d-rest"),
            scenario("a-maria", {"users": ["maria"]}, match="go (?P<what>.*)", ask="go on"),
            scenario("b-clerks", {"roles": ["CLERK"]}),
            scenario("c-other", {"clients": ["other"]}),
        )
    )
    table = [
        (MARIA, DEMO, "go on", "a-maria"),
        (MARIA, DEMO, "go", "b-clerks"),
        (TOM, OTHER, "go on", "b-clerks"),
        (JANE, OTHER, "go on", "c-other"),
        (None, OTHER, "go on", "c-other"),
        (JANE, DEMO, "go on", "d-rest"),
        (None, DEMO, "go", "d-rest"),
    ]
    assert [answered_by(mock, bearer(mock, user, client), message) for user, client, message, _ in table] == [
        name for *_, name in table
    ]


def test_where_it_is_for_others_alone_the_job_ends_as_if_none_fitted() -> None:
    mock, missed = Service(config(scenario("a", {"users": ["maria"]}))), []
    mock.observers.append(
        lambda each: (
            missed.append(each.fact) if isinstance(each, Noted) and isinstance(each.fact, ScenarioMissed) else None
        )
    )
    own = bearer(mock)
    job = read(mock.serve(invoke(own, {"message": "go"}, "QUOTA"), 0).response)["jobId"]
    assert read(mock.serve(status(own, str(job), "QUOTA"), 1_000).response)["status"] == "ERROR"
    assert [fact.near for fact in missed] == [("a",)]


NAMES = st.sampled_from(["maria", "tom", "jane", "nobody"])
ANY_CALLERS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "users": st.lists(NAMES, min_size=1, max_size=2),
            "roles": st.lists(st.sampled_from(["BUYER", "CLERK", "NONE"]), min_size=1, max_size=2),
            "clients": st.lists(st.sampled_from(["demo", "other"]), min_size=1, max_size=1),
        },
    ).filter(bool),
)


@given(
    st.lists(st.tuples(ANY_CALLERS, st.booleans()), min_size=1, max_size=4),
    st.sampled_from([None, JANE, MARIA, TOM]),
    st.sampled_from([DEMO, OTHER]),
)
def test_a_scenario_that_fits_is_passed_over_for_an_earlier_one_alone(listed, user, client) -> None:
    documents = [
        scenario(f"s{place}", callers, **({"match": "else", "ask": "else"} if other else {}))
        for place, (callers, other) in enumerate(listed)
    ]
    mock = Service(config(*documents))
    roles = set() if user is None else {*user.roles}
    fitting = [
        document["name"]
        for document, (callers, other) in zip(documents, listed, strict=True)
        if not other
        and (callers is None or "users" not in callers or (user is not None and user.name in callers["users"]))
        and (callers is None or "roles" not in callers or bool(roles & {*callers["roles"]}))
        and (callers is None or "clients" not in callers or client.id in callers["clients"])
    ]
    assert answered_by(mock, bearer(mock, user, client)) == (fitting or [NOBODY])[0]


def test_a_conversation_of_several_turns_stays_with_its_scenario_and_any_other_asks_anew() -> None:
    later = [{"ask": "more", "steps": [{"complete": "end", "output": "more"}]}]
    for turns, second in ((later, "a"), ([], "b")):
        mock = Service(config(scenario("a", {"clients": ["demo"]}, turns=turns), scenario("b", {"clients": ["other"]})))
        first, other = bearer(mock, MARIA), bearer(mock, MARIA, OTHER)
        talk = {"conversational": True, "conversationId": "talk"}
        assert answered_by(mock, first, **talk) == "a"
        assert answered_by(mock, other, "more", **talk) == second


def test_a_role_that_another_callers_scenario_asks_for_is_not_asked_of_this_one() -> None:
    closed = {"agent": {"code": "QUOTA", "roles": ["BOSS"]}}
    mock = Service(config(scenario("a", {"users": ["maria"]}, **closed)))
    asks = {user: mock.serve(invoke(bearer(mock, user), {"message": 7}, "QUOTA"), 0) for user in (MARIA, TOM)}
    assert [each.response.status for each in asks.values()] == [403, 400]
    assert answered_by(mock, bearer(mock, TOM)) == NOBODY


def test_a_message_is_read_by_the_switches_of_its_callers_scenario() -> None:
    strict = {"unknown_conversation": "refuse"}
    mock = Service(config(scenario("a", {"users": ["maria"]}, settings=strict), scenario("b")))
    body = {"message": "go", "conversational": True, "conversationId": "new"}
    sent = [mock.serve(invoke(bearer(mock, user), body, "QUOTA"), 0) for user in (MARIA, TOM)]
    assert [each.response.status for each in sent] == [400, 202]


ASKED = {
    "steps": [
        {
            "work": "look", "takes": "1s",
            "next": [{"when": "{{ client.id == 'other' }}", "to": "elsewhere"}, {"to": "end"}],
        },
        {"complete": "end", "output": "{{ user.display if user is not none else 'a program' }} by {{ client.id }}"},
        {"complete": "elsewhere", "output": "not here, {{ client.id }}"},
    ]
}  # fmt: skip


@each_row(
    ("user", "client", "output"),
    [(MARIA, DEMO, "Maria Moser by demo"), (None, DEMO, "a program by demo"), (TOM, OTHER, "not here, other")],
)
def test_texts_and_conditions_see_user_and_client(user, client, output) -> None:
    mock = Service(config(scenario("a", **ASKED)))
    own = bearer(mock, user, client)
    job = read(mock.serve(invoke(own, {"message": "go"}, "QUOTA"), 0).response)["jobId"]
    assert read(mock.serve(status(own, str(job), "QUOTA"), 1_000).response)["output"] == output


def test_what_somebody_gets_is_recorded_and_replays() -> None:
    other = program_of(parsed(Scenario, scenario("b")))
    setup = config(scenario("a", {"roles": ["BUYER"]}, **ASKED), scenario("b"))
    joined = Joined(setup)
    for user in (MARIA, TOM, None):
        own = str(read(joined.ask(login(user)))["access_token"])
        job = read(joined.ask(invoke(own, {"message": "go"}, "QUOTA")))["jobId"]
        joined.ask(status(own, str(job), "QUOTA"))
    joined.tape.close(joined.now)
    found = read_recording(joined.data)
    assert [line.get("scenario") for line in found.facts("job.accepted")] == ["a", "b", "b"]
    assert not replay(found, list(setup.scenarios)).differences
    # the roles of its users stand in a recording
    bosses = program_of(parsed(Scenario, scenario("a", {"roles": ["BOSS"]}, **ASKED)))
    assert replay(found, [bosses, other]).differences


HEAD = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: go\n"
END = "steps:\n  - {complete: end, output: x}\n"


@each_row(
    ("line", "complaint"),
    [
        ("for: {}", "6:6: for: says nobody: name users, roles or clients, or leave it out"),
        ("for: {users: []}", "6:14: for.users: must not be empty"),
        ("for: {user: [a]}", "6:7: for: unknown key user; did you mean users?"),
        ("for: {roles: BUYER}", "6:14: for.roles: takes a list; write - in front of each value, or [ ] around them"),
        ("for: maria", "6:6: for: takes keys and values; write for: {roles: [maria]}, or users, or clients"),
        ("for: {users: [a b]}", "6:15: for.users[0]: is without blanks and colons, at most 200 characters"),
        ("for: {roles: ['a;b']}", "6:15: for.roles[0]: is the name of a role"),
        ("For: {users: [a]}", "6:1: unknown key For; did you mean for?"),
    ],
)
def test_what_is_wrong_with_a_for_is_told_at_its_place(line: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_with_locations(f"{HEAD}{line}\n{END}", "a.yaml")
    assert [str(each) for each in raised.value.complaints] == [f"a.yaml:{complaint}"]


@each_row(
    ("text", "complaint"),
    [
        ("{{ client.name }}", "client has no name; known here: id"),
        ("{{ user.id }}", "user has no id; known here: display, name, roles"),
    ],
)
def test_a_member_that_nobody_has_is_complained_of(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_with_locations(f"{HEAD}steps:\n  - {{complete: end, output: '{text}'}}\n", "a.yaml")
    assert [str(each) for each in raised.value.complaints] == [f"a.yaml:7:29: steps[0].output: {complaint}"]


def warnings(text: str, known: KnownCallers | None) -> list[str]:
    read, locations = parse_with_locations(text, "a.yaml")
    return [str(each) for each in lint(read, "a.yaml", locations, known=known)]


def test_names_that_the_settings_do_not_know_are_warned_of_once_there_are_settings() -> None:
    text = (
        HEAD.replace("{code: A}", "{code: A, roles: [BOSS]}")
        + "for: {users: [maria, mario], roles: [BUYR], clients: [portal, demo]}\n"
        + END
        + "faults:\n  - {route: status, client: portal, answer: 503}\n  - {route: status, user: zoe, answer: 503}\n"
    )
    known = KnownCallers(["maria", "jane"], ["BUYER"], ["demo"])
    assert warnings(text, known) == [
        "a.yaml:4:26: the settings know no role BOSS; roles there: BUYER",
        "a.yaml:6:22: the settings know no user mario; did you mean maria?",
        "a.yaml:6:38: the settings know no role BUYR; did you mean BUYER?",
        "a.yaml:6:55: the settings know no client portal; clients there: demo",
        "a.yaml:10:29: the settings know no client portal; clients there: demo",
        "a.yaml:11:27: the settings know no user zoe; users there: jane, maria",
    ]
    assert warnings(text, None) == []
    anybody = warnings(text, KnownCallers(["maria", "mario", "zoe"], ["BUYR", "BOSS"], None))
    assert anybody == []


def test_a_plan_is_that_of_somebody_for_whom_the_scenario_is() -> None:
    text = HEAD + "for: {users: [maria], clients: [portal]}\n" + (
        "steps:\n  - work: w\n    takes: 1s\n    next: [{when: \"{{ user.name == 'maria' }}\", to: end}]\n"
        "  - {complete: end, output: '{{ user.name }} {{ client.id }}'}\n"
    )  # fmt: skip
    assert warnings(text, None) == []
    (plan,) = own_plans(program_of(parse_with_locations(text, "a.yaml")[0]), 1)
    assert (plan.invocation.client, plan.invocation.user and plan.invocation.user.name) == ("portal", "maria")


def test_the_journal_names_who_asked() -> None:
    mock, facts = Service(config(scenario("a"))), []
    mock.journals.append(facts.extend)
    answered_by(mock, bearer(mock, MARIA, OTHER))
    (accepted,) = (each for each in facts if isinstance(each, JobAccepted))
    assert (accepted.client, accepted.user) == ("other", "maria")


# A client that stands for a user


STANDING = {
    "by roles": Client("batch", "lab-secret-batch", user="batch", roles=("CLERK",)),
    "as a user who can't log in": Client("batch", "lab-secret-batch", user="robot", roles=("CLERK",)),
    "as one who can": Client("batch", "lab-secret-batch", user="tom"),
}


def with_client(client: Client, *documents: dict[str, Any], **switches: object) -> Config:
    return replace(config(*documents), clients=(DEMO, client), switches=switched(switches))


@each_row("client", STANDING.values(), ids=STANDING)
@each_row("refuses", ["request", "job"])
def test_a_clients_own_token_passes_where_a_role_of_its_user_is_asked_for(client: Client, refuses: str) -> None:
    agent = {"code": "QUOTA", "roles": ["CLERK"], "refuses": refuses}
    asks = scenario("a", agent=agent, steps=[{"complete": "end", "output": "{{ user.name }} {{ user.roles }}"}])
    mock = Service(with_client(client, asks, service_tokens="refused"))
    own = bearer(mock, client=client)
    assert (claims_of(own)["sub"], claims_of(own)["sub_type"]) == ("batch", "client"), (
        "the pod knows it, the token doesn't"
    )
    sent = mock.serve(invoke(own, {"message": "go"}, "QUOTA"), 0).response
    assert sent.status == 202
    done = read(mock.serve(status(own, str(read(sent)["jobId"]), "QUOTA"), 1_000).response)
    assert done["output"] == f'{client.user} ["CLERK"]'
    refused = mock.serve(invoke(bearer(mock), {"message": "go"}, "QUOTA"), 0).response
    assert (refused.status, read(refused)["status"]) == (403, "FAI-40300")


def test_a_client_without_the_role_is_refused_and_told_how_it_may_have_one() -> None:
    asks = scenario("a", agent={"code": "QUOTA", "roles": ["BUYER"]})
    for client, says in (
        (STANDING["by roles"], False),
        (Client("batch", "lab-secret-batch"), True),
    ):
        mock = Service(with_client(client, asks))
        refused = read(mock.serve(invoke(bearer(mock, client=client), {"message": "go"}, "QUOTA"), 0).response)
        assert "QUOTA: BUYER." in refused["userDetails"] and refused["status"] == "FAI-40300"
        assert ("batch's own: accounts.clients" in refused["userDetails"]) is says


def test_a_clients_user_sees_its_jobs_and_the_other_way_round() -> None:
    client = STANDING["as one who can"]
    mock = Service(with_client(client, scenario("a", {"users": ["tom"]})))
    own, toms, others = bearer(mock, client=client), bearer(mock, TOM), bearer(mock)
    for one, other in ((own, toms), (toms, own)):
        job = read(mock.serve(invoke(one, {"message": "go"}, "QUOTA"), 0).response)["jobId"]
        assert mock.serve(status(other, str(job), "QUOTA"), 1_000).response.status == 200
        assert mock.serve(status(others, str(job), "QUOTA"), 1_000).response.status == 404


def test_a_login_of_nobody_is_not_taken_for_the_clients_user() -> None:
    client = replace(STANDING["by roles"], redirects=(REDIRECT,))
    mock = Service(replace(with_client(client), accounts=()))
    mock.observers.append(lambda each: facts.append(each.fact) if isinstance(each, Noted) else None)
    facts: list[object] = []
    code = code_of(mock, client_id=client.id)
    granted = mock.serve(code_exchange(code, basic(client.id, client.secret), client_id=client.id), 0).response
    assert granted.status == 200 and bearer(mock, client=client)
    users = [fact.user for fact in facts if isinstance(fact, TokenGranted)]
    assert users == [None, "batch"], "by a code, and its own"


@each_row("password", ["", "lab-secret-batch"])
def test_a_user_whom_only_a_client_stands_for_can_t_log_in(password: str) -> None:
    client = STANDING["as a user who can't log in"]
    mock = Service(with_client(client))
    robot = Account(client.user, password)
    assert mock.serve(login(robot), 0).response.status == 400
    relay = Request(
        "GET", "/api/rwdtools/tokenrelay", "servicetype=fusion-ai", (("authorization", basic(robot.name, password)),)
    )
    assert mock.serve(relay, 0).response.status == 401


@each_row("client", STANDING.values(), ids=STANDING)
def test_what_a_client_did_as_a_user_is_replayed_with_the_roles(client: Client) -> None:
    asks = scenario("a", agent={"code": "QUOTA", "roles": ["CLERK"], "refuses": "job"})
    lab = Joined(with_client(client, asks))
    own = read(lab.ask(login(client=client)))["access_token"]
    job = read(lab.ask(invoke(str(own), {"message": "go"}, "QUOTA")))["jobId"]
    assert read(lab.ask(status(str(own), str(job), "QUOTA")))["status"] == "COMPLETE"
    recording = lab.closed()
    assert b"lab-secret-batch" not in lab.data
    assert recording.header.settings["accounts"]["clients"][1] == {
        "id": "batch",
        "user": client.user,
        **({"roles": ["CLERK"]} if client.roles else {}),
    }
    result = replay(recording, [program_of(parsed(Scenario, asks))])
    assert result.passed, result.text()

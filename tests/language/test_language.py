"""What an author may write, seen from the wire: quorums, turns, retention, roles, outputs."""

import json

import pytest
from msgspec.structs import replace

from lab.identity.clients import JANE
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobForgotten, derived
from lab.jobs.gates import Origin
from lab.jobs.program import program_of
from lab.jobs.timeline import at
from lab.language.shape import member, parsed
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.steps import Filler
from tests.conftest import each_row
from tests.wire_peer import OTHER, invoke, read, service, status, token, token_request

END = {"complete": "done", "output": "Done."}


def document(*steps: dict[str, object], **more: object) -> dict[str, object]:
    return {"lab": 1, "name": "a", "title": "A", "agent": {"code": "A"}, "ask": "go", "steps": list(steps), **more}


def sent(mock: Service, now: int = 0, bearer: str | None = None, **body: object) -> dict[str, object]:
    body_sent = {"message": "go", "conversational": True, **body}
    return read(mock.serve(invoke(bearer or token(mock, now), body_sent, "A"), now).response)


def quorum(**more: object) -> Service:
    gate = {"gate": "board", "asks": "Go on?", "channel": "EMAIL", "approvals": 2, "patience": "60s", **more}
    return service(document(gate, END, agent={"code": "A"}))


def states(mock: Service, job: str, *instants: int) -> list[str]:
    return [f"{look.span.status} {look.span.id}" for now in instants if (look := mock.look(job, now))]


# Quorums


def test_a_quorum_is_full_with_its_last_approval_and_the_body_does_not_change_before():
    mock = quorum()
    job = str(sent(mock)["jobId"])
    before = mock.status_of(job, 1_000)
    first = mock.decide(job, "board", "approved", 2_000, name="ann")
    assert (first.status, first.why) == (200, "1 of 2")
    assert mock.status_of(job, 3_000) == before
    assert mock.decide(job, "board", "approved", 4_000, name="bob").why == "2 of 2"
    assert states(mock, job, 3_999, 4_000) == ["WAITING board", "COMPLETE done"]
    assert mock.decide(job, "board", "approved", 5_000, name="eve").status == 409


@pytest.mark.parametrize("verdict", ["rejected", "changes-requested"])
def test_the_first_other_verdict_ends_a_quorum(verdict):
    mock = quorum(verdicts={"changes-requested": "board"})
    job = str(sent(mock)["jobId"])
    assert mock.decide(job, "board", "approved", 1_000).status == 200
    assert mock.decide(job, "board", verdict, 2_000, comment="No.").status == 200
    look = mock.look(job, 2_000)
    assert (look.span.status, look.span.visit) == (("COMPLETE", 0) if verdict == "rejected" else ("WAITING", 1))


def test_a_name_counts_once_and_votes_without_a_name_count_each():
    mock = quorum(approvals=3)
    job = str(sent(mock)["jobId"])
    assert mock.decide(job, "board", "approved", 1_000, name="ann").status == 200
    again = mock.decide(job, "board", "rejected", 1_500, name="ann")
    assert (again.status, again.why) == (409, "ann has voted already; board needs another.")
    assert [mock.decide(job, "board", "approved", now).status for now in (2_000, 2_000)] == [200, 200]
    assert states(mock, job, 2_000) == ["COMPLETE done"]


def test_a_quorum_that_stays_short_of_a_vote_times_out():
    mock = quorum()
    job = str(sent(mock)["jobId"])
    mock.decide(job, "board", "approved", 59_999)
    assert states(mock, job, 59_999, 60_000) == ["WAITING board", "ERROR board"]


TOLD = (
    "{{ decisions.board.verdict }}/{{ decisions.board.by }}/{{ decisions.board.comment }}:"
    "{% for vote in decisions.board.votes %} {{ vote.verdict }}/{{ vote.by }}/{{ vote.comment }}{% endfor %}"
)


def output(mock: Service, job: str, now: int) -> object:
    return json.loads(mock.status_of(job, now) or b"{}")["output"]


def test_templates_see_the_last_vote_and_all_of_them_and_what_was_not_given_is_empty():
    gate = {"gate": "board", "asks": "Go on?", "channel": "EMAIL", "approvals": 2, "patience": "60s"}
    leads = {"verdicts": {"changes-requested": "board", "timed-out": "done", "rejected": "done"}}
    mock = service(document(gate | leads, {"complete": "done", "output": TOLD}))
    full, again, late = (str(sent(mock)["jobId"]) for _ in range(3))
    mock.decide(full, "board", "approved", 1_000, name="ann", comment="Fine.")
    mock.decide(full, "board", "approved", 2_000)
    assert output(mock, full, 2_000) == "approved//: approved/ann/Fine. approved//"
    mock.decide(again, "board", "approved", 3_000, name="ann")
    mock.decide(again, "board", "changes-requested", 4_000, name="bob", comment="Again.")
    mock.decide(again, "board", "rejected", 5_000, name="eve", comment="No.")
    assert output(mock, again, 5_000) == "rejected/eve/No.: rejected/eve/No."
    mock.decide(late, "board", "approved", 6_000, name="ann")
    assert output(mock, late, 60_000) == "timed-out//: approved/ann/"


def test_templates_see_how_each_round_ended():
    rounds = (
        "{% for round in decisions.board.rounds %}{{ loop.index }} {{ round.verdict }} {{ round.by }} {{ round.comment }}"
        ":{% for vote in round.votes %} {{ vote.by }}{% endfor %}; {% endfor %}{{ decisions.board.votes | length }}"
    )
    gate = {"gate": "board", "asks": rounds, "channel": "EMAIL", "approvals": 2, "patience": "60s", "rounds": 3}
    leads = {"verdicts": {"changes-requested": "board", "timed-out": "done", "rejected": "done"}}
    mock = service(document(gate | leads, {"complete": "done", "output": rounds}))
    job = str(sent(mock)["jobId"])

    def question(now):
        return json.loads(mock.status_of(job, now))["waitingNodeDetails"]["initialMessage"]

    assert question(0) == "0"
    mock.decide(job, "board", "approved", 1_000, name="ann")
    mock.decide(job, "board", "changes-requested", 2_000, name="bob", comment="Less.")
    first = "1 changes-requested bob Less.: ann bob; "
    assert question(2_000) == first + "2"
    mock.decide(job, "board", "changes-requested", 3_000, name="eve", comment="More.")
    second = first + "2 changes-requested eve More.: eve; "
    assert question(3_000) == second + "1"
    mock.decide(job, "board", "approved", 4_000, name="ann")
    assert output(mock, job, 63_000) == second + "3 timed-out  : ann; 1"


def test_a_gate_that_was_not_reached_has_no_votes_and_empty_texts():
    gate = {"gate": "board", "asks": "Go on?", "patience": "60s"}
    first = {"work": "think", "takes": "1s", "next": "done"}
    mock = service(document(first, gate, {"complete": "done", "output": TOLD.replace("verdict }}/", "by }}/", 1)}))
    assert output(mock, str(sent(mock)["jobId"]), 1_000) == "//:"


VOTE = {"after": "10s", "verdict": "approved", "by": "ann"}
SCRIPT = {"script": [VOTE, {"after": "5s", "verdict": "rejected", "by": "bob", "comment": "No."}]}


@each_row(
    ("reviewer", "live", "votes"),
    [
        (VOTE, [], [(10_000, "ann"), (20_000, None)]),
        (VOTE, [(4_000, "ann")], [(14_000, None)]),
        (VOTE, [(4_000, "bob")], [(14_000, "ann")]),
        (VOTE, [(4_000, "bob"), (5_000, "eve")], []),
        (SCRIPT, [], [(10_000, "ann"), (15_000, "bob")]),
        (SCRIPT, [(1_000, "eve")], [(6_000, "bob")]),
        ({"script": [VOTE]}, [], [(10_000, "ann")]),
        ({"script": [VOTE]}, [(1_000, "eve")], []),
        (VOTE | {"after": "30s"}, [], [(30_000, "ann")]),  # the next is due at the deadline itself
        ("nobody", [], []),
    ],
)
def test_a_reviewer_casts_every_missing_vote_and_a_script_one_entry_a_vote(reviewer, live, votes):
    mock = quorum(reviewer=reviewer)
    job = str(sent(mock)["jobId"])
    for now, name in live:
        assert mock.decide(job, "board", "approved", now, name=name).status == 200
    facts = mock.derived(job, 10**6).facts
    cast = [(fact.at, fact.name) for fact in facts if isinstance(fact, GateDecided)]
    assert cast == votes
    short = len(live) + len(votes) < 2
    assert any(isinstance(fact, GateExpired) for fact in facts) == short
    (opened,) = (fact for fact in facts if isinstance(fact, GateOpened))
    assert (opened.approvals, opened.until) == (2, 60_000)


def test_what_happens_otherwise_is_told_at_the_opening_and_a_scripted_vote_when_it_falls():
    mock = quorum(reviewer=VOTE)
    job = str(sent(mock)["jobId"])
    opened = mock.derived(job, 0).facts[0]
    assert (opened.otherwise.at, opened.otherwise.by, opened.otherwise.to) == (20_000, "script", "COMPLETE")
    assert mock.derived(job, 0).until == 10_000
    assert len(mock.derived(job, 10_000).facts) == 2 and mock.derived(job, 10_000).until == 20_000
    assert mock.decide(job, "board", "approved", 10_000, name="ann").status == 409
    assert mock.decide(job, "board", "approved", 12_000, name="bob").why == "2 of 2"


def test_a_script_goes_on_where_it_was_when_a_gate_opens_again_after_a_time_out():
    gate = {"gate": "g", "asks": "?", "patience": "5s", "verdicts": {"timed-out": "w"}, "reviewer": {"script": [
        {"after": "9s", "verdict": "approved"}, {"after": "1s", "verdict": "approved"}]}}  # fmt: skip
    wait = {"wait": "w", "takes": "1s", "again": {"to": "g", "rounds": 1}}
    mock = service(document(gate, END | {"complete": "early"}, wait, END))
    job = str(sent(mock)["jobId"])
    assert states(mock, job, 4_999, 5_000, 6_000, 10_999, 11_000, 12_000) == [
        "WAITING g", "WAITING w", "WAITING g", "WAITING g", "WAITING w", "COMPLETE done",
    ]  # fmt: skip


def test_an_entry_of_a_script_is_used_up_by_each_vote_over_all_openings():
    votes = [
        {"after": "1s", "verdict": "changes-requested", "comment": "Again."},
        {"after": "2s", "verdict": "approved"},
    ]
    gate = {
        "gate": "g",
        "asks": "?",
        "patience": "9s",
        "verdicts": {"changes-requested": "w"},
        "reviewer": {"script": votes},
    }
    mock = service(document({"work": "w", "takes": "1s"}, gate, END))
    job = str(sent(mock)["jobId"])
    assert states(mock, job, 1_999, 2_000, 3_000, 4_999, 5_000) == [
        "WAITING g", "RUNNING w", "WAITING g", "WAITING g", "COMPLETE done",
    ]  # fmt: skip
    live = str(sent(mock, 10_000)["jobId"])
    assert mock.decide(live, "g", "changes-requested", 11_500, comment="Once more.").status == 200
    assert states(mock, live, 14_499, 14_500) == ["WAITING g", "COMPLETE done"]


# Turns

TURNS = document(
    {"complete": "first", "output": "One: {{ data.color }}."},
    data={"color": {"one_of": ["red", "blue"]}}, match="go",
    turns=[
        {"ask": "more", "match": "more (?P<what>.*)|more", "data": {"n": 7}, "steps": [
            {"work": "w", "takes": "5s"},
            {"complete": "second", "output": "{{ turn }} {{ data.n }} {{ match.what }} <{{ conversation.turns[0].output }}>"}]},
        {"ask": "end", "steps": [{"complete": "third", "output":
            "{% for each in conversation.turns %}{{ each.message }}={{ each.output or '-' }};{% endfor %}"}]},
    ],
)  # fmt: skip


def test_each_message_of_a_conversation_takes_its_own_turn():
    mock = service(TURNS)
    bearer = token(mock)
    first = sent(mock, 0, bearer)
    color = str(first["output"])
    talk = first["conversationId"]
    second = sent(mock, 1_000, bearer, message="more of it", conversationId=talk)
    assert second["status"] == "RUNNING"
    done = json.loads(mock.status_of(str(second["jobId"]), 6_000))
    assert done["output"] == f"2 7 of it <{color}>"
    third = sent(mock, 7_000, bearer, message="whatever", conversationId=talk)
    assert third["output"] == f"go={color};more of it={done['output']};"
    past = sent(mock, 8_000, bearer, conversationId=talk)
    assert json.loads(mock.status_of(str(past["jobId"]), 9_000))["error"] == "No answer is defined for this message."


def test_a_turn_that_does_not_match_is_answered_by_no_other_scenario_of_the_team():
    other = document(END, name="b")
    mock = service(TURNS, other)
    bearer = token(mock)
    talk = sent(mock, 0, bearer)["conversationId"]
    lost = sent(mock, 0, bearer, message="quite different", conversationId=talk)
    assert json.loads(mock.status_of(str(lost["jobId"]), 1_000))["status"] == "ERROR"
    elsewhere = sent(mock, 0, bearer, message="something else")
    assert elsewhere["output"] == "Done."
    for message in ("go", "more"):  # a scenario of several turns begins conversations only
        second = sent(mock, 0, bearer, message=message, conversationId=elsewhere["conversationId"])
        assert second["output"] == "Done."


def test_an_earlier_turn_that_had_not_ended_has_no_output_whenever_it_is_looked_at():
    mock = service(TURNS)
    bearer = token(mock)
    talk = sent(mock, 0, bearer)["conversationId"]
    sent(mock, 0, bearer, message="more", conversationId=talk)
    third = sent(mock, 1_000, bearer, message="end", conversationId=talk)
    assert str(third["output"]).endswith("more=-;")
    assert json.loads(mock.status_of(str(third["jobId"]), 10**6))["output"] == third["output"]


def test_a_turn_sees_those_before_it_as_they_were_when_it_was_accepted():
    answer = "{{ turn }}({% for each in conversation.turns %}{{ each.output or '-' }}{% endfor %})"
    mock = service(document({"work": "w", "takes": "5s"}, {"complete": "c", "output": answer}))
    bearer = token(mock)
    talk = sent(mock, 0, bearer)["conversationId"]
    sent(mock, 1_000, bearer, conversationId=talk)
    third = sent(mock, 7_000, bearer, conversationId=talk)
    assert json.loads(mock.status_of(str(third["jobId"]), 12_000))["output"] == "3(1()2(-))"


def test_without_turns_each_message_starts_at_the_top_and_sees_the_turns_before():
    mock = service(document({"complete": "c", "output": "{{ turn }}{{ conversation.turns|length }}"}))
    bearer = token(mock)
    first = sent(mock, 0, bearer)
    second = sent(mock, 0, bearer, conversationId=first["conversationId"])
    assert (first["output"], second["output"]) == ("10", "21")


def test_a_scenario_knows_what_is_asked_in_every_turn():
    scenario = parsed(Scenario, TURNS)
    assert [each.message for each in scenario.user_messages] == ["go", "more", "end"]
    assert [scenario.of_turn(n) is None for n in (1, 2, 3, 4)] == [False, False, False, True]


# Retention, roles, publishing


def test_a_finished_job_is_forgotten_once_retention_ends():
    mock = service(document({"work": "w", "takes": "5s"}, END, retention="10s"))
    bearer = token(mock)
    job = str(sent(mock, 0, bearer)["jobId"])
    codes = [mock.serve(status(bearer, job, "A"), now).response.status for now in (4_999, 14_999, 15_000, 10**6)]
    assert codes == [200, 200, 404, 404]
    assert read(mock.serve(status(bearer, job, "A"), 20_000).response)["message"] == "Job not found."
    assert [fact.at for fact in mock.derived(job, 10**6).facts if isinstance(fact, JobForgotten)] == [15_000]
    assert mock.derived(job, 5_000).until == 15_000 and mock.derived(job, 15_000).until is None
    assert mock.look(job, 15_000) is None and mock.status_of(job, 15_000) is None


def test_a_job_that_runs_is_not_forgotten_however_short_retention_is():
    mock = service(document({"work": "w", "takes": "5s"}, END, retention="1ms"))
    job = str(sent(mock)["jobId"])
    assert [mock.look(job, now) is None for now in (4_999, 5_000, 5_001)] == [False, False, True]


def user_token(mock: Service) -> str:
    return str(
        read(mock.serve(token_request("password", username=JANE.name, password=JANE.password), 0).response)[
            "access_token"
        ]
    )


def roled(refuses: str, *roles: str) -> Service:
    mock = service(document(END, agent={"code": "A", "roles": ["BUYER", "BOSS"], "refuses": refuses}, data={"x": 1}))
    return Service(replace(mock.config, accounts=(replace(JANE, roles=roles),)))


@pytest.mark.parametrize("refuses", ["request", "job"])
def test_a_user_with_one_of_the_roles_may_ask(refuses):
    mock = roled(refuses, "CLERK", "BOSS")
    assert sent(mock, 0, user_token(mock))["output"] == "Done."


def test_a_user_without_the_role_is_refused_at_the_door_or_within_the_job():
    mock = roled("request", "CLERK")
    reply = mock.serve(invoke(user_token(mock), {"message": "go"}, "A"), 0).response
    assert (reply.status, read(reply)["status"]) == (403, "FAI-40300")
    mock = roled("job", "CLERK")
    body = sent(mock, 0, user_token(mock))
    assert body["status"] == "RUNNING"
    ended = json.loads(mock.status_of(str(body["jobId"]), 1_000))
    assert (ended["status"], ended["error"]) == ("ERROR", "user can not execute this workflow.")


@pytest.mark.parametrize("refuses", ["request", "job"])
def test_a_token_without_a_user_is_refused_where_roles_are_asked(refuses):
    mock = roled(refuses)
    reply = mock.serve(invoke(token(mock), {"message": "go"}, "A"), 0).response
    assert reply.status == 403 and list(mock.jobs()) == []


def test_a_scenario_that_is_not_published_is_passed_over_but_for_a_draft():
    mock = service(document(END, agent={"code": "A", "published": False}), document(END | {"output": "B"}, name="b"))
    assert sent(mock)["output"] == "B"
    assert sent(mock, status="DRAFT")["output"] == "Done."
    hidden = service(document(END, agent={"code": "A", "published": False}))
    assert hidden.serve(invoke(token(hidden), {"message": "go"}, "A"), 0).response.status == 404


def test_of_scenarios_that_fit_the_first_by_name_answers():
    mock = service(document(END | {"output": "B"}, name="b"), document(END | {"output": "A"}, name="a"))
    assert sent(mock)["output"] == "A"


# Outputs


@each_row(
    ("output", "sent_as"),
    [
        ({"html": "<p>{{ message }}</p>"}, "<p>go</p>"),
        ({"file": "a.txt"}, "{{ as it stands }}"),
        ({"filler": "100B"}, None),
        ({"json": {"a": ["{{ message }}", 1.5, None]}}, '{"a":["go",1.5,null]}'),
        ({"json": None}, "null"),
        (None, None),
        ("", ""),
    ],
)
def test_outputs_in_all_their_forms(output, sent_as):
    mock = service()
    program = program_of(
        parsed(Scenario, document({"complete": "c", "output": output})), "", {"a.txt": "{{ as it stands }}"}
    )
    mock = Service(replace(mock.config, scenarios=(program,)))
    answer = sent(mock)["output"]
    if isinstance(output, dict) and "filler" in output:
        assert isinstance(answer, str) and len(answer) == 100 and answer.startswith("00001 the quick")
    else:
        assert answer == sent_as


@pytest.mark.parametrize(("size", "length"), [("0B", 0), ("1kB", 1_000), ("5MB", 5_000_000), ("16MiB", 1 << 24)])
def test_filler_is_as_long_as_it_says(size, length):
    from lab.jobs.names import filler
    from lab.program.steps import Filler

    assert len(filler(parsed(Filler, {"filler": size}).filler)) == length


@each_row("size", ["17MB", "5", "5 MB", "MB", 5, "9999999999B", "-1B"])
def test_a_size_that_is_none(size):
    with pytest.raises(ValueError, match=r"an output is at most|a size is written"):
        member(Filler, "filler", size)


def test_a_json_output_larger_than_the_limit_is_refused_before_it_is_promised():
    big = {"complete": "c", "output": {"json": ["{{ message }}" * 400] * 4}}
    mock = service(document(big))
    reply = mock.serve(invoke(token(mock), {"message": "x" * 20_000}, "A"), 0).response
    assert reply.status == 503 and "larger than 16 MiB" in str(read(reply)["userDetails"])


def test_jobs_of_other_clients_are_not_earlier_turns():
    mock = service(document({"complete": "c", "output": "{{ conversation.turns|length }}"}))
    talk = sent(mock)["conversationId"]
    reply = mock.serve(
        invoke(token(mock, client=OTHER), {"message": "go", "conversational": True, "conversationId": talk}, "A"), 0
    )
    assert reply.response.status == 404


def test_a_decision_by_the_script_is_named_so_in_the_journal():
    mock = quorum(reviewer=VOTE)
    job = str(sent(mock)["jobId"])
    look = mock.look(job, 10**6)
    found = derived(look.plan, (), 10**6)
    assert all(fact.by is Origin.SCRIPT for fact in found.facts if isinstance(fact, GateDecided))
    assert at(look.plan, (), 15_000).votes_at(15_000)[0].name == "ann"

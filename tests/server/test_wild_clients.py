"""Clients in the styles found in the wild: each gets what the real API would give it (contract.md §11, by row)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
import requests

from lab.identity.clients import DEMO, JANE
from lab.identity.facts import TokenGranted
from lab.jobs.facts import JobAccepted
from tests.server.served import SCOPE, Served, basic, serving
from tests.server.wild.habits import (
    GUESSED,
    GaveUp,
    Wild,
    asks_again_on_401,
    fenced,
    loops_silently,
    refreshes_ahead,
    rows_of,
    with_a_fallback,
    with_basic,
)
from tests.server.wild.honest import HONEST, Client


def scenario(name: str, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    code = name.upper().replace("-", "_") + "_TEAM"
    return {"lab": 1, "name": name, "title": name, "agent": {"code": code}, "ask": "x", "steps": list(steps), **more}


QUICK = scenario("quick", {"work": "think", "takes": "11400ms"}, {"complete": "done", "output": "Forty-two."})
SLOW = scenario("slow", {"work": "think", "takes": "100s"}, {"complete": "done", "output": "Forty-two."})
GATE = scenario(
    "gate", {"work": "think", "takes": "3s"}, {"gate": "consent", "asks": "May I?", "patience": "1h"},
    {"complete": "done", "output": "Shared."},
)  # fmt: skip
FAILED = scenario(
    "failed", {"work": "think", "takes": "5s"},
    {"error": "broken", "text": "Tool GET_INVOICE failed: 404 Not Found", "output": "Invoice 7001 is"},
)  # fmt: skip
NULL = scenario("null", {"work": "think", "takes": "5s"}, {"complete": "done", "output": None})
EMPTY = scenario("empty", {"work": "think", "takes": "5s"}, {"complete": "done", "output": ""})
TABLE = "<table><tr><td>A-1001</td><td class='n'>21.40</td></tr></table>"
FENCE = 'Here you are:\n```json\n{"price": 21.4}\n```\nAnything else?'
HTML = scenario("html", {"work": "think", "takes": "5s"}, {"complete": "done", "output": TABLE})
FENCED = scenario("fenced", {"work": "think", "takes": "5s"}, {"complete": "done", "output": FENCE})
JSON = scenario("json", {"work": "think", "takes": "5s"}, {"complete": "done", "output": {"json": {"price": 21.4}}})
ALL = (QUICK, SLOW, GATE, FAILED, NULL, EMPTY, HTML, FENCED, JSON)

Serve = Callable[..., Served]
Make = Callable[..., Wild]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves scenarios, all of them if none is named, for as long as the test lasts."""
    with ExitStack() as stack:

        def start(*documents: dict[str, Any], **switches: Any) -> Served:
            opened: AbstractContextManager[Served] = serving(*(documents or ALL), **switches)
            return stack.enter_context(opened)

        yield start


@pytest.fixture
def wild(serve: Serve) -> Iterator[Make]:
    """A client with a habit, against a mock of its own unless one is given."""
    clients: list[Wild] = []

    def make(team: str, world: Served | None = None, switches: dict[str, Any] | None = None, **habits: Any) -> Wild:
        clients.append(Wild(world or serve(**(switches or {})), f"{team}_TEAM", **habits))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


@pytest.mark.parametrize("profile", ["oci", "rfc"])
@pytest.mark.parametrize("client", HONEST.values(), ids=HONEST)
def test_right_path_word_and_field_succeed_in_every_library(serve: Serve, client: Client, profile: str) -> None:
    world = serve(QUICK, profile=profile)
    assert client(world, "QUICK_TEAM", "What is it?") == "Forty-two."
    assert len(world.facts(JobAccepted)) == len(world.facts(TokenGranted)) == 1


@pytest.mark.parametrize("word", ["COMPLETED", "DONE", "complete"])
def test_row_1_who_waits_for_another_word_times_out_at_a_job_that_is_complete(wild: Make, word: str) -> None:
    client = wild("QUICK", done=(word,), pace=1, tries=60)
    with pytest.raises(GaveUp, match="timed out"):
        client.ask("x")
    (job,) = client.world.facts(JobAccepted)
    assert client.look(job.job).json()["status"] == "COMPLETE"


@pytest.mark.parametrize(("tries", "pace", "got"), [(3, 10, False), (30, 2, False), (70, 1, False), (60, 2, True)])
def test_row_2_who_gives_up_early_misses_what_comes_later(wild: Make, tries: int, pace: float, got: bool) -> None:
    client = wild("SLOW", tries=tries, pace=pace)
    if got:
        assert client.ask("x") == "Forty-two."
    else:
        with pytest.raises(GaveUp, match="timed out"):
            client.ask("x")


@pytest.mark.parametrize(("pace", "polls"), [(0.5, 201), (1.2, 85), (2, 51)])
def test_row_3_a_fixed_pace_is_taken_as_it_comes_and_counts(wild: Make, pace: float, polls: int) -> None:
    client = wild("SLOW", pace=pace, tries=600)
    assert client.ask("x") == "Forty-two."
    assert (client.calls, len(client.world.requests("status"))) == (polls, polls)


def test_row_4_who_takes_waiting_for_running_times_out_and_nobody_is_asked(wild: Make) -> None:
    client = wild("GATE", tries=60)
    with pytest.raises(GaveUp, match="timed out"):
        client.ask("x")
    (job,) = client.world.facts(JobAccepted)
    assert client.look(job.job).json()["waitingNodeDetails"]["initialMessage"] == "May I?"
    assert client.world.decide(job.job, "consent", "approved") == 200
    assert client.poll(job.job)["output"] == "Shared."


def test_row_4_who_takes_waiting_for_the_end_shows_nothing(wild: Make) -> None:
    with pytest.raises(GaveUp, match="no answer"):
        wild("GATE", done=("COMPLETE", "WAITING")).ask("x")


def test_row_4_who_answers_goes_on(wild: Make) -> None:
    client = wild("GATE", done=("WAITING",))
    client.login()
    waiting = client.poll(client.send("x")["jobId"])
    token = waiting["waitingNodeDetails"]["callbackToken"]
    resume = {"messageInstanceId": token, "userResponse": "APPROVE_ACTION"}
    assert client.send("", jobId=waiting["jobId"], resumeInput=resume)["jobId"] == waiting["jobId"]
    client.done = ("COMPLETE",)
    assert client.poll(waiting["jobId"])["output"] == "Shared."


BRIEF = SLOW | {"token": {"lifetime": "60s"}}


def test_row_5_who_dies_at_a_401_in_mid_poll_dies(serve: Serve, wild: Make) -> None:
    client = wild("SLOW", serve(BRIEF))
    with pytest.raises(requests.HTTPError, match="401"):
        client.ask("x")
    assert client.world.slept == 60


def test_row_5_who_loops_silently_never_hears_of_the_end(serve: Serve, wild: Make) -> None:
    client = wild("SLOW", serve(BRIEF))
    with pytest.raises(GaveUp, match="timed out"):
        loops_silently(client, "x")
    assert client.look(client.world.facts(JobAccepted)[0].job).status_code == 401


def test_row_5_who_sends_the_message_again_has_two_jobs_for_one_question(serve: Serve, wild: Make) -> None:
    client = wild("QUICK", serve(QUICK | {"token": {"lifetime": "60s"}}))
    client.login()
    client.world.sleep(55)
    assert asks_again_on_401(client, "x")["output"] == "Forty-two."
    assert [fact.at for fact in client.world.facts(JobAccepted)] == [55_000, 61_000]


def test_row_5_who_fetches_a_new_token_and_polls_on_succeeds(serve: Serve, wild: Make) -> None:
    client = wild("SLOW", serve(BRIEF))
    client.login()
    job = client.send("x")["jobId"]
    with pytest.raises(requests.HTTPError, match="401"):
        client.poll(job)
    client.login()
    assert client.poll(job)["output"] == "Forty-two."
    assert len(client.world.facts(JobAccepted)) == 1


def faulty(document: dict[str, Any], *faults: dict[str, Any]) -> dict[str, Any]:
    return {**document, "faults": list(faults)}


@pytest.mark.parametrize(
    "fault",
    [
        {"route": "status", "answer": 429, "retry_after": "2s", "calls": 3}, {"route": "status", "answer": 503, "calls": 3},
        {"route": "status", "answer": 401, "calls": 3},
    ],
)  # fmt: skip
def test_rows_5_and_6_who_aborts_at_one_refusal_loses_a_job_that_goes_on(
    serve: Serve, wild: Make, fault: dict[str, Any]
) -> None:
    client = wild("QUICK", serve(faulty(QUICK, fault)))
    with pytest.raises(requests.HTTPError) as refused:
        client.ask("x")
    response = refused.value.response
    assert (response.status_code, client.calls) == (fault["answer"], 3)
    assert response.headers.get("Retry-After") == ("2" if "retry_after" in fault else None)
    assert client.poll(client.world.facts(JobAccepted)[0].job)["output"] == "Forty-two."


def test_row_6_who_ignores_every_error_polls_through_it(serve: Serve, wild: Make) -> None:
    client = wild("QUICK", serve(faulty(QUICK, {"route": "status", "answer": 503, "calls": "2-4"})))
    assert loops_silently(client, "x") == "Forty-two."


@pytest.mark.parametrize(
    ("accepted", "status", "got"),
    [((200,), 202, False), ((200,), 200, True), ((202,), 202, True), ((202,), 200, False)],
)
def test_row_7_who_insists_on_one_code_depends_on_the_switch(
    wild: Make, accepted: tuple[int, ...], status: int, got: bool
) -> None:
    client = wild("QUICK", switches={"invoke_status": status}, accepted=accepted)
    if got:
        assert client.ask("x") == "Forty-two."
    else:
        with pytest.raises(GaveUp, match=f"invoke: {status}"):
            client.ask("x")


def test_row_8_who_looks_elsewhere_than_output_finds_nothing(wild: Make) -> None:
    client = wild("QUICK", names=tuple(GUESSED))
    with pytest.raises(GaveUp, match="no answer"):
        client.ask("x")
    (job,) = client.world.facts(JobAccepted)
    assert not set(GUESSED) & set(client.look(job.job).json())


@pytest.mark.parametrize("hints", ["on", "off"])
def test_row_9_paths_that_do_not_exist_are_404_with_a_hint(wild: Make, hints: str) -> None:
    client = wild("QUICK", switches={"hints": hints})
    client.login()
    job = client.send("x")["jobId"]
    assert with_a_fallback(client, job) == [404, 404, 404]
    url = f"{client.world.api}/agent/v2/{client.team}/invokeAsync/{job}"
    body = client.http.get(url, timeout=10).json()
    assert body["status"] == "FAI-40400"
    assert body["userDetails"] == (
        "Poll GET /api/fusion-ai/orchestrator/agent/v2/{code}/status/{jobId}." if hints == "on" else ""
    )


def turns(client: Wild) -> list[tuple[int, bool]]:
    """Turn, and whether it belongs to a conversation, of each job."""
    return [(fact.turn, fact.conversation is not None) for fact in client.world.facts(JobAccepted)]


def test_row_10_who_leaves_the_flag_out_has_no_conversation(wild: Make) -> None:
    client = wild("QUICK", body={})
    client.login()
    first = client.poll(client.send("x")["jobId"])
    assert first["conversationId"] is None
    client.send("And now?", conversationId="c-1")
    assert turns(client) == [(1, False), (1, False)]


@pytest.mark.parametrize("where", ["invoke", "status", "own id", "dropped"])
def test_row_10_an_id_may_be_taken_from_either_body_or_brought_along(wild: Make, where: str) -> None:
    client = wild("QUICK")
    client.login()
    accepted = client.send("x", **({"conversationId": "mine-1"} if where == "own id" else {}))
    polled = client.poll(accepted["jobId"])
    known = {"invoke": accepted, "status": polled, "own id": polled}.get(where, {}).get("conversationId")
    client.send("And now?", conversationId=known)
    assert turns(client) == [(1, True), (1 if where == "dropped" else 2, True)]
    assert (known == "mine-1") == (where == "own id")


ODD: list[tuple[str, Any, dict[str, Any], int]] = [
    ("message object", {"content": [{"type": "text", "text": "What is it?"}]}, {}, 202),
    ("string flag", "What is it?", {"conversational": "true"}, 400),
    ("string version", "What is it?", {"version": "1"}, 400),
    ("wrapped parameters", "What is it?", {"parameters": {"orgCode": {"value": "NORTH"}}}, 202),
]


@pytest.mark.parametrize(("message", "more", "strict"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
def test_row_11_odd_shapes_are_taken_in_oci_and_typed_strictly_in_rfc(
    serve: Serve, wild: Make, message: Any, more: dict[str, Any], strict: int
) -> None:
    echo = scenario(
        "echo", {"work": "think", "takes": "5s"},
        {"complete": "done", "output": "{{ message }}/{{ parameters.orgCode | default('-') }}"},
    )  # fmt: skip
    lenient = wild("ECHO", serve(echo), body=more)
    org = "NORTH" if "parameters" in more else "-"
    assert lenient.ask(message) == f"What is it?/{org}"
    picky = wild("ECHO", serve(echo, profile="rfc"), body=more)
    if strict == 202:
        assert picky.ask(message) == f"What is it?/{org}"
    else:
        with pytest.raises(GaveUp, match="invoke: 400"):
            picky.ask(message)


@pytest.mark.parametrize("header", [("Authorization", basic()), ("Cookie", "JSESSIONID=abc; ORA_FND_SESSION=def")])
@pytest.mark.parametrize("profile", ["oci", "rfc"])
def test_row_12_basic_and_a_browsers_cookie_open_nothing(serve: Serve, header: tuple[str, str], profile: str) -> None:
    world = serve(QUICK, profile=profile)
    got = with_basic(world, "QUICK_TEAM", [header])
    assert (got.status_code, got.headers["www-authenticate"]) == (401, 'Bearer realm="lab"')
    assert not world.facts(JobAccepted)


def as_user(client: Wild) -> None:
    """Log in by password, as clients do that need a user."""
    granted = client.http.post(
        client.world.token_url, auth=(DEMO.id, DEMO.secret), timeout=10,
        data={"grant_type": "password", "username": JANE.name, "password": JANE.password, "scope": SCOPE},
    )  # fmt: skip
    client.http.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"


def test_row_12_a_token_without_a_user_can_be_refused_where_users_are_asked_for(wild: Make) -> None:
    client = wild("QUICK", switches={"service_tokens": "refused"})
    with pytest.raises(GaveUp, match="invoke: 403"):
        client.ask("x")
    as_user(client)
    assert client.poll(client.send("x")["jobId"])["output"] == "Forty-two."


@pytest.mark.parametrize("refuses", ["request", "job"])
def test_row_12_where_roles_decide_a_token_without_a_user_is_403_and_a_user_without_one_meets_what_is_planned(
    serve: Serve, wild: Make, refuses: str
) -> None:
    agent = {"code": "QUICK_TEAM", "roles": ["BUYER"], "refuses": refuses}
    client = wild("QUICK", serve({**QUICK, "agent": agent}))
    with pytest.raises(GaveUp, match="invoke: 403"):
        client.ask("x")
    as_user(client)
    if refuses == "request":
        with pytest.raises(GaveUp, match="invoke: 403"):
            client.send("x")
    else:
        job = client.send("x")["jobId"]
        with pytest.raises(GaveUp, match=r"failed: user can not execute this workflow\."):
            client.poll(job)


@pytest.mark.parametrize(
    "scope",
    [
        SCOPE.replace("acme-test", "acme-prod"), SCOPE.replace("acme-test", "127"), SCOPE.rstrip("/"),
        "urn:opc:resource:consumer::all", "",
    ],
    ids=["other pod", "first label of the host", "no slash", "generic", "none"],
)  # fmt: skip
def test_row_13_a_wrong_scope_is_invalid_scope(wild: Make, scope: str) -> None:
    client = wild("QUICK", scope=scope)
    got = client.http.post(
        client.world.token_url, data={"grant_type": "client_credentials", "scope": scope},
        auth=(DEMO.id, DEMO.secret), timeout=10,
    )  # fmt: skip
    assert (got.status_code, got.json()["error"]) == (400, "invalid_scope")
    assert SCOPE in got.json()["error_description"]


def test_a_lab_of_the_clients_own_pod_knows_its_scope(wild: Make) -> None:
    other = SCOPE.replace("acme-test", "acme-prod")
    assert wild("QUICK", switches={"pod": "acme-prod"}, scope=other).ask("x") == "Forty-two."


@pytest.mark.parametrize(("lifetime", "tokens"), [("1h", 1), ("4m", 8)])
def test_row_14_who_refreshes_five_minutes_ahead_does_so_constantly(
    serve: Serve, wild: Make, lifetime: str, tokens: int
) -> None:
    client = wild("QUICK", serve(QUICK | {"token": {"lifetime": lifetime}}))
    assert refreshes_ahead(client, "x") == "Forty-two."
    assert len(client.world.facts(TokenGranted)) == tokens


def test_row_14_without_expires_in_a_token_is_never_kept(serve: Serve, wild: Make) -> None:
    client = wild("QUICK", serve(faulty(QUICK, {"route": "token", "omit": ["expires_in"], "calls": "every 1"})))
    assert refreshes_ahead(client, "x") == "Forty-two."
    assert "expires_in" not in client.grant
    assert len(client.world.facts(TokenGranted)) == 8


def test_row_15_who_takes_a_partial_output_for_success_shows_half_an_answer(wild: Make) -> None:
    assert wild("FAILED", done=("COMPLETE", "ERROR"), failed=()).ask("x") == "Invoice 7001 is"
    with pytest.raises(GaveUp, match=r"failed: Tool GET_INVOICE failed: 404 Not Found"):
        wild("FAILED").ask("x")


@pytest.mark.parametrize(("team", "output"), [("NULL", None), ("EMPTY", "")])
def test_row_16_who_needs_an_output_stumbles_over_none(wild: Make, team: str, output: str | None) -> None:
    client = wild(team)
    with pytest.raises(GaveUp, match="no answer"):
        client.ask("x")
    (job,) = client.world.facts(JobAccepted)
    body = client.look(job.job).json()
    assert (body["status"], body["output"]) == ("COMPLETE", output)


def test_row_17_output_is_text_whatever_its_format(wild: Make) -> None:
    assert rows_of(wild("HTML").ask("x")) == ["A-1001"], "the cell with a class is lost"
    with pytest.raises(ValueError, match="Expecting value"):
        fenced(wild("FENCED").ask("x"))
    assert fenced(wild("JSON").ask("x")) == {"price": 21.4}


@pytest.mark.parametrize(("code", "title"), [(502, "502 Bad Gateway"), (200, "Sign In")])
def test_row_18_who_takes_every_body_for_json_stumbles_over_a_gateway_or_a_login_page(
    serve: Serve, wild: Make, code: int, title: str
) -> None:
    client = wild("QUICK", serve(faulty(QUICK, {"route": "status", "answer": code, "body": "html", "calls": 2})))
    client.login()
    job = client.send("x")["jobId"]
    assert client.look(job).json()["status"] == "RUNNING"
    got = client.look(job)
    assert (got.status_code, got.headers["Content-Type"], f"<title>{title}</title>" in got.text) == (
        code, "text/html", True,
    )  # fmt: skip
    with pytest.raises(requests.JSONDecodeError):
        got.json()
    assert client.poll(job)["output"] == "Forty-two."


@pytest.mark.parametrize("word", ["FAILED", "QUEUED"])
def test_row_19_who_meets_an_unknown_word_polls_on(serve: Serve, wild: Make, word: str) -> None:
    client = wild("QUICK", serve(faulty(QUICK, {"route": "status", "status_word": word, "calls": "every 1"})), tries=30)
    with pytest.raises(GaveUp, match="timed out"):
        client.ask("x")
    (job,) = client.world.facts(JobAccepted)
    assert client.look(job.job).json()["status"] == word


def test_row_19_who_does_not_know_error_polls_for_five_minutes(wild: Make) -> None:
    client = wild("FAILED", failed=("FAILED",), pace=2, tries=150)
    with pytest.raises(GaveUp, match="timed out"):
        client.ask("x")
    assert (client.world.slept, client.calls) == (300, 150)


@pytest.mark.parametrize(("mode", "nodes"), [("", 0), ("?invocationMode=END_USER", 0), ("?invocationMode=ADMIN", 1)])
def test_row_20_admin_and_end_user_may_be_mixed(wild: Make, mode: str, nodes: int) -> None:
    client = wild("QUICK", query=mode)
    client.login()
    assert len(client.poll(client.send("x", invocationMode="END_USER")["jobId"])["nodes"]) == nodes


@pytest.mark.parametrize(("switch", "got"), [("accept", True), ("refuse", False)])
def test_row_20_a_base_url_that_ends_in_a_slash(wild: Make, switch: str, got: bool) -> None:
    client = wild("QUICK", switches={"double_slash": switch})
    client.world.origin += "/"
    if got:
        assert client.ask("x") == "Forty-two."
        assert all("double_slash" in each.flags for each in client.world.requests("invoke"))
    else:
        with pytest.raises(requests.HTTPError, match="404"):
            client.ask("x")


def test_row_21_who_stops_after_invoke_has_nothing_to_show(wild: Make) -> None:
    client = wild("QUICK")
    client.login()
    body = client.send("x")
    assert (body["status"], body["output"], body["progressMessage"]) == ("RUNNING", None, None)


def test_row_22_who_sends_again_without_a_key_has_two_jobs(wild: Make) -> None:
    client = wild("QUICK")
    client.login()
    assert client.send("x")["jobId"] != client.send("x")["jobId"]
    assert len(client.world.facts(JobAccepted)) == 2

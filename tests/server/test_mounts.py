"""A listener with several mocks: what a prefix or a header chooses has a ledger, a journal and a report of its own."""

import json

import pytest

from lab.core.exchange import Json
from lab.core.journal.fact import ClockAdvanced
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened
from lab.core.observe import Noted
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.routes import PATHS
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import MOUNT_PATH, Config
from lab.mock.service import Service
from lab.program.switches import Layers
from lab.server.control.journal import Buffer
from lab.server.labs import LabChoice, Labs, ServedLab
from lab.server.limits import ServerLimits
from tests.server.conftest import SCENARIO, SCOPE, TEAM, Answer, Peer, Stage, bearer, make_service, request
from tests.server.test_control import Plane, plane

__all__ = ["plane"]

STRICT = (
    SCENARIO.replace("name: consent", "name: strict")
    + "faults: [{route: token, calls: 1, answer: 503}]\nsettings: {location_header: on, hints: on}\n"
)


def program(text: str = SCENARIO) -> Program:
    return program_of(parse_scenario(text, "a.yaml", stem=text.split("name: ")[1].split("\n")[0]))


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """The usual one, with a client that may choose between two scenarios."""
    config = stage.service.config.settled(Layers())

    class Choosing(Labs):
        offered = True

        def chosen(self, usual: ServedLab, choice: LabChoice) -> ServedLab:
            service = Service(config.alone((choice.load(),), 7, MOUNT_PATH + choice.name))
            return ServedLab(service, usual.clock, usual=usual, choice=choice)

    choices = (
        LabChoice("consent", program, lambda: program().scenario),
        LabChoice("strict", lambda: program(STRICT), lambda: program().scenario, ("result",), True),
    )
    labs = stage.server.labs = Choosing(stage.server.labs.usual)
    labs.usual.choices = {each.name: each for each in choices}
    return stage


async def ask(
    peer: Peer, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"", name: str | None = None
) -> Answer:
    chosen = (("X-Lab-Scenario", name),) if name is not None else ()
    return await peer.ask(request(method, path, (*headers, *chosen), body))


async def token(peer: Peer, prefix: str = "", name: str | None = None) -> Answer:
    sent = token_request(DEMO.id, DEMO.secret, SCOPE)
    return await ask(peer, prefix + sent.path, *sent.headers, method="POST", body=sent.body, name=name)


async def job(peer: Peer, prefix: str = "", name: str | None = None) -> tuple[str, Answer]:
    """A token, and what starting a job got."""
    got = str((await token(peer, prefix, name)).json["access_token"])
    path, document = prefix + ROUTER.path("invoke", code=TEAM), json.dumps({"message": "Share it"}).encode()
    headers = (bearer(got), ("content-type", "application/json"))
    return got, await ask(peer, path, *headers, method="POST", body=document, name=name)


async def polled(peer: Peer, token: str, job: str, prefix: str = "", name: str | None = None) -> int:
    return (await ask(peer, prefix + ROUTER.path("status", code=TEAM, job=job), bearer(token), name=name)).status


async def test_what_a_prefix_chooses_has_tokens_and_jobs_of_its_own(stage: Stage) -> None:
    peer, prefix = await stage.peer(), "/scenario/consent"
    got, started = await job(peer, prefix)
    own = str(started.json["jobId"])
    assert await polled(peer, got, own, prefix) == 200
    assert await polled(peer, got, own) == 401
    usual = await stage.token()
    assert await polled(peer, usual, own) == 404
    assert await polled(peer, usual, own, prefix) == 401


async def test_a_header_chooses_the_same_and_both_may_agree(stage: Stage) -> None:
    peer, prefix = await stage.peer(), "/scenario/consent"
    got, started = await job(peer, name="consent")
    own = str(started.json["jobId"])
    assert await polled(peer, got, own, prefix) == 200
    assert await polled(peer, got, own, prefix, "consent") == 200
    differing = await ask(peer, f"{prefix}/.well-known/openid-configuration", name="strict")
    assert (differing.status, differing.json["message"]) == (
        400, "Path and X-Lab-Scenario name several scenarios: 'consent', 'strict'.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "member"), [(PATHS["token"], "error_description"), (ROUTER.path("invoke", code=TEAM), "message")]
)
async def test_an_unknown_one_is_told_with_the_nearest_in_the_words_of_its_path(
    stage: Stage, path: str, member: str
) -> None:
    got = await ask(await stage.peer(), f"/scenario/strickt{path}", method="POST", body=b"a=b")
    assert (got.status, got.json[member]) == (
        404,
        "There is no scenario 'strickt' to choose here: did you mean strict?"
        " GET /_lab/scenarios, at the control plane, lists them.",
    )


async def test_urls_in_answers_keep_the_prefix_however_it_was_chosen(stage: Stage) -> None:
    peer, prefix = await stage.peer(), "http://127.0.0.1/scenario/strict"
    for path, name in (
        ("/scenario/strict/.well-known/openid-configuration", None),
        ("/.well-known/openid-configuration/scenario/strict", None),
        ("/.well-known/openid-configuration", "strict"),
    ):
        document = (await ask(peer, path, name=name)).json
        assert document["token_endpoint"] == prefix + PATHS["token"]
    form = b"client_id=demo&response_type=device_code&scope=" + SCOPE.encode()
    kind = ("content-type", "application/x-www-form-urlencoded")
    device = await ask(peer, "/scenario/strict" + PATHS["device"], kind, method="POST", body=form)
    assert device.json["verification_uri"] == prefix + PATHS["device_page"]
    assert (await token(peer, "/scenario/strict")).status == 503
    _, started = await job(peer, "/scenario/strict")
    assert started.headers["location"].startswith(f"{prefix}/api/")


async def test_it_plays_as_if_it_had_been_served_alone(stage: Stage) -> None:
    usual = stage.service.config.settled(Layers())
    alone = Config((program(STRICT),), usual.switches, 7, usual.epoch).settled(Layers())
    mount = stage.server.labs.choose(stage.server.labs.usual, "strict")
    assert mount.service.config.switches == alone.switches
    assert (mount.service.config.seed, mount.service.config.token_scenario) == (7, "strict")
    assert usual.switches.location_header is False


async def test_without_choices_the_paths_are_unknown_as_ever(stage: Stage) -> None:
    stage.server.labs = Labs(stage.server.labs.usual)
    peer = await stage.peer()
    assert (await ask(peer, "/scenario/consent/oauth2/v1/token")).json["message"] == "There is no such path."
    assert (await token(peer, name="anything")).status == 200


async def test_a_journal_tells_the_connections_that_were_used_there(stage: Stage) -> None:
    facts: dict[str, list[object]] = {"consent": [], "strict": []}
    for name, kept in facts.items():
        mount = stage.server.labs.choose(stage.server.labs.usual, name)
        mount.service.observers.append(lambda each, kept=kept: kept.append(each) if isinstance(each, Noted) else None)
    peer = await stage.peer()
    for name in ("consent", "strict", "consent"):
        await token(peer, name=name)
    await peer.close()
    while stage.server.connections:
        await stage.server._nobody.wait()

    def kinds(name: str) -> list[type]:
        connection = (ConnectionOpened, ConnectionClosed)
        found = (each.fact for each in facts[name] if isinstance(each, Noted))
        return [type(fact) for fact in found if isinstance(fact, connection)]

    assert kinds("consent") == [ConnectionOpened, ConnectionClosed]
    assert kinds("strict") == [ConnectionOpened]
    assert len(stage.facts(ConnectionClosed)) == 1


async def test_the_control_plane_reaches_each_by_the_same_prefix(plane: Plane) -> None:
    peer = await plane.stage.peer()
    _, started = await job(peer, name="consent")
    own = str(started.json["jobId"])
    (health,) = (
        each for each in (await plane.ask("GET", "scenario/consent/")).json["routes"] if "health" in each["path"]
    )
    assert health["curl"].endswith(f'"http://127.0.0.1:{plane.port}{health["path"]}"')
    assert health["path"] == "/_lab/scenario/consent/health"
    jobs = (await plane.ask("GET", "scenario/consent/jobs")).json["jobs"]
    assert [each["job"] for each in jobs] == [own]
    assert (await plane.ask("GET", "jobs")).json["jobs"] == []
    assert (await plane.ask("GET", f"jobs/{own}")).status == 404
    moved = await plane.ask("POST", "scenario/consent/clock", {"job": own, "until": "WAITING"})
    assert (moved.status, plane.stage.clock.now()) == (200, 3_000)
    verdict = {"gate": "consent", "verdict": "approved"}
    assert (await plane.ask("POST", f"scenario/consent/jobs/{own}/decisions", verdict)).status == 200
    lines = (await plane.ask("GET", "scenario/consent/journal")).body.decode().splitlines()
    assert json.loads(lines[0])["settings"]["prefix"] == "/scenario/consent"
    assert sum('"k":"req"' in line for line in lines) == 2
    assert (await plane.ask("GET", "calls")).json["count"] == 0
    assert (await plane.ask("GET", "scenario/consent/calls?route=invoke")).json["count"] == 1
    unknown = await plane.ask("GET", "scenario/consnt/jobs")
    assert (unknown.status, "did you mean consent?" in unknown.json["error"]) == (404, True)


async def test_a_fault_armed_at_one_strikes_there_alone_and_before_its_first_call(plane: Plane) -> None:
    fault: Json = {"route": "token", "answer": 500}
    assert (await plane.ask("POST", "scenario/consent/faults", fault)).status == 200
    peer = await plane.stage.peer()
    assert [(await token(peer)).status, (await token(peer, name="consent")).status] == [200, 500]


async def test_a_redirect_stays_where_it_was_chosen(plane: Plane) -> None:
    assert (await plane.ask("POST", "scenario/consent/faults", {"route": "token", "redirect": "same"})).status == 200
    got = await token(await plane.stage.peer(), name="consent")
    assert (got.status, got.headers["location"]) == (307, "/scenario/consent/oauth2/v1/token")


async def test_who_advances_the_clock_anywhere_moves_all(plane: Plane) -> None:
    mount = plane.stage.server.labs.choose(plane.stage.server.labs.usual, "consent")
    seen_there: list[object] = []
    mount.service.observers.append(seen_there.append)
    await plane.ask("POST", "scenario/strict/clock", {"advance": "5s"})
    assert [type(each.fact) for each in seen_there if isinstance(each, Noted)] == [ClockAdvanced]
    assert (await plane.ask("GET", "clock")).json["now"] == 5_000


async def test_one_is_cleared_alone_and_a_whole_reset_gives_all_up(plane: Plane) -> None:
    peer = await plane.stage.peer()
    for name in ("consent", "strict"):
        await token(peer, name=name)
    usual, _ = await job(peer)
    back = await plane.ask("POST", "reset", {"to": 0})
    assert (back.status, back.json["error"]) == (409, "Scenarios that were chosen can't be set back.")
    assert (await plane.ask("POST", "scenario/consent/reset", {"to": 0})).status == 409
    assert (await plane.ask("POST", "scenario/consent/reset", {})).status == 200
    counts = [(await plane.ask("GET", f"{where}calls")).json["count"] for where in ("scenario/consent/", "")]
    assert counts == [0, 2]
    assert (await plane.ask("POST", "reset", {})).status == 200
    assert list(plane.stage.server.labs.usual.used()) == []
    assert (await plane.ask("POST", "reset", {"to": 0})).status == 200
    assert await polled(peer, usual, "any") == 401


def test_of_what_all_keep_the_one_that_holds_most_forgets_first() -> None:
    services, limits = [make_service(), make_service()], ServerLimits(exchange_bytes=3_000)
    together: list[Buffer] = []
    few, many = (Buffer(service, limits, together) for service in services)
    services[0].serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0)
    for _ in range(20):
        services[1].serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0)
    few.backlog.hand_on(), many.backlog.hand_on()
    assert few.bytes + many.bytes <= 3_000
    assert few.bytes > 0
    assert len([each for each in few.exchanges() if each.weight]) == 1
    many.close()
    assert together == [few]

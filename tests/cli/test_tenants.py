"""Tenants of `lab serve`: each is a lab of its own behind one listener, with clock, seed, jobs, journal and report."""

import asyncio
import gc
import io
import json
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.cli.command_settings import WatchSettings
from lab.cli.commands.serve import ServeSettings, may_choose_lines
from lab.cli.commands.watch import reached, with_tenant
from lab.cli.console import Console
from lab.cli.logs.request_log import RequestLog
from lab.cli.serve.served_labs import ServedLabs
from lab.cli.serve.settings import LedgerSettings
from lab.cli.setup import Setup, make_setup
from lab.clocks import ManualClock
from lab.core.errors import ProtocolError
from lab.core.exchange import Json, Request
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO, aistudio_cli
from lab.jobs.timeline import spans as spans_of
from lab.mock.service import Service
from lab.recording.format.reader import read
from lab.recording.tape.header import config_of
from lab.server.call_totals import CALLS as COUNTED
from lab.server.call_totals import Samples
from lab.server.control.metrics import Meters
from lab.server.control.plane import ControlPlane
from lab.server.control.routes import description
from lab.server.labs import LabWish, ServedLab
from lab.server.mock_server import MockServer
from lab.settings import ClockSettings, ControlAccess, MockSettings
from tests.scenario_texts import BRIEF
from tests.server.conftest import SCOPE, TOKEN, Answer, Peer, ask_once, bearer, control_request, request
from tests.server.test_faults import until
from tests.server.test_metrics import samples
from tests.settings import settings_of
from tests.wire_peer import basic

TEAM = BRIEF.split("agent: {code: ")[1].split(",")[0].split("}")[0]
DISCOVERY = "/.well-known/openid-configuration"


def loaded(folder: Path) -> Setup:
    for name in ("brief", "short"):
        text = BRIEF.replace("name: brief", f"name: {name}").replace("seed: 1\n", "")
        (folder / f"{name}.yaml").write_text(text)
    return make_setup(MockSettings(scenarios=str(folder), clock=ClockSettings("manual"), seed=7, epoch=1_800_000_000))


def served(setup: Setup, most: int, err: io.StringIO) -> MockServer:
    labs = partial(ServedLabs, setup, Console(io.StringIO(), err), most=most)
    return MockServer(Service(setup.config), setup.clock, setup.limits, labs=labs)


@dataclass
class Lab:
    """A lab with tenants on loopback, and its control plane."""

    server: MockServer
    plane: ControlPlane
    port: int
    control_port: int
    peers: list[Peer] = field(default_factory=list)

    async def peer(self) -> Peer:
        created = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.peers.append(created)
        return created

    async def ask(
        self,
        path: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        tenant: str | None = None,
        peer: Peer | None = None,
    ) -> Answer:
        named = (("X-Lab-Tenant", tenant),) if tenant is not None else ()
        data = request("POST" if body else "GET", path, (*headers, *named), body)
        return await (peer or await self.peer()).ask(data)

    async def token(self, prefix: str = "", tenant: str | None = None) -> Answer:
        sent = token_request(DEMO.id, DEMO.secret, SCOPE)
        return await self.ask(prefix + sent.path, *sent.headers, body=sent.body, tenant=tenant)

    async def started(self, prefix: str) -> tuple[str, Answer]:
        """A token, and what starting a job got."""
        token = str((await self.token(prefix)).json["access_token"])
        path, headers = prefix + ROUTER.path("invoke", code=TEAM), (bearer(token), ("content-type", "application/json"))
        return token, await self.ask(path, *headers, body=json.dumps({"message": "Compare"}).encode())

    async def polled(self, token: str, job: str, prefix: str) -> int:
        return (await self.ask(prefix + ROUTER.path("status", code=TEAM, job=job), bearer(token))).status

    async def control(self, method: str, path: str, document: Json = None, *, token: str = TOKEN) -> Answer:
        return await ask_once(
            self.control_port, control_request(self.control_port, method, path, document, token=token)
        )


async def opened(setup: Setup, most: int) -> AsyncIterator[Lab]:
    server = served(setup, most, io.StringIO())
    plane = ControlPlane(server, TOKEN, second=setup.second)
    origins = await server.start(), await plane.start()
    lab = Lab(server, plane, *(int(each.rpartition(":")[2]) for each in origins))
    yield lab
    for peer in lab.peers:
        await peer.close()
    await plane.stop()
    await server.stop(0)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """One whose calls may make two tenants."""
    async for each in opened(loaded(tmp_path), 2):
        yield each


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Lab]:
    """One whose calls make none, and in which one job may live."""
    setup = loaded(tmp_path)
    limited = replace(setup, config=replace(setup.config, most_jobs=1))
    async for each in opened(limited, 0):
        yield each


async def test_a_call_makes_a_tenant_to_which_the_others_tokens_and_jobs_are_unknown(lab: Lab) -> None:
    ann, started = await lab.started("/t/ann")
    job = str(started.json["jobId"])
    assert await lab.polled(ann, job, "/t/ann") == 200
    bob = str((await lab.token(tenant="bob")).json["access_token"])
    own = str((await lab.token()).json["access_token"])
    assert [await lab.polled(token, job, "/t/ann") for token in (bob, own)] == [401, 401]
    assert [await lab.polled(token, job, prefix) for token, prefix in ((bob, "/t/bob"), (own, ""))] == [404, 404]
    assert [await lab.polled(ann, job, prefix) for prefix in ("/t/bob", "")] == [401, 401]
    assert list(lab.server.labs.named) == ["ann", "bob"]


async def test_all_play_the_same_for_the_seed_is_the_lab_s(lab: Lab) -> None:
    jobs = {name: (await lab.started(f"/t/{name}"))[1].json["jobId"] for name in ("ann", "bob")}
    assert jobs["ann"] != jobs["bob"]
    tenants = lab.server.labs.named
    views = [tenants[name].service.look(job, 0) for name, job in jobs.items()]
    assert None not in views
    spans = [list(spans_of(view.plan, view.decisions)) for view in views if view is not None]
    assert spans[0] == spans[1]


@pytest.mark.parametrize(
    ("path", "tenant", "status", "message"),
    [
        ("/t/Ann", None, 404, "There is no tenant 'Ann' here. The name of a tenant has 1 to 40 small letters,"),
        ("/t/-ann", None, 404, "There is no tenant '-ann' here. The name"),
        (f"/t/{'a' * 41}", None, 404, f"There is no tenant '{'a' * 41}' here. The name"),
        ("/t/", None, 404, "There is no tenant '' here. The name"),
        ("", "../ann", 404, "There is no tenant '../ann' here. The name"),
        ("/t/ann", "bob", 400, "Path and X-Lab-Tenant name several tenants: 'ann', 'bob'."),
    ],
)
async def test_a_name_that_is_none_makes_nothing(
    lab: Lab, path: str, tenant: str | None, status: int, message: str
) -> None:
    got = await lab.ask(f"{path}{ROUTER.path('invoke', code=TEAM)}", body=b"{}", tenant=tenant)
    assert got.status == status and got.json["message"].startswith(message)
    refused = await lab.ask(f"{path}/oauth2/v1/token", body=b"a=b", tenant=tenant)
    assert refused.status == status and refused.json["error_description"]
    assert not lab.server.labs.named


async def test_path_and_header_may_agree_and_a_name_may_be_long(lab: Lab) -> None:
    assert (await lab.token("/t/ann", tenant="ann")).status == 200
    assert (await lab.token(f"/t/{'1' * 40}")).status == 200
    assert (await lab.ask(f"/t/ann{DISCOVERY}", tenant="ann")).status == 200


async def test_who_shows_no_credentials_makes_none_and_is_told_what_does(lab: Lab) -> None:
    sent, public = token_request(DEMO.id, DEMO.secret, SCOPE), aistudio_cli(lab.server.service.config.switches.pod)
    form = (("content-type", "application/x-www-form-urlencoded"),)
    why = "There is no tenant 'ann' here. A token request with a client's credentials makes it, or POST /_lab/tenants"
    for path, headers, body in (
        (DISCOVERY, (), b""),
        ("/oauth2/v1/authorize?client_id=demo&response_type=code", (), b""),
        ("/oauth2/v1/token", (), b""),
        (sent.path, form, sent.body),
        (sent.path, (("authorization", basic(DEMO.id, "wrong")), *form), sent.body),
        (sent.path, (("authorization", basic("nobody", DEMO.secret)), *form), sent.body),
        (sent.path, (*form, bearer("x")), sent.body),
        (sent.path, form, sent.body + f"&client_id={public.id}".encode()),
        (ROUTER.path("invoke", code=TEAM), sent.headers, b"{}"),
        ("/oauth2/v1/device", sent.headers, sent.body),
    ):
        got = await lab.ask(f"/t/ann{path}", *headers, body=body)
        assert got.status == 404 and why in str(got.json), path
    assert not lab.server.labs.named
    wrong = await lab.ask(f"/t/ann{sent.path}", *sent.headers, body=b"grant_type=password&username=x&password=y")
    assert wrong.status == 400 and list(lab.server.labs.named) == ["ann"], "its credentials are the client's own"


async def test_one_that_was_ended_and_made_again_takes_no_token_of_the_one_before(lab: Lab) -> None:
    tokens, jobs = list[str](), list[str]()
    for number in range(3):
        if number:
            await lab.control("DELETE", "tenants/ann")
        token, started = await lab.started("/t/ann")
        tokens, jobs = [*tokens, token], [*jobs, str(started.json["jobId"])]
        shown = [await lab.polled(each, jobs[-1], "/t/ann") for each in tokens]
        assert shown == [401] * number + [200]
    assert len({*tokens}) == len({*jobs}) == 3
    lab.server.labs.usual.service.reset(0)
    served = lab.server.labs.named["ann"].service.config
    recording = read((await lab.control("GET", "t/ann/journal")).body, "ann")
    assert config_of(recording, served.scenarios).id_seed == served.id_seed


async def test_beyond_as_many_as_may_be_made_calls_are_refused_with_the_reason(lab: Lab) -> None:
    for name in ("ann", "bob"):
        assert (await lab.token(f"/t/{name}")).status == 200
    text = "Calls have made 2 tenants, as many as lab serve --tenants N lets them: DELETE /_lab/tenants/NAME,"
    refused = await lab.token("/t/cy")
    assert (refused.status, refused.json["error"]) == (503, "temporarily_unavailable")
    assert refused.headers["retry-after"] == "10" and refused.json["error_description"].startswith(text)
    assert (await lab.control("POST", "tenants", {"name": "cy"})).status == 200
    assert (await lab.ask(f"/t/cy{DISCOVERY}")).status == 200


async def made_by_commands(lab: Lab) -> None:
    """Those that commands make take no place of those that calls make; of these one that is ended leaves its own."""
    for name in ("one", "two", "three"):
        assert (await lab.control("POST", "tenants", {"name": name})).status == 200
    assert [(await lab.token(f"/t/{name}")).status for name in ("ann", "bob", "cy")] == [200, 200, 503]
    await lab.control("DELETE", "tenants/one")
    assert (await lab.token("/t/cy")).status == 503
    await lab.control("DELETE", "tenants/ann")
    assert (await lab.token("/t/cy")).status == 200


async def test_one_that_a_command_makes_takes_no_place_of_those_that_calls_make(lab: Lab) -> None:
    await made_by_commands(lab)


async def test_beyond_as_many_as_a_lab_has_a_command_is_told_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.cli.serve.served_labs.MOST_TENANTS", 1)
    assert (await lab.control("POST", "tenants", {"name": "ann"})).status == 200
    got = await lab.control("POST", "tenants", {"name": "bob"})
    assert (got.status, got.headers["retry-after"]) == (503, "10")
    assert got.json["error"].startswith("There are 1 tenants, as many as a lab has at most: DELETE")


async def test_where_no_call_makes_one_a_path_that_names_one_is_not_found(strict: Lab) -> None:
    got = await strict.ask(f"/t/ann{DISCOVERY}")
    assert got.status == 404 and "POST /_lab/tenants" in str(got.json)
    assert (await strict.ask(DISCOVERY, tenant="ann")).status == 404
    assert (await strict.ask(DISCOVERY)).status == 200


async def test_many_first_calls_at_once_make_one(lab: Lab) -> None:
    got = await asyncio.gather(*(lab.token("/t/ann") for _ in range(8)))
    assert {each.status for each in got} == {200}
    assert list(lab.server.labs.named) == ["ann"]


async def test_urls_in_answers_keep_the_prefix_and_a_scenario_stands_behind_it(lab: Lab) -> None:
    await lab.token("/t/ann")
    for path, tenant, prefix in (
        (f"/t/ann{DISCOVERY}", None, "/t/ann"),
        (f"{DISCOVERY}/t/ann", None, "/t/ann"),
        (DISCOVERY, "ann", "/t/ann"),
        (f"/t/ann/scenario/brief{DISCOVERY}", None, "/t/ann/scenario/brief"),
        (f"{DISCOVERY}/t/ann/scenario/brief", None, "/t/ann/scenario/brief"),
        (f"/scenario/brief{DISCOVERY}", "ann", "/t/ann/scenario/brief"),
    ):
        got = await lab.ask(path, tenant=tenant)
        assert got.status == 200, path
        assert got.json["token_endpoint"].endswith(f"{prefix}/oauth2/v1/token"), path


@pytest.mark.parametrize("prefix", ["/t/ann", "/t/ann/scenario/brief", ""])
async def test_a_401_names_the_place_of_the_tokens_that_are_good_there(lab: Lab, prefix: str) -> None:
    await lab.token("/t/ann")
    path = prefix + ROUTER.path("status", code=TEAM, job="a")
    for headers in ((), (bearer("other"),)):
        got = await lab.ask(path, *headers)
        assert got.status == 401
        assert f" at {prefix}/oauth2/v1/token" in str(got.json["userDetails"])
    token = str((await lab.token(prefix)).json["access_token"])
    assert (await lab.ask(path, bearer(token))).status == 404


async def test_the_control_plane_names_the_public_base_where_there_is_one(tmp_path: Path) -> None:
    setup = loaded(tmp_path)
    async for lab in opened(replace(setup, config=replace(setup.config, base="https://lab.example")), 1):
        created = (await lab.control("POST", "tenants", {"name": "ann"})).json
        (listed,) = (await lab.control("GET", "tenants")).json["tenants"]
        health = (await lab.control("GET", "t/ann/health")).json
        assert {each["base_url"] for each in (created, listed, health)} == {"https://lab.example/t/ann"}
        assert (await lab.control("GET", "health")).json["base_url"] == "https://lab.example"
        chosen = (await lab.control("GET", "t/ann/scenarios")).json["scenarios"][0]
        assert chosen["token_url"].startswith("https://lab.example/t/ann/scenario/brief/")


async def test_a_clock_that_is_advanced_moves_no_other(lab: Lab) -> None:
    jobs = {name: (await lab.started(f"/t/{name}"))[1].json["jobId"] for name in ("ann", "bob")}
    assert (await lab.control("POST", "t/ann/clock", {"advance": "1h"})).json["now"] == 3_600_000
    nows = [(await lab.control("GET", f"{prefix}clock")).json["now"] for prefix in ("t/ann/", "t/bob/", "")]
    assert nows == [3_600_000, 0, 0]
    found = {name: (await lab.control("GET", f"t/{name}/jobs/{job}")).json["status"] for name, job in jobs.items()}
    assert found["bob"] == "RUNNING" != found["ann"]
    assert (await lab.control("GET", f"t/bob/jobs/{jobs['ann']}")).json != (
        await lab.control("GET", f"t/ann/jobs/{jobs['ann']}")
    ).json


async def test_limits_count_each_tenant_s_own(strict: Lab) -> None:
    for name in ("ann", "bob"):
        assert (await strict.control("POST", "tenants", {"name": name})).status == 200
        statuses = [(await strict.started(f"/t/{name}"))[1].status for _ in range(2)]
        assert statuses == [202, 429]
    assert (await strict.started(""))[1].status == 202


def test_how_many_calls_may_make_is_an_option_of_lab_serve_which_says_so() -> None:
    chosen = settings_of(ServeSettings, ["serve", "--tenants", "3"])
    assert chosen.tenants == 3
    one, tenant = may_choose_lines(chosen, "http://lab")
    assert one.startswith("  one scenario   http://lab/scenario/NAME, or X-Lab-Scenario: NAME")
    assert tenant.startswith("  tenants        http://lab/t/NAME, or X-Lab-Tenant: NAME")
    assert tenant.endswith("token requests make up to 3")
    assert may_choose_lines(ServeSettings(), "http://lab") == [one]


def test_a_shared_lab_offers_tenants_and_no_scenario_to_choose() -> None:
    (line,) = may_choose_lines(ServeSettings(ledger=LedgerSettings(url="redis://127.0.0.1")), "http://lab")
    assert line.startswith("  tenants        http://lab/t/NAME") and line.endswith("POST /_lab/tenants makes one")


async def test_a_log_follows_each_until_its_end(tmp_path: Path) -> None:
    err = io.StringIO()
    server, log = served(loaded(tmp_path), 1, err), RequestLog("text", Console(io.StringIO(), err))
    log.follow(server.labs)
    await server.labs.make(LabWish("ann"))
    assert await server.labs.end("ann")
    log.close()
    assert [line.strip() for line in err.getvalue().splitlines()] == [
        "0.000 tenant ann: begin",
        "0.000 tenant ann: end",
    ]


# The control plane


async def test_one_that_is_made_has_seed_and_scenarios_of_its_own_and_stays_as_it_is(lab: Lab) -> None:
    wish: Json = {"name": "ann", "seed": 3, "scenarios": ["short"]}
    first = await lab.control("POST", "tenants", wish)
    shown = {"name": "ann", "base_url": f"http://127.0.0.1:{lab.port}/t/ann", "seed": 3, "scenarios": ["short"]}
    assert first.json.items() >= {**shown, "now": 0, "exchanges": 0}.items()
    assert (await lab.control("POST", "tenants", wish)).json == first.json
    assert (await lab.control("POST", "tenants", {"name": "ann"})).json == first.json
    seed, scenarios = "seed 3, not 4", "scenarios short, not brief short"
    for other, differs in (
        ({"seed": 4}, seed),
        ({"scenarios": ["brief", "short"]}, scenarios),
        ({"seed": 4, "scenarios": ["brief", "short"]}, f"{seed} and {scenarios}"),
    ):
        got = await lab.control("POST", "tenants", {"name": "ann", **other})
        assert (got.status, got.json["error"]) == (409, f"The tenant ann is there with {differs}.")
    await lab.token("/t/ann")
    (listed,) = (await lab.control("GET", "tenants")).json["tenants"]
    assert listed == {**shown, "now": 0, "exchanges": 1}
    health = (await lab.control("GET", "t/ann/health")).json
    assert (health["seed"], health["scenarios"], health["base_url"]) == (3, ["short"], shown["base_url"])
    assert (await lab.ask(f"/t/ann/scenario/brief{DISCOVERY}")).status == 404
    assert (await lab.ask(f"/t/ann/scenario/short{DISCOVERY}")).status == 200


async def test_what_is_chosen_of_a_tenant_plays_with_the_tenant_s_seed(lab: Lab) -> None:
    await lab.control("POST", "tenants", {"name": "ann", "seed": 3})
    await lab.ask(f"/t/ann/scenario/short{DISCOVERY}")
    assert (await lab.control("GET", "t/ann/scenario/short/health")).json["seed"] == 3
    listed = (await lab.control("GET", "t/ann/scenarios")).json["scenarios"]
    assert listed[0]["base_url"] == f"http://127.0.0.1:{lab.port}/t/ann/scenario/brief"


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({}, "name is missing."),
        ({"name": "Ann"}, "'Ann' is no name of a tenant."),
        ({"name": "ann\n"}, "'ann\\n' is no name of a tenant."),
        ({"name": "ann", "seed": -1}, "seed takes an integer of at least 0."),
        ({"name": "ann", "seed": True}, "seed takes an integer or null."),
        ({"name": "ann", "scenarios": []}, "scenarios takes a list of at least 1."),
        ({"name": "ann", "scenarios": "short"}, "scenarios takes a list or null."),
        ({"name": "ann", "scenarios": ["shrt"]}, "The lab serves no scenario 'shrt'."),
        ({"name": "ann", "sed": 1}, 'There is no member "sed" here.'),
    ],
)
async def test_a_wish_that_can_t_be_is_refused(lab: Lab, document: Json, error: str) -> None:
    got = await lab.control("POST", "tenants", document)
    assert (got.status, got.json["error"][: len(error)]) == (400, error)
    assert not lab.server.labs.named


async def test_a_tenant_s_token_opens_what_is_its_own_and_nothing_else(lab: Lab) -> None:
    tokens = {
        name: (await lab.control("POST", "tenants", {"name": name})).json["control_token"] for name in ("ann", "bob")
    }
    assert len({*tokens.values(), TOKEN}) == 3
    for path in ("clock", "journal", "health", "", "scenario/brief/jobs"):
        assert (await lab.control("GET", f"t/ann/{path}", token=tokens["ann"])).status == 200, path
        for other in (f"t/bob/{path}", path):
            got = await lab.control("GET", other, token=tokens["ann"])
            assert got.status == 403, other
            assert got.json["error"] == "This token is good for /_lab/t/ann/ alone."
    for method, path, document in (
        ("GET", "tenants", None),
        ("POST", "tenants", {"name": "cy"}),
        ("DELETE", "tenants/bob", None),
    ):
        assert (await lab.control(method, path, document, token=tokens["ann"])).status == 403
        assert (await lab.control(method, f"t/ann/{path}", document, token=tokens["ann"])).status == 404
    assert (await lab.control("DELETE", "tenants/ann", token=tokens["ann"])).status == 200
    assert (await lab.control("GET", "t/bob/clock", token=tokens["ann"])).status == 401
    assert list(lab.server.labs.named) == ["bob"]


async def test_its_routes_are_listed_where_they_are(lab: Lab) -> None:
    await lab.control("POST", "tenants", {"name": "ann"})
    for root in ("t/ann/", "t/ann/scenario/brief/"):
        listed = (await lab.control("GET", root)).json["routes"]
        assert {each["path"].startswith(f"/_lab/{root}") for each in listed} == {True}
        paths = {each["path"].removeprefix(f"/_lab/{root}") for each in listed}
        assert "clock" in paths and not {"tenants", "tenants/{name}", "virtual-time"} & paths
    assert (await lab.control("POST", "t/ann/virtual-time", {})).status == 404
    assert (await lab.control("POST", "t/ann/tape", {"name": "a"})).status == 409
    assert (await lab.control("GET", "t/cy/clock")).status == 404


async def test_a_reset_is_a_tenant_s_own(lab: Lab) -> None:
    jobs = {prefix: (await lab.started(prefix))[1].json["jobId"] for prefix in ("/t/ann", "/t/bob", "")}
    await lab.control("POST", "t/ann/clock", {"advance": "1h"})
    got = (await lab.control("POST", "t/ann/reset", {})).json
    assert (got["now"], got["cleared"]["jobs"]) == (0, 1)
    for prefix, job in jobs.items():
        expected = 404 if prefix == "/t/ann" else 200
        path = f"{prefix.removeprefix('/')}/jobs/{job}".removeprefix("/")
        assert (await lab.control("GET", path)).status == expected, prefix
    assert (await lab.control("POST", "reset", {})).status == 200
    assert (await lab.control("GET", f"t/bob/jobs/{jobs['/t/bob']}")).status == 200


async def test_a_rewind_cuts_no_call_of_another(lab: Lab) -> None:
    tokens = [str((await lab.token(prefix)).json["access_token"]) for prefix in ("/t/ann", "/t/bob")]
    for name in ("ann", "bob"):
        got = await lab.control("POST", f"t/{name}/faults", {"route": "tokens", "strike": "hang"})
        assert got.status == 200, got.body
    peers = [await lab.peer() for _ in tokens]
    for name, token, peer in zip(("ann", "bob"), tokens, peers, strict=True):
        await peer.send(request("GET", f"/t/{name}{ROUTER.path('tokens')}", (bearer(token),)))
    await until(lambda: sum(each.service.exchanges for each in lab.server.labs.named.values()) == 4)
    await lab.control("POST", "t/ann/reset", {})
    assert await asyncio.wait_for(peers[0].reader.read(), 5) == b""
    assert [each.busy for each in lab.server.peers].count(True) == 1


async def test_one_that_is_ended_is_unknown_and_made_anew_by_the_next_call(lab: Lab) -> None:
    token, started = await lab.started("/t/ann")
    job = str(started.json["jobId"])
    follower = Peer(*await asyncio.open_connection("127.0.0.1", lab.control_port))
    await follower.send(control_request(lab.control_port, "GET", "t/ann/journal?follow=1"))
    await follower.reader.readuntil(b"job.accepted")
    got = await lab.control("DELETE", "tenants/ann")
    assert got.json == {"ok": True, "name": "ann"}
    await asyncio.wait_for(follower.reader.read(), 5)
    await follower.close()
    assert (await lab.control("DELETE", "tenants/ann")).status == 404
    assert (await lab.control("GET", "t/ann/clock")).status == 404
    assert await lab.polled(token, job, "/t/ann") == 404
    assert await lab.polled(str((await lab.token("/t/ann")).json["access_token"]), job, "/t/ann") == 404


async def nothing_is_left(lab: Lab) -> None:
    """End a tenant that a connection was used for which goes on."""
    peer = await lab.peer()
    assert (await lab.control("POST", "tenants", {"name": "ann"})).status == 200
    assert (await lab.ask(f"/t/ann{DISCOVERY}", peer=peer)).status == 200
    assert (await lab.ask(DISCOVERY, peer=peer)).status == 200
    ann = weakref.ref(lab.server.labs.named["ann"])
    assert (await lab.control("DELETE", "tenants/ann")).status == 200
    gc.collect()
    assert ann() is None
    assert (await lab.ask(DISCOVERY, peer=peer)).status == 200


async def test_of_one_that_is_ended_nothing_is_left_in_memory(lab: Lab) -> None:
    await nothing_is_left(lab)


async def test_a_worker_tells_of_each_tenant_what_it_counted_there(lab: Lab) -> None:
    meters = Meters(lab.server)

    async def calls(name: bytes) -> list[int] | None:
        counts = msgspec.json.decode(await meters.answer(name), type=Samples)
        assert counts.get("lab_connections_opened") == (None if name else [((), (len(lab.peers),))])
        return [int(values[-2]) for _, values in counts[COUNTED]] if counts else None

    assert await calls(b"ann") is None
    await lab.token("/t/ann")
    await lab.token("/t/ann")
    await lab.token()
    assert [await calls(name) for name in (b"ann", b"", b"bob")] == [[2], [3], None], "the lab's are everybody's"
    assert (await lab.control("DELETE", "tenants/ann")).status == 200
    assert await calls(b"ann") is None and {*meters.of} == {lab.server.labs.usual}
    assert await calls(b"") == [3]


async def test_the_lab_s_metrics_count_the_calls_of_all_tenants_and_a_tenant_s_its_own_alone(lab: Lab) -> None:
    async def text(path: str) -> str:
        return (await lab.control("GET", path)).body.decode()

    for path in ("/t/ann", "/t/ann", "/t/bob", ""):
        await lab.token(path)
    of_lab, of_ann = await text("metrics"), await text("t/ann/metrics")
    count = "lab_request_duration_seconds_count"
    assert samples(of_lab, count, route="token") == {("", "200"): 4}
    assert samples(of_ann, count, route="token") == {("", "200"): 2}
    assert samples(of_lab, "lab_tenants") == {(): 2} and samples(of_lab, "lab_connections_opened_total")
    assert "ann" not in of_lab and "bob" not in of_lab
    for once in ("lab_connections", "lab_tenants", "process_", "lab_ledger_up"):
        assert once not in of_ann
    assert (await lab.control("DELETE", "tenants/ann")).status == 200
    of_lab = await text("metrics")
    assert samples(of_lab, count, route="token") == {("", "200"): 4}, "what was counted stays"
    assert samples(of_lab, "lab_tenants") == {(): 1}


async def test_an_ended_tenant_that_no_call_makes_is_not_found(strict: Lab) -> None:
    await strict.control("POST", "tenants", {"name": "ann"})
    token, _ = await strict.started("/t/ann")
    peer = await strict.peer()
    await strict.ask(f"/t/ann{DISCOVERY}", peer=peer)
    await strict.control("DELETE", "tenants/ann")
    assert (await strict.ask(f"/t/ann{DISCOVERY}", peer=peer)).status == 404
    assert await strict.polled(token, "a", "/t/ann") == 404


async def test_its_answers_are_as_its_own_document_says(lab: Lab) -> None:
    document = description("0", "http://127.0.0.1")
    calls = (
        ("post", "tenants", "tenants", {"name": "ann"}),
        ("get", "tenants", "tenants", None),
        ("delete", "tenants/{name}", "tenants/ann", None),
    )
    for method, path, called, body in calls:
        got = await lab.control(method.upper(), called, body)
        operation = document["paths"][f"/_lab/{path}"][method]  # type: ignore[index,call-overload]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]  # type: ignore[index,call-overload]
        jsonschema.validate(got.json, {**schema, "components": document["components"]})  # type: ignore[dict-item]


async def test_an_edit_is_taken_up_by_whoever_serves_the_scenario(lab: Lab) -> None:
    await lab.control("POST", "tenants", {"name": "ann"})
    await lab.control("POST", "tenants", {"name": "bob", "scenarios": ["short"]})
    usual = lab.server.labs.usual.service.config.scenarios
    edited = replace(next(each for each in usual if each.name == "brief"), digest="e" * 64)
    assert isinstance(lab.server.labs, ServedLabs)
    lab.server.labs.load(edited)
    configs = {name: each.service.config for name, each in lab.server.labs.named.items()}
    assert {each.digest for each in configs["ann"].scenarios} >= {"e" * 64}
    assert [each.name for each in configs["bob"].scenarios] == ["short"]


async def test_the_mock_that_a_tenant_s_journal_asks_for_gives_the_same_ids(lab: Lab) -> None:
    await lab.started("/t/ann")
    served = lab.server.labs.named["ann"].service.config
    recording = read((await lab.control("GET", "t/ann/journal")).body, "ann")
    assert config_of(recording, served.scenarios).id_seed == served.id_seed != served.seed


# lab watch


class Answering(Console):
    """At which a person types these lines; none: nobody is there."""

    def __init__(self, *typed: str) -> None:
        self.typed, self.err_text = [*typed], io.StringIO()
        super().__init__(io.StringIO(), self.err_text)

    @property
    def terminal(self) -> bool:
        return bool(self.typed)

    async def line(self) -> str:
        return self.typed.pop(0)


@pytest.mark.parametrize(
    ("typed", "path"),
    [(("2\n",), "/t/bob"), (("ann\n",), "/t/ann"), (("\n",), ""), (("3\n", "cy\n", "1\n"), "/t/ann"), ((), "")],
)
async def test_who_watches_a_lab_with_tenants_chooses_one(lab: Lab, typed: tuple[str, ...], path: str) -> None:
    url = f"http://127.0.0.1:{lab.control_port}"
    console, settings = Answering(*typed), WatchSettings(target=url, control=ControlAccess(token=TOKEN))
    assert (await with_tenant(settings, console)).target == url, "there is none yet"
    for name in ("ann", "bob"):
        await lab.control("POST", "tenants", {"name": name})
    assert (await with_tenant(settings, console)).target == url + path
    remarks = console.err_text.getvalue()
    assert (
        ("   1 ann\n   2 bob\n" in remarks)
        if typed
        else (remarks == f"Tenants: ann, bob. Watch one at {url}/t/NAME.\n")
    )


async def test_a_tenant_that_is_named_is_watched_with_its_own_token(lab: Lab) -> None:
    token = (await lab.control("POST", "tenants", {"name": "ann"})).json["control_token"]
    url, console = f"http://127.0.0.1:{lab.control_port}", Answering("2\n")
    settings = WatchSettings(target=f"{url}/t/ann", control=ControlAccess(token=token))
    assert await with_tenant(settings, console) == settings
    assert await with_tenant(WatchSettings(target=url, control=ControlAccess(token=token)), console) == WatchSettings(
        target=url, control=ControlAccess(token=token)
    )
    async with reached(settings.target, settings.control) as plane:
        assert (await plane.lab()).base_url == f"http://127.0.0.1:{lab.port}/t/ann"
    with pytest.raises(ProtocolError, match="403"):
        async with reached(url, settings.control) as plane:
            await plane.lab()


# No fact of one in another's journal

CALLS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(("token", "invoke", "poll", "advance")), st.booleans()), max_size=120
)


class Caller:
    """A client of one tenant, or of the one without a name, that calls by path or by header."""

    def __init__(self, server: MockServer, tenant: ServedLab) -> None:
        self.server, self.tenant = server, tenant
        self.name = tenant.name or ""
        self.token = self.job = ""
        self.did = Counter[str]()

    def serve(self, request: Request, by_path: bool) -> Json:
        prefix = f"/t/{self.name}" if by_path and self.name else ""
        named = (("x-lab-tenant", self.name),) if self.name and not by_path else ()
        routed = self.server.labs.route(prefix + request.path, (*request.headers, *named))
        assert routed.refusal is None
        sent = replace(request, path=routed.path)
        reply = routed.lab.service.serve(sent, routed.lab.clock.now())
        assert reply.response.status < 300
        return json.loads(reply.response.body)

    async def call(self, what: str, by_path: bool) -> None:
        """One call; a token first where there is none yet, and a job before it is polled."""
        head = (("authorization", f"Bearer {self.token}"), ("content-type", "application/json"))
        if what == "advance":
            clock = self.tenant.clock
            assert isinstance(clock, ManualClock)
            await self.tenant.calls.advance(clock, lambda now: now + 1)
        elif what == "token" or not self.token:
            what = "token"
            self.token = self.serve(token_request(DEMO.id, DEMO.secret, SCOPE), by_path)["access_token"]  # type: ignore[index,call-overload]
        elif what == "invoke" or not self.job:
            what = "invoke"
            body = json.dumps({"message": f"for <{self.name}>"}).encode()
            sent = Request("POST", ROUTER.path("invoke", code=TEAM), "", head, body)
            self.job = self.serve(sent, by_path)["jobId"]  # type: ignore[index,call-overload]
        else:
            self.serve(Request("GET", ROUTER.path("status", code=TEAM, job=self.job), "", head), by_path)
        self.did[what] += 1


async def apart(setup: Setup, calls: list[tuple[int, str, bool]]) -> None:
    """Have thirty tenants and the nameless one called in turn; each journal tells of its own calls, and of no other's."""
    server = served(setup, 30, io.StringIO())
    plane = ControlPlane(server, TOKEN)
    for number in range(30):
        await server.labs.make(LabWish(f"tenant-{number}"))
    callers = [Caller(server, each) for each in server.labs]
    for who, what, by_path in calls:
        await callers[who].call(what, by_path)
    for caller in callers:
        lines = [
            json.loads(line) async for batch in plane.observed[caller.tenant].subscriber().so_far() for line in batch
        ]
        assert Counter(line["k"] for line in lines)["req"] == caller.did.total() - caller.did["advance"]
        text = json.dumps(lines)
        assert text.count("for <") == text.count(f"for <{caller.name}>")
        assert text.count('"clock.advanced"') == caller.did["advance"]
        assert len(list(caller.tenant.service.jobs())) == caller.did["invoke"]


def test_no_fact_of_one_is_in_another_s_journal(tmp_path: Path) -> None:
    setup = loaded(tmp_path)

    @settings(max_examples=20)
    @given(calls=CALLS)
    def law(calls: list[tuple[int, str, bool]]) -> None:
        asyncio.run(apart(replace(setup, clock=ManualClock()), calls))

    law()
